#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jput.h"
#include "serve/feed.h"
#include "serve/rpc_impl.h"
#include "serve/turns.h"
#include "store/eventfile.h"

/* What takes its time: session/create, turn/start, and their ends (sheet sections 3, 7). */

#define CALLS_MAX 1024			/* turns of a client, waiting ones included */

struct call {
	TAILQ_ENTRY(call) link;
	struct conn *conn;
	struct rpc *s;
	char *id;		/* raw JSON; NULL: nobody waits for an answer */
	struct turn *turn;
	bool brings;		/* session/create with tools of its own */
	char session[UUID_LEN + 1];	/* of a wake */
	int64_t seen;		/* of a wake: the last event of its session that its client knows of */
	bool started;		/* ... and a run of others began behind it */
	bool resident;		/* session/create whose first turn comes after its answer */
};

static struct call *
call_new(struct rpc *s, struct conn *c, struct jtext id)
{
	struct call *k = xcalloc(1, sizeof *k);

	k->s = s;
	k->conn = c;
	k->id = id.p ? xstrndup(id.p, id.n) : NULL;
	if (k->id)
		c->n_calls++;
	TAILQ_INSERT_TAIL(&s->calls, k, link);
	return k;
}

static void
call_free(struct call *k)
{
	if (k->conn && k->id)
		k->conn->n_calls--;
	if (k->conn && *k->session)
		k->conn->n_wakes--;
	TAILQ_REMOVE(&k->s->calls, k, link);
	free(k->id);
	free(k);
}

void
rpc_forget_calls(struct rpc *s)
{
	struct call *k;

	while ((k = TAILQ_FIRST(&s->calls)))
		call_free(k);
}

/* ---- what is told of a turn ---- */

static struct call *
find_wake(struct conn *c, const char *session)
{
	struct call *k;

	for (k = TAILQ_FIRST(&c->s->calls); k; k = TAILQ_NEXT(k, link)) {
		if (k->conn == c && !strcmp(k->session, session))
			break;
	}
	return k;
}

static void
on_event(void *arg, const char *session, const char *line, size_t n)
{
	struct call *k = arg, *wake;

	if (k->conn && k->conn->n_wakes &&
	    (wake = find_wake(k->conn, session)))
		eventfile_line(json_slice(line, n), &wake->seen);
	rpc_event(k->conn, session, line, n);
}

/* ---- what another process does for our client ---- */

static int64_t
last_event(struct rpc *s, const char *session)
{
	char *path = eventfile_path(s->realm, session);
	int fd = eventfile_open(path);
	int64_t seq = fd >= 0 ? eventfile_seq(fd) : 0;

	if (fd >= 0)
		close(fd);
	free(path);
	return seq;
}

/* The rest of a run that had begun before is not its business. */
static bool
on_others(void *arg, int64_t seq, const char *p, size_t n)
{
	struct call *k = arg;

	(void)seq;
	k->started |= json_str_is(json_path(json_slice(p, n), "payload/type"),
	    "run_started");
	if (k->started)
		rpc_event(k->conn, k->session, p, n);
	return true;
}

/*
 * Another server, or somebody with rkat-turn, has worked off what this client put into
 * the queue: it is owed the events of these runs as it would be of ours.
 */
static void
tell_of_others(struct call *k)
{
	const struct feed_hooks hooks = { .line = on_others, .arg = k };
	struct feed *f;

	if (last_event(k->s, k->session) <= k->seen ||
	    !(f = feed_open(k->s->o.feeds, k->session, k->seen, &hooks, NULL)))
		return;
	feeds_pump(k->s->o.feeds, k->session);
	feed_close(f);
}

static void
put_tools(void *arg, const char *session, struct buf *b)
{
	struct call *k = arg;

	if (k->brings)
		rpc_tools_own(k->conn, session);
	rpc_tools_put(k->conn, session, b);
}

static void
on_tool(void *arg, struct jtext call)
{
	struct call *k = arg;

	rpc_tools_ask(k->s, k->conn, k->turn, call);
}

void
rpc_offer(struct conn *c)
{
	struct call *k;

	for (k = TAILQ_FIRST(&c->s->calls); k; k = TAILQ_NEXT(k, link)) {
		if (k->conn == c)
			turns_offer(k->turn);
	}
}

static void
on_done(void *arg, const char *session, struct jtext result,
    const struct err *e, const struct buf *data)
{
	struct call *k = arg;
	struct rpc *s = k->s;

	/* Streams have all of a run before its answer is there. */
	feeds_pump(s->o.feeds, session);
	if (k->conn && *k->session)
		tell_of_others(k);
	if (k->conn && k->brings)	/* a deferred one had no run yet */
		rpc_tools_own(k->conn, session);
	rpc_tools_forget(s, k->turn);
	if (k->conn && k->id && e)
		rpc_fail(k->conn, k->id, e, data);
	else if (k->conn && k->id)
		rpc_answer(k->conn, k->id, result.p, result.n);
	if (k->resident && !e)
		rpc_wake(k->conn, session);
	call_free(k);
	rpc_settle(s);
}

static struct turn_hooks
hooks_of(struct call *k)
{
	return (struct turn_hooks){ .event = on_event, .tools = put_tools,
	    .tool = on_tool, .done = on_done, .arg = k, .client = k->conn };
}

static int
begun(struct call *k)
{
	if (k->turn)
		return LATER;
	call_free(k);
	return -1;
}

static int
too_many(const struct conn *c, struct err *e)
{
	return c->n_calls < CALLS_MAX ? 0 : err_set(e, E_INTERNAL_ERROR,
	    "too many requests wait for their turn");
}

METHOD(rpc_session_create)
{
	struct turn_hooks hooks;
	struct call *k;

	(void)out;
	if (too_many(r->c, e) < 0)
		return -1;
	k = call_new(r->s, r->c, r->id);
	hooks = hooks_of(k);
	k->brings = json_count(param_get(r->params, "external_tools")) > 0;
	k->resident = json_get_bool(r->params, "keep_alive", false) &&
	    !json_str_is(param_get(r->params, "initial_turn"), "deferred");
	k->turn = turns_create(r->s->o.turns, r->params, &hooks, e);
	return begun(k);
}

METHOD(rpc_turn_start)
{
	struct session row = { .id = "" };
	struct turn_hooks hooks;
	struct call *k;

	(void)out;
	if (too_many(r->c, e) < 0 || param_session(r, false, &row, e) < 0)
		return -1;
	k = call_new(r->s, r->c, r->id);
	hooks = hooks_of(k);
	k->turn = turns_start(r->s->o.turns, &row, r->params, &hooks, e);
	session_free(&row);
	return begun(k);
}

/* However often it asks, a client is told once of what happens. */
void
rpc_wake(struct conn *c, const char *session)
{
	struct call *k = find_wake(c, session);
	struct turn_hooks hooks;

	if (k) {
		turns_wake(c->s->o.turns, session, NULL);
		return;
	}
	k = call_new(c->s, c, JTEXT_NONE);
	memcpy(k->session, session, sizeof k->session);
	k->seen = last_event(c->s, session);
	c->n_wakes++;
	hooks = hooks_of(k);
	k->turn = turns_wake(c->s->o.turns, session, &hooks);
	if (!k->turn)
		call_free(k);
}

void
rpc_wake_client(void *arg, void *client, const char *session)
{
	(void)arg;
	rpc_wake(client, session);
}

/* ---- ending ---- */

METHOD(rpc_turn_interrupt)
{
	static const char yes[] = "{\"interrupted\":true}";
	struct session row = { .id = "" };

	if (param_session(r, false, &row, e) < 0)
		return -1;
	turns_interrupt(r->s->o.turns, row.id);
	session_free(&row);
	buf_put(out, yes, sizeof yes - 1);
	return 0;
}

void
rpc_cancel(struct conn *c, struct jtext id)
{
	struct call *k;

	for (k = TAILQ_FIRST(&c->s->calls); k; k = TAILQ_NEXT(k, link)) {
		if (k->conn == c && k->id && strlen(k->id) == id.n &&
		    !memcmp(k->id, id.p, id.n))
			break;
	}
	if (k)
		turns_cancel(k->turn);
}

void
rpc_abandon(struct conn *c)
{
	struct call *k, *next;

	turns_leave(c->s->o.turns, c);
	for (k = TAILQ_FIRST(&c->s->calls); k; k = next) {
		struct turn *turn = k->turn;

		next = TAILQ_NEXT(k, link);
		if (k->conn != c)
			continue;
		k->conn = NULL;
		if (!k->id)	/* others watch what came from outside */
			continue;
		call_free(k);
		rpc_tools_forget(c->s, turn);
		turns_abandon(turn);
	}
}
