#ifndef RUNNER_POOL_IMPL_H
#define RUNNER_POOL_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/util.h"
#include "runner/pool.h"

struct event;
struct wire;

/* What pool.c and pool_worker.c share. */

struct job {
	TAILQ_ENTRY(job) link;
	struct pool *pool;
	struct worker *worker;	/* NULL: it waits */
	struct job_hooks hooks;
	char session[UUID_LEN + 1];
	unsigned long id;
	char *members;		/* behind the opening brace; while it may be sent */
	size_t n;
	unsigned looks;		/* that found its session with another process */
	int64_t due;		/* when it is tried again; 0: it never was put off */
};

struct worker {
	TAILQ_ENTRY(worker) link;
	struct pool *pool;
	pid_t pid;
	struct wire *wire;	/* NULL: it said its last word */
	struct job *job;
	struct event *timer;	/* to kill it, or to interrupt again */
	unsigned jobs, looked;	/* looked at its size after so many */
	int memory;		/* where that is read; -1: not opened yet */
	bool retired;		/* gets no more jobs */
	bool interrupting;
	int64_t patience;	/* how long, by the monotonic clock */
	char last[UUID_LEN + 1];	/* session of its last job */
};

struct pool {
	struct pool_opts o;
	TAILQ_HEAD(pool_jobs, job) queue;	/* waiting: those put off, then the oldest first */
	TAILQ_HEAD(pool_workers, worker) workers;	/* the one used last first */
	size_t n_workers;
	uint64_t started, crashed;
	unsigned long next_id;
	struct event *child;		/* SIGCHLD */
	struct event *kick;		/* look at the queue */
	bool stopped;
};

/* ---- pool.c ---- */

void job_free(struct job *j);
/* Its end, told; its worker is free for another. */
void job_finish(struct job *j, struct jtext answer, const struct err *e);
/* Its session is with another process: it waits if it wants to.  False: it does not. */
bool job_put_off(struct job *j);

/* ---- pool_worker.c ---- */

struct worker *worker_new(struct pool *p, struct err *e);
void worker_free(struct worker *w);
/* A job of the queue, to one that has none. */
void worker_give(struct worker *w, struct job *j);
/* Its run shall end; by force if that takes too long. */
void worker_interrupt(struct worker *w);
/* It did its share, or grew too large. */
bool worker_worn_out(struct worker *w);
/* No more jobs: at the end of its input it exits. */
void worker_retire(struct worker *w);
/* Those that have ended, and with them their jobs. */
void workers_reap(struct pool *p);

#endif
