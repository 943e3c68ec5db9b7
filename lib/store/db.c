#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "store/db_impl.h"
#include "store/wakes.h"
#include "store/writers.h"

static enum err_code
code_of(int sqlite)
{
	switch (sqlite & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_STORAGE_ERROR;
	}
	return E_INTERNAL_ERROR;
}

int
db_fail(struct db *db, struct err *e)
{
	int code = sqlite3_extended_errcode(db->h);
	int kind = code & 0xff, no = sqlite3_system_errno(db->h);
	const char *why = "";

	if (kind == SQLITE_BUSY)
		why = "waited 60 s for other writers";
	else if ((kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR) && no)
		why = strerror(no);
	err_set(e, code_of(code), "%s/realm.sqlite3: %s%s%s", db->realm->dir,
	    sqlite3_errmsg(db->h), *why ? ": " : "", why);
	if (e)
		e->retryable = kind == SQLITE_BUSY || kind == SQLITE_FULL;
	return -1;
}

static int
bind(sqlite3_stmt *st, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
		if (*types == 'i') {
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		} else if (*types == 's') {
			rc = sqlite3_bind_text(st, i, va_arg(ap, const char *),
			    -1, SQLITE_STATIC);
		} else {
			const char *p = va_arg(ap, const char *);
			size_t n = va_arg(ap, size_t);

			rc = sqlite3_bind_text64(st, i, p, n, SQLITE_STATIC,
			    SQLITE_UTF8);
		}
	}
	return rc;
}

/* The statement of sql, prepared now or before. */
static sqlite3_stmt *
prepared(struct db *db, const char *sql, struct err *e)
{
	struct kept *k = db->kept;
	sqlite3_stmt *st = NULL;

	for (; k < db->kept + db->n_kept; k++)
		if (!k->used && !strcmp(sqlite3_sql(k->st), sql)) {
			k->used = true;
			return k->st;
		}
	if (sqlite3_prepare_v2(db->h, sql, -1, &st, NULL) != SQLITE_OK) {
		db_fail(db, e);
		return NULL;
	}
	if (db->n_kept < KEPT_MAX)
		db->kept[db->n_kept++] = (struct kept){ st, true };
	return st;
}

void
db_done(struct db *db, sqlite3_stmt *st)
{
	struct kept *k = db->kept;

	while (k < db->kept + db->n_kept && k->st != st)
		k++;
	if (k == db->kept + db->n_kept) {
		sqlite3_finalize(st);
		return;
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	k->used = false;
}

sqlite3_stmt *
db_query(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st = prepared(db, sql, e);
	va_list ap;
	int rc;

	if (!st)
		return NULL;
	va_start(ap, types);
	rc = bind(st, types, ap);
	va_end(ap);
	if (rc == SQLITE_OK)
		return st;
	db_fail(db, e);
	db_done(db, st);
	return NULL;
}

int
db_step(struct db *db, sqlite3_stmt *st, struct err *e)
{
	if (!st)
		return -1;
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	return db_fail(db, e);
}

/* ---- durability ---- */

sqlite3_file *
db_wal(struct db *db)
{
	sqlite3_file *wal = NULL;

	sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	return wal && wal->pMethods ? wal : NULL;
}

/*
 * Commits are as durable as with synchronous=FULL, but the next writer need not wait
 * for our sync, and one sync of the disk serves all who ask for it at the same time.
 * Who reads what is not on disk yet and commits something because of it syncs both.
 */
static int
sync_wal(struct db *db, struct err *e)
{
	sqlite3_file *wal = db_wal(db);

	if (wal &&
	    wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_sys(e, E_STORAGE_ERROR, "%s/realm.sqlite3-wal: sync",
		    db->realm->dir);
	db->unsynced = false;
	return 0;
}

static int
enter_line(struct db *db, sqlite3_stmt *st, struct err *e)
{
	if (!sqlite3_get_autocommit(db->h) || sqlite3_stmt_readonly(st))
		return 0;
	if (db->unwritable.code != E_NONE) {
		if (e)
			*e = db->unwritable;
		return -1;
	}
	writers_enter(db->writers);
	db->writing = true;
	return 0;
}

/* After a statement: unless a transaction is open, let the next write; then sync. */
static int
settle(struct db *db, struct err *e)
{
	if (!sqlite3_get_autocommit(db->h))
		return 0;
	if (db->writing)
		writers_leave(db->writers);
	db->writing = false;
	if (db->unsynced && !(db->later && !db->wakes) && sync_wal(db, e) < 0)
		return -1;
	db->later = false;
	if (db->wakes)
		wakes_ring(db->realm);
	db->wakes = false;
	return 0;
}

void
db_wakes(struct db *db)
{
	db->wakes = true;
}

int
db_run(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	st = prepared(db, sql, e);
	if (!st)
		return -1;
	if (enter_line(db, st, e) < 0) {
		db_done(db, st);
		return -1;
	}
	va_start(ap, types);
	rc = bind(st, types, ap) == SQLITE_OK ? 0 : db_fail(db, e);
	va_end(ap);
	while (rc == 0 && (rc = db_step(db, st, e)) > 0)
		rc = 0;
	if (rc == 0)
		rc = sqlite3_changes(db->h);
	db_done(db, st);
	return settle(db, rc < 0 ? NULL : e) < 0 ? -1 : rc;
}

int
db_exec(struct db *db, const char *sql, struct err *e)
{
	if (sqlite3_exec(db->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, e);
	return settle(db, e);
}

char *
db_text(sqlite3_stmt *st, int col)
{
	const char *p = (const char *)sqlite3_column_text(st, col);

	return p ? xstrndup(p, (size_t)sqlite3_column_bytes(st, col)) : NULL;
}

void
db_id(sqlite3_stmt *st, int col, char id[UUID_LEN + 1])
{
	strncpy(id, (const char *)sqlite3_column_text(st, col), UUID_LEN);
	id[UUID_LEN] = '\0';
}

int64_t
db_rowid(struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}

int
db_begin(struct db *db, struct err *e)
{
	return db_run(db, e, "BEGIN IMMEDIATE", "") < 0 ? -1 : 0;
}

int
db_commit(struct db *db, struct err *e)
{
	crash_point("commit.before");
	/* Also if nothing changed: that something was there before is what we tell. */
	db->unsynced = true;
	if (db_run(db, e, "COMMIT", "") < 0) {
		db_rollback(db);
		return -1;
	}
	crash_point("commit.after");
	return 0;
}

void
db_sync_later(struct db *db)
{
	db->later = true;
}

void
db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	db->wakes = db->later = false;
	settle(db, NULL);
}

int
db_look(struct db *db, struct err *e)
{
	return db_run(db, e, "BEGIN", "") < 0 ? -1 : 0;
}

void
db_looked(struct db *db)
{
	db_run(db, NULL, "COMMIT", "");
}

int
db_mark(struct db *db, struct err *e)
{
	return db_run(db, e, "SAVEPOINT part", "") < 0 ? -1 : 0;
}

int
db_unmark(struct db *db, bool keep, struct err *e)
{
	if (!keep && db_run(db, e, "ROLLBACK TO part", "") < 0)
		return -1;
	return db_run(db, e, "RELEASE part", "") < 0 ? -1 : 0;
}

int
db_enter(struct db *db, bool *own, struct err *e)
{
	*own = sqlite3_get_autocommit(db->h);
	return *own ? db_begin(db, e) : 0;
}

int
db_leave(struct db *db, bool own, int rc, struct err *e)
{
	if (!own)
		return rc;
	if (rc < 0) {
		db_rollback(db);
		return rc;
	}
	return db_commit(db, e) < 0 ? -1 : rc;
}
