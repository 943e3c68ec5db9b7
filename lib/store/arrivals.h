#ifndef STORE_ARRIVALS_H
#define STORE_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct db;

/* What others said to this realm, and the way that each envelope took. */
struct arrival {
	char *id;		/* of the envelope */
	char *session;		/* whom it is for; NULL: the realm's inbox */
	char *from;		/* name, as trust says */
	char *from_key;		/* "ed25519:..." */
	char *channel;		/* "tcp", "uds", "inproc", "rkats" */
	char *json;		/* the kind's map */
	char *input;		/* the input that it became, or NULL */
	bool unasked;		/* set by arrival_admit: a response that answers no request of ours to that sender */
	bool quiet;		/* it becomes none: who admits it sees to it */
	int64_t realm_max;	/* so many may be in the realm's inbox; 0: 10000 */
	int64_t created_ms;
};
/*
 * Admit an envelope once: its row, for a session its input (mode and wake by its kind:
 * sheet sections 12 and 13), for a response what it answers, and its hop; inside a
 * transaction.  *seen: this sender's envelope of this id was there before - ACK it,
 * do nothing more.  CONFLICT "inbox_full: ..." if the session or the sender has too
 * many inputs queued, or the realm's inbox is full.
 */
int arrival_admit(struct db *db, struct arrival *a, bool *seen, struct err *e);
/* An envelope by its id, before all one that was sent from here: 1 found, 0 none, -1. */
int arrival_load(struct db *db, const char *id, struct arrival *a, struct err *e);
/* Newest first. */
int arrivals(struct db *db, const char *session, int64_t limit,
    int (*cb)(void *arg, const struct arrival *a), void *arg, struct err *e);
void arrival_free(struct arrival *a);

/* ---- the way of an envelope: rkat-comms trace ---- */

int hop_put(struct db *db, const char *id, const char *what,
    const char *detail, struct err *e);
int hops(struct db *db, const char *id,
    int (*cb)(void *arg, int64_t at_ms, const char *what, const char *detail),
    void *arg, struct err *e);

#endif
