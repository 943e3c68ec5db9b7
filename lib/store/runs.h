#ifndef STORE_RUNS_H
#define STORE_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/sessions.h"

struct db;

/*
 * One run = one handling of a prompt, from run_started to its terminal event.  The
 * row says what a crash left behind: state "running" under a free lock is a run whose
 * process died.
 */
struct run {
	char id[UUID_LEN + 1];
	char session[UUID_LEN + 1];
	char *state;		/* "running", "completed", "failed", "interrupted" */
	char *terminal;		/* the terminal event's payload, raw JSON; NULL while running */
	int64_t started_ms, ended_ms;
	struct usage usage;	/* this run only */
	int64_t turns, tool_calls;
	int64_t attempts;	/* runs over the same inputs that failed before it */
	int64_t deaths;		/* of its processes, since the model last answered */
	int64_t asked;		/* how often for the answer as JSON; 0: there is none yet, or none wanted */
};

/* All inside a transaction. */
int run_insert(struct db *db, const struct run *r, struct err *e);
int run_update(struct db *db, const struct run *r, struct err *e);	/* every field but id and session */
/* The newest run of the session: 1 found, 0 none, -1 error. */
int run_last(struct db *db, const char *session, struct run *r, struct err *e);
void run_free(struct run *r);

/*
 * Tool calls under way.  Rows are written in the transaction that commits the
 * assistant message that asks for them, finished one by one as results come, and
 * removed in the transaction that commits the tool_results message: so a finished
 * call is never run again, and one without a result is known as interrupted.
 */
int calls_insert(struct db *db, const char *session, const char *call_id,
    int64_t position, const char *name, struct err *e);
/* Own transaction: the result is on disk when this returns.  result = raw tool result object (agent sheet 2.4). */
int calls_finish(struct db *db, const char *session, const char *call_id,
    const char *result, size_t n, struct err *e);
/* Result of a finished call: 1 and appended to *result, 0 if unknown or unfinished. */
int calls_result(struct db *db, const char *session, const char *call_id,
    struct buf *result, struct err *e);
int calls_clear(struct db *db, const char *session, struct err *e);	/* inside a transaction */

#endif
