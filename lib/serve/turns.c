#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "runner/drain.h"
#include "runner/pool.h"
#include "serve/turns_impl.h"
#include "store/db.h"
#include "store/lock.h"

/* The life of a turn, from its job to its end. */

struct turn *
turn_new(struct turns *t, const char *session, const struct turn_hooks *hooks)
{
	struct turn *k = xcalloc(1, sizeof *k);

	k->t = t;
	if (hooks)
		k->hooks = *hooks;
	memcpy(k->session, session, strlen(session) + 1);
	TAILQ_INSERT_TAIL(&t->list, k, link);
	t->n++;
	return k;
}

static void
unlink_turn(struct turn *k)
{
	TAILQ_REMOVE(&k->t->list, k, link);
	k->t->n--;
}

static void
turn_free(struct turn *k)
{
	free(k->prompt);
	free(k);
}

/* ---- its end ---- */

static void
finish(struct turn *k, struct jtext result, const struct err *e,
    const struct buf *data)
{
	struct turns *t = k->t;

	unlink_turn(k);
	if (k->hooks.done)
		k->hooks.done(k->hooks.arg, k->session, result, e, data);
	turn_free(k);
	if (!t->n && t->idle)
		t->idle(t->idle_arg);
}

void
turn_finish(struct turn *k, struct jtext result)
{
	finish(k, result, NULL, NULL);
}

/* Was its session used: did the run begin, as far as one can tell? */
static bool
was_used(const struct turn *k, const struct err *e)
{
	return k->ran && e->code != E_INVALID_PARAMS &&
	    e->code != E_NO_API_KEY;
}

void
turn_fail(struct turn *k, const struct err *e, const struct buf *data)
{
	static const struct buf none = BUF_INIT;

	if (k->create && *k->session && !(k->hooks.rest && was_used(k, e)) &&
	    e->code != E_CALLBACK_PENDING)
		session_archive(k->t->db, k->session, NULL);
	finish(k, JTEXT_NONE, e, data ? data : &none);
}

void
turn_refuse(struct turn *k, const char *why)
{
	struct err e = ERR_NONE;

	err_set(&e, E_REQUEST_CANCELLED, "%s", why);
	turn_fail(k, &e, NULL);
}

/* The name of a code in the contract: ours are finer. */
static enum err_code
contract_code(enum err_code code)
{
	for (int i = E_NONE + 1; i < (int)code; i++)
		if (err_info((enum err_code)i)->rpc == err_info(code)->rpc)
			return (enum err_code)i;
	return code;
}

/* A worker's error as ours; data gets what is known of it. */
static void
take_error(struct jtext error, struct err *e, struct buf *data)
{
	struct jiter it = json_iter(error);
	char *text = json_get_str(error, "message");
	enum err_code code = E_INTERNAL_ERROR;

	for (int i = E_NONE + 1; i < E_COUNT; i++)
		if (json_str_is(json_get(error, "code"),
		    err_info((enum err_code)i)->name))
			code = (enum err_code)i;
	/* "/member: want ..." is about params; "/srv/...: no space" is not. */
	err_set(e, code, "%s%s", code == E_INVALID_PARAMS && text &&
	    *text == '/' ? "Invalid params: " : "",
	    text ? text : "the turn failed");
	jput_open(data, '{');
	jput_kcstr(data, "code", err_info(contract_code(code))->name);
	while (json_next(&it))
		if (!json_str_is(it.key, "code")) {
			jput_raw(data, it.key.p, it.key.n);
			buf_putc(data, ':');
			buf_put(data, it.value.p, it.value.n);
		}
	jput_close(data, '}');
	free(text);
}

int
turn_error(struct jtext answer, const struct err *lost, struct err *e,
    struct buf *data)
{
	struct jtext error = json_get(answer, "error");

	if (lost) {
		*e = *lost;
		return -1;
	}
	if (!error.p)
		return 0;
	take_error(error, e, data);
	return -1;
}

/* ---- runs ---- */

static void
on_event(void *arg, const char *line, size_t n)
{
	struct turn *k = arg;

	if (k->hooks.event)
		k->hooks.event(k->hooks.arg, k->session, line, n);
}

static void
on_tool(void *arg, struct jtext call)
{
	struct turn *k = arg;

	if (k->hooks.tool)
		k->hooks.tool(k->hooks.arg, call);
}

/* Of a run, or NULL. */
static struct job *
job_of(const struct turn *k)
{
	return k->wake ? drain_job(k->t->drain, k->session) :
	    k->run ? k->job : NULL;
}

void
turns_tool_result(struct turn *k, struct jtext tool_use_id,
    struct jtext content, bool is_error)
{
	struct job *j = job_of(k);

	if (j)
		job_tool_result(j, tool_use_id, content, is_error);
}

void
turns_offer(struct turn *k)
{
	struct job *j = job_of(k);
	struct buf b = BUF_INIT;

	if (!j || !k->hooks.tools)
		return;
	k->hooks.tools(k->hooks.arg, k->session, &b);
	job_offer(j, json_slice(b.p, b.n));
	buf_free(&b);
}

/* It stopped at a tool that nobody here runs (rpc sheet section 4). */
static void
fail_pending(struct turn *k, struct jtext pending)
{
	char *tool = json_get_str(pending, "tool_name");
	struct jtext args = json_get(pending, "args");
	struct buf data = BUF_INIT;
	struct err e = ERR_NONE;

	jput_open(&data, '{');
	jput_kcstr(&data, "session_id", k->session);
	jput_kbool(&data, "resumable", true);
	jput_kcstr(&data, "tool_name", tool);
	jput_kraw(&data, "args", args.p, args.n);
	jput_close(&data, '}');
	err_set(&e, E_CALLBACK_PENDING, "callback pending for tool '%s'",
	    tool ? tool : "");
	turn_fail(k, &e, &data);
	buf_free(&data);
	free(tool);
}

static void
on_done(void *arg, struct jtext answer, const struct err *lost)
{
	struct turn *k = arg;
	struct turns *t = k->t;
	struct jtext outcome = json_get(answer, "outcome");
	struct buf data = BUF_INIT;
	struct err e = ERR_NONE;

	k->ran = true;
	/* Whoever watches is owed the end of a run whose process died. */
	if (lost && !t->stopped)
		drain_wake(t->drain, k->session);
	if (turn_error(answer, lost, &e, &data) < 0) {
		if (k->cancelled)
			turn_refuse(k,
			    "request cancelled before response publish");
		else if (t->stopped && e.code == E_SESSION_BUSY)
			turn_refuse(k, "the server is ending");
		else
			turn_fail(k, &e, &data);
	} else if (json_str_is(outcome, "completed")) {
		turn_finish(k, json_get(answer, "result"));
	} else if (json_str_is(outcome, "callback")) {
		fail_pending(k, json_get(answer, "pending"));
	} else {
		err_set(&e, E_INTERNAL_ERROR, "turn completed without result");
		turn_fail(k, &e, NULL);
	}
	buf_free(&data);
}

static void
put_tools(struct turn *k, struct buf *members)
{
	if (!k->hooks.tools)
		return;
	jput_key(members, "tools");
	k->hooks.tools(k->hooks.arg, k->session, members);
}

void
turn_run(struct turn *k, struct buf *members)
{
	const struct job_hooks hooks = { .event = on_event, .tool = on_tool,
	    .done = on_done, .arg = k, .waits = true };

	jput_kcstr(members, "op", "run");
	jput_kcstr(members, "session", k->session);
	put_tools(k, members);
	jput_close(members, '}');
	k->run = true;
	k->job = pool_run(k->t->pool, k->session,
	    json_slice(members->p, members->n), &hooks);
	buf_free(members);
}

/* ---- wakes: what the drain runs, for all who asked ---- */

static struct turn *
find_wake(struct turn *k, const char *session)
{
	while (k && (!k->wake || strcmp(k->session, session)))
		k = TAILQ_NEXT(k, link);
	return k;
}

struct turn *
turns_wake(struct turns *t, const char *session,
    const struct turn_hooks *hooks)
{
	struct turn *k = NULL;

	if (t->stopped)
		return NULL;
	if (!hooks)	/* one that waits already waits for this, too */
		k = find_wake(TAILQ_FIRST(&t->list), session);
	if (!k)
		k = turn_new(t, session, hooks);
	k->wake = true;
	drain_wake(t->drain, session);
	return k;
}

static void
on_drain_event(void *arg, const char *session, const char *line, size_t n)
{
	struct turns *t = arg;
	struct turn *k = find_wake(TAILQ_FIRST(&t->list), session), *next;

	for (; k; k = next) {
		next = find_wake(TAILQ_NEXT(k, link), session);
		on_event(k, line, n);
	}
}

/* Of several who asked for it one runs its tools: the first that has any. */
static struct turn *
find_asker(struct turns *t, const char *session)
{
	struct turn *k = find_wake(TAILQ_FIRST(&t->list), session);

	while (k && !k->hooks.tools)
		k = find_wake(TAILQ_NEXT(k, link), session);
	return k;
}

static void
on_drain_members(void *arg, const char *session, struct buf *b)
{
	struct turn *k = find_asker(arg, session);

	if (k)
		put_tools(k, b);
}

static void
on_drain_tool(void *arg, const char *session, struct jtext call)
{
	struct turn *k = find_asker(arg, session);

	if (k)
		on_tool(k, call);
}

static void
on_drained(void *arg, const char *session)
{
	struct turns *t = arg;
	struct turn *k;

	while ((k = find_wake(TAILQ_FIRST(&t->list), session)))
		turn_finish(k, JTEXT_NONE);
}

/* ---- ending ---- */

/* Take a turn out of the queue, with this as its end. */
static void
withdraw(struct turn *k, const char *why)
{
	job_drop(k->job);
	turn_refuse(k, why);
}

void
turns_cancel(struct turn *k)
{
	if (k->deferred)	/* made at once */
		return;
	if (!job_running(k->job)) {
		withdraw(k, "request cancelled before start");
		return;
	}
	k->cancelled = true;
	pool_interrupt(k->t->pool, k->session);
}

bool
turns_submitted(const struct turn *k)
{
	return k->run && job_running(k->job);
}

void
turns_abandon(struct turn *k)
{
	memset(&k->hooks, 0, sizeof k->hooks);
	if (k->wake)	/* what came from outside goes on */
		return;
	k->abandoned = true;
	if (!job_running(k->job))
		withdraw(k, "");
	else if (*k->session)
		pool_interrupt(k->t->pool, k->session);
}

void
turns_interrupt(struct turns *t, const char *session)
{
	const struct realm *r = db_realm(t->db);

	if (!pool_interrupt(t->pool, session) && lock_held(r, session))
		bell_ring(r, session, 'i');
}

static struct turn *
waiting(struct turns *t)
{
	struct turn *k;

	for (k = TAILQ_FIRST(&t->list); k; k = TAILQ_NEXT(k, link)) {
		if (!k->wake && !job_running(k->job))
			return k;
	}
	return NULL;
}

void
turns_stop(struct turns *t)
{
	struct turn *k;

	t->stopped = true;
	/* From the start each time: whoever is told may end others. */
	while ((k = waiting(t)))
		withdraw(k, "the server is ending");
	drain_stop(t->drain);
	pool_stop(t->pool);
}

/* ---- all of them ---- */

size_t
turns_count(const struct turns *t)
{
	return t->n;
}

void
turns_on_idle(struct turns *t, void (*idle)(void *arg), void *arg)
{
	t->idle = idle;
	t->idle_arg = arg;
}

struct turns *
turns_new(struct db *db, struct pool *pool, struct drain *drain)
{
	struct turns *t = xcalloc(1, sizeof *t);
	const struct drain_hooks hooks = { .members = on_drain_members,
	    .tool = on_drain_tool, .event = on_drain_event, .done = on_drained, .arg = t };

	t->db = db;
	t->pool = pool;
	t->drain = drain;
	drain_watch(drain, &hooks);
	TAILQ_INIT(&t->list);
	return t;
}

void
turns_free(struct turns *t)
{
	struct turn *k;

	if (!t)
		return;
	while ((k = TAILQ_FIRST(&t->list))) {
		unlink_turn(k);
		turn_free(k);
	}
	turns_unwatch(t);
	free(t);
}
