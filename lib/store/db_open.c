#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/util.h"
#include "store/db_impl.h"
#include "store/writers.h"

#define BUSY_LIMIT_MS 60000
#define BUSY_SLEEP_MS 40.0
/*
 * When the WAL is copied, by the one who commits, while the others stand in line: who
 * opens the database first reads a small one faster, under load a larger one is copied
 * less often.
 */
#define WAL_PAGES 250
#define WAL_PAGES_BUSY 1000
#define BUSY_COMMITS 16		/* by one process: it stays */
#define WAL_LARGE ((sqlite3_int64)2 << 20)	/* bytes: the last to close copies it */

/* ---- what SQLite calls ---- */

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

/* A commit went to the WAL. */
static int
on_wal(void *arg, sqlite3 *h, const char *name, int pages)
{
	struct db *db = arg;

	(void)name;
	db->unsynced = true;
	db->commits++;
	if (pages >= (db->commits < BUSY_COMMITS ? WAL_PAGES : WAL_PAGES_BUSY))
		sqlite3_wal_checkpoint_v2(h, "main",
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* ---- opening ---- */

/* The schema's version in the file, or -1. */
static int
version(struct db *db, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "PRAGMA user_version", "");
	int rc = -1;

	if (db_step(db, st, e) > 0)
		rc = sqlite3_column_int(st, 0);
	db_done(db, st);
	if (rc > db_version)
		rc = err_set(e, E_REALM_TOO_NEW, "%s/realm.sqlite3: written by "
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

/*
 * One thread uses it, nobody asks it for statistics, and the small tables that a
 * statement makes for itself (each IN of a CHECK) need no room for 20 pages.
 */
static void
configure(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

static struct db *
open_as(const struct realm *r, const char *name, int flags, struct err *e)
{
	struct db *db = xcalloc(1, sizeof *db);

	configure();
	db->realm = r;
	db->writers = -1;
	/* No threads: no locks; nobody asks for the sum of what is allocated. */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_open_v2(name, &db->h, flags, NULL) != SQLITE_OK) {
		db_fail(db, e);
		db_close(db);
		return NULL;
	}
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_handler(db->h, on_busy, db);
	return db;
}

struct db *
db_open(const struct realm *r, struct err *e)
{
	char *path = realm_file(r, ".", "realm", ".sqlite3");
	struct db *db = open_as(r, path, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, e);

	free(path);
	if (db && setup(db, e) < 0) {
		db_close(db);
		return NULL;
	}
	if (db)
		db->writers = writers_open(r);
	return db;
}

/*
 * SQLite writes an index beside the WAL; told not to, it makes one in memory.  Where
 * there is no WAL there must be no index either: the database is read as it stands.
 */
static char *
read_only_uri(const struct realm *r)
{
	char *path = realm_file(r, ".", "realm", ".sqlite3");
	char *wal = realm_file(r, ".", "realm", ".sqlite3-wal");
	struct buf uri = BUF_INIT;
	struct stat st;

	buf_puts(&uri, "file:");
	for (const char *s = path; *s; s++)
		if (strchr("%?#", *s))
			buf_printf(&uri, "%%%02X", (unsigned)*s);
		else
			buf_putc(&uri, *s);
	buf_puts(&uri, stat(wal, &st) == 0 && st.st_size > 0 ?
	    "?readonly_shm=1" : "?immutable=1");
	free(wal);
	free(path);
	return buf_steal(&uri);
}

struct db *
db_open_readable(const struct realm *r, struct err *e)
{
	struct err why = ERR_NONE;
	struct db *db = db_open(r, &why);
	char *uri;

	if (db)
		return db;
	uri = read_only_uri(r);
	db = open_as(r, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	free(uri);
	/* An older one would have to be migrated first. */
	if (db && version(db, NULL) == db_version) {
		db->unwritable = why;
		return db;
	}
	db_close(db);
	if (e)
		*e = why;
	return NULL;
}

static bool
wal_is_large(struct db *db)
{
	sqlite3_file *wal = db_wal(db);
	sqlite3_int64 n = 0;

	return wal && wal->pMethods->xFileSize(wal, &n) == SQLITE_OK &&
	    n > WAL_LARGE;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	if (wal_is_large(db))
		sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
		    NULL);
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
