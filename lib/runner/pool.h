#ifndef RUNNER_POOL_H
#define RUNNER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct event_base;

/*
 * Processes that run turns: rkat-turn --worker (rkat-worker(5)), started on demand up
 * to a limit, used again, replaced after some turns or when they grew too large.  Jobs of one session run one after
 * the other, in the order in which they came; jobs of others run beside them.  A worker
 * that dies takes its one job with it.
 */
struct pool;
struct job;

struct pool_opts {
	struct event_base *base;
	char *const *argv;	/* of a worker; must outlive the pool */
	size_t max;		/* workers */
	unsigned recycle;	/* jobs of one worker; then it is replaced */
	size_t too_large;	/* resident bytes of one after a job; likewise */
	unsigned stuck_ms;	/* that an interrupted run gets to end; 0: 30 s */
	/* Is a session that none of ours runs with another process?  May be NULL. */
	bool (*held)(void *arg, const char *session);
	void *arg;
};

/* What happens to a job; callbacks may start other jobs. */
struct job_hooks {
	/* An event's line as it stands in the event log, without newline; may be NULL. */
	void (*event)(void *arg, const char *line, size_t n);
	/* A tool that the run's asker has to run: {"tool_use_id","name","arguments"}; may be NULL. */
	void (*tool)(void *arg, struct jtext call);
	/*
	 * The end.  answer is the worker's (it has "result" or "error"); without one *e says
	 * why there is none.
	 */
	void (*done)(void *arg, struct jtext answer, const struct err *e);
	void *arg;
	/*
	 * While another process runs a turn of its session it waits, and those behind it;
	 * else it ends with SESSION_BUSY.
	 */
	bool waits;
};

struct pool *pool_new(const struct pool_opts *o);
/* Ends all workers, and with them what they run; nobody is told. */
void pool_free(struct pool *p);

/*
 * Ask for something: members is the request's object without its id.  session is whose
 * turn it is ("": nobody's).  The job lives until its done was called, which is never
 * before pool_run returns.
 */
struct job *pool_run(struct pool *p, const char *session, struct jtext members,
    const struct job_hooks *hooks);
bool job_running(const struct job *j);	/* else it still waits */
/* What came of a call: tool_use_id as it came, content a JSON string. */
void job_tool_result(struct job *j, struct jtext tool_use_id,
    struct jtext content, bool is_error);
/* The tools that its asker runs from now on: an array of ToolDef. */
void job_offer(struct job *j, struct jtext tools);
/* Forget a job that waits; its done is not called. */
void job_drop(struct job *j);

/* End the run of this session that is under way, if there is one. */
bool pool_interrupt(struct pool *p, const char *session);
/* End all runs because we have to go: queued input that they work on stays for the next drain. */
void pool_stop(struct pool *p);
struct pool_counts {
	size_t workers, running, waiting;	/* processes; jobs */
	uint64_t started, crashed;		/* workers, of all times */
};
void pool_count(const struct pool *p, struct pool_counts *c);
bool pool_has(const struct pool *p, const char *session);	/* waiting or running */

#endif
