#include <stdlib.h>

#include "base/jput.h"
#include "serve/inputs.h"
#include "serve/rpc_impl.h"
#include "serve/sessions.h"

/* session/external_event, runtime and input methods: rpc sheet sections 7.5 and 10.4. */

/* ---- external_event ---- */

/*
 * Two shapes: {payload, source?} of contract 0.5, and {kind?, event_type, payload} of
 * the documents, whose type is part of what the agent is told.
 */
static int
event_body(struct jtext params, struct buf *b, struct err *e)
{
	static const char *const keys[] = { "kind", "event_type", "payload" };
	struct jtext payload = json_get(params, "payload");

	if (!payload.p)
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: missing field `payload`");
	if (!param_get(params, "event_type").p) {
		buf_put(b, payload.p, payload.n);
		return 0;
	}
	jput_open(b, '{');
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct jtext v = json_get(params, keys[i]);

		if (v.p)
			jput_kraw(b, keys[i], v.p, v.n);
	}
	jput_close(b, '}');
	return 0;
}

METHOD(rpc_session_external_event)
{
	struct outside_event ev = { .wake = true };
	struct session row = { .id = "" };
	struct buf body = BUF_INIT;
	char *source = NULL, *idem = NULL;
	struct outcome o;
	int rc = -1;

	if (param_session(r, false, &row, e) < 0)
		return -1;
	if (event_body(r->params, &body, e) < 0 ||
	    param_str(r->params, "source", &source, e) < 0 ||
	    param_str(r->params, "idempotency_key", &idem, e) < 0)
		goto done;
	ev.source = source ? source : "rpc";
	ev.payload = json_slice(body.p, body.n);
	ev.idem = idem;
	rc = runtime_event(r->s->o.db, &row, &ev, out, &o, e);
	if (rc == 0 && o.wake)
		rpc_wake(r->c, row.id);
done:
	free(source);
	free(idem);
	buf_free(&body);
	session_free(&row);
	return rc;
}

/* ---- runtime ---- */

/* A bare UUID, in any form: no locator (sheet section 10.4). */
static int
param_uuid(struct req *r, const char *key, const char *what,
    char id[UUID_LEN + 1], struct err *e)
{
	char *raw;
	int rc = param_needed(r->params, key, &raw, e);

	if (rc == 0 && !uuid_read(raw, id))
		rc = err_set(e, E_INVALID_PARAMS, "Invalid %s ID", what);
	free(raw);
	return rc;
}

static int
param_runtime(struct req *r, struct session *row, struct err *e)
{
	char id[UUID_LEN + 1];

	if (param_uuid(r, "session_id", "session", id, e) < 0)
		return -1;
	return sessions_load(r->s->o.db, id, false, row, e);
}

METHOD(rpc_runtime_state)
{
	struct session row = { .id = "" };

	if (param_runtime(r, &row, e) < 0)
		return -1;
	jput_open(out, '{');
	jput_kcstr(out, "state", runtime_state(r->s->o.db, &row));
	jput_close(out, '}');
	session_free(&row);
	return 0;
}

METHOD(rpc_runtime_accept)
{
	struct jtext input = param_get(r->params, "input");
	struct session row = { .id = "" };
	struct outcome o = { .wake = false };
	int rc;

	if (param_runtime(r, &row, e) < 0)
		return -1;
	if (!input.p)
		rc = err_set(e, E_INVALID_PARAMS,
		    "Invalid params: missing field `input`");
	else
		rc = runtime_accept(r->s->o.db, &row, input, REASON_TEXT, out,
		    &o, e);
	if (rc == 0 && o.wake)
		rpc_wake(r->c, row.id);
	session_free(&row);
	return rc;
}

METHOD(rpc_runtime_retire)
{
	struct session row = { .id = "" };
	int64_t abandoned, pending;
	int rc;

	if (param_runtime(r, &row, e) < 0)
		return -1;
	rc = runtime_retire(r->s->o.db, &row, &abandoned, &pending, e);
	if (rc == 0) {
		jput_open(out, '{');
		jput_ki64(out, "inputs_abandoned", abandoned);
		jput_ki64(out, "inputs_pending_drain", pending);
		jput_close(out, '}');
		if (pending)
			rpc_wake(r->c, row.id);
	}
	session_free(&row);
	return rc;
}

METHOD(rpc_runtime_reset)
{
	struct session row = { .id = "" };
	int64_t abandoned;
	int rc;

	if (param_runtime(r, &row, e) < 0)
		return -1;
	rc = runtime_reset(r->s->o.db, &row, &abandoned, e);
	if (rc == 0) {
		jput_open(out, '{');
		jput_ki64(out, "inputs_abandoned", abandoned);
		jput_close(out, '}');
	}
	session_free(&row);
	return rc;
}

/* ---- inputs ---- */

METHOD(rpc_input_state)
{
	struct session row = { .id = "" };
	char id[UUID_LEN + 1];
	int rc;

	if (param_runtime(r, &row, e) < 0)
		return -1;
	rc = param_uuid(r, "input_id", "input", id, e);
	if (rc == 0)
		rc = runtime_input(r->s->o.db, &row, id, out, e);
	if (rc == 0)
		jput_null(out);
	session_free(&row);
	return rc < 0 ? -1 : 0;
}

METHOD(rpc_input_list)
{
	struct session row = { .id = "" };
	int rc;

	if (param_runtime(r, &row, e) < 0)
		return -1;
	jput_open(out, '{');
	jput_key(out, "input_ids");
	rc = runtime_inputs(r->s->o.db, &row, out, e);
	jput_close(out, '}');
	session_free(&row);
	return rc;
}
