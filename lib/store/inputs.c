#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "store/inputs.h"
#include "store/inputs_impl.h"
#include "store/sql.h"

static const char sql_admit[] =
    "INSERT INTO inputs(id, session, kind, source, mode, body, idem, state,"
    "  wake, merge, given, history, created_ms, updated_ms)"
    " SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ifnull(?8, 'queued'), ?9, ?10, ?11,"
    "  '', ?12, ?12 FROM sessions"
    "  WHERE id = ?2 AND archived = 0 AND retired = 0"
    " ON CONFLICT DO NOTHING";

/* Why nothing was inserted: 0 if the session is open, so that the key or id is known. */
static int
refused(struct db *db, const struct input *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT retired FROM sessions"
	    " WHERE id = ?1 AND archived = 0", "s", in->session);
	int rc = db_step(db, st, e);

	if (rc == 0)
		rc = err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    in->session);
	else if (rc > 0)
		rc = sqlite3_column_int(st, 0) ? err_set(e, E_SESSION_RETIRED,
		    "runtime accept failed: Runtime not ready: retired") : 0;
	db_done(db, st);
	return rc;
}

/* The row that has the key or the id already. */
static int
find_first(struct db *db, struct input *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT id, seq FROM inputs"
	    " WHERE session = ?1 AND (idem = ?2 OR id = ?3)"
	    " ORDER BY idem IS NOT ?2", "sss", in->session, in->idem, in->id);
	int rc = db_step(db, st, e);

	if (rc > 0) {
		db_id(st, 0, in->id);
		in->seq = sqlite3_column_int64(st, 1);
	}
	db_done(db, st);
	if (rc == 0)
		return err_set(e, E_INVALID_PARAMS,
		    "input id %s belongs to another session", in->id);
	return rc < 0 ? -1 : 0;
}

static const char sql_merge[] =
    "UPDATE inputs SET state = 'coalesced', outcome = ?5, updated_ms = ?6,"
    "  history = history || iif(history = '', '', ',') || ?7"
    " WHERE session = ?1 AND state = 'queued' AND kind = ?2 AND merge = ?3"
    "  AND id <> ?4";

/* What waits under the same key gives way. */
static int
merge(struct db *db, const struct input *in, struct err *e)
{
	struct buf how = BUF_INIT, step = BUF_INIT;
	int rc;

	jput_open(&how, '{');
	jput_kcstr(&how, "outcome_type", "coalesced");
	jput_kcstr(&how, "aggregate_id", in->id);
	jput_close(&how, '}');
	input_step(&step, in->created_ms, "queued", "coalesced", NULL);
	rc = db_run(db, e, sql_merge, "sssssis", in->session, in->kind,
	    in->merge, in->id, how.p, in->created_ms, step.p);
	buf_free(&how);
	buf_free(&step);
	return rc;
}

static int
admit(struct db *db, struct input *in, bool *seen, struct err *e)
{
	int rc;

	if (!*in->id)
		uuid_v7(in->id);
	in->created_ms = in->updated_ms = time_ms();
	rc = db_run(db, e, sql_admit, "ssssssssisii", in->id, in->session,
	    in->kind, in->source, in->mode, in->body, in->idem, in->state,
	    (int64_t)in->wake, in->merge, (int64_t)in->given,
	    in->created_ms);
	*seen = rc == 0;
	if (rc == 0 && (rc = refused(db, in, e)) == 0)
		return find_first(db, in, e);
	if (rc < 0)
		return -1;
	in->seq = db_rowid(db);
	if (in->wake)
		db_wakes(db);
	return in->merge ? merge(db, in, e) : 0;
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
    " wake, attempts, recoveries, run, message, outcome, history, merge," \
    " given, created_ms, updated_ms"

static void
read_row(sqlite3_stmt *st, struct input *in)
{
	memset(in, 0, sizeof *in);
	db_id(st, 0, in->id);
	in->seq = sqlite3_column_int64(st, 1);
	in->session = db_text(st, 2);
	in->kind = db_text(st, 3);
	in->source = db_text(st, 4);
	in->mode = db_text(st, 5);
	in->body = db_text(st, 6);
	in->idem = db_text(st, 7);
	in->state = db_text(st, 8);
	in->wake = sqlite3_column_int(st, 9);
	in->attempts = sqlite3_column_int64(st, 10);
	in->recoveries = sqlite3_column_int64(st, 11);
	in->run = db_text(st, 12);
	in->message = sqlite3_column_int64(st, 13);
	in->outcome = db_text(st, 14);
	in->history = db_text(st, 15);
	in->merge = db_text(st, 16);
	in->given = sqlite3_column_int(st, 17);
	in->created_ms = sqlite3_column_int64(st, 18);
	in->updated_ms = sqlite3_column_int64(st, 19);
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
	while ((rc = db_step(db, st, e)) > 0) {
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
inputs_active(struct db *db, const char *session, struct input **list,
    size_t *n, struct err *e)
{
	return collect(db, db_query(db, e, "SELECT " COLUMNS " FROM inputs"
	    " WHERE session = ?1 AND state = 'queued' UNION ALL"
	    " SELECT " COLUMNS " FROM inputs"
	    " WHERE session = ?1 AND state = 'applied' ORDER BY seq", "s",
	    session), list, n, e);
}

int
inputs_load(struct db *db, const char *id, struct input *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e,
	    "SELECT " COLUMNS " FROM inputs WHERE id = ?1", "s", id);
	int rc = db_step(db, st, e);

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
	free(in->run);
	free(in->outcome);
	free(in->history);
	free(in->merge);
	memset(in, 0, sizeof *in);
}

void
inputs_free(struct input *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		input_free(&list[i]);
	free(list);
}

/* ---- what there is to do ---- */

int64_t
inputs_waiting(struct db *db, const char *session, const char *kind,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT count(*) FROM inputs"
	    " WHERE session = ?1 AND state = 'queued' AND kind = ?2", "ss",
	    session, kind);
	int64_t n = db_step(db, st, e) > 0 ?
	    sqlite3_column_int64(st, 0) : -1;

	db_done(db, st);
	return n;
}

/* Each part has its own index: what is done with is never looked at. */
#define DUE(only) \
    "SELECT d.session FROM (" \
    " SELECT session, min(seq) AS first FROM inputs" \
    "  WHERE state = 'queued' AND wake = 1 GROUP BY session" \
    " UNION ALL SELECT session, min(seq) FROM inputs" \
    "  WHERE state = 'applied' AND wake = 1 GROUP BY session" \
    " UNION ALL SELECT session, 0 FROM runs WHERE state = 'running') d" \
    " JOIN sessions s ON s.id = d.session AND s.archived = 0" only \
    " GROUP BY d.session ORDER BY min(d.first)"
static const char sql_due[] = DUE("");
static const char sql_due_residents[] = DUE(
    " JOIN participants p ON p.session = d.session AND p.resident");

static const char sql_waking[] =
    "SELECT i.session FROM inputs i JOIN sessions s ON s.id = i.session"
    " AND s.archived = 0 WHERE i.state = 'queued' AND i.wake = 1"
    " GROUP BY i.session ORDER BY min(i.seq)";

/* All names first: the callback may write, which must not meet our open read. */
static int
due(struct db *db, const char *sql,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql, "");
	char **ids = NULL;
	size_t n = 0;
	int rc = -1, stop = 0;

	while ((rc = db_step(db, st, e)) > 0) {
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

int
inputs_due_sessions(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e)
{
	return due(db, sql_due, cb, arg, e);
}

int
inputs_due_residents(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e)
{
	return due(db, sql_due_residents, cb, arg, e);
}

int
inputs_waking(struct db *db, int (*cb)(void *arg, const char *session),
    void *arg, struct err *e)
{
	return due(db, sql_waking, cb, arg, e);
}

static const char sql_due_one[] =
    "SELECT (SELECT ifnull(min(seq), 0) FROM inputs WHERE session = ?1"
    "   AND state = 'queued' AND wake = 1),"
    "  EXISTS(SELECT 1 FROM runs WHERE session = ?1 AND state = 'running')"
    " FROM sessions WHERE id = ?1 AND archived = 0";

int
inputs_due(struct db *db, const char *session, int64_t *head, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql_due_one, "s", session);
	int rc = db_step(db, st, e);

	*head = 0;
	if (rc > 0) {
		*head = sqlite3_column_int64(st, 0);
		rc = *head || sqlite3_column_int(st, 1);
	}
	db_done(db, st);
	return rc;
}
