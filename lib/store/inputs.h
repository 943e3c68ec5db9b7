#ifndef STORE_INPUTS_H
#define STORE_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/util.h"

struct db;

/*
 * The queue in front of every session.  A row is what the world said, kept as it
 * came.  queued -> applied (its user message is in the transcript; same transaction)
 * -> consumed (its run ended); or abandoned (its caller was told of the failure, or
 * three runs failed).  Contract: agent sheet section 17.
 */
struct input {
	char id[UUID_LEN + 1];	/* set by inputs_admit */
	int64_t seq;		/* order of admission */
	char *session;		/* full id */
	char *kind;		/* "prompt", "external_event", "peer", "continuation" */
	char *source;		/* who said it: "operator", "stdin", "cron", a peer name */
	char *mode;		/* "queue" or "steer" */
	char *body;		/* raw JSON */
	char *idem;		/* idempotency key, or NULL */
	char *state;		/* "queued", "applied", "consumed", "abandoned" */
	int64_t attempts;	/* runs that took it */
	int64_t message;	/* log index of the message it became, -1 if none */
	int64_t created_ms;
};

/*
 * Admit one input, durably, once: a second call with the same session and key finds
 * the first row (in->id, *seen).  Does not ring the bell: that is for after the commit.
 * Opens its own transaction unless one is open.  SESSION_NOT_FOUND if the session is
 * unknown or archived.
 */
int inputs_admit(struct db *db, struct input *in, bool *seen, struct err *e);

/* Queued inputs in the order to take them: steer before queue, then by seq.  NULL mode: both. */
int inputs_queued(struct db *db, const char *session, const char *mode,
    struct input **list, size_t *n, struct err *e);
/* Applied inputs that are not settled yet, by seq: what a failed or dead run was about. */
int inputs_applied(struct db *db, const char *session, struct input **list,
    size_t *n, struct err *e);
/* Any input of the session by id; NOT_FOUND. */
int inputs_load(struct db *db, const char *id, struct input *in, struct err *e);
void input_free(struct input *in);		/* the fields, not the struct */
void inputs_free(struct input *list, size_t n);

/* queued -> applied as log message `message` of run `run` (attempts + 1); inside a transaction. */
int inputs_apply(struct db *db, const char *id, const char *run,
    int64_t message, struct err *e);
/* All applied inputs of the session -> consumed or abandoned; inside a transaction. */
int inputs_settle(struct db *db, const char *session, bool consumed,
    struct err *e);
/* Sessions (not archived) that have queued input, oldest input first; cb as in session_list. */
int inputs_pending_sessions(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e);

/* ---- injected system context (agent sheet section 16) ---- */

/* *duplicate: same key, text and source seen before.  INVALID_PARAMS: empty text or conflict. */
int context_stage(struct db *db, const char *session, const char *text,
    const char *source, const char *idem, bool *duplicate, struct err *e);
/* The pending ones, rendered as in the sheet (blocks joined), appended to *text; *last is the newest row taken (0: none). */
int context_pending(struct db *db, const char *session, struct buf *text,
    int64_t *last, struct err *e);
/* Mark rows up to last as applied; inside a transaction. */
int context_applied(struct db *db, const char *session, int64_t last,
    struct err *e);

#endif
