#include <string.h>

#include "base/buf.h"
#include "store/inputs.h"
#include "store/sql.h"

/* Injected system context: agent sheet section 16. */

static struct jtext
trim(const char *s)
{
	static const char space[] = " \t\r\n\v\f";
	size_t n;

	s += strspn(s, space);
	n = strlen(s);
	while (n > 0 && strchr(space, s[n - 1]))
		n--;
	return json_slice(s, n);
}

static const char sql_stage[] =
    "INSERT INTO contexts(session, text, source, idem, created_ms)"
    " SELECT id, ?2, ?3, ?4, ?5 FROM sessions WHERE id = ?1 AND archived = 0"
    " ON CONFLICT(session, idem) WHERE idem IS NOT NULL DO NOTHING";

/* 1: same text and source under that key, 0: no such key, -1: another text. */
static int
compare(struct db *db, const char *session, struct jtext text,
    const char *source, const char *idem, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT c.text = ?3 AND"
	    " c.source IS ?4 FROM contexts c"
	    " JOIN sessions s ON s.id = c.session AND s.archived = 0"
	    " WHERE c.session = ?1 AND c.idem = ?2", "ssts", session, idem,
	    text.p, text.n, source);
	int rc = db_step(db, st, e);

	if (rc > 0 && !sqlite3_column_int(st, 0))
		rc = err_set(e, E_INVALID_PARAMS,
		    "system-context idempotency conflict for key '%s'", idem);
	db_done(db, st);
	return rc;
}

int
context_stage(struct db *db, const char *session, const char *text,
    const char *source, const char *idem, bool *duplicate, struct err *e)
{
	struct jtext t = trim(text);
	bool own;
	int rc;

	if (!t.n)
		return err_set(e, E_INVALID_PARAMS,
		    "system context text must not be empty");
	/* A transaction, because a duplicate that we tell of must be on disk, too. */
	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = db_run(db, e, sql_stage, "stssi", session, t.p, t.n, source, idem,
	    time_ms());
	*duplicate = rc == 0;
	if (rc == 0 && idem)
		rc = compare(db, session, t, source, idem, e);
	if (rc == 0)
		rc = err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    session);
	return db_leave(db, own, rc, e) < 0 ? -1 : 0;
}

int
context_pending(struct db *db, const char *session, struct buf *text,
    int64_t *last, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT seq, source, text"
	    " FROM contexts WHERE session = ?1 AND applied = 0 ORDER BY seq",
	    "s", session);
	int rc = -1;

	*last = 0;
	while ((rc = db_step(db, st, e)) > 0) {
		if (*last)
			buf_puts(text, "\n\n---\n\n");
		*last = sqlite3_column_int64(st, 0);
		buf_puts(text, "[Runtime System Context]");
		if (sqlite3_column_text(st, 1))
			buf_printf(text, "\nsource: %s",
			    (const char *)sqlite3_column_text(st, 1));
		buf_printf(text, "\n\n%s",
		    (const char *)sqlite3_column_text(st, 2));
	}
	db_done(db, st);
	return rc;
}

int
context_applied(struct db *db, const char *session, int64_t last,
    struct err *e)
{
	return db_run(db, e, "UPDATE contexts SET applied = 1"
	    " WHERE session = ?1 AND applied = 0 AND seq <= ?2", "si", session,
	    last) < 0 ? -1 : 0;
}
