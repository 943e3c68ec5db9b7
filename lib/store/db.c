#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/util.h"
#include "store/sql.h"
#include "store/wakes.h"
#include "store/writers.h"

#define BUSY_LIMIT_MS 60000
#define BUSY_SLEEP_MS 40.0
#define WAL_PAGES 250		/* a small WAL is read fast */

/* Statements that stay prepared: preparing costs more than running most of them. */
#define KEPT_MAX 64

struct db {
	sqlite3 *h;
	const struct realm *realm;
	int64_t busy_since;
	int writers;		/* where they stand in line */
	bool writing;		/* we are the first of them */
	bool unsynced;		/* a commit of ours may not be on disk yet */
	bool wakes;		/* what is not committed yet wakes a session */
	struct kept {
		sqlite3_stmt *st;
		bool used;	/* not done yet */
	} kept[KEPT_MAX];
	size_t n_kept;
};

static void
sleep_ms(double ms)
{
	struct timespec ts = { .tv_nsec = (long)(ms * 1e6) };

	nanosleep(&ts, NULL);
}

/* Ever longer up to the limit, never in step with the others who wait. */
static double
wait_ms(int tries)
{
	double top = tries < 6 ? (double)(1 << tries) : BUSY_SLEEP_MS;

	return 0.1 + top * random_unit();
}

static int
on_busy(void *arg, int tries)
{
	struct db *db = arg;

	if (tries == 0)
		db->busy_since = time_mono_ms();
	if (time_mono_ms() - db->busy_since > BUSY_LIMIT_MS)
		return 0;
	sleep_ms(wait_ms(tries));
	return 1;
}

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
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	return db_fail(db, e);
}

/* ---- durability ---- */

/* A commit went to the WAL. */
static int
on_wal(void *arg, sqlite3 *h, const char *name, int pages)
{
	struct db *db = arg;

	(void)name;
	db->unsynced = true;
	if (pages >= WAL_PAGES)
		sqlite3_wal_checkpoint_v2(h, "main",
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/*
 * Commits are as durable as with synchronous=FULL, but the next writer need not wait
 * for our sync, and one sync of the disk serves all who ask for it at the same time.
 * Who reads what is not on disk yet and commits something because of it syncs both.
 */
static int
sync_wal(struct db *db, struct err *e)
{
	sqlite3_file *wal = NULL;

	sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (wal && wal->pMethods &&
	    wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return err_sys(e, E_STORAGE_ERROR, "%s/realm.sqlite3-wal: sync",
		    db->realm->dir);
	db->unsynced = false;
	return 0;
}

static void
enter_line(struct db *db, sqlite3_stmt *st)
{
	if (!sqlite3_get_autocommit(db->h) || sqlite3_stmt_readonly(st))
		return;
	writers_enter(db->writers);
	db->writing = true;
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
	if (db->unsynced && sync_wal(db, e) < 0)
		return -1;
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
	enter_line(db, st);
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
db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	db->wakes = false;
	settle(db, NULL);
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

/* ---- opening ---- */

/* The schema's version in the file, or -1. */
static int
version(struct db *db, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "PRAGMA user_version", "");
	int rc = -1;

	if (st && db_step(db, st, e) > 0)
		rc = sqlite3_column_int(st, 0);
	db_done(db, st);
	if (rc > db_version)
		rc = err_set(e, E_STORAGE_ERROR, "%s/realm.sqlite3: written by "
		    "a newer rkat (schema %d, this one knows %d)",
		    db->realm->dir, rc, db_version);
	return rc;
}

/* One process at a time makes or migrates; SQLite cannot switch to WAL side by side. */
static int
lock_realm(const struct realm *r, struct err *e)
{
	char *path = realm_file(r, ".", "realm", ".lock");
	int64_t start = time_mono_ms();
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		err_sys(e, E_STORAGE_ERROR, "%s", path);
	for (int n = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; n++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    time_mono_ms() - start > BUSY_LIMIT_MS) {
			err_sys(e, E_STORAGE_ERROR, "lock %s", path);
			close(fd);
			fd = -1;
			break;
		}
		sleep_ms(wait_ms(n));
	}
	free(path);
	return fd;
}

static int
steps(struct db *db, struct err *e)
{
	char set[48];
	int v;

	if (db_begin(db, e) < 0 || (v = version(db, e)) < 0)
		return -1;
	for (; v < db_version; v++)
		if (db_exec(db, db_migrations[v], e) < 0)
			return err_wrap(e, "migration to schema %d", v + 1);
	sqlite3_snprintf(sizeof set, set, "PRAGMA user_version = %d",
	    db_version);
	if (db_exec(db, set, e) < 0)
		return -1;
	return db_commit(db, e);
}

static int
migrate(struct db *db, struct err *e)
{
	int fd = lock_realm(db->realm, e), rc = -1;

	if (fd < 0)
		return -1;
	if (db_exec(db, "PRAGMA journal_mode = WAL", e) == 0)
		rc = steps(db, e);
	if (rc < 0)
		db_rollback(db);
	close(fd);
	return rc;
}

static int
setup(struct db *db, struct err *e)
{
	int v;

	if (sqlite3_db_readonly(db->h, "main"))
		return err_set(e, E_STORAGE_ERROR, "%s/realm.sqlite3: "
		    "cannot be written", db->realm->dir);
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_handler(db->h, on_busy, db);
	/*
	 * A short-lived process that is the last to close would copy the WAL and
	 * start a new one: four syncs a turn.  It stays; a small one is read fast.
	 */
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_wal_hook(db->h, on_wal, db);
	if (db_exec(db, "PRAGMA foreign_keys = ON;"
	    "PRAGMA synchronous = NORMAL", e) < 0 ||
	    (v = version(db, e)) < 0)
		return -1;
	return v < db_version ? migrate(db, e) : 0;
}

struct db *
db_open(const struct realm *r, struct err *e)
{
	struct db *db = xcalloc(1, sizeof *db);
	char *path = realm_file(r, ".", "realm", ".sqlite3");

	db->realm = r;
	db->writers = -1;
	if (sqlite3_open_v2(path, &db->h, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		db_fail(db, e);
		goto fail;
	}
	if (setup(db, e) < 0)
		goto fail;
	db->writers = writers_open(r);
	free(path);
	return db;
fail:
	free(path);
	db_close(db);
	return NULL;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	for (size_t i = 0; i < db->n_kept; i++)
		sqlite3_finalize(db->kept[i].st);
	sqlite3_close_v2(db->h);
	if (db->writers >= 0)
		close(db->writers);
	free(db);
}

const struct realm *
db_realm(const struct db *db)
{
	return db->realm;
}

/* ---- integrity ---- */

int
db_check(struct db *db, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (!(st = db_query(db, e, "PRAGMA integrity_check(1)", "")) ||
	    db_step(db, st, e) < 0)
		goto done;
	if (strcmp((const char *)sqlite3_column_text(st, 0), "ok")) {
		err_set(e, E_STORAGE_ERROR, "%s/realm.sqlite3: %s",
		    db->realm->dir, sqlite3_column_text(st, 0));
		goto done;
	}
	db_done(db, st);
	if (!(st = db_query(db, e, "PRAGMA foreign_key_check", "")))
		goto done;
	rc = db_step(db, st, e);
	if (rc > 0)
		rc = err_set(e, E_STORAGE_ERROR, "%s/realm.sqlite3: row %lld "
		    "of %s points to a missing row of %s", db->realm->dir,
		    sqlite3_column_int64(st, 1), sqlite3_column_text(st, 0),
		    sqlite3_column_text(st, 2));
done:
	db_done(db, st);
	return rc;
}
