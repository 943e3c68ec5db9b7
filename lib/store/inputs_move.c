#include "base/jput.h"
#include "store/inputs.h"
#include "store/inputs_impl.h"
#include "store/sql.h"

/* What becomes of inputs: agent sheet section 17.6.  Each move leaves a line in the row's history. */

void
input_step(struct buf *b, int64_t ms, const char *from, const char *to,
    const char *reason)
{
	jput_open(b, '{');
	jput_ktime(b, "timestamp", ms);
	jput_kcstr(b, "from", from);
	jput_kcstr(b, "to", to);
	if (reason)
		jput_kcstr(b, "reason", reason);
	jput_close(b, '}');
}

/* The beginning of each update, and the values that it takes: ?1 now, ?2 the step. */
#define MOVE "UPDATE inputs SET updated_ms = ?1," \
    " history = history || iif(history = '', '', ',') || ?2, "

int
inputs_apply(struct db *db, const char *id, const char *run,
    int64_t message, struct err *e)
{
	int64_t now = time_ms();
	struct buf step = BUF_INIT;
	int rc;

	input_step(&step, now, "queued", "applied", NULL);
	rc = db_run(db, e, MOVE "state = 'applied', run = ?4, message = ?5,"
	    " attempts = attempts + 1 WHERE id = ?3 AND state = 'queued'",
	    "isssi", now, step.p, id, run, message);
	buf_free(&step);
	if (rc == 0)
		return err_set(e, E_CONFLICT, "input %s is not queued", id);
	return rc < 0 ? -1 : 0;
}

int
inputs_again(struct db *db, const char *session, const char *run,
    bool recovered, struct err *e)
{
	int64_t now = time_ms();
	struct buf step = BUF_INIT;
	int rc;

	input_step(&step, now, "applied", "applied", recovered ?
	    "taken up again: its process died" : "tried again");
	rc = db_run(db, e, MOVE "run = ?4, attempts = attempts + 1 - ?5,"
	    " recoveries = recoveries + ?5"
	    " WHERE session = ?3 AND state = 'applied'", "isssi", now, step.p,
	    session, run, (int64_t)recovered);
	buf_free(&step);
	return rc < 0 ? -1 : 0;
}

#define ABANDONED "'{\"outcome_type\":\"abandoned\",\"reason\":"

static const struct {
	const char *state, *reason;
	const char *sql;	/* ?3 is the session */
} ends[] = {
	[INPUT_CONSUMED] = { "consumed", NULL, MOVE "state = 'consumed'"
	    " WHERE session = ?3 AND state = 'applied'" },
	[INPUT_CANCELLED] = { "abandoned", "cancelled", MOVE
	    "state = 'abandoned', outcome = " ABANDONED "\"cancelled\"}'"
	    " WHERE session = ?3 AND state = 'applied'" },
	[INPUT_EXHAUSTED] = { "abandoned", "max_attempts_exhausted", MOVE
	    "state = 'abandoned', outcome = " ABANDONED
	    "{\"max_attempts_exhausted\":{\"attempts\":' || attempts || '}}}'"
	    " WHERE session = ?3 AND state = 'applied'" },
};

int
inputs_settle(struct db *db, const char *session, enum input_end how,
    struct err *e)
{
	int64_t now = time_ms();
	struct buf step = BUF_INIT;
	int rc;

	input_step(&step, now, "applied", ends[how].state, ends[how].reason);
	rc = db_run(db, e, ends[how].sql, "iss", now, step.p, session);
	buf_free(&step);
	return rc < 0 ? -1 : 0;
}

/* ---- retire and reset ---- */

static int
set_retired(struct db *db, const char *session, int64_t retired,
    struct err *e)
{
	int rc = db_run(db, e, "UPDATE sessions SET retired = ?2"
	    " WHERE id = ?1 AND archived = 0", "si", session, retired);

	if (rc == 0)
		return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    session);
	return rc < 0 ? -1 : 0;
}

int
inputs_retire(struct db *db, const char *session, int64_t *n, struct err *e)
{
	bool own;
	int rc;

	*n = 0;
	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = set_retired(db, session, 1, e);
	if (rc == 0 && (rc = db_run(db, e, "UPDATE inputs SET wake = 1"
	    " WHERE session = ?1 AND state = 'queued'", "s", session)) > 0)
		*n = rc;
	return db_leave(db, own, rc, e) < 0 ? -1 : 0;
}

int
inputs_reset(struct db *db, const char *session, int64_t *n, struct err *e)
{
	int64_t now = time_ms();
	struct buf step = BUF_INIT;
	bool own;
	int rc;

	*n = 0;
	if (db_enter(db, &own, e) < 0)
		return -1;
	input_step(&step, now, "queued", "abandoned", "reset");
	rc = set_retired(db, session, 0, e);
	if (rc == 0 && (rc = db_run(db, e, MOVE "state = 'abandoned',"
	    " outcome = " ABANDONED "\"reset\"}'"
	    " WHERE session = ?3 AND state = 'queued'", "iss", now, step.p,
	    session)) > 0)
		*n = rc;
	buf_free(&step);
	return db_leave(db, own, rc, e) < 0 ? -1 : 0;
}
