#ifndef TOOL_CAPTURE_H
#define TOOL_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/proc.h"

struct tools;

/*
 * A child whose output is caught: bounded memory, a time limit, TERM then KILL.  It
 * is over when the program has ended and nothing of it is left, so a grandchild that
 * keeps the pipe open delays it by 200 ms at most (base/proc.h).
 */

/* The last bytes of a stream. */
struct tail {
	struct buf b;
	size_t keep;		/* b holds at most twice that; tail_cut makes it keep */
	int64_t total;		/* bytes that ever came */
};
void tail_cut(struct tail *t);

struct capture {
	struct tools *t;
	struct capture *next;
	pid_t pid;
	struct tail out, err;
	int status;		/* wait status once over */
	bool over, timed_out, stopped;
	int64_t started_ms;	/* monotonic */
	int64_t duration_ms, limit_ms;
	void (*done)(void *arg, struct capture *c);
	void *arg;

	int fd[3];		/* stdout, stderr, pidfd; -1 closed */
	struct loop_fd *watch[3];
	struct loop_timer *limit, *kill, *look;
};

/*
 * Start it: stdin /dev/null, output caught, the last keep bytes of each stream kept.
 * limit_ms 0: no limit.  done is called from the loop when it is over; then call
 * capture_free.  NULL on error.
 */
struct capture *capture_start(struct tools *t, struct proc_spec *spec,
    int64_t limit_ms, size_t keep, void (*done)(void *, struct capture *),
    void *arg, struct err *e);
/* TERM, 2 s later KILL; done comes as always. */
void capture_stop(struct capture *c);
/* capture_stop, and nobody waits for it any more: it frees itself. */
void capture_abandon(struct capture *c);
/* Kills what is not over, at once; NULL is fine. */
void capture_free(struct capture *c);
/* End everything under way: TERM, grace_ms together, KILL.  done is not called; the abandoned are freed. */
void capture_end_all(struct tools *t, int64_t grace_ms);

/* Bytes to UTF-8: what is invalid becomes U+FFFD; true if there was any. */
bool text_lossy(const char *p, size_t n, struct buf *out);

#endif
