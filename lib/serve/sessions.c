#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/catalog.h"
#include "serve/sessions.h"
#include "store/db.h"
#include "store/lock.h"
#include "store/realm.h"

/* ---- locators ---- */

enum locator_fault
locator_parse(const struct realm *r, const char *raw, struct locator *l)
{
	const char *colon = strchr(raw, ':');
	size_t n = colon ? (size_t)(colon - raw) : 0;

	*l = (struct locator){ .id = "" };
	/* urn:uuid:... has colons of its own. */
	if (uuid_read(raw, l->id))
		return LOCATOR_OK;
	if (!colon)
		return LOCATOR_ID;
	if (!n || !colon[1])
		return LOCATOR_FORM;
	snprintf(l->realm, sizeof l->realm, "%.*s", (int)(n < 127 ? n : 127),
	    raw);
	if (!realm_id_valid(l->realm) && strcmp(l->realm, r->id))
		return LOCATOR_REALM;
	if (!uuid_read(colon + 1, l->id))
		return LOCATOR_ID;
	return strcmp(l->realm, r->id) ? LOCATOR_ELSEWHERE : LOCATOR_OK;
}

int
sessions_load(struct db *db, const char *id, bool archived, struct session *s,
    struct err *e)
{
	int rc = session_load(db, id, s, e);

	if (rc == 0 && s->archived && !archived) {
		session_free(s);
		rc = err_set(e, E_SESSION_NOT_FOUND, " ");
	}
	if (rc < 0 && e->code == E_SESSION_NOT_FOUND)
		err_set(e, E_SESSION_NOT_FOUND, "Session not found: %s", id);
	return rc;
}

/* ---- what is shown ---- */

void
sessions_put_ref(const struct realm *r, const char *session, struct buf *b)
{
	char *ref = xasprintf("%s:%s", r->id, session);

	jput_kcstr(b, "session_id", session);
	jput_kcstr(b, "session_ref", ref);
	free(ref);
}

void
sessions_put_labels(const struct session *row, struct buf *b)
{
	if (json_count(json_text(row->labels)))
		jput_kraw(b, "labels", row->labels, strlen(row->labels));
}

void
sessions_put_info(const struct realm *r, const struct session *row,
    struct buf *b)
{
	sessions_put_ref(r, row->id, b);
	jput_ki64(b, "created_at", row->created_ms / 1000);
	jput_ki64(b, "updated_at", row->updated_ms / 1000);
	jput_ki64(b, "message_count", row->messages);
}

void
sessions_put_model(const struct session *row, struct buf *b)
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

bool
sessions_text(struct jtext m, struct buf *text)
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

void
sessions_put_summary(const struct realm *r, const struct session *row,
    struct buf *b)
{
	sessions_put_info(r, row, b);
	jput_kbool(b, "is_active", lock_held(r, row->id));
}

struct list {
	const struct realm *realm;
	struct buf *out;
};

static int
add_row(void *arg, const struct session *row)
{
	struct list *l = arg;

	jput_open(l->out, '{');
	sessions_put_summary(l->realm, row, l->out);
	jput_ki64(l->out, "total_tokens", row->usage.input +
	    row->usage.output);
	sessions_put_labels(row, l->out);
	jput_close(l->out, '}');
	return 0;
}

int
sessions_list(struct db *db, const struct session_query *q, struct buf *b,
    struct err *e)
{
	struct list l = { db_realm(db), b };
	int rc;

	jput_open(b, '{');
	jput_key(b, "sessions");
	jput_open(b, '[');
	rc = session_list(db, q, add_row, &l, e);
	jput_close(b, ']');
	jput_close(b, '}');
	return rc;
}

int
sessions_history(struct db *db, const struct session *row, int64_t offset,
    int64_t limit, struct buf *b, struct err *e)
{
	int64_t total = row->messages;
	struct messages m;

	if (total && offset > total)
		offset = total;
	if (messages_page(db, row->id, offset, limit, &m, e) < 0)
		return -1;
	jput_open(b, '{');
	sessions_put_ref(db_realm(db), row->id, b);
	jput_ki64(b, "message_count", total);
	jput_ki64(b, "offset", offset);
	if (limit >= 0)
		jput_ki64(b, "limit", limit);
	jput_kbool(b, "has_more", offset + (int64_t)m.n < total);
	jput_key(b, "messages");
	jput_open(b, '[');
	for (size_t i = 0; i < m.n; i++)
		jput_raw(b, m.v[i].p, m.v[i].n);
	jput_close(b, ']');
	jput_close(b, '}');
	messages_free(&m);
	return 0;
}
