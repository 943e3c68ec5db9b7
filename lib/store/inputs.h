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
 * -> consumed (its run ended); or abandoned (its caller was told of the failure, three
 * runs failed, its processes died again and again, it was cancelled or reset away); or coalesced into a newer one.
 * Contract: agent sheet section 17.
 */
struct input {
	char id[UUID_LEN + 1];	/* made by inputs_admit if it is "" */
	int64_t seq;		/* order of admission */
	char *session;		/* full id */
	char *kind;		/* "prompt", "external_event", "peer", "flow_step", "continuation", "operation" */
	char *source;		/* who said it: "operator", "stdin", "cron", a peer name */
	char *mode;		/* "queue" or "steer" */
	char *body;		/* raw JSON: what the agent is told (lib/agent/input.c) */
	char *idem;		/* idempotency key, or NULL */
	char *state;		/* "queued", "applied", "consumed", "coalesced", "abandoned"; for inputs_admit NULL is queued */
	bool wake;		/* an idle session shall work on it now; else it waits for a run */
	int64_t attempts;	/* runs that took it */
	int64_t recoveries;	/* times that its run was taken up after its process died */
	char *run;		/* the last run that took it, or NULL */
	int64_t message;	/* log index of the message it became, -1 if none */
	char *outcome;		/* how it ended, raw JSON of the contract; NULL: see state */
	char *history;		/* what it went through after its admission: JSON objects with commas */
	char *merge;		/* with the same key and kind, a newer one takes its place; or NULL */
	bool given;		/* body is the contract's Input, as it came */
	int64_t created_ms, updated_ms;
};

/*
 * Admit one input, durably, once: a second call with the same session and key (or id)
 * finds the first row (in->id, *seen).  Does not ring the bell: that is for after the
 * commit.  Opens its own transaction unless one is open.  SESSION_NOT_FOUND if the
 * session is unknown or archived, SESSION_RETIRED; INVALID_PARAMS if the id is taken
 * by another session.
 */
int inputs_admit(struct db *db, struct input *in, bool *seen, struct err *e);

/* Queued inputs in the order to take them: steer before queue, then by seq.  NULL mode: both. */
int inputs_queued(struct db *db, const char *session, const char *mode,
    struct input **list, size_t *n, struct err *e);
/* Applied inputs that are not settled yet, by seq: what a failed or dead run was about. */
int inputs_applied(struct db *db, const char *session, struct input **list,
    size_t *n, struct err *e);
/* Both, by seq. */
int inputs_active(struct db *db, const char *session, struct input **list,
    size_t *n, struct err *e);
/* Any input of any session by id; NOT_FOUND. */
int inputs_load(struct db *db, const char *id, struct input *in, struct err *e);
void input_free(struct input *in);		/* the fields, not the struct */
void inputs_free(struct input *list, size_t n);

/* How many of a kind wait in a session, or -1. */
int64_t inputs_waiting(struct db *db, const char *session, const char *kind,
    struct err *e);

/*
 * Sessions (not archived) that a server which starts has to look after: their queued
 * input wakes them, or their run failed or died.  Oldest first; cb as in session_list.
 */
int inputs_due_sessions(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e);
/* The resident ones among them. */
int inputs_due_residents(struct db *db,
    int (*cb)(void *arg, const char *session), void *arg, struct err *e);
/* Those of them whose queued input wakes them. */
int inputs_waking(struct db *db, int (*cb)(void *arg, const char *session),
    void *arg, struct err *e);
/*
 * Has the session a queued input that wakes it, or a run that has not ended (alive or
 * dead: its lock tells)?  1, 0 or -1; *head is the seq of the oldest such input, 0 if
 * there is none.
 */
int inputs_due(struct db *db, const char *session, int64_t *head,
    struct err *e);

/* ---- inputs_move.c: what becomes of them ---- */

/* queued -> applied as log message `message` of run `run` (attempts + 1); inside a transaction. */
int inputs_apply(struct db *db, const char *id, const char *run,
    int64_t message, struct err *e);
/* The applied inputs of the session are tried once more, by this run; or (recovered) their run goes on after its process died. */
int inputs_again(struct db *db, const char *session, const char *run,
    bool recovered, struct err *e);
enum input_end {
	INPUT_CONSUMED,
	INPUT_CANCELLED,	/* somebody stopped the run */
	INPUT_EXHAUSTED		/* it will not be tried again */
};
/* All applied inputs of the session end; inside a transaction. */
int inputs_settle(struct db *db, const char *session, enum input_end how,
    struct err *e);
/* Nothing new is admitted any more; what is queued (*n inputs) shall be worked off. */
int inputs_retire(struct db *db, const char *session, int64_t *n,
    struct err *e);
/* What is queued (*n inputs) is abandoned; the session takes new input again. */
int inputs_reset(struct db *db, const char *session, int64_t *n,
    struct err *e);

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
