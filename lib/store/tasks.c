#include "base/util.h"
#include "store/sql.h"
#include "store/tasks.h"

static const char sql_insert[] =
    "INSERT INTO tasks(session, id, body, created_ms, updated_ms)"
    " VALUES(?1, ?2, ?3, ?4, ?4)";
static const char sql_save[] =
    "UPDATE tasks SET body = ?3, updated_ms = ?4"
    " WHERE session = ?1 AND id = ?2";

int
task_insert(struct db *db, const char *session, const char *id,
    const char *body, size_t n, struct err *e)
{
	return db_run(db, e, sql_insert, "ssti", session, id, body, n,
	    time_ms()) < 0 ? -1 : 0;
}

int
task_save(struct db *db, const char *session, const char *id,
    const char *body, size_t n, struct err *e)
{
	int rc = db_run(db, e, sql_save, "ssti", session, id, body, n,
	    time_ms());

	if (rc == 0)
		return err_set(e, E_NOT_FOUND, "task not found: %s", id);
	return rc < 0 ? -1 : 0;
}

static struct jtext
body_of(sqlite3_stmt *st)
{
	return json_slice((const char *)sqlite3_column_text(st, 0),
	    (size_t)sqlite3_column_bytes(st, 0));
}

int
task_load(struct db *db, const char *session, const char *id,
    struct buf *body, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT body FROM tasks"
	    " WHERE session = ?1 AND id = ?2", "ss", session, id);
	int rc = db_step(db, st, e);

	if (rc > 0)
		buf_put(body, body_of(st).p, body_of(st).n);
	db_done(db, st);
	return rc;
}

int
task_each(struct db *db, const char *session,
    void (*cb)(void *arg, struct jtext body), void *arg, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT body FROM tasks"
	    " WHERE session = ?1 ORDER BY seq", "s", session);
	int rc = -1;

	while ((rc = db_step(db, st, e)) > 0)
		cb(arg, body_of(st));
	db_done(db, st);
	return rc;
}
