#include <stdlib.h>
#include <string.h>

#include "store/inputs.h"
#include "store/sql.h"

static const char sql_admit[] =
    "INSERT INTO inputs(id, session, kind, source, mode, body, idem, created_ms)"
    " SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8 FROM sessions"
    "  WHERE id = ?2 AND archived = 0"
    " ON CONFLICT(session, idem) WHERE idem IS NOT NULL DO NOTHING";

/* The row that has the key already; 0 if there is none: then there is no session. */
static int
find_first(struct db *db, struct input *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT i.id, i.seq FROM inputs i"
	    " JOIN sessions s ON s.id = i.session AND s.archived = 0"
	    " WHERE i.session = ?1 AND i.idem = ?2", "ss", in->session,
	    in->idem);
	int rc = st ? db_step(db, st, e) : -1;

	if (rc > 0) {
		memset(in->id, 0, sizeof in->id);
		strncpy(in->id, (const char *)sqlite3_column_text(st, 0),
		    UUID_LEN);
		in->seq = sqlite3_column_int64(st, 1);
	}
	db_done(db, st);
	return rc;
}

static int
admit(struct db *db, struct input *in, bool *seen, struct err *e)
{
	int rc;

	uuid_v7(in->id);
	in->created_ms = time_ms();
	rc = db_run(db, e, sql_admit, "sssssssi", in->id, in->session, in->kind,
	    in->source, in->mode, in->body, in->idem, in->created_ms);
	*seen = rc == 0;
	if (rc > 0)
		in->seq = db_rowid(db);
	if (rc == 0 && in->idem)
		rc = find_first(db, in, e);
	if (rc == 0)
		return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    in->session);
	return rc;
}

int
inputs_admit(struct db *db, struct input *in, bool *seen, struct err *e)
{
	bool own;
	int rc;

	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = admit(db, in, seen, e);
	rc = db_leave(db, own, rc, e);
	return rc < 0 ? -1 : 0;
}

#define COLUMNS "id, seq, session, kind, source, mode, body, idem, state," \
    " attempts, message, created_ms"

static void
read_row(sqlite3_stmt *st, struct input *in)
{
	memset(in, 0, sizeof *in);
	strncpy(in->id, (const char *)sqlite3_column_text(st, 0), UUID_LEN);
	in->seq = sqlite3_column_int64(st, 1);
	in->session = db_text(st, 2);
	in->kind = db_text(st, 3);
	in->source = db_text(st, 4);
	in->mode = db_text(st, 5);
	in->body = db_text(st, 6);
	in->idem = db_text(st, 7);
	in->state = db_text(st, 8);
	in->attempts = sqlite3_column_int64(st, 9);
	in->message = sqlite3_column_int64(st, 10);
	in->created_ms = sqlite3_column_int64(st, 11);
}

static const char sql_queued[] =
    "SELECT " COLUMNS " FROM inputs"
    " WHERE session = ?1 AND state = 'queued' AND mode = ifnull(?2, mode)"
    " ORDER BY mode <> 'steer', seq";

/* All rows of the query; finalizes it. */
static int
collect(struct db *db, sqlite3_stmt *st, struct input **list, size_t *n,
    struct err *e)
{
	int rc = -1;

	*list = NULL;
	*n = 0;
	while (st && (rc = db_step(db, st, e)) > 0) {
		*list = xrealloc(*list, (*n + 1) * sizeof **list);
		read_row(st, &(*list)[(*n)++]);
	}
	db_done(db, st);
	if (rc < 0) {
		inputs_free(*list, *n);
		*list = NULL;
		*n = 0;
	}
	return rc;
}

int
inputs_queued(struct db *db, const char *session, const char *mode,
    struct input **list, size_t *n, struct err *e)
{
	return collect(db, db_query(db, e, sql_queued, "ss", session, mode),
	    list, n, e);
}

int
inputs_applied(struct db *db, const char *session, struct input **list,
    size_t *n, struct err *e)
{
	return collect(db, db_query(db, e, "SELECT " COLUMNS " FROM inputs"
	    " WHERE session = ?1 AND state = 'applied' ORDER BY seq", "s",
	    session), list, n, e);
}

int
inputs_load(struct db *db, const char *id, struct input *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e,
	    "SELECT " COLUMNS " FROM inputs WHERE id = ?1", "s", id);
	int rc = st ? db_step(db, st, e) : -1;

	memset(in, 0, sizeof *in);
	if (rc > 0)
		read_row(st, in);
	db_done(db, st);
	if (rc == 0)
		return err_set(e, E_NOT_FOUND, "input not found: %s", id);
	return rc < 0 ? -1 : 0;
}

void
input_free(struct input *in)
{
	free(in->session);
	free(in->kind);
	free(in->source);
	free(in->mode);
	free(in->body);
	free(in->idem);
	free(in->state);
	memset(in, 0, sizeof *in);
}

void
inputs_free(struct input *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		input_free(&list[i]);
	free(list);
}

int
inputs_apply(struct db *db, const char *id, const char *run,
    int64_t message, struct err *e)
{
	int rc = db_run(db, e, "UPDATE inputs SET state = 'applied', run = ?2,"
	    " message = ?3, attempts = attempts + 1"
	    " WHERE id = ?1 AND state = 'queued'", "ssi", id, run, message);

	if (rc == 0)
		return err_set(e, E_CONFLICT, "input %s is not queued", id);
	return rc < 0 ? -1 : 0;
}

int
inputs_settle(struct db *db, const char *session, bool consumed,
    struct err *e)
{
	return db_run(db, e, "UPDATE inputs SET state = ?2"
	    " WHERE session = ?1 AND state = 'applied'", "ss", session,
	    consumed ? "consumed" : "abandoned") < 0 ? -1 : 0;
}

static const char sql_pending[] =
    "SELECT i.session FROM inputs i"
    " JOIN sessions s ON s.id = i.session AND s.archived = 0"
    " WHERE i.state = 'queued' GROUP BY i.session ORDER BY min(i.seq)";

/* All names first: the callback may write, which must not meet our open read. */
int
inputs_pending_sessions(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql_pending, "");
	char **ids = NULL;
	size_t n = 0;
	int rc = -1, stop = 0;

	while (st && (rc = db_step(db, st, e)) > 0) {
		ids = xrealloc(ids, (n + 1) * sizeof *ids);
		ids[n++] = db_text(st, 0);
	}
	db_done(db, st);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && !stop)
			stop = cb(arg, ids[i]);
		free(ids[i]);
	}
	free(ids);
	return rc;
}
