#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/jput.h"
#include "serve/inputs.h"
#include "serve/params.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"

/* What is said to a session's runtime: rest sheet sections 5.8 and 5.14. */

/* These routes' errors have no code. */
static void
fail(struct http_req *r, int status, const char *text)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "error", text);
	jput_close(&b, '}');
	http_reply_json(r, status, b.p, b.n);
	buf_free(&b);
}

static void
fail_err(struct http_req *r, const struct err *e)
{
	fail(r, e->code == E_SESSION_NOT_FOUND ? 404 :
	    e->code == E_INVALID_PARAMS ? 400 : 500, e->text);
}

/* The session of a bare UUID. */
static bool
find(struct rest *s, struct http_req *r, struct session *row)
{
	const char *raw = http_segment(r, 0);
	char id[UUID_LEN + 1];
	struct err e = ERR_NONE;

	if (!locator_uuid(raw, id))
		err_set(&e, E_INVALID_PARAMS, "Invalid session id: %.120s",
		    raw);
	else if (sessions_load(s->o.db, id, false, row, &e) == 0)
		return true;
	fail_err(r, &e);
	return false;
}

static void
reply(struct http_req *r, int rc, struct buf *b, const struct err *e)
{
	if (rc < 0)
		fail_err(r, e);
	else
		http_reply_json(r, 200, buf_str(b), b->n);
	buf_free(b);
}

/* ---- /runtime ---- */

ROUTE(rest_runtime_state)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf b = BUF_INIT;

	if (!find(s, r, &row))
		return;
	jput_open(&b, '{');
	jput_kcstr(&b, "session_id", row.id);
	jput_kcstr(&b, "state", runtime_state(s->o.db, &row));
	jput_close(&b, '}');
	reply(r, 0, &b, NULL);
	session_free(&row);
}

ROUTE(rest_runtime_accept)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct outcome o = { .rejected = false };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (!find(s, r, &row))
		return;
	reply(r, runtime_accept(s->o.db, &row, http_json(r), REASON_OBJECT,
	    &b, &o, &e), &b, &e);
	if (o.wake)
		turns_wake(s->o.turns, row.id, NULL);
	session_free(&row);
}

/* {"inputs_abandoned":n}; a failure is 404 (5.14). */
static void
reply_abandoned(struct http_req *r, int rc, int64_t n, const struct err *e)
{
	struct buf b = BUF_INIT;

	if (rc < 0) {
		fail(r, 404, e->text);
		return;
	}
	jput_open(&b, '{');
	jput_ki64(&b, "inputs_abandoned", n);
	jput_close(&b, '}');
	reply(r, 0, &b, NULL);
}

ROUTE(rest_runtime_retire)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct err e = ERR_NONE;
	int64_t abandoned = 0, pending = 0;

	if (!find(s, r, &row))
		return;
	reply_abandoned(r, runtime_retire(s->o.db, &row, &abandoned, &pending,
	    &e), abandoned, &e);
	if (pending)
		turns_wake(s->o.turns, row.id, NULL);
	session_free(&row);
}

ROUTE(rest_runtime_reset)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct err e = ERR_NONE;
	int64_t abandoned = 0;

	if (!find(s, r, &row))
		return;
	reply_abandoned(r, runtime_reset(s->o.db, &row, &abandoned, &e),
	    abandoned, &e);
	session_free(&row);
}

/* ---- /input ---- */

ROUTE(rest_input_list)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	int rc;

	if (!find(s, r, &row))
		return;
	jput_open(&b, '{');
	jput_key(&b, "input_ids");
	rc = runtime_inputs(s->o.db, &row, &b, &e);
	jput_close(&b, '}');
	reply(r, rc, &b, &e);
	session_free(&row);
}

ROUTE(rest_input_read)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];
	int rc;

	if (!find(s, r, &row))
		return;
	if (!locator_uuid(http_segment(r, 1), id)) {
		fail(r, 400, "Invalid input id");
	} else {
		rc = runtime_input(s->o.db, &row, id, &b, &e);
		if (rc == 0)
			fail(r, 404, "input not found");
		else
			reply(r, rc < 0 ? -1 : 0, &b, &e);
	}
	session_free(&row);
}

/* ---- POST /sessions/{sid}/external-events ---- */

/* Asked before its body is looked at. */
static bool
has_secret(const struct rest *s, struct http_req *r)
{
	const char *shown = http_header(r, "X-Webhook-Secret");

	if (!s->secret || (shown && strlen(shown) == strlen(s->secret) &&
	    sodium_memcmp(shown, s->secret, strlen(shown)) == 0))
		return true;
	rest_fail(r, 401, "UNAUTHORIZED", "invalid webhook secret");
	return false;
}

/* Form B: an event with a type.  Anything else is the payload itself. */
static bool
is_typed(struct jtext body)
{
	return json_is(body, '{') &&
	    json_str_is(json_get(body, "kind"), "generic_json") &&
	    json_is(json_get(body, "event_type"), '"') &&
	    json_get(body, "payload").p;
}

static void
put_typed(struct buf *b, struct jtext body)
{
	static const char *const keys[] = { "kind", "event_type", "payload" };

	jput_open(b, '{');
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct jtext v = json_get(body, keys[i]);

		jput_kraw(b, keys[i], v.p, v.n);
	}
	jput_close(b, '}');
}

static void
admit(struct rest *s, struct http_req *r, const struct session *row)
{
	static const char yes[] = "{\"queued\":true}";
	struct jtext body = http_json(r);
	struct outside_event ev = { .source = "webhook", .payload = body };
	struct outcome o = { .rejected = false };
	struct buf typed = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_NONE;

	if (is_typed(body)) {
		put_typed(&typed, body);
		ev.payload = json_slice(typed.p, typed.n);
		ev.blocks = json_get(body, "blocks");
		if (!json_is(ev.blocks, '['))
			ev.blocks = JTEXT_NONE;
	}
	if (runtime_event(s->o.db, row, &ev, &out, &o, &e) < 0)
		fail_err(r, &e);
	else if (o.rejected)
		fail(r, 409, o.reason);
	else
		http_reply_json(r, 202, yes, sizeof yes - 1);
	buf_free(&typed);
	buf_free(&out);
}

ROUTE(rest_session_event)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	if (!has_secret(s, r) || !http_take_json(r))
		return;
	if (!rest_locate(s, http_segment(r, 0), id, &e)) {
		rest_fail_err(r, &e);
	} else if (sessions_load(s->o.db, id, false, &row, &e) < 0) {
		fail_err(r, &e);
	} else {
		admit(s, r, &row);
		session_free(&row);
	}
}
