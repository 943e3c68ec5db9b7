#ifndef TURN_OUT_H
#define TURN_OUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/loop.h"

/*
 * A standard stream that never holds up the run: what its reader does not take yet
 * waits in memory and is written as the loop turns.  So a stalled reader delays what
 * it sees, never what is committed or logged.  Over OUT_LIMIT waiting bytes the writer
 * does wait, so that memory stays bounded.
 */
#define OUT_LIMIT ((size_t)64 << 20)

struct out {
	int fd;
	struct loop *loop;		/* NULL: written by out_drain alone */
	struct loop_fd *watch;
	struct buf q;
	size_t off;			/* bytes of q that are written */
	int error;			/* errno that ended the stream, 0 if none */
	void (*broken)(void *arg);	/* called once, when that happens; may be NULL */
	void *arg;
};

void out_init(struct out *o, int fd, struct loop *l);
void out_put(struct out *o, const void *p, size_t n);
void out_puts(struct out *o, const char *s);
/* Wait until all is written, the stream is broken (-1), or *stop is set (-1; NULL: never). */
int out_drain(struct out *o, const volatile sig_atomic_t *stop);
void out_free(struct out *o);		/* drops what waits; the descriptor stays open */

#endif
