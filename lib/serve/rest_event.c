#include <string.h>

#include <sodium.h>

#include "base/jput.h"
#include "serve/inputs.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"

/*
 * POST /sessions/{sid}/external-events: rest sheet section 5.8.  It is on disk when it
 * is answered, and waits for the session's next run.
 */

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
		rest_fail_bare(r, &e);
	else if (o.rejected)
		rest_fail_text(r, 409, o.reason);
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
		rest_fail_bare(r, &e);
	} else {
		admit(s, r, &row);
		session_free(&row);
	}
}
