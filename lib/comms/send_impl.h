#ifndef COMMS_SEND_IMPL_H
#define COMMS_SEND_IMPL_H

#include "base/err.h"
#include "comms/identity.h"

struct db;

/* Somebody that can be spoken to or speaks: party.c. */
struct party {
	char *session;		/* of this realm; NULL: the realm itself, or somebody outside */
	char *name;
	char *key;		/* "ed25519:..." */
	char *address;		/* of somebody outside; NULL: in this realm */
};
void party_free(struct party *p);
/* NOT_FOUND "Session not found or comms not enabled: ...". */
int party_self(struct db *db, const char *session, struct party *p,
    struct err *e);
/*
 * Trusted peers by name, then participants of this realm by name, then either by key,
 * peer id or session id.  NOT_FOUND "peer '...' is not found or not trusted".
 */
int party_find(struct db *db, const struct party *self, const char *who,
    struct party *p, struct err *e);

#endif
