#ifndef COMMS_SEND_H
#define COMMS_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"

struct db;

/*
 * comms/send and comms/peers, for every surface (comms sheet sections 17 and 18).  A
 * peer of the same realm gets its input in the transaction that accepts the letter; for
 * one outside the letter waits in the outbox for rkat-peerd.
 */

enum send_kind { SEND_INPUT, SEND_MESSAGE, SEND_REQUEST, SEND_RESPONSE,
	SEND_LIFECYCLE };

struct send_command {
	enum send_kind kind;
	char *to, *body, *intent, *in_reply_to, *status, *source, *lifecycle;
	char *mode;			/* "queue", "steer" or NULL */
	struct jtext params, result, blocks;	/* borrowed */
	bool allow_self;
	const char *idem;		/* ours: the sender's key, borrowed; or NULL */
	int64_t expires_ms;		/* ours: unix ms; 0: the configuration's */
};

/*
 * Read the flat object of the contract.  INVALID_PARAMS "Command validation failed",
 * and *issues is the JSON array of {field,issue,got?} in the sheet's order.
 */
int send_parse(struct jtext params, struct send_command *c, struct buf *issues,
    struct err *e);
void send_command_free(struct send_command *c);

struct receipt {
	enum send_kind kind;
	char id[UUID_LEN + 1];		/* envelope_id; of an input: interaction_id */
	char in_reply_to[UUID_LEN + 1];
	char session[UUID_LEN + 1];	/* a session of this realm that got it; "" */
	bool local, seen;		/* seen: same idempotency key before */
	char state[16];			/* of the letter: "accepted", "delivered"; later more */
};

/*
 * Carry it out for a session (NULL: the realm itself).  Durable when it returns; bells
 * are rung.  NOT_FOUND "peer '<p>' is not found or not trusted"; data gets the
 * contract's error object where there is one.
 */
int comms_send(struct db *db, const char *session,
    const struct send_command *c, struct receipt *r, struct buf *data,
    struct err *e);
/* The contract's receipt, with "delivery" beside it: accepted or delivered. */
void receipt_emit(const struct receipt *r, struct buf *b);

/* {"peers":[...]}: trusted ones in their order, then those of this realm. */
int comms_peers(struct db *db, const char *session, struct buf *out,
    struct err *e);
/* Is there anybody to talk to? */
bool comms_has_peers(struct db *db, const char *session);

/*
 * Make a session a participant: name, key (made if there is none), what others may
 * know of it.  session_create's callers do this in their transaction's wake.
 */
int comms_enable(struct db *db, const char *session, const char *name,
    struct jtext meta, bool resident, const char *listen,
    const char *advertise, struct err *e);
/*
 * How a session takes part in comms.  What is NULL or absent stays as it is; the name
 * of one that has none yet becomes "cli/<session>" (cli sheet section 6).
 */
struct join_spec {
	const char *name;
	struct jtext meta;		/* {"description"?,"labels"?} */
	const char *listen, *advertise;	/* "tcp://host:port" */
	int resident;			/* keep_alive: -1 as it is, 0, 1 */
};
/* Durable when it returns; rkat-peerd knows.  resident 0 alone never makes a participant. */
int comms_join(struct db *db, const char *session, const struct join_spec *j,
    struct err *e);

/* rkat-peerd's bell: there is something in the outbox or for a resident. */
bool comms_ring(struct db *db);

#endif
