#include <stdlib.h>
#include <string.h>

#include "store/sessions.h"
#include "store/sql.h"

/*
 * The transcript.  Rows are only ever added; sessions.base says where the live part
 * starts, sessions.total where the next row goes.
 */

static void
push(struct messages *m, struct jtext own)
{
	if ((m->n & (m->n - 1)) == 0)	/* full at each power of two */
		m->v = xrealloc(m->v, (m->n ? 2 * m->n : 1) * sizeof *m->v);
	m->v[m->n++] = own;
}

void
messages_push(struct messages *m, const char *raw, size_t n)
{
	push(m, json_slice(xstrndup(raw, n), n));
}

void
messages_move(struct messages *to, struct messages *from)
{
	for (size_t i = 0; i < from->n; i++)
		push(to, from->v[i]);
	from->n = 0;
	messages_free(from);
}

void
messages_free(struct messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		free((char *)(uintptr_t)m->v[i].p);
	free(m->v);
	memset(m, 0, sizeof *m);
}

static const char sql_page[] =
    "SELECT m.body FROM sessions s JOIN messages m"
    "  ON m.session = s.id AND m.idx >= s.base + ?2"
    " WHERE s.id = ?1 ORDER BY m.idx LIMIT ?3";

/* Clamps *offset to the live transcript and tells where that starts. */
static int
find_base(struct db *db, const char *session, int64_t *offset, int64_t *base,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e,
	    "SELECT base, total - base FROM sessions WHERE id = ?1", "s",
	    session);
	int rc = db_step(db, st, e);

	if (rc > 0) {
		int64_t live = sqlite3_column_int64(st, 1);

		*base = sqlite3_column_int64(st, 0);
		*offset = *offset < 0 ? 0 : *offset > live ? live : *offset;
	}
	db_done(db, st);
	if (rc == 0)
		return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    session);
	return rc < 0 ? -1 : 0;
}

int
messages_page(struct db *db, const char *session, int64_t offset,
    int64_t limit, struct messages *m, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int64_t base = 0;
	int rc = -1;

	memset(m, 0, sizeof *m);
	if (find_base(db, session, &offset, &base, e) < 0 ||
	    !(st = db_query(db, e, sql_page, "sii", session, offset, limit)))
		return -1;
	m->base = base + offset;
	while ((rc = db_step(db, st, e)) > 0) {
		const char *p = (const char *)sqlite3_column_text(st, 0);

		messages_push(m, p, (size_t)sqlite3_column_bytes(st, 0));
	}
	db_done(db, st);
	if (rc < 0)
		messages_free(m);
	return rc;
}

int
messages_load(struct db *db, const char *session, struct messages *m,
    struct err *e)
{
	return messages_page(db, session, 0, -1, m, e);
}

/* Where the next message goes. */
static int
find_end(struct db *db, const char *session, int64_t *at, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e,
	    "SELECT total FROM sessions WHERE id = ?1", "s", session);
	int rc = db_step(db, st, e);

	if (rc > 0)
		*at = sqlite3_column_int64(st, 0);
	db_done(db, st);
	if (rc == 0)
		return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    session);
	return rc < 0 ? -1 : 0;
}

/* UPDATE ... RETURNING would be one statement, but makes a table for its one row. */
static const char sql_append[] =
    "INSERT INTO messages(session, idx, created_ms, body)"
    " VALUES(?1, ?2, ?3, ?4)";
static const char sql_count[] =
    "UPDATE sessions SET total = ?2, updated_ms = max(updated_ms, ?3)"
    " WHERE id = ?1";

int
messages_append(struct db *db, const char *session, const char *raw,
    size_t n, int64_t *index, struct err *e)
{
	int64_t now = time_ms(), at = 0;

	if (find_end(db, session, &at, e) < 0 ||
	    db_run(db, e, sql_append, "siit", session, at, now, raw, n) < 0 ||
	    db_run(db, e, sql_count, "sii", session, at + 1, now) < 0)
		return -1;
	if (index)
		*index = at;
	return 0;
}

int
messages_rebase(struct db *db, const char *session, struct err *e)
{
	return db_run(db, e, "UPDATE sessions SET base = total WHERE id = ?1",
	    "s", session) < 0 ? -1 : 0;
}

static int
restore(struct db *db, struct session *in, const struct messages *m,
    struct err *e)
{
	int64_t updated = in->updated_ms;

	if (session_create(db, in, e) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (messages_append(db, in->id, m->v[i].p, m->v[i].n, NULL,
		    e) < 0)
			return -1;
	return updated ? db_run(db, e, "UPDATE sessions SET updated_ms = ?2"
	    " WHERE id = ?1", "si", in->id, updated) : 0;
}

int
session_restore(struct db *db, struct session *in, const struct messages *m,
    struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, restore(db, in, m, e), e) < 0 ? -1 : 0;
}
