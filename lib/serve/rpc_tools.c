#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "runner/wire.h"
#include "serve/rpc_impl.h"
#include "serve/turns.h"
#include "tool/defs.h"
#include "tool/tool.h"

/*
 * Callback tools: a client says which tools it has, and is asked to run them (rpc sheet
 * section 9).  The tools of a run are those of the client that asked for it.
 */

/* A call that is out, until its answer or the end of its turn. */
struct ask {
	TAILQ_ENTRY(ask) link;
	uint64_t n;		/* "srv-<n>" */
	struct conn *conn;
	struct turn *turn;
	char *tool_use_id;	/* raw JSON */
};

/* ---- which tools there are ---- */

METHOD(rpc_tools_register)
{
	struct jtext list = json_get(r->params, "tools");
	struct conn *c = r->c;
	struct buf both = BUF_INIT, kept = BUF_INIT;
	struct tool_defs defs;

	if (tool_defs_check(list, "tools", e) < 0 ||
	    tool_defs_fit(list, "tools", e) < 0)
		return err_wrap(e, "Invalid params");
	jput_open(&both, '[');
	if (c->tools && json_count(json_text(c->tools)))
		buf_put(&both, c->tools + 1, strlen(c->tools) - 2);
	for (struct jiter it = json_iter(list); json_next(&it); )
		jput_raw(&both, it.value.p, it.value.n);
	jput_close(&both, ']');
	tool_defs_parse(json_slice(both.p, both.n), &defs);
	tool_defs_emit(&defs, &kept);
	tool_defs_free(&defs);
	buf_free(&both);
	/* Of all calls together, too. */
	if (tool_defs_fit(json_slice(kept.p, kept.n), "tools", e) < 0) {
		buf_free(&kept);
		return err_wrap(e, "Invalid params");
	}
	free(c->tools);
	c->tools = buf_steal(&kept);
	rpc_offer(c);
	jput_open(out, '{');
	jput_ki64(out, "registered", (int64_t)json_count(list));
	jput_close(out, '}');
	return 0;
}

static bool
owns(const struct conn *c, const char *session)
{
	for (size_t i = 0; i < c->n_own; i++)
		if (!strcmp(c->own[i], session))
			return true;
	return false;
}

void
rpc_tools_own(struct conn *c, const char *session)
{
	if (!*session || owns(c, session))
		return;
	c->own = xrealloc(c->own, (c->n_own + 1) * sizeof *c->own);
	memcpy(c->own[c->n_own++], session, UUID_LEN + 1);
}

/* Those that a session was made with. */
static void
put_own(struct rpc *s, const char *session, struct buf *b)
{
	struct session row;
	struct jiter it;

	if (session_load(s->o.db, session, &row, NULL) < 0)
		return;
	it = json_iter(json_get(json_text(row.build),
	    "recoverable_tool_defs"));
	while (json_next(&it))
		jput_raw(b, it.value.p, it.value.n);
	session_free(&row);
}

void
rpc_tools_put(struct conn *c, const char *session, struct buf *b)
{
	struct jiter it = json_iter(json_text(c->tools));

	jput_open(b, '[');
	if (owns(c, session))
		put_own(c->s, session, b);
	while (json_next(&it))
		jput_raw(b, it.value.p, it.value.n);
	jput_close(b, ']');
}

/* ---- what comes of a call ---- */

static void
answer_error(struct turn *t, const char *tool_use_id, const char *why)
{
	struct tool_result r = { .is_error = true };

	tool_result_error(&r, "execution_failed", "Tool execution failed: %s",
	    why);
	turns_tool_result(t, json_text(tool_use_id),
	    json_slice(r.content.p, r.content.n), true);
	tool_result_free(&r);
}

static void
ask_free(struct rpc *s, struct ask *a)
{
	TAILQ_REMOVE(&s->asks, a, link);
	free(a->tool_use_id);
	free(a);
}

/* The result member of an answer; NULL and both set, or why it is none. */
static const char *
read_result(struct jtext result, struct jtext *content, bool *is_error)
{
	struct jtext flag = param_get(result, "is_error");

	*content = param_get(result, "content");
	if (!json_is(result, '{'))
		return "Failed to parse callback result: want an object";
	if (content->p && !json_is(*content, '"'))
		return "Failed to parse callback result: "
		    "/content: want a string";
	if (flag.p && !json_bool(flag, is_error))
		return "Failed to parse callback result: "
		    "/is_error: want true or false";
	if (!content->p)
		*content = json_text("\"\"");
	return NULL;
}

static void
take_answer(struct ask *a, struct jtext line)
{
	struct jtext error = param_get(line, "error");
	struct jtext result = param_get(line, "result"), content;
	char *message = json_get_str(error, "message");
	const char *why = NULL;
	bool is_error = false;

	if (error.p)
		why = message ? message : "the client's error has no message";
	else if (!result.p)
		why = "Callback response missing result";
	else
		why = read_result(result, &content, &is_error);
	if (why)
		answer_error(a->turn, a->tool_use_id, why);
	else
		turns_tool_result(a->turn, json_text(a->tool_use_id), content,
		    is_error);
	free(message);
}

void
rpc_tools_answer(struct conn *c, struct jtext id, struct jtext line)
{
	struct ask *a, *next;
	char name[32];

	for (a = TAILQ_FIRST(&c->s->asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		snprintf(name, sizeof name, "srv-%" PRIu64, a->n);
		if (a->conn != c || !json_str_is(id, name))
			continue;
		take_answer(a, line);
		ask_free(c->s, a);
		return;
	}
}

/* ---- calls ---- */

static void
put_request(struct conn *c, uint64_t n, struct jtext call)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"srv-%" PRIu64 "\","
	    "\"method\":\"tool/execute\",\"params\":", n);
	jput_compact(&b, call.p, call.n);
	buf_puts(&b, "}\n");
	wire_put(c->wire, b.p, b.n);
	buf_free(&b);
}

void
rpc_tools_ask(struct rpc *s, struct conn *c, struct turn *t, struct jtext call)
{
	struct jtext id = json_get(call, "tool_use_id");
	struct ask *a;

	if (!c || c->eof || s->draining) {
		char *raw = xstrndup(id.p, id.n);

		answer_error(t, raw, "Callback channel closed");
		free(raw);
		return;
	}
	a = xcalloc(1, sizeof *a);
	*a = (struct ask){ .n = s->next_ask++, .conn = c, .turn = t,
	    .tool_use_id = xstrndup(id.p, id.n) };
	TAILQ_INSERT_TAIL(&s->asks, a, link);
	put_request(c, a->n, call);
}

void
rpc_tools_forget(struct rpc *s, const struct turn *t)
{
	struct ask *a, *next;

	for (a = TAILQ_FIRST(&s->asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->turn == t)
			ask_free(s, a);
	}
}

void
rpc_tools_closed(struct rpc *s, const struct conn *c)
{
	struct ask *a, *next;

	for (a = TAILQ_FIRST(&s->asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (c && a->conn != c)
			continue;
		answer_error(a->turn, a->tool_use_id, "Callback channel closed");
		ask_free(s, a);
	}
}

void
rpc_tools_free(struct conn *c)
{
	free(c->tools);
	free(c->own);
}
