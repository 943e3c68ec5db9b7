#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/catalog.h"
#include "serve/rpc_impl.h"
#include "serve/sessions.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/lock.h"

/* What is known of sessions, and what is said to them: rpc sheet sections 7.2 to 7.5. */

/* ---- list ---- */

/* {"k":"v"} as "k=v" each; the array and its strings are new. */
static int
label_filter(struct jtext labels, char ***list, size_t *n, struct err *e)
{
	struct jiter it = json_iter(labels);

	*list = xcalloc(json_count(labels) + 1, sizeof **list);
	*n = 0;
	if (labels.p && !json_is(labels, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /labels: want an object of strings");
	while (json_next(&it)) {
		char *k = json_str(it.key, NULL), *v = json_str(it.value, NULL);

		if (v)
			(*list)[(*n)++] = xasprintf("%s=%s", k, v);
		free(k);
		free(v);
		if (!json_is(it.value, '"'))
			return err_set(e, E_INVALID_PARAMS, "Invalid params: "
			    "/labels: want an object of strings");
	}
	return 0;
}

METHOD(rpc_session_list)
{
	struct session_query q = { .limit = -1 };
	char **labels = NULL;
	size_t n = 0;
	int rc = -1;

	if (label_filter(param_get(r->params, "labels"), &labels, &n, e) < 0 ||
	    param_count(r->params, "limit", &q.limit, e) < 0 ||
	    param_count(r->params, "offset", &q.offset, e) < 0)
		goto done;
	q.labels = (const char *const *)labels;
	q.n_labels = n;
	rc = sessions_list(r->s->o.db, &q, out, e);
done:
	while (n)
		free(labels[--n]);
	free(labels);
	return rc;
}

/* ---- read ---- */

/* The text of an assistant's message; false if it has none. */
static bool
assistant_text(struct jtext m, struct buf *text)
{
	struct jiter it = json_iter(json_get(m, "blocks"));
	size_t n;
	char *s;

	if (json_str_is(json_get(m, "role"), "assistant") &&
	    (s = json_str(json_get(m, "content"), &n))) {
		buf_put(text, s, n);
		free(s);
	}
	while (json_next(&it)) {
		if (!json_str_is(json_get(it.value, "block_type"), "text") ||
		    !(s = json_str(json_path(it.value, "data/text"), &n)))
			continue;
		buf_put(text, s, n);
		free(s);
	}
	return text->n > 0;
}

/* From the end backwards, a few messages at a time. */
static int
last_text(struct rpc *s, const struct session *row, struct buf *text,
    struct err *e)
{
	for (int64_t at = row->messages; at > 0 && !text->n; ) {
		int64_t n = at < 8 ? at : 8;
		struct messages m;

		at -= n;
		if (messages_page(s->o.db, row->id, at, n, &m, e) < 0)
			return -1;
		for (size_t i = m.n; i-- > 0; )
			if (assistant_text(m.v[i], text))
				break;
		messages_free(&m);
	}
	return 0;
}

static void
put_model(const struct session *row, struct buf *b)
{
	struct jtext meta = json_text(row->meta);
	char *model = json_get_str(meta, "model");
	char *stored = json_get_str(meta, "provider");
	enum provider p = PROVIDER_OTHER;

	if (stored)
		provider_parse(stored, &p);
	jput_kcstr(b, "model", model ? model : "unknown");
	jput_kcstr(b, "provider", provider_name(p));
	free(model);
	free(stored);
}

METHOD(rpc_session_read)
{
	struct session row = { .id = "" };
	struct buf text = BUF_INIT;
	int rc;

	if (param_session(r, true, &row, e) < 0)
		return -1;
	rc = last_text(r->s, &row, &text, e);
	jput_open(out, '{');
	sessions_put_summary(r->s->realm, &row, out);
	put_model(&row, out);
	if (text.n && !lock_held(r->s->realm, row.id))
		jput_kstr(out, "last_assistant_text", text.p, text.n);
	sessions_put_labels(&row, out);
	jput_close(out, '}');
	buf_free(&text);
	session_free(&row);
	return rc;
}

/* ---- history ---- */

METHOD(rpc_session_history)
{
	struct session row = { .id = "" };
	int64_t offset = 0, limit = -1;
	int rc;

	if (param_count(r->params, "offset", &offset, e) < 0 ||
	    param_count(r->params, "limit", &limit, e) < 0 ||
	    param_session(r, true, &row, e) < 0)
		return -1;
	rc = sessions_history(r->s->o.db, &row, offset, limit, out, e);
	session_free(&row);
	return rc;
}

/* ---- archive, inject_context ---- */

METHOD(rpc_session_archive)
{
	static const char yes[] = "{\"archived\":true}";
	struct session row = { .id = "" };
	int rc;

	if (param_session(r, false, &row, e) < 0)
		return -1;
	rc = session_archive(r->s->o.db, row.id, e);
	if (rc == 0) {
		rpc_streams_end(r->s, row.id);
		buf_put(out, yes, sizeof yes - 1);
	}
	session_free(&row);
	return rc;
}

METHOD(rpc_session_inject_context)
{
	char *text = NULL, *source = NULL, *key = NULL;
	struct session row = { .id = "" };
	bool duplicate;
	int rc = -1;

	if (param_session(r, false, &row, e) < 0)
		return -1;
	if (param_needed(r->params, "text", &text, e) < 0 ||
	    param_str(r->params, "source", &source, e) < 0 ||
	    param_str(r->params, "idempotency_key", &key, e) < 0 ||
	    context_stage(r->s->o.db, row.id, text, source, key, &duplicate,
	    e) < 0)
		goto done;
	jput_open(out, '{');
	jput_kcstr(out, "status", duplicate ? "duplicate" : "staged");
	jput_close(out, '}');
	rc = 0;
done:
	free(text);
	free(source);
	free(key);
	session_free(&row);
	return rc;
}

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

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char text[32];

	time_rfc3339(ms, text);
	jput_kcstr(b, key, text);
}

/* Sheet section 10.4. */
static void
put_accepted(struct buf *b, const struct input *in, bool idle)
{
	static const char policy[] = "\"queue_mode\":\"fifo\","
	    "\"consume_point\":\"on_run_complete\","
	    "\"drain_policy\":\"queue_next_turn\","
	    "\"routing_disposition\":\"queue\",\"record_transcript\":true,"
	    "\"emit_operator_content\":true,\"policy_version\":1";

	jput_kcstr(b, "outcome_type", "accepted");
	jput_kcstr(b, "input_id", in->id);
	jput_key(b, "policy");
	jput_open(b, '{');
	jput_kcstr(b, "apply_mode", "stage_run_start");
	jput_kcstr(b, "wake_mode", idle ? "wake_if_idle" : "none");
	buf_putc(b, ',');
	buf_put(b, policy, sizeof policy - 1);
	jput_close(b, '}');
	jput_key(b, "state");
	jput_open(b, '{');
	jput_kcstr(b, "input_id", in->id);
	jput_kcstr(b, "current_state", in->state);
	jput_kcstr(b, "durability", "durable");
	if (in->idem)
		jput_kcstr(b, "idempotency_key", in->idem);
	jput_ki64(b, "attempt_count", in->attempts);
	jput_ki64(b, "recovery_count", 0);
	put_time(b, "created_at", in->created_ms);
	put_time(b, "updated_at", in->created_ms);
	jput_close(b, '}');
}

static int
admit(struct req *r, struct input *in, struct buf *out, struct err *e)
{
	bool seen, idle = !lock_held(r->s->realm, in->session);
	struct input row;

	if (inputs_admit(r->s->o.db, in, &seen, e) < 0)
		return -1;
	jput_open(out, '{');
	if (seen) {
		jput_kcstr(out, "outcome_type", "deduplicated");
		jput_kcstr(out, "input_id", in->id);
		jput_kcstr(out, "existing_id", in->id);
	} else if (inputs_load(r->s->o.db, in->id, &row, e) == 0) {
		put_accepted(out, &row, idle);
		input_free(&row);
		bell_ring(r->s->realm, in->session, 'w');
		rpc_wake(r->c, in->session);
	} else {
		return -1;
	}
	jput_close(out, '}');
	return 0;
}

METHOD(rpc_session_external_event)
{
	struct input in = { .kind = (char []){ "external_event" },
	    .mode = (char []){ "queue" } };
	struct session row = { .id = "" };
	struct buf body = BUF_INIT;
	char *source = NULL;
	int rc = -1;

	if (param_session(r, false, &row, e) < 0)
		return -1;
	if (event_body(r->params, &body, e) < 0 ||
	    param_str(r->params, "source", &source, e) < 0 ||
	    param_str(r->params, "idempotency_key", &in.idem, e) < 0)
		goto done;
	in.session = row.id;
	in.source = source ? source : (char []){ "rpc" };
	in.body = body.p;
	rc = admit(r, &in, out, e);
done:
	free(source);
	free(in.idem);
	buf_free(&body);
	session_free(&row);
	return rc;
}
