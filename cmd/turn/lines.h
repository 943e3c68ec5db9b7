#ifndef TURN_LINES_H
#define TURN_LINES_H

#include <stdbool.h>

#include "turn/front.h"

/*
 * --stdin lines (cli sheet 4.1): each line of standard input becomes a durable
 * external event of the session, also while a run is under way.  A resident session
 * is woken by it; the runs of another one are ours to start.
 */
struct lines {
	struct front *t;
	bool json;		/* --line-format json */
	bool wake;		/* somebody else starts the runs */
	bool eof;
	bool skip;		/* inside a line that is too long */
	struct buf b;		/* the line that is not whole yet */
	size_t waiting;		/* admitted since the queue was looked at */
	struct loop_fd *watch;
};

void lines_start(struct lines *l, struct front *t, bool json, bool wake);
/* The queue may have become shorter: take more lines then. */
void lines_look(struct lines *l);
/* Wait until there is input, or the end (false), or a signal (false). */
bool lines_wait(struct lines *l);
void lines_stop(struct lines *l);

#endif
