/*
 * commit N: durable single-row commits a second, bare SQLite (WAL, synchronous=FULL)
 * against inputs_admit, and the same with 64 rows a transaction.  Prints four
 * numbers: bare, admit, bare batched, admit batched (rows a second).
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/util.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/sessions.h"

static char dir[] = "/tmp/rkat-bench.XXXXXX";

static void
fail(const char *what)
{
	fprintf(stderr, "commit: %s\n", what);
	exit(1);
}

static double
bare(sqlite3 *db, int n, int batch)
{
	static const char body[] = "{\"content\":\"a prompt of some length, as people write them\"}";
	sqlite3_stmt *st;
	int64_t t0 = time_mono_ms();

	sqlite3_prepare_v2(db, "INSERT INTO t(a, b) VALUES (?1, ?2)", -1, &st, NULL);
	for (int i = 0; i < n; i += batch) {
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		for (int k = 0; k < batch; k++) {
			char id[UUID_LEN + 1];

			uuid_v7(id);
			sqlite3_bind_text(st, 1, id, -1, SQLITE_TRANSIENT);
			sqlite3_bind_text(st, 2, body, -1, SQLITE_STATIC);
			sqlite3_step(st);
			sqlite3_reset(st);
		}
		if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
			fail(sqlite3_errmsg(db));
	}
	sqlite3_finalize(st);
	return n * 1e3 / (double)(time_mono_ms() - t0);
}

static double
admit(struct db *db, const char *session, int n, int batch)
{
	int64_t t0 = time_mono_ms();
	struct err e = ERR_NONE;

	for (int i = 0; i < n; i += batch) {
		if (batch > 1 && db_begin(db, &e) < 0)
			fail(e.text);
		for (int k = 0; k < batch; k++) {
			struct input in = { .session = (char *)session,
			    .kind = (char *)"prompt", .source = (char *)"bench",
			    .mode = (char *)"queue",
			    .body = (char *)"{\"content\":\"a prompt of some length, as people write them\"}" };
			bool seen;

			if (inputs_admit(db, &in, &seen, &e) < 0)
				fail(e.text);
		}
		if (batch > 1 && db_commit(db, &e) < 0)
			fail(e.text);
	}
	return n * 1e3 / (double)(time_mono_ms() - t0);
}

int
main(int argc, char *argv[])
{
	int n = argc > 1 ? atoi(argv[1]) / 64 * 64 : 1920;
	struct realm_opts o = { .realm = "bench" };
	struct session s = { .meta = NULL };
	struct err e = ERR_NONE;
	struct realm r;
	struct db *db;
	double sum[4] = { 0 };
	sqlite3 *plain;
	char *path;

	if (!mkdtemp(dir))
		fail("mkdtemp");
	o.state_root = dir;
	if (realm_resolve(&o, &r, &e) < 0 || realm_create(&r, &e) < 0 ||
	    !(db = db_open(&r, &e)) || session_create(db, &s, &e) < 0)
		fail(e.text);
	path = fs_join(dir, "bare.sqlite3");
	if (sqlite3_open(path, &plain) != SQLITE_OK ||
	    sqlite3_exec(plain, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT)", NULL, NULL,
	    NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(plain));
	/* Turn about, so that a slow moment of the disk hits both. */
	for (int i = 0; i < 4; i++) {
		sum[0] += bare(plain, n / 4, 1);
		sum[1] += admit(db, s.id, n / 4, 1);
	}
	sum[2] = bare(plain, n * 8, 64);
	sum[3] = admit(db, s.id, n * 8, 64);
	printf("%.0f %.0f %.0f %.0f\n", sum[0] / 4, sum[1] / 4, sum[2], sum[3]);
	sqlite3_close(plain);
	session_free(&s);
	db_close(db);
	realm_free(&r);
	free(path);
	return fs_remove_tree(dir, &e) < 0;
}
