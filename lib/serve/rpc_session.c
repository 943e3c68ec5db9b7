#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "serve/rpc_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"
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
			if (sessions_text(m.v[i], text))
				break;
		messages_free(&m);
	}
	return 0;
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
	sessions_put_model(&row, out);
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
		turns_interrupt(r->s->o.turns, row.id);
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
