#ifndef RUNNER_DRAIN_H
#define RUNNER_DRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

struct db;
struct event_base;
struct job;
struct pool;

/*
 * Who drains an inbox (design section 4): sessions with queued input get drain turns
 * of the pool until their queue is empty.  The session's lock decides who does it; if
 * another process holds it, we look again until what waits is gone.  One process may
 * serve clients, another residents: nothing is assigned, nothing is forgotten.  With
 * nothing to do it does not wake up.
 */
struct drain;

struct drain_opts {
	struct event_base *base;
	struct db *db;
	struct pool *pool;
	size_t max;		/* drain turns at once; the rest of the pool is for others */
};

struct drain_hooks {
	/* More members of the run's request (rkat-worker(5)) into an open object; may be NULL. */
	void (*members)(void *arg, const char *session, struct buf *b);
	/* A tool that we said we run: as in job_hooks; may be NULL. */
	void (*tool)(void *arg, const char *session, struct jtext call);
	/* An event's line as it stands in the log, without newline; may be NULL. */
	void (*event)(void *arg, const char *session, const char *line, size_t n);
	/* Nothing is left to do for this session, or it cannot be done now; may be NULL. */
	void (*done)(void *arg, const char *session);
	void *arg;
};

struct drain *drain_new(const struct drain_opts *o);
void drain_free(struct drain *d);	/* nobody is told; pool_free comes next */
void drain_watch(struct drain *d, const struct drain_hooks *hooks);

/*
 * Let a session work on its queue; sessions take turns, the one that waits longest
 * comes first.  Done is told later, never from here.
 */
void drain_wake(struct drain *d, const char *session);
/* All sessions that the last process of this kind has left with work, or dead. */
void drain_recover(struct drain *d);
/*
 * Is its queue new to us: nothing is under way for it, and the last turns for what is at
 * its head did not get nowhere?  For those who look by themselves: without it they
 * would wake the same session for ever.
 */
bool drain_ready(struct drain *d, const char *session);
/* The turn under way, or NULL. */
struct job *drain_job(struct drain *d, const char *session);
/* Is there nothing to do, and nothing under way? */
bool drain_idle(const struct drain *d);
/* Start nothing more; who waits is done, what runs comes to its end. */
void drain_stop(struct drain *d);

#endif
