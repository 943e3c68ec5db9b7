#ifndef STORE_PARTICIPANTS_H
#define STORE_PARTICIPANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct db;

/* Sessions that have a comms name: who in this realm can be spoken to. */
struct participant {
	char session[UUID_LEN + 1];
	char *name;		/* not unique */
	char *key;		/* "ed25519:..." */
	char *meta;		/* {"description"?,"labels"?} */
	char *listen;		/* its own signed listener, "tcp://host:port", or NULL */
	char *advertise;	/* how others reach it, or NULL */
	bool resident;		/* keep_alive: turns are started when its queue has work */
};
/* Insert or replace; inside or outside a transaction. */
int participant_put(struct db *db, const struct participant *p, struct err *e);
/* 1 found, 0 none, -1.  By session, by key, by name (the oldest; *more: there are several).  Archived sessions are not found. */
int participant_load(struct db *db, const char *session, struct participant *p,
    struct err *e);
int participant_by_key(struct db *db, const char *key, struct participant *p,
    struct err *e);
int participant_by_name(struct db *db, const char *name, struct participant *p,
    bool *more, struct err *e);
/* Is there one besides this session? */
bool participant_others(struct db *db, const char *session);
/* All, oldest first; a non-zero answer of cb stops. */
int participants(struct db *db, bool resident_only,
    int (*cb)(void *arg, const struct participant *p), void *arg,
    struct err *e);
/* Those that have a listener of their own; cb as above. */
int participants_listening(struct db *db,
    int (*cb)(void *arg, const char *session, const char *listen), void *arg,
    struct err *e);
void participant_free(struct participant *p);

#endif
