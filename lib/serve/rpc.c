#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/jput.h"
#include "runner/wire.h"
#include "serve/rpc_impl.h"
#include "serve/turns.h"
#include "store/db.h"

/* Lines, dispatch and answers: rpc sheet sections 2 to 4. */

#define LINE_LIMIT ((size_t)32 << 20)	/* bytes of a request */
#define BACKLOG ((size_t)1 << 20)	/* unread answers: then nothing is read */
#define CLIENTS_MAX 1024
#define END_GRACE_MS 3000		/* for turns, at the end of the input */
#define STALL_MS 30000			/* of a stream's client */
#define LAST_MS 1000			/* and for them to be interrupted */

#define PARSE_ERROR (-32700)
#define METHOD_NOT_FOUND (-32601)
#define INVALID_PARAMS (-32602)

/* In the order of the contract's catalogue (sheet section 5). */
static const struct method {
	const char *name;
	int (*run)(struct req *r, struct buf *out, struct err *e);
	bool params;		/* cannot do without */
} methods[] = {
	{ "initialize", rpc_initialize, false },
	{ "session/create", rpc_session_create, true },
	{ "session/list", rpc_session_list, false },
	{ "session/read", rpc_session_read, true },
	{ "session/history", rpc_session_history, true },
	{ "blob/get", rpc_blob_get, true },
	{ "session/archive", rpc_session_archive, true },
	{ "session/external_event", rpc_session_external_event, true },
	{ "session/inject_context", rpc_session_inject_context, true },
	{ "session/stream_open", rpc_session_stream_open, true },
	{ "session/stream_close", rpc_session_stream_close, true },
	{ "turn/start", rpc_turn_start, true },
	{ "turn/interrupt", rpc_turn_interrupt, true },
	{ "config/get", rpc_config_get, false },
	{ "config/set", rpc_config_set, true },
	{ "config/patch", rpc_config_patch, true },
	{ "capabilities/get", rpc_capabilities_get, false },
	{ "models/catalog", rpc_models_catalog, false },
	{ "runtime/state", rpc_runtime_state, true },
	{ "runtime/accept", rpc_runtime_accept, true },
	{ "runtime/retire", rpc_runtime_retire, true },
	{ "runtime/reset", rpc_runtime_reset, true },
	{ "input/state", rpc_input_state, true },
	{ "input/list", rpc_input_list, true },
	{ "comms/send", rpc_comms_send, true },
	{ "comms/peers", rpc_comms_peers, true },
	{ "tools/register", rpc_tools_register, true },	/* not listed */
};

void
rpc_methods(struct buf *b)
{
	jput_cstr(b, "initialized");
	for (size_t i = 0; i < COUNT(methods); i++)
		if (methods[i].run != rpc_tools_register)
			jput_cstr(b, methods[i].name);
}

/* ---- answers ---- */

static void
put_head(struct buf *b, const char *id)
{
	jput_open(b, '{');
	jput_kcstr(b, "jsonrpc", "2.0");
	jput_kraw(b, "id", id, id ? strlen(id) : 0);
}

static void
put_line(struct conn *c, struct buf *b)
{
	jput_close(b, '}');
	buf_putc(b, '\n');
	wire_put(c->wire, b->p, b->n);
	buf_free(b);
}

void
rpc_answer(struct conn *c, const char *id, const char *p, size_t n)
{
	struct buf b = BUF_INIT;

	put_head(&b, id);
	jput_kraw(&b, "result", p, n);
	put_line(c, &b);
}

static void
fail(struct conn *c, const char *id, int code, const char *message,
    const struct buf *data)
{
	struct buf b = BUF_INIT;

	put_head(&b, id);
	jput_key(&b, "error");
	jput_open(&b, '{');
	jput_ki64(&b, "code", code);
	jput_kcstr(&b, "message", message);
	if (data && data->n)
		jput_kraw(&b, "data", data->p, data->n);
	jput_close(&b, '}');
	put_line(c, &b);
}

void
rpc_fail(struct conn *c, const char *id, const struct err *e,
    const struct buf *data)
{
	fail(c, id, err_info(e->code)->rpc, e->text, data);
}

static void
parse_error(struct conn *c, const char *why)
{
	char *text = xasprintf("Parse error: %s", why);

	fail(c, NULL, PARSE_ERROR, text, NULL);
	free(text);
}

/* ---- requests ---- */

/* The sheet's words, by section 2. */
static const char *
missing(const struct method *m)
{
	return strncmp(m->name, "runtime/", 8) && strncmp(m->name, "input/", 6) ?
	    "Missing params" : "missing params";
}

static void
run(struct conn *c, const struct method *m, struct jtext id,
    struct jtext params)
{
	struct req r = { .s = c->s, .c = c, .id = id, .params = params };
	struct buf out = BUF_INIT;
	struct err e = ERR_NONE;
	char *text = id.p ? xstrndup(id.p, id.n) : NULL;
	int rc;

	if (m->params && !params.p)
		fail(c, text, INVALID_PARAMS, missing(m), NULL);
	else if (params.p && !json_is(params, '{'))
		fail(c, text, INVALID_PARAMS,
		    "Invalid params: expected an object", NULL);
	else if ((rc = m->run(&r, &out, &e)) == 0)
		rpc_answer(c, text, buf_str(&out), out.n);
	else if (rc < 0)
		rpc_fail(c, text, &e, NULL);
	buf_free(&out);
	free(text);
}

static void
request(struct conn *c, struct jtext method, struct jtext id,
    struct jtext params)
{
	char *raw, *name, *text;

	for (size_t i = 0; i < COUNT(methods); i++)
		if (json_str_is(method, methods[i].name)) {
			run(c, &methods[i], id, params);
			return;
		}
	raw = xstrndup(id.p, id.n);
	name = json_str(method, &(size_t){ 0 });
	text = xasprintf("Method not found: %.200s", name);
	fail(c, raw, METHOD_NOT_FOUND, text, NULL);
	free(text);
	free(name);
	free(raw);
}

/* A string or an integer of 64 bits; 1.0 and 1e0 are none (sheet section 2). */
static bool
is_id(struct jtext id)
{
	int64_t number;

	return json_is(id, '"') || (json_i64(id, &number) &&
	    !memchr(id.p, '.', id.n) && !memchr(id.p, 'e', id.n) &&
	    !memchr(id.p, 'E', id.n));
}

/* A browser that was told to post to us: its body must not be taken for requests. */
static bool
is_http(const char *p, size_t n)
{
	return n > 9 && (!memcmp(p + n - 9, " HTTP/1.1", 9) ||
	    !memcmp(p + n - 9, " HTTP/1.0", 9));
}

static void conn_free(struct conn *c);

static void
on_line(void *arg, const char *p, size_t n)
{
	struct conn *c = arg;
	struct jtext v, id, method, params;
	struct err e = ERR_NONE;

	if (c->kind == RPC_SOCKET && is_http(p, n)) {
		conn_free(c);
		return;
	}
	if (!rpc_admit(c, p, n))
		return;
	if (json_parse(p, n, &v, &e) < 0) {
		parse_error(c, e.text);
		return;
	}
	id = param_get(v, "id");
	method = json_get(v, "method");
	params = param_get(v, "params");
	if (!json_is(v, '{'))
		parse_error(c, json_is(v, '[') ? "batches are not supported" :
		    "expected an object");
	else if (!json_is(json_get(v, "jsonrpc"), '"'))
		parse_error(c, "missing field `jsonrpc`");
	else if (method.p && !json_is(method, '"'))
		parse_error(c, "`method` is not a string");
	else if (method.p && id.p && !is_id(id))
		parse_error(c, "`id` is neither a string nor a whole number");
	else if (method.p && id.p)
		request(c, method, id, params);
	else if (method.p && json_str_is(method, "cancel"))
		rpc_cancel(c, json_get(params, "request_id"));
	else if (method.p && json_str_is(method, "tools/register"))
		request(c, method, id, params);
	else if (!method.p)
		rpc_tools_answer(c, id, v);
	/* Other notifications: no reply. */
}

static void
on_too_long(void *arg)
{
	struct conn *c = arg;
	char *text = xasprintf("a line of more than %zu MiB", LINE_LIMIT >> 20);

	parse_error(c, text);
	free(text);
}

/* ---- clients ---- */

static void
conn_free(struct conn *c)
{
	TAILQ_REMOVE(&c->s->conns, c, link);
	rpc_abandon(c);
	rpc_tools_closed(c->s, c);
	rpc_tools_free(c);
	rpc_streams_drop(c->s, c);
	rpc_token_free(c);
	wire_free(c->wire);
	free(c);
}

static void
on_ended(void *arg, bool broken)
{
	struct conn *c = arg;
	struct rpc *s = c->s;

	c->eof = true;
	rpc_tools_closed(s, c);
	if (c->kind == RPC_STDIO) {
		s->broken |= broken;
		rpc_drain(s, broken ? 0 : END_GRACE_MS);
	} else if (broken) {
		conn_free(c);
	}
	rpc_settle(s);
}

static void
on_flushed(void *arg)
{
	struct conn *c = arg;

	rpc_streams_resume(c);
	rpc_settle(c->s);
}

void
rpc_settle(struct rpc *s)
{
	struct conn *c, *next;
	bool idle = !turns_count(s->o.turns);

	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (wire_backlog(c->wire))
			idle = false;
		else if (c->eof && !c->n_calls && c->kind == RPC_SOCKET)
			conn_free(c);
	}
	if (s->draining && idle)
		s->o.drained(s->o.arg, false);
}

static void
on_idle(void *arg)
{
	rpc_settle(arg);
}

void
rpc_connect(struct rpc *s, int in, int out, enum rpc_client kind)
{
	struct conn *other, *c = xcalloc(1, sizeof *c);
	size_t n = 0;
	const struct wire_hooks hooks = { .line = on_line,
	    .too_long = on_too_long, .ended = on_ended,
	    .flushed = on_flushed, .arg = c };
	const int on = 1;

	/* An answer behind events must not wait 40 ms for their ACK; no matter off TCP. */
	setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	for (other = TAILQ_FIRST(&s->conns); other; other = TAILQ_NEXT(other, link)) {
		n++;
	}
	c->s = s;
	c->kind = kind;
	c->wire = wire_new(s->o.base, in, out, LINE_LIMIT, BACKLOG, &hooks);
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	rpc_ask_token(c);
	if (n < CLIENTS_MAX)
		return;
	fail(c, NULL, err_info(E_INTERNAL_ERROR)->rpc,
	    "too many clients are connected", NULL);
	wire_stop(c->wire);
	c->eof = true;
}

/* ---- the server ---- */

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	rpc_settle(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct rpc *s = arg;

	(void)fd;
	(void)what;
	if (s->interrupted) {
		s->o.drained(s->o.arg, true);
		return;
	}
	s->interrupted = true;
	event_after(s->timer, LAST_MS);
	turns_stop(s->o.turns);
	rpc_settle(s);
}

void
rpc_drain(struct rpc *s, int grace_ms)
{
	struct conn *c;

	s->draining = true;
	rpc_tools_closed(s, NULL);	/* their answers would not be read */
	for (c = TAILQ_FIRST(&s->conns); c; c = TAILQ_NEXT(c, link)) {
		wire_stop(c->wire);
	}
	if (!s->interrupted)
		event_after(s->timer, grace_ms);
	event_active(s->look, 0, 0);
}

void
rpc_set_stall(struct rpc *s, int seconds)
{
	s->stall_ms = (int64_t)seconds * 1000;
}

bool
rpc_broken(const struct rpc *s)
{
	return s->broken;
}

struct rpc *
rpc_new(const struct rpc_opts *o)
{
	struct rpc *s = xcalloc(1, sizeof *s);

	s->o = *o;
	s->realm = db_realm(o->db);
	s->closed = xcalloc(CLOSED_MAX, sizeof *s->closed);
	s->timer = evtimer_new(o->base, on_timer, s);
	s->stall_ms = STALL_MS;
	s->look = event_new(o->base, -1, 0, on_look, s);
	s->stalls = evtimer_new(o->base, rpc_streams_stalled, s);
	TAILQ_INIT(&s->conns);
	TAILQ_INIT(&s->calls);
	TAILQ_INIT(&s->streams);
	TAILQ_INIT(&s->asks);
	turns_on_idle(o->turns, on_idle, s);
	return s;
}

void
rpc_free(struct rpc *s)
{
	struct conn *c;

	if (!s)
		return;
	while ((c = TAILQ_FIRST(&s->conns)))
		conn_free(c);
	rpc_forget_calls(s);
	turns_on_idle(s->o.turns, NULL, NULL);
	event_free(s->timer);
	event_free(s->look);
	event_free(s->stalls);
	free(s->closed);
	free(s);
}
