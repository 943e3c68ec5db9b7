#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct db;

/*
 * What is to be said to others: accepted means in here, and synced.  rkat-state(5).
 */
struct letter {
	char id[UUID_LEN + 1];	/* the envelope's; made by outbox_put if "" */
	char *session;		/* who sends; NULL: the realm */
	char *peer;		/* the receiver's name as it was found */
	char *peer_key;		/* "ed25519:..." */
	char *address;		/* where it goes; NULL: a session of this realm */
	char *json;		/* the kind's map, as in struct envelope */
	/* "accepted", "delivered", "admitted", "answered"; "expired", "refused" are dead letters */
	char *state;
	char *idem;		/* key of the sender's, once per session; or NULL */
	int64_t attempts, next_ms, expires_ms, created_ms, changed_ms;
	char *error;		/* of the last attempt, or NULL */
	char *answer;		/* of a request: the response's kind as JSON, or NULL */
};
/* *seen: the same key was there before; in->id is the first one's. */
int outbox_put(struct db *db, struct letter *in, bool *seen, struct err *e);
int outbox_load(struct db *db, const char *id, struct letter *l, struct err *e);
/*
 * Who has letters on their way: a lane is a receiver's key with the sender's session
 * behind it (nothing, for the realm), so that whom a receiver does not hear holds up
 * nobody else's.  In the order of the text; a non-zero answer of cb stops.
 */
int outbox_lanes(struct db *db, int (*cb)(void *arg, const char *lane),
    void *arg, struct err *e);
/*
 * The oldest of a lane, behind a letter's id (NULL: from the first), at most max and not
 * many more bytes than `bytes`.
 */
int outbox_lane(struct db *db, const char *lane, const char *after, size_t max,
    size_t bytes, struct letter **list, size_t *n, struct err *e);
/* How many wait in it, or -1. */
int64_t outbox_waiting(struct db *db, const char *lane, struct err *e);
/* When the next one expires, or -1. */
int64_t outbox_expiry(struct db *db, struct err *e);
/* A new state, with what is known of it; writes the hop, too. */
int outbox_state(struct db *db, const char *id, const char *state,
    const char *error, int64_t next_ms, struct err *e);
/*
 * Its receiver was reached and did not acknowledge it.  After `tries` of that within
 * `ms` a letter that holds up others of its lane is given up, "refused" with the error
 * "peer_silent ...": before the next one goes, as else they might change places.  As
 * long as none of the lane is acknowledged each has twice as much time as the one
 * before, so that few are lost to one who hears nothing.  1 if it was given up, 0, -1.
 */
int outbox_silent(struct db *db, const char *id, const char *error,
    int64_t next_ms, int64_t tries, int64_t ms, struct err *e);
/*
 * A dead letter is sent again, one that waits for its next try is tried now.  address:
 * where its receiver is now.  CONFLICT if it was delivered.
 */
int outbox_resend(struct db *db, const char *id, const char *address,
    int64_t expires_ms, struct err *e);
/* What is past its time becomes a dead letter; how many, or -1. */
int outbox_expire(struct db *db, int64_t now_ms, struct err *e);
/* Was such a request sent to that key?  1, 0 or -1. */
int outbox_asked(struct db *db, const char *id, const char *peer_key,
    struct err *e);
/* A response came: 1 if `id` is a request of ours to that key without an answer yet, else 0. */
int outbox_answered(struct db *db, const char *id, const char *peer_key,
    const char *json, struct err *e);
/* Newest first; state NULL: all; dead: expired and refused ones. */
int outbox_list(struct db *db, const char *session, const char *state, bool dead,
    int64_t limit, int (*cb)(void *arg, const struct letter *l), void *arg,
    struct err *e);
/*
 * How the last try to reach a peer from this session went: 1 it was delivered, 0 it
 * failed (*error, new), 2 nothing is known, -1 error.
 */
int outbox_reached(struct db *db, const char *session, const char *peer_key,
    char **error, struct err *e);
void letter_free(struct letter *l);
void letters_free(struct letter *l, size_t n);

#endif
