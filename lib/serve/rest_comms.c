#include <stdlib.h>
#include <string.h>

#include "comms/send.h"
#include "serve/comms.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"

/* POST /comms/send, GET /comms/peers: rest sheet sections 5.9 and 5.10. */

/* The session that raw means, if it takes part; false: 400 or 404 was answered. */
static bool
self(struct rest *s, struct http_req *r, const char *raw,
    char id[UUID_LEN + 1])
{
	struct err e = ERR_NONE;

	if (!rest_locate(s, raw, id, &e)) {
		rest_fail_err(r, &e);
		return false;
	}
	if (comms_takes_part(s->o.db, id, &e) == 0) {
		turns_use(s->o.turns, id, NULL);
		return true;
	}
	if (e.code == E_INVALID_PARAMS)
		rest_fail(r, 404, "NOT_FOUND", "%s", e.text);
	else
		rest_fail_err(r, &e);
	return false;
}

/* The words of the first thing that is wrong. */
static void
fail_invalid(struct http_req *r, struct jtext issues)
{
	static const struct {
		const char *field, *issue, *text;	/* got behind a space at its end */
	} texts[] = {
		{ "source", "invalid_value", "invalid source: " },
		{ "stream", "invalid_value", "invalid stream: " },
		{ "status", "invalid_value", "invalid status: " },
		{ "kind", "unknown_kind", "unknown kind: " },
		{ "body", "required_field", "input requires 'body'" },
		{ "to", "required_field", "to is required" },
		{ "to", "invalid_value", "invalid to: " },
		{ "intent", "required_field", "peer_request requires 'intent'" },
		{ "in_reply_to", "required_field",
		    "peer_response requires 'in_reply_to'" },
		{ "in_reply_to", "invalid_uuid", "invalid UUID: " },
	};
	struct jtext first = json_path(issues, "0");
	char *word = json_get_str(first, "issue");
	char *got = json_get_str(first, "got");
	const char *text = word ? word : "invalid_value";
	bool shown = false;

	for (size_t i = 0; i < COUNT(texts); i++)
		if (json_str_is(json_get(first, "field"), texts[i].field) &&
		    !strcmp(text, texts[i].issue)) {
			text = texts[i].text;
			shown = text[strlen(text) - 1] == ' ';
			break;
		}
	rest_fail(r, 400, "BAD_REQUEST", "%s%s", text, shown && got ? got : "");
	free(word);
	free(got);
}

static void
fail_send(struct http_req *r, const struct err *e, const struct buf *data)
{
	struct jtext details = json_slice(data->p, data->n);
	char *code = json_get_str(details, "code");
	const char *name = code ? code : "send_failed";
	char *text = xasprintf("%s: %s", name, e->text);

	http_fail(r, 500, name, text, details);
	free(text);
	free(code);
}

static const struct rest_field send_fields[] = {
	{ "session_id", REST_TEXT, true }, { "kind", REST_TEXT, true },
	{ "to", REST_TEXT, false }, { "body", REST_TEXT, false },
	{ "intent", REST_TEXT, false }, { "in_reply_to", REST_TEXT, false },
	{ "status", REST_TEXT, false }, { "source", REST_TEXT, false },
	{ "stream", REST_TEXT, false }, { "handling_mode", REST_TEXT, false },
	{ "lifecycle_kind", REST_TEXT, false }, { "params", REST_ANY, false },
	{ "result", REST_ANY, false },
	{ "allow_self_session", REST_BOOL, false },
};

static void
send_command(struct rest *s, struct http_req *r, const char *id)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_NONE;
	char to[UUID_LEN + 1] = "";

	switch (comms_command(s->o.db, id, http_json(r), to, &out, &e)) {
	case COMMS_SENT:
		http_reply_json(r, 200, out.p, out.n);
		break;
	case COMMS_INVALID:
		fail_invalid(r, json_slice(out.p, out.n));
		break;
	case COMMS_FAILED:
		fail_send(r, &e, &out);
		break;
	case COMMS_PARAMS:
	case COMMS_NOBODY:
		rest_fail_err(r, &e);
		break;
	}
	if (*to)
		turns_wake(s->o.turns, to, NULL);
	buf_free(&out);
}

ROUTE(rest_comms_send)
{
	struct rest *s = arg;
	char id[UUID_LEN + 1], *raw;

	if (!rest_body(r, send_fields, COUNT(send_fields)))
		return;
	raw = json_get_str(http_json(r), "session_id");
	if (self(s, r, raw ? raw : "", id))
		send_command(s, r, id);
	free(raw);
}

ROUTE(rest_comms_peers)
{
	struct rest *s = arg;
	const char *raw = http_query(r, "session_id");
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	if (!raw)
		http_reply_text(r, 400, "Failed to deserialize query string: "
		    "missing field `session_id`");
	else if (self(s, r, raw, id))
		rest_reply(r, comms_peers(s->o.db, id, &b, &e), &b, &e);
}
