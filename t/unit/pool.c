/* The pool with a worker of our own: a shell script that says who ran what. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/proc.h"
#include "base/util.h"
#include "runner/pool.h"
#include "test.h"

/*
 * A request's text after its id is eval'd; its answer is {"id":N,"result":{"pid":P}}.
 */
static const char script[] =
    "while read -r l; do"
    " id=${l#*:}; id=${id%%,*};"
    " c=${l#*sh\\\":\\\"}; c=${c%%\\\"*};"
    " eval \"$c\";"
    " printf '{\"id\":%s,\"result\":{\"pid\":%s}}\\n' $id $$;"
    " done";

#define JOBS 32

struct rig {
	struct event_base *base;
	struct pool *pool;
	size_t left;
	struct {
		int64_t pid;		/* of its worker; 0: it failed */
		size_t nth;		/* in the order of their ends */
		struct err why;
	} job[JOBS];
	size_t n, ended;
	bool waits;			/* those that come from now on */
};

struct ticket {
	struct rig *r;
	size_t i;
};

static void
on_done(void *arg, struct jtext answer, const struct err *e)
{
	struct ticket *t = arg;
	struct rig *r = t->r;

	json_i64(json_get(json_get(answer, "result"), "pid"),
	    &r->job[t->i].pid);
	if (e)
		r->job[t->i].why = *e;
	r->job[t->i].nth = r->ended++;
	if (--r->left == 0)
		event_base_loopbreak(r->base);
	free(t);
}

static void
rig_init(struct rig *r, size_t max, unsigned recycle, size_t too_large)
{
	static char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

	*r = (struct rig){ .base = event_base_new() };
	r->pool = pool_new(&(struct pool_opts){ .base = r->base, .argv = argv,
	    .max = max, .recycle = recycle, .too_large = too_large,
	    .stuck_ms = 200 });
}

static void
rig_free(struct rig *r)
{
	pool_free(r->pool);
	event_base_free(r->base);
}

static void
run(struct rig *r, const char *session, const char *what)
{
	struct ticket *t = xcalloc(1, sizeof *t);
	char *members = xasprintf("{\"sh\":\"%s\"}", what);

	*t = (struct ticket){ r, r->n++ };
	r->left++;
	pool_run(r->pool, session, json_text(members),
	    &(struct job_hooks){ .done = on_done, .arg = t,
	    .waits = r->waits });
	free(members);
}

static void
finish(struct rig *r)
{
	if (r->left)
		event_base_dispatch(r->base);
}

TEST(one_worker_is_used_again_and_replaced_after_so_many_jobs)
{
	struct rig r;

	rig_init(&r, 1, 3, SIZE_MAX);
	for (int i = 0; i < 7; i++)
		run(&r, "", ":");
	finish(&r);
	OK(r.job[0].pid > 0);
	OK(r.job[0].pid == r.job[2].pid && r.job[2].pid != r.job[3].pid);
	OK(r.job[3].pid == r.job[5].pid && r.job[5].pid != r.job[6].pid);
	rig_free(&r);
}

TEST(a_worker_that_grew_too_large_is_replaced)
{
	struct rig r;

	rig_init(&r, 1, 1000, (size_t)16 << 20);
	run(&r, "", ":");
	run(&r, "", ":");
	finish(&r);
	run(&r, "", "x=$(seq 4000000)");
	run(&r, "", ":");
	finish(&r);
	OK(r.job[0].pid == r.job[1].pid);
	OK(r.job[1].pid == r.job[2].pid);
	OK(r.job[3].pid > 0 && r.job[3].pid != r.job[2].pid);
	rig_free(&r);
}

TEST(a_killed_worker_fails_its_one_job_and_is_replaced)
{
	struct rig r;

	rig_init(&r, 2, 1000, SIZE_MAX);
	run(&r, "a", "kill -9 $$");
	run(&r, "b", ":");
	run(&r, "a", ":");
	finish(&r);
	OK(r.job[0].pid == 0);
	STR_IS(r.job[0].why.text, "the turn's process was ended by signal 9 (Killed)");
	OK(r.job[1].pid > 0);
	OK(r.job[2].pid > 0);
	rig_free(&r);
}

static void
interrupt_s(evutil_socket_t fd, short what, void *arg)
{
	struct rig *r = arg;

	(void)fd;
	(void)what;
	pool_interrupt(r->pool, "s");
}

TEST(a_worker_that_does_not_heed_an_interrupt_is_ended_by_force)
{
	static const struct timeval soon = { 0, 50000 };
	struct rig r;

	rig_init(&r, 1, 1000, SIZE_MAX);
	run(&r, "s", "kill -STOP $$");
	run(&r, "s", ":");
	event_base_once(r.base, -1, EV_TIMEOUT, interrupt_s, &r, &soon);
	finish(&r);
	STR_IS(r.job[0].why.text, "the turn's process was ended by signal 9 (Killed)");
	OK(r.job[1].pid > 0);
	rig_free(&r);
}

TEST(a_worker_that_ends_without_an_answer_fails_its_one_job)
{
	struct rig r;

	rig_init(&r, 1, 1000, SIZE_MAX);
	run(&r, "a", "exit 7");
	run(&r, "a", ":");
	finish(&r);
	STR_IS(r.job[0].why.text,
	    "the turn's process ended with status 7 before it answered");
	OK(r.job[1].pid > 0);
	rig_free(&r);
}

TEST(what_waits_for_a_worker_runs_in_order_and_no_session_is_passed_over)
{
	struct rig r;

	rig_init(&r, 1, 1000, SIZE_MAX);
	for (int i = 0; i < 4; i++)
		run(&r, "greedy", ":");
	run(&r, "other", ":");
	run(&r, "greedy", ":");
	finish(&r);
	for (size_t i = 0; i < r.n; i++)
		OK(r.job[i].nth == i);
	rig_free(&r);
}

/* Answers that another process has the session while the file is there. */
#define BUSY "[ ! -e $F ] || printf '{\\042id\\042:%s,\\042error\\042:" \
    "{\\042code\\042:\\042SESSION_BUSY\\042}}\\n' $id"

static void
busy_file(char path[static 32])
{
	strcpy(path, "/tmp/rkat-pool-XXXXXX");
	close(mkstemp(path));
	setenv("F", path, 1);
}

TEST(a_job_waits_for_a_session_of_another_process_and_those_behind_it_wait_too)
{
	char path[32];
	struct rig r;

	busy_file(path);
	rig_init(&r, 1, 1000, SIZE_MAX);
	r.waits = true;
	run(&r, "a", BUSY);
	run(&r, "a", ":");
	run(&r, "b", ":");
	run(&r, "c", "rm $F");
	finish(&r);
	for (int i = 0; i < 4; i++)
		OK(r.job[i].pid > 0);
	OK(r.job[2].nth == 0 && r.job[3].nth == 1);
	OK(r.job[0].nth == 2 && r.job[1].nth == 3);
	rig_free(&r);
}

TEST(a_job_that_does_not_wait_is_told_that_its_session_is_busy)
{
	char path[32];
	struct rig r;

	busy_file(path);
	rig_init(&r, 1, 1000, SIZE_MAX);
	run(&r, "a", BUSY);
	finish(&r);
	OK(r.job[0].pid == 0);
	OK(r.job[0].why.code == E_NONE);
	r.waits = true;
	run(&r, "a", BUSY);
	for (int i = 0; i < 3; i++)
		event_base_loop(r.base, EVLOOP_ONCE);
	OK(pool_has(r.pool, "a"));
	unlink(path);
	finish(&r);
	OK(r.job[1].pid > 0);
	rig_free(&r);
}

TEST(a_busy_session_holds_back_its_own_jobs_only)
{
	struct rig r;

	rig_init(&r, 2, 1000, SIZE_MAX);
	run(&r, "slow", "sleep 0.2");
	run(&r, "slow", ":");
	run(&r, "other", ":");
	finish(&r);
	OK(r.job[2].nth == 0);
	OK(r.job[0].nth == 1);
	OK(r.job[1].nth == 2);
	rig_free(&r);
}
