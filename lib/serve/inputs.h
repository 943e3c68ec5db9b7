#ifndef SERVE_INPUTS_H
#define SERVE_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/sessions.h"

struct db;

/*
 * What is said to a session's runtime from outside: rpc sheet section 10.4, rest sheet
 * sections 5.8 and 5.14, agent sheet section 17.  The surfaces find the session (not
 * archived) and print; who gets outcome.wake lets the session work (drain_wake).
 */

/* What became of an input.  It is not an error that the runtime does not take it. */
struct outcome {
	bool rejected;
	char reason[200];	/* of a rejection, in words */
	bool wake;		/* it is on disk, and the session shall work on it now */
};

/* How the answer says why an input was rejected: runtime/accept has words, all others an object. */
enum reason_form { REASON_TEXT, REASON_OBJECT };

/*
 * Admit an Input of the contract, durably, once; appends the accept outcome, an object.
 * INVALID_PARAMS: it is none.
 */
int runtime_accept(struct db *db, const struct session *row,
    struct jtext input, enum reason_form form, struct buf *out,
    struct outcome *o, struct err *e);

/* An event from outside; strings borrowed. */
struct outside_event {
	const char *source;	/* what the agent is told: "[EVENT via <source>]" */
	struct jtext payload;	/* any JSON */
	struct jtext blocks;	/* content blocks behind it, or absent */
	const char *idem;	/* idempotency key, or NULL */
	bool wake;		/* else it waits for the session's next run */
};
int runtime_event(struct db *db, const struct session *row,
    const struct outside_event *ev, struct buf *out, struct outcome *o,
    struct err *e);

/* "attached", "running" or "retired". */
const char *runtime_state(struct db *db, const struct session *row);
/*
 * Take nothing new; what is queued is worked off yet (*pending inputs: wake the session
 * if there are any), *abandoned is what will not be.
 */
int runtime_retire(struct db *db, const struct session *row,
    int64_t *abandoned, int64_t *pending, struct err *e);
/* Forget what is queued, take new input again. */
int runtime_reset(struct db *db, const struct session *row,
    int64_t *abandoned, struct err *e);

/* The InputState object: 1 and appended, 0 if the session has no such input, -1. */
int runtime_input(struct db *db, const struct session *row, const char *id,
    struct buf *out, struct err *e);
/* Ids of the inputs that are not done with, as an array of strings, in the order in which they came. */
int runtime_inputs(struct db *db, const struct session *row, struct buf *out,
    struct err *e);

#endif
