#include "base/jput.h"
#include "serve/inputs.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"
#include "store/lock.h"

/* What is said to a session's runtime: rest sheet section 5.14. */

/* The session of a bare UUID. */
static bool
find(struct rest *s, struct http_req *r, struct session *row)
{
	const char *raw = http_segment(r, 0);
	char id[UUID_LEN + 1];
	struct err e = ERR_NONE;

	if (!uuid_read(raw, id))
		err_set(&e, E_INVALID_PARAMS, "Invalid session id: %.120s",
		    raw);
	else if (sessions_load(s->o.db, id, false, row, &e) == 0)
		return true;
	rest_fail_bare(r, &e);
	return false;
}

static void
reply(struct http_req *r, int rc, struct buf *b, const struct err *e)
{
	if (rc < 0)
		rest_fail_bare(r, e);
	else
		http_reply_json(r, 200, buf_str(b), b->n);
	buf_free(b);
}

/* ---- /runtime ---- */

/* It is on disk: let the session work on it, in whichever process it is. */
static void
wake(struct rest *s, const char *session)
{
	bell_ring(s->realm, session, 'w');
	turns_wake(s->o.turns, session, NULL);
}

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
	rest_send(r, &b);
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
		wake(s, row.id);
	session_free(&row);
}

/* {"inputs_abandoned":n}; a failure is 404 (5.14). */
static void
reply_abandoned(struct http_req *r, int rc, int64_t n, const struct err *e)
{
	struct buf b = BUF_INIT;

	if (rc < 0) {
		rest_fail_text(r, 404, e->text);
		return;
	}
	jput_open(&b, '{');
	jput_ki64(&b, "inputs_abandoned", n);
	jput_close(&b, '}');
	rest_send(r, &b);
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
		wake(s, row.id);
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
	if (!uuid_read(http_segment(r, 1), id)) {
		rest_fail_text(r, 400, "Invalid input id");
	} else {
		rc = runtime_input(s->o.db, &row, id, &b, &e);
		if (rc == 0)
			rest_fail_text(r, 404, "input not found");
		else
			reply(r, rc < 0 ? -1 : 0, &b, &e);
	}
	session_free(&row);
}
