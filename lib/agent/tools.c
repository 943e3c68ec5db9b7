#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "base/util.h"
#include "store/db.h"

/*
 * The tool calls of one answer: side by side, each result on disk as it comes, all of
 * them in call order in one message (agent sheet 6).  A call that has a result is never
 * run again; one that has none after a crash or an interrupt is told to the model.
 */

bool
tools_asked(struct jtext message)
{
	struct jiter it = json_iter(json_get(message, "blocks"));

	while (json_next(&it))
		if (json_str_is(json_get(it.value, "block_type"), "tool_use"))
			return true;
	return false;
}

/* ---- the jobs of a message ---- */

static void
jobs_init(struct agent *a, struct tool_jobs *jobs, struct jtext message)
{
	struct jtext blocks = json_get(message, "blocks");
	struct jiter it;

	memset(jobs, 0, sizeof *jobs);
	jobs->v = xcalloc(json_count(blocks) + 1, sizeof *jobs->v);
	for (it = json_iter(blocks); json_next(&it); ) {
		struct tool_job *j = &jobs->v[jobs->n];
		struct jtext data = json_get(it.value, "data");
		char *name;

		if (!json_str_is(json_get(it.value, "block_type"), "tool_use"))
			continue;
		name = json_get_str(data, "name");
		j->a = a;
		j->all = jobs;
		j->call.id = json_get_str(data, "id");
		j->call.name = name ? name : xstrdup("");
		j->call.args = json_get(data, "args");
		jobs->n++;
	}
}

static void
jobs_free(struct tool_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++) {
		struct tool_job *j = &jobs->v[i];

		free((char *)(uintptr_t)j->call.id);
		free((char *)(uintptr_t)j->call.name);
		buf_free(&j->patched);
		tool_result_free(&j->result);
	}
	free(jobs->v);
}

int
tools_journal(struct agent *a, struct jtext message, struct err *e)
{
	struct tool_jobs jobs;
	int rc = 0;

	if (!tools_asked(message))
		return 0;
	jobs_init(a, &jobs, message);
	for (size_t i = 0; i < jobs.n && rc == 0; i++)
		rc = calls_insert(a->env.db, a->s.id, jobs.v[i].call.id,
		    (int64_t)i, jobs.v[i].call.name, e);
	jobs_free(&jobs);
	return rc;
}

/* ---- results ---- */

static void
put_result(struct buf *b, const struct tool_job *j)
{
	jput_open(b, '{');
	jput_kcstr(b, "tool_use_id", j->call.id);
	jput_kraw(b, "content", j->result.content.p, j->result.content.n);
	jput_kbool(b, "is_error", j->result.is_error);
	jput_close(b, '}');
}

/* Images of a result move to the blob store before anything refers to them. */
static int
store_media(struct tool_job *j, struct err *e)
{
	struct buf stored = BUF_INIT;

	if (!json_is(json_slice(j->result.content.p, j->result.content.n), '['))
		return 0;
	if (content_store(j->a->realm, json_slice(j->result.content.p,
	    j->result.content.n), &stored, e) < 0) {
		buf_free(&stored);
		return -1;
	}
	buf_free(&j->result.content);
	j->result.content = stored;
	return 0;
}

static void
finish_job(struct tool_job *j)
{
	struct agent *a = j->a;
	struct buf raw = BUF_INIT;
	struct err *e = &j->all->failed;

	j->done = true;
	j->run = NULL;
	if (j->result.pending || store_media(j, e) < 0)
		goto done;
	put_result(&raw, j);
	crash_point("tool.finish.before");
	calls_finish(a->env.db, a->s.id, j->call.id, raw.p, raw.n, e);
	crash_point("tool.finish.after");
done:
	buf_free(&raw);
}

static void
on_done(void *arg, struct tool_result *r)
{
	struct tool_job *j = arg;

	j->result = *r;
	memset(r, 0, sizeof *r);
	j->all->open--;
	finish_job(j);
}

static void
start_job(struct agent *a, struct tool_job *j)
{
	struct tool_run *run;

	if (j->patched.n)
		j->call.args = json_slice(j->patched.p, j->patched.n);
	emit_tool_started(agent_event(a), &j->call);
	agent_say(a);
	if (!json_is(j->call.args, '{')) {
		tool_result_error(&j->result, "invalid_arguments",
		    "Invalid arguments for tool '%s': not a JSON object",
		    j->call.name);
		finish_job(j);
		return;
	}
	j->all->open++;
	j->started_ms = time_mono_ms();
	run = toolbox_start(a->tools, &j->call, on_done, j);
	if (!j->done)
		j->run = run;
}

static void
interrupt_job(struct tool_job *j, const char *why)
{
	tool_result_error(&j->result, "interrupted", "Tool call interrupted: %s",
	    why);
	if (j->run) {
		toolbox_cancel(j->run);
		j->result.duration_ms = time_mono_ms() - j->started_ms;
	}
	j->run = NULL;
	j->done = true;
}

/* Until all are done (true), the run is cancelled or its time is up. */
static bool
wait_for_all(struct agent *a, struct tool_jobs *jobs)
{
	int64_t left = -1;
	bool all;

	while (jobs->open > 0 && !agent_cancelled(a) &&
	    (left = agent_time_left(a)) != 0)
		loop_once(a->env.loop, left);
	all = jobs->open == 0 && !agent_cancelled(a);
	for (size_t i = 0; i < jobs->n; i++)
		if (!jobs->v[i].done)
			interrupt_job(&jobs->v[i], left == 0 ?
			    "the time of the run is up; its effects are unknown" :
			    "the run was cancelled; its effects are unknown");
	return all;
}

/* ---- telling and keeping ---- */

static void
say_result(struct agent *a, const struct tool_job *j)
{
	if (j->result.timed_out) {
		emit_tool_timed_out(agent_event(a), &j->call,
		    j->result.timeout_ms);
		agent_say(a);
	}
	emit_tool_completed(agent_event(a), &j->call, &j->result);
	agent_say(a);
	emit_tool_received(agent_event(a), &j->call, &j->result);
	agent_say(a);
}

static int
keep_results(struct agent *a, struct tool_jobs *jobs, struct err *e)
{
	struct buf m = BUF_INIT;
	int rc = -1;

	jput_open(&m, '{');
	jput_kcstr(&m, "role", "tool_results");
	jput_key(&m, "results");
	jput_open(&m, '[');
	for (size_t i = 0; i < jobs->n; i++)
		put_result(&m, &jobs->v[i]);
	jput_close(&m, ']');
	jput_close(&m, '}');

	a->run.tool_calls += (int64_t)jobs->n;
	a->budget.used[BUDGET_CALLS] += (int64_t)jobs->n;
	if (step_begin(a, e) < 0)
		goto done;
	if (step_append(a, &m, NULL, e) < 0 ||
	    calls_clear(a->env.db, a->s.id, e) < 0 || step_save(a, e) < 0) {
		step_abort(a);
		goto done;
	}
	rc = step_commit(a, STEP("turn.results"), e);
done:
	buf_free(&m);
	return rc;
}

static int
settle_jobs(struct agent *a, struct tool_jobs *jobs, struct err *e)
{
	for (size_t i = 0; i < jobs->n; i++) {
		struct tool_job *j = &jobs->v[i];

		if (j->denied)
			continue;
		point_post_tool(a, j);
		say_result(a, j);
	}
	return keep_results(a, jobs, e);
}

static const struct tool_job *
first_pending(const struct tool_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->v[i].result.pending)
			return &jobs->v[i];
	return NULL;
}

/*
 * A call has to wait for somebody who can run it: no results message yet.  What the
 * others gave is told now and stays in the journal, so that nothing runs twice.
 */
static int
stop_here(struct agent *a, struct tool_jobs *jobs, struct err *e)
{
	for (size_t i = 0; i < jobs->n; i++) {
		struct tool_job *j = &jobs->v[i];

		if (j->result.pending)
			continue;
		if (!j->denied) {
			point_post_tool(a, j);
			say_result(a, j);
		}
		finish_job(j);
	}
	return callback_stop(a, &first_pending(jobs)->call, e);
}

/* Start what may run, wait for all, and keep what comes out. */
static int
run_jobs(struct agent *a, struct tool_jobs *jobs, struct tool_jobs *fresh,
    struct err *e)
{
	int rc;

	point_pre_tools(a, fresh);
	for (size_t i = 0; i < fresh->n; i++) {
		if (fresh->v[i].denied)
			say_result(a, &fresh->v[i]);
		else if (!agent_cancelled(a))
			start_job(a, &fresh->v[i]);
	}
	if (wait_for_all(a, jobs) && first_pending(jobs))
		rc = stop_here(a, jobs, e);
	else
		rc = settle_jobs(a, jobs, e);
	if (rc == 0 && jobs->failed.code != E_NONE) {
		if (e)
			*e = jobs->failed;
		rc = -1;
	}
	return rc;
}

int
tools_run(struct agent *a, struct jtext message, struct err *e)
{
	struct tool_jobs jobs;
	int rc;

	jobs_init(a, &jobs, message);
	for (size_t i = 0; i < jobs.n; i++) {
		emit_tool_requested(agent_event(a), &jobs.v[i].call);
		agent_say(a);
	}
	rc = run_jobs(a, &jobs, &jobs, e);
	jobs_free(&jobs);
	return rc;
}

/* ---- after a crash ---- */

/* Its result from the journal: 1, or 0 if there is none. */
static int
read_journal(struct agent *a, struct tool_job *j, struct err *e)
{
	struct buf raw = BUF_INIT;
	struct jtext v, content;
	int rc = calls_result(a->env.db, a->s.id, j->call.id, &raw, e);

	if (rc > 0) {
		v = json_slice(raw.p, raw.n);
		content = json_get(v, "content");
		buf_put(&j->result.content, content.p, content.n);
		j->result.is_error = json_get_bool(v, "is_error", false);
		j->done = true;
	}
	buf_free(&raw);
	return rc;
}

int
tools_recover(struct agent *a, struct jtext message, struct err *e)
{
	struct tool_jobs jobs;
	int rc = 0;

	jobs_init(a, &jobs, message);
	for (size_t i = 0; i < jobs.n && rc >= 0; i++) {
		rc = read_journal(a, &jobs.v[i], e);
		if (rc == 0)
			interrupt_job(&jobs.v[i], "the process that ran it died;"
			    " its effects are unknown");
	}
	if (rc >= 0)
		rc = settle_jobs(a, &jobs, e);
	jobs_free(&jobs);
	return rc;
}

/* ---- calls that waited ---- */

static int
by_done(const void *a, const void *b)
{
	const struct tool_job *x = a, *y = b;

	return y->done - x->done;
}

/* What the journal knows was told when the run stopped; it goes to the front. */
static int
take_finished(struct agent *a, struct tool_jobs *jobs, size_t *n,
    struct err *e)
{
	*n = 0;
	for (size_t i = 0; i < jobs->n; i++) {
		int rc = read_journal(a, &jobs->v[i], e);

		if (rc < 0)
			return -1;
		jobs->v[i].denied = rc > 0;
		*n += rc > 0;
	}
	qsort(jobs->v, jobs->n, sizeof *jobs->v, by_done);
	return 0;
}

/* The first that has to wait. */
static const struct tool_job *
nobody_runs(struct agent *a, const struct tool_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (toolbox_waits(a->tools, jobs->v[i].call.name))
			return &jobs->v[i];
	return NULL;
}

static int
leave_unanswered(struct agent *a, struct tool_jobs *jobs,
    struct tool_jobs *open, struct err *e)
{
	for (size_t i = 0; i < open->n; i++)
		interrupt_job(&open->v[i], "nobody ran it, and the "
		    "conversation went on");
	return settle_jobs(a, jobs, e);
}

int
tools_resume(struct agent *a, struct jtext message, bool give_up,
    struct err *e)
{
	struct tool_jobs jobs, open;
	struct err why = ERR_NONE;
	const struct tool_job *wanted;
	size_t finished;
	int rc = -1;

	jobs_init(a, &jobs, message);
	if (take_finished(a, &jobs, &finished, &why) < 0)
		goto done;
	open = (struct tool_jobs){ .v = jobs.v + finished,
	    .n = jobs.n - finished };
	if ((wanted = nobody_runs(a, &open)) == NULL) {
		callback_mark(a, false);
		if (step_state(a, STEP("turn.waiting"), &why) == 0)
			rc = run_jobs(a, &jobs, &open, &why);
	} else if (give_up) {
		callback_mark(a, false);
		rc = leave_unanswered(a, &jobs, &open, &why);
	} else {
		callback_stop(a, &wanted->call, &why);
	}
	/* Or the one who had the tool took it back meanwhile. */
	if (why.code == E_CALLBACK_PENDING)
		rc = wanted ? 0 : step_state(a, STEP("turn.waiting"), &why);
	else if (rc == 0)
		rc = 1;
done:
	if (rc < 0 && e)
		*e = why;
	jobs_free(&jobs);
	return rc;
}
