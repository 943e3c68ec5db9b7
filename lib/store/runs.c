#include <stdlib.h>
#include <string.h>

#include "store/runs.h"
#include "store/sql.h"

/* ---- runs ---- */

static const char sql_insert[] =
    "INSERT INTO runs(state, terminal, started_ms, ended_ms, input_tokens,"
    "  output_tokens, cache_creation_tokens, cache_read_tokens, turns,"
    "  tool_calls, attempts, deaths, asked, id, session)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, -1), nullif(?8, -1), ?9, ?10,"
    "  ?11, ?12, ?13, ?14, ?15)";
static const char sql_update[] =
    "UPDATE runs SET state = ?1, terminal = ?2, started_ms = ?3,"
    "  ended_ms = ?4, input_tokens = ?5, output_tokens = ?6,"
    "  cache_creation_tokens = nullif(?7, -1),"
    "  cache_read_tokens = nullif(?8, -1), turns = ?9, tool_calls = ?10,"
    "  attempts = ?11, deaths = ?12, asked = ?13"
    " WHERE id = ?14 AND session = ?15";

static int
put(struct db *db, const char *sql, const struct run *r, struct err *e)
{
	int rc = db_run(db, e, sql, "ssiiiiiiiiiiiss", r->state, r->terminal,
	    r->started_ms, r->ended_ms, r->usage.input, r->usage.output,
	    r->usage.cache_creation, r->usage.cache_read, r->turns,
	    r->tool_calls, r->attempts, r->deaths, r->asked, r->id, r->session);

	if (rc == 0)
		return err_set(e, E_NOT_FOUND, "run not found: %s", r->id);
	return rc < 0 ? -1 : 0;
}

int
run_insert(struct db *db, const struct run *r, struct err *e)
{
	return put(db, sql_insert, r, e);
}

int
run_update(struct db *db, const struct run *r, struct err *e)
{
	return put(db, sql_update, r, e);
}

static const char sql_last[] =
    "SELECT id, session, state, terminal, started_ms, ended_ms, input_tokens,"
    "  output_tokens, ifnull(cache_creation_tokens, -1),"
    "  ifnull(cache_read_tokens, -1), turns, tool_calls, attempts,"
    "  deaths, asked FROM runs WHERE session = ?1 ORDER BY seq DESC LIMIT 1";

static void
read_row(sqlite3_stmt *st, struct run *r)
{
	db_id(st, 0, r->id);
	db_id(st, 1, r->session);
	r->state = db_text(st, 2);
	r->terminal = db_text(st, 3);
	r->started_ms = sqlite3_column_int64(st, 4);
	r->ended_ms = sqlite3_column_int64(st, 5);
	r->usage.input = sqlite3_column_int64(st, 6);
	r->usage.output = sqlite3_column_int64(st, 7);
	r->usage.cache_creation = sqlite3_column_int64(st, 8);
	r->usage.cache_read = sqlite3_column_int64(st, 9);
	r->turns = sqlite3_column_int64(st, 10);
	r->tool_calls = sqlite3_column_int64(st, 11);
	r->attempts = sqlite3_column_int64(st, 12);
	r->deaths = sqlite3_column_int64(st, 13);
	r->asked = sqlite3_column_int64(st, 14);
}

int
run_last(struct db *db, const char *session, struct run *r, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql_last, "s", session);
	int rc = db_step(db, st, e);

	memset(r, 0, sizeof *r);
	if (rc > 0)
		read_row(st, r);
	db_done(db, st);
	return rc;
}

void
run_free(struct run *r)
{
	free(r->state);
	free(r->terminal);
	memset(r, 0, sizeof *r);
}

/* ---- tool calls under way ---- */

/* A provider that uses one id twice in a message gets one row: the first. */
int
calls_insert(struct db *db, const char *session, const char *call_id,
    int64_t position, const char *name, struct err *e)
{
	return db_run(db, e, "INSERT INTO calls(session, call_id, position, name)"
	    " VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", "ssis", session,
	    call_id, position, name) < 0 ? -1 : 0;
}

int
calls_finish(struct db *db, const char *session, const char *call_id,
    const char *result, size_t n, struct err *e)
{
	bool own;
	int rc;

	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = db_run(db, e, "UPDATE calls SET result = ?3"
	    " WHERE session = ?1 AND call_id = ?2", "sst", session, call_id,
	    result, n);
	if (rc == 0)
		rc = err_set(e, E_NOT_FOUND, "tool call not found: %s", call_id);
	rc = db_leave(db, own, rc, e);
	return rc < 0 ? -1 : 0;
}

int
calls_result(struct db *db, const char *session, const char *call_id,
    struct buf *result, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT result FROM calls"
	    " WHERE session = ?1 AND call_id = ?2 AND result IS NOT NULL",
	    "ss", session, call_id);
	int rc = db_step(db, st, e);

	if (rc > 0)
		buf_put(result, sqlite3_column_text(st, 0),
		    (size_t)sqlite3_column_bytes(st, 0));
	db_done(db, st);
	return rc;
}

int
calls_clear(struct db *db, const char *session, struct err *e)
{
	return db_run(db, e, "DELETE FROM calls WHERE session = ?1", "s",
	    session) < 0 ? -1 : 0;
}
