#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "serve/params.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"
#include "store/inputs.h"
#include "store/realm.h"

/* Sessions without their turns: rest sheet sections 5.1 to 5.6. */

/* ---- GET /sessions ---- */

/* The labels of the query, each "key=value"; of a key that comes twice the last. */
struct labels {
	const char **v;		/* borrowed of the query */
	size_t n;
};

static void
add_label(struct labels *l, const char *v)
{
	size_t key = (size_t)(strchr(v, '=') - v) + 1;

	for (size_t i = 0; i < l->n; i++)
		if (!strncmp(l->v[i], v, key)) {
			l->v[i] = v;
			return;
		}
	l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
	l->v[l->n++] = v;
}

static bool
query_labels(struct http_req *r, struct labels *l)
{
	const char *key, *value;
	size_t i = 0;

	while (http_query_next(r, &i, &key, &value)) {
		if (strcmp(key, "label"))
			continue;
		if (!strchr(value, '=')) {
			rest_fail(r, 400, "BAD_REQUEST", "malformed label "
			    "filter, expected key=value: %s", value);
			return false;
		}
		add_label(l, value);
	}
	return true;
}

ROUTE(rest_session_list)
{
	struct rest *s = arg;
	struct session_query q = { .limit = -1 };
	struct labels l = { NULL, 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (rest_query_count(r, "limit", &q.limit) &&
	    rest_query_count(r, "offset", &q.offset) && query_labels(r, &l)) {
		q.labels = l.v;
		q.n_labels = l.n;
		rest_reply(r, sessions_list(s->o.db, &q, &b, &e), &b, &e);
	}
	free(l.v);
}

/* ---- GET /sessions/{sid} ---- */

/* RFC 3339 with an offset, a fraction only if there is one (5.2). */
static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char text[32], *dot;

	time_rfc3339(ms, text);
	if ((dot = strchr(text, '.')))
		strcpy(ms % 1000 ? dot + 4 : dot, "+00:00");
	jput_kcstr(b, key, text);
}

/* Which text names an unknown session is the one that was sent. */
static bool
find(struct rest *s, struct http_req *r, struct session *row)
{
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	if (rest_locate(s, http_segment(r, 0), id, &e) &&
	    sessions_load(s->o.db, id, true, row, &e) == 0)
		return true;
	if (e.code == E_SESSION_NOT_FOUND)
		rest_fail(r, 404, "NOT_FOUND", "Session not found: %s",
		    http_segment(r, 0));
	else
		rest_fail_err(r, &e);
	return false;
}

ROUTE(rest_session_read)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf b = BUF_INIT;

	if (!find(s, r, &row))
		return;
	jput_open(&b, '{');
	sessions_put_ref(s->realm, row.id, &b);
	put_time(&b, "created_at", row.created_ms);
	put_time(&b, "updated_at", row.updated_ms);
	jput_ki64(&b, "message_count", row.messages);
	jput_ki64(&b, "total_tokens", row.usage.input + row.usage.output);
	sessions_put_labels(&row, &b);
	jput_close(&b, '}');
	rest_send(r, &b);
	session_free(&row);
}

/* ---- GET /sessions/{sid}/history ---- */

ROUTE(rest_session_history)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	int64_t offset = 0, limit = -1;

	if (!rest_query_count(r, "offset", &offset) ||
	    !rest_query_count(r, "limit", &limit) ||
	    !rest_session(s, r, true, &row))
		return;
	if (offset > row.messages)
		offset = row.messages;
	rest_reply(r, sessions_history(s->o.db, &row, offset, limit, &b, &e),
	    &b, &e);
	session_free(&row);
}

/* ---- what is done to them ---- */

/* {"archived":true,"session_id":...} */
static void
done(struct http_req *r, const char *what, const char *id)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kbool(&b, what, true);
	jput_kcstr(&b, "session_id", id);
	jput_close(&b, '}');
	rest_send(r, &b);
}

ROUTE(rest_session_delete)
{
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct err e = ERR_NONE;

	if (!rest_session(s, r, false, &row))
		return;
	if (session_archive(s->o.db, row.id, &e) < 0) {
		rest_fail_err(r, &e);
	} else {
		turns_interrupt(s->o.turns, row.id);
		done(r, "archived", row.id);
	}
	session_free(&row);
}

ROUTE(rest_session_interrupt)
{
	struct rest *s = arg;
	struct session row = { .id = "" };

	if (!rest_session(s, r, false, &row))
		return;
	turns_interrupt(s->o.turns, row.id);
	done(r, "interrupted", row.id);
	session_free(&row);
}

/* ---- POST /sessions/{sid}/system_context ---- */

static void
stage_context(struct rest *s, struct http_req *r, const char *id)
{
	struct jtext body = http_json(r);
	char *text = json_get_str(body, "text");
	char *source = json_get_str(body, "source");
	char *key = json_get_str(body, "idempotency_key");
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	bool duplicate;

	if (!text || !text[strspn(text, " \t\r\n")])
		rest_fail(r, 400, "BAD_REQUEST",
		    "system context text must not be empty");
	else if (context_stage(s->o.db, id, text, source, key, &duplicate,
	    &e) == 0) {
		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", id);
		jput_kcstr(&b, "status", duplicate ? "duplicate" : "staged");
		jput_close(&b, '}');
		rest_send(r, &b);
	} else if (key && e.code == E_INVALID_PARAMS) {
		rest_fail(r, 409, "CONFLICT", "system-context idempotency "
		    "conflict for key '%s'", key);
	} else {
		rest_fail_err(r, &e);
	}
	free(text);
	free(source);
	free(key);
}

ROUTE(rest_session_context)
{
	static const struct rest_field fields[] = {
		{ "text", REST_TEXT, true }, { "source", REST_TEXT, false },
		{ "idempotency_key", REST_TEXT, false },
	};
	struct rest *s = arg;
	struct session row = { .id = "" };
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	if (!rest_body(r, fields, COUNT(fields)))
		return;
	if (rest_locate(s, http_segment(r, 0), id, &e) &&
	    sessions_load(s->o.db, id, false, &row, &e) == 0) {
		stage_context(s, r, row.id);
		session_free(&row);
	} else if (e.code == E_SESSION_NOT_FOUND) {
		rest_fail(r, 404, "NOT_FOUND", "Session not found");
	} else {
		rest_fail_err(r, &e);
	}
}
