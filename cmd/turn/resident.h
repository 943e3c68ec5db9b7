#ifndef TURN_RESIDENT_H
#define TURN_RESIDENT_H

#include <stdint.h>
#include <sys/types.h>

#include "turn/front.h"

/*
 * The realm's rkat-peerd while we are there: a child of ours, unless another one runs
 * already; when that one goes, ours takes its place.  It serves the whole realm, for
 * there is one for each.  It never outlives us.
 */
struct resident {
	struct front *t;
	pid_t pid;			/* 0: none of ours */
	struct loop_fd *ended;
	int fd;				/* pidfd */
	struct loop_timer *look;	/* while there is none of ours */
	int64_t started_ms;
	int64_t wait_ms;		/* before the next one; grows while they die young */
};

/* Look after it from now on, as the loop turns. */
void resident_start(struct resident *r, struct front *t);
/* End it, in order if it lets itself; once more is fine. */
void resident_end(struct resident *r);

#endif
