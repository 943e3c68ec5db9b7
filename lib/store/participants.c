#include <stdlib.h>
#include <string.h>

#include "store/participants.h"
#include "store/sql.h"

#define COLUMNS "p.session, p.name, p.key, p.meta, p.listen, p.advertise, p.resident"
#define LIVE " FROM participants p JOIN sessions s ON s.id = p.session" \
    " AND s.archived = 0 "

void
participant_free(struct participant *p)
{
	free(p->name);
	free(p->key);
	free(p->meta);
	free(p->listen);
	free(p->advertise);
	memset(p, 0, sizeof *p);
}

static void
read_row(sqlite3_stmt *st, struct participant *p)
{
	memset(p, 0, sizeof *p);
	db_id(st, 0, p->session);
	p->name = db_text(st, 1);
	p->key = db_text(st, 2);
	p->meta = db_text(st, 3);
	p->listen = db_text(st, 4);
	p->advertise = db_text(st, 5);
	p->resident = sqlite3_column_int(st, 6);
}

int
participant_put(struct db *db, const struct participant *p, struct err *e)
{
	return db_run(db, e, "INSERT INTO participants(session, name, key, meta,"
	    " listen, advertise, resident) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	    " ON CONFLICT(session) DO UPDATE SET name = ?2, key = ?3, meta = ?4,"
	    " listen = ?5, advertise = ?6, resident = ?7", "ssssssi",
	    p->session, p->name, p->key, p->meta ? p->meta : "{}", p->listen,
	    p->advertise, (int64_t)p->resident) < 0 ? -1 : 0;
}

/* The first row of a query, and whether there is another. */
static int
first(struct db *db, sqlite3_stmt *st, struct participant *p, bool *more,
    struct err *e)
{
	int rc = db_step(db, st, e);

	memset(p, 0, sizeof *p);
	if (rc > 0) {
		read_row(st, p);
		if (more)
			*more = db_step(db, st, NULL) > 0;
	}
	db_done(db, st);
	return rc;
}

int
participant_load(struct db *db, const char *session, struct participant *p,
    struct err *e)
{
	return first(db, db_query(db, e, "SELECT " COLUMNS LIVE
	    "WHERE p.session = ?1", "s", session), p, NULL, e);
}

int
participant_by_key(struct db *db, const char *key, struct participant *p,
    struct err *e)
{
	return first(db, db_query(db, e, "SELECT " COLUMNS LIVE
	    "WHERE p.key = ?1", "s", key), p, NULL, e);
}

int
participant_by_name(struct db *db, const char *name, struct participant *p,
    bool *more, struct err *e)
{
	*more = false;
	return first(db, db_query(db, e, "SELECT " COLUMNS LIVE
	    "WHERE p.name = ?1 ORDER BY p.session LIMIT 2", "s", name), p, more,
	    e);
}

bool
participant_others(struct db *db, const char *session)
{
	sqlite3_stmt *st = db_query(db, NULL, "SELECT 1" LIVE
	    "WHERE p.session <> ?1 LIMIT 1", "s", session);
	bool there = db_step(db, st, NULL) > 0;

	db_done(db, st);
	return there;
}

/* All rows first: the callback may write, which must not meet our open read. */
int
participants(struct db *db, bool resident_only,
    int (*cb)(void *arg, const struct participant *p), void *arg,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS LIVE
	    "WHERE p.resident OR NOT ?1 ORDER BY p.session", "i",
	    (int64_t)resident_only);
	struct participant *v = NULL;
	size_t n = 0;
	int rc = -1, stop = 0;

	while ((rc = db_step(db, st, e)) > 0) {
		v = xrealloc(v, (n + 1) * sizeof *v);
		read_row(st, &v[n++]);
	}
	db_done(db, st);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && !stop)
			stop = cb(arg, &v[i]);
		participant_free(&v[i]);
	}
	free(v);
	return rc;
}

int
participants_listening(struct db *db,
    int (*cb)(void *arg, const char *session, const char *listen), void *arg,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT p.session, p.listen" LIVE
	    "WHERE p.listen IS NOT NULL ORDER BY p.session", "");
	int rc = -1, stop = 0;

	while (!stop && (rc = db_step(db, st, e)) > 0) {
		char *session = db_text(st, 0), *listen = db_text(st, 1);

		stop = cb(arg, session, listen);
		free(session);
		free(listen);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}
