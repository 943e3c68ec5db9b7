#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "serve/params.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"

/*
 * POST /sessions, POST /sessions/{sid}/messages and their cancellation: rest sheet
 * section 4.  A client that leaves stops nothing: its turn goes on, and what came of it
 * is in the history.
 */

struct rest_call {
	TAILQ_ENTRY(rest_call) link;
	struct rest *s;
	struct http_req *r;	/* NULL: its client left */
	struct turn *turn;
	char *request_id;	/* or NULL */
	char session[UUID_LEN + 1];
	bool create;
	bool cancelled;		/* before its prompt was submitted */
};

static void
call_free(struct rest_call *k)
{
	TAILQ_REMOVE(&k->s->calls, k, link);
	free(k->request_id);
	free(k);
}

void
rest_forget_calls(struct rest *s)
{
	struct rest_call *k;

	while ((k = TAILQ_FIRST(&s->calls)))
		call_free(k);
}

static struct rest_call *
find(struct rest *s, const char *request_id)
{
	struct rest_call *k;

	for (k = TAILQ_FIRST(&s->calls); k; k = TAILQ_NEXT(k, link)) {
		if (k->request_id && !strcmp(k->request_id, request_id))
			return k;
	}
	return NULL;
}

/* ---- X-Meerkat-Request-Id: 4.3 ---- */

/* *id is new, NULL without the header; false: it was refused. */
static bool
request_id(struct rest *s, struct http_req *r, char **id)
{
	const char *v = http_header(r, "X-Meerkat-Request-Id"), *p;
	size_t n;

	*id = NULL;
	if (!v)
		return true;
	for (p = v; *p; p++)
		if ((unsigned char)*p >= 0x7f ||
		    ((unsigned char)*p < 0x20 && *p != '\t')) {
			rest_fail(r, 400, "BAD_REQUEST",
			    "X-Meerkat-Request-Id must be valid UTF-8");
			return false;
		}
	v += strspn(v, " \t");
	for (n = strlen(v); n && strchr(" \t", v[n - 1]); n--)
		;
	if (!n) {
		rest_fail(r, 400, "BAD_REQUEST",
		    "X-Meerkat-Request-Id must not be empty");
		return false;
	}
	*id = xstrndup(v, n);
	if (!find(s, *id))
		return true;
	rest_fail(r, 409, "DUPLICATE_REQUEST_ID",
	    "request ID already in flight: %s", *id);
	free(*id);
	return false;
}

ROUTE(rest_request_cancel)
{
	struct rest *s = arg;
	const char *id = http_segment(r, 0);
	struct rest_call *k = find(s, id);
	struct buf b = BUF_INIT;

	if (!k) {
		rest_fail(r, 404, "NOT_FOUND", "request not found: %s", id);
		return;
	}
	jput_open(&b, '{');
	jput_kbool(&b, "cancelled", true);
	jput_kcstr(&b, "request_id", id);
	jput_close(&b, '}');
	rest_send(r, &b);
	if (turns_submitted(k->turn)) {
		turns_interrupt(s->o.turns, k->session);
	} else {
		k->cancelled = true;
		turns_cancel(k->turn);
	}
}

/* ---- how a turn ends ---- */

/* "details" of an error after which the session is there (4.4, 4.5). */
static void
put_details(struct rest_call *k, struct buf *b)
{
	jput_kbool(b, "resumable", true);
	jput_kbool(b, "session_created", k->create);
	sessions_put_ref(k->s->realm, k->session, b);
}

static void
fail_created(struct rest_call *k, const struct err *e)
{
	char *text = xasprintf("turn abandoned: %s", e->text);
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	put_details(k, &b);
	jput_close(&b, '}');
	http_fail(k->r, 500, "SESSION_CREATED_WITH_TURN_FAILURE", text,
	    json_slice(b.p, b.n));
	buf_free(&b);
	free(text);
}

static void
fail_callback(struct rest_call *k, struct jtext data)
{
	struct jtext args = json_get(data, "args");
	char *tool = json_get_str(data, "tool_name");
	char *text = xasprintf("callback pending for tool '%s'",
	    tool ? tool : "");
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kraw(&b, "args", args.p, args.n);
	put_details(k, &b);
	jput_kcstr(&b, "tool_name", tool);
	jput_close(&b, '}');
	http_fail(k->r, 500, "CALLBACK_PENDING", text, json_slice(b.p, b.n));
	buf_free(&b);
	free(text);
	free(tool);
}

/* The session could not be made, or not be built from what was asked for. */
static void
fail_build(struct rest_call *k, const struct err *e)
{
	if (e->code == E_CAPABILITY_UNAVAILABLE || e->code == E_STORAGE_ERROR)
		rest_fail_err(k->r, e);
	else if (e->code == E_SESSION_NOT_FOUND || e->code == E_NOT_FOUND)
		rest_fail(k->r, 404, "NOT_FOUND", "%s", e->text);
	else
		rest_fail(k->r, 500, "AGENT_ERROR",
		    "agent error: Build error: %s", e->text);
}

/* A prompt that the runtime does not take (section 2.1). */
static void
fail_rejected(struct rest_call *k)
{
	static const char body[] = "{\"error\":\"duplicate_input\","
	    "\"code\":\"DUPLICATE_INPUT\",\"existing_id\":\"\"}";

	http_reply_json(k->r, 409, body, sizeof body - 1);
}

/* After its session was there. */
static void
fail_run(struct rest_call *k, const struct err *e)
{
	switch (e->code) {
	case E_INVALID_PARAMS:
	case E_CAPABILITY_UNAVAILABLE:
	case E_SESSION_BUSY:
		rest_fail_err(k->r, e);
		break;
	case E_SESSION_NOT_FOUND:
		rest_fail(k->r, 404, "NOT_FOUND", "Session not found: %s",
		    k->session);
		break;
	case E_SESSION_RETIRED:
		fail_rejected(k);
		break;
	default:
		if (k->create)
			fail_created(k, e);
		else
			rest_fail(k->r, 500, "INTERNAL_ERROR",
			    "turn abandoned: %s", e->text);
	}
}

/* A turn that was refused while it waited has nothing more to tell than that. */
static void
fail(struct rest_call *k, const struct err *e, const struct buf *data)
{
	bool waited = e->code == E_REQUEST_CANCELLED && !data->n;

	if (waited && k->cancelled)
		rest_fail(k->r, 499, "REQUEST_CANCELLED", "request cancelled");
	else if (waited)
		rest_fail(k->r, 503, "SERVICE_UNAVAILABLE", "%s", e->text);
	else if (e->code == E_CALLBACK_PENDING)
		fail_callback(k, json_slice(data->p, data->n));
	else if (k->create && (!*k->session || e->code == E_NO_API_KEY))
		fail_build(k, e);
	else
		fail_run(k, e);
}

static void
on_done(void *arg, const char *session, struct jtext result,
    const struct err *e, const struct buf *data)
{
	struct rest_call *k = arg;

	memcpy(k->session, session, strlen(session) + 1);
	if (k->r && e)
		fail(k, e, data);
	else if (k->r)
		http_reply_json(k->r, 200, result.p, result.n);
	call_free(k);
}

static void
on_created(void *arg, const char *session)
{
	struct rest_call *k = arg;

	memcpy(k->session, session, sizeof k->session);
}

static void
on_gone(void *arg)
{
	struct rest_call *k = arg;

	k->r = NULL;
}

/* ---- bodies to params ---- */

/*
 * The members that this surface has, for turns_create and turns_start: one that only
 * another surface has is not looked at.  budget_limits has a second form of its
 * duration (4.1).
 */
static void
put_budget(struct buf *b, struct jtext v)
{
	struct jtext s = json_get(v, "max_duration_secs");
	struct jiter it = json_iter(v);

	jput_open(b, '{');
	while (json_next(&it))
		if (!json_str_is(it.key, "max_duration_secs")) {
			jput_raw(b, it.key.p, it.key.n);
			buf_putc(b, ':');
			buf_put(b, it.value.p, it.value.n);
		}
	if (json_is(s, '0') && !param_get(v, "max_duration").p) {
		jput_key(b, "max_duration");
		jput_open(b, '{');
		jput_kraw(b, "secs", s.p, s.n);
		jput_ki64(b, "nanos", 0);
		jput_close(b, '}');
	}
	jput_close(b, '}');
}

static void
put_params(struct buf *b, struct jtext body, const struct rest_field *f,
    size_t n)
{
	jput_open(b, '{');
	for (size_t i = 0; i < n; i++) {
		struct jtext v = param_get(body, f[i].name);

		if (!v.p)
			continue;
		if (!strcmp(f[i].name, "budget_limits")) {
			jput_key(b, f[i].name);
			put_budget(b, v);
		} else {
			jput_kraw(b, f[i].name, v.p, v.n);
		}
	}
	jput_close(b, '}');
}

/* Start it; takes request_id. */
static void
start(struct rest *s, struct http_req *r, char *id, struct session *row,
    struct jtext params)
{
	struct rest_call *k = xcalloc(1, sizeof *k);
	const struct turn_hooks hooks = { .created = on_created,
	    .done = on_done, .arg = k, .rest = true };
	struct err e = ERR_NONE;

	k->s = s;
	k->request_id = id;
	k->create = !row;
	if (row)
		memcpy(k->session, row->id, sizeof k->session);
	TAILQ_INSERT_TAIL(&s->calls, k, link);
	k->turn = row ? turns_start(s->o.turns, row, params, &hooks, &e) :
	    turns_create(s->o.turns, params, &hooks, &e);
	if (k->turn) {
		k->r = r;
		http_on_gone(r, on_gone, k);
	} else {
		call_free(k);
		rest_fail_err(r, &e);
	}
}

/* ---- the routes ---- */

static const struct rest_field create_fields[] = {
	{ "prompt", REST_CONTENT, true },
	{ "system_prompt", REST_TEXT, false },
	{ "model", REST_TEXT, false }, { "provider", REST_PROVIDER, false },
	{ "max_tokens", REST_U32, false },
	{ "output_schema", REST_OBJECT, false },
	{ "structured_output_retries", REST_U32, false },
	{ "verbose", REST_BOOL, false }, { "keep_alive", REST_BOOL, false },
	{ "comms_name", REST_TEXT, false }, { "peer_meta", REST_OBJECT, false },
	{ "hooks_override", REST_OBJECT, false },
	{ "enable_builtins", REST_BOOL, false },
	{ "enable_shell", REST_BOOL, false },
	{ "enable_memory", REST_BOOL, false },
	{ "enable_mob", REST_BOOL, false },
	{ "budget_limits", REST_OBJECT, false },
	{ "provider_params", REST_ANY, false },
	{ "preload_skills", REST_TEXTS, false },
	{ "skill_refs", REST_ARRAY, false },
	{ "skill_references", REST_TEXTS, false },
	{ "labels", REST_MAP, false },
	{ "additional_instructions", REST_TEXTS, false },
	{ "app_context", REST_ANY, false }, { "shell_env", REST_MAP, false },
};

static const struct rest_field message_fields[] = {
	{ "session_id", REST_TEXT, false },
	{ "prompt", REST_CONTENT, true },
	{ "system_prompt", REST_TEXT, false },
	{ "output_schema", REST_OBJECT, false },
	{ "structured_output_retries", REST_U32, false },
	{ "keep_alive", REST_BOOL, false }, { "comms_name", REST_TEXT, false },
	{ "peer_meta", REST_OBJECT, false }, { "verbose", REST_BOOL, false },
	{ "model", REST_TEXT, false }, { "provider", REST_PROVIDER, false },
	{ "max_tokens", REST_U32, false },
	{ "hooks_override", REST_OBJECT, false },
	{ "skill_refs", REST_ARRAY, false },
	{ "skill_references", REST_TEXTS, false },
	{ "flow_tool_overlay", REST_OBJECT, false },
	{ "additional_instructions", REST_TEXTS, false },
};

ROUTE(rest_session_create)
{
	struct rest *s = arg;
	struct buf params = BUF_INIT;
	char *id;

	if (!rest_body(r, create_fields, COUNT(create_fields)) ||
	    !request_id(s, r, &id))
		return;
	put_params(&params, http_json(r), create_fields, COUNT(create_fields));
	start(s, r, id, NULL, json_slice(params.p, params.n));
	buf_free(&params);
}

/* Does the body mean the session of the path, if it names one? */
static bool
same_session(struct rest *s, struct http_req *r)
{
	char *raw = json_get_str(http_json(r), "session_id");
	const char *path = http_segment(r, 0);
	char a[UUID_LEN + 1], b[UUID_LEN + 1];
	struct err e = ERR_NONE;
	bool same = false;

	if (!rest_locate(s, path, a, &e) ||
	    (raw && !rest_locate(s, raw, b, &e)))
		rest_fail_err(r, &e);
	else if (raw && strcmp(a, b))
		rest_fail(r, 400, "BAD_REQUEST",
		    "Session ID mismatch: path=%s body=%s", path, raw);
	else
		same = true;
	free(raw);
	return same;
}

ROUTE(rest_session_message)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf params = BUF_INIT;
	char *id;

	if (!rest_body(r, message_fields, COUNT(message_fields)) ||
	    !same_session(s, r) || !request_id(s, r, &id))
		return;
	if (!rest_session(s, r, false, &row)) {
		free(id);
		return;
	}
	put_params(&params, http_json(r), message_fields, COUNT(message_fields));
	start(s, r, id, &row, json_slice(params.p, params.n));
	buf_free(&params);
	session_free(&row);
}
