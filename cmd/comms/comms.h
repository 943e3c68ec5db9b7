#ifndef COMMS_COMMS_H
#define COMMS_COMMS_H

#include "base/json.h"
#include "common.h"

VERB(verb_identity);
VERB(verb_trust);
VERB(verb_send);
VERB(verb_peers);
VERB(verb_inbox);
VERB(verb_outbox);
VERB(verb_resend);
VERB(verb_trace);
VERB(verb_prune);
VERB(verb_event);

/* What a status of ours says that is in no error: rkat-comms(1). */
enum {
	STATUS_ACCEPTED = 3,	/* waited in vain: this far the letter came */
	STATUS_DELIVERED,
	STATUS_ADMITTED,
	STATUS_DEAD,		/* refused, or its time ran out */
	STATUS_SOME_LINES	/* of an event stream were refused, the others are in */
};

/*
 * Realm and database for somebody: ref is the session of -s, or NULL for the realm
 * itself.  *session becomes id, or NULL.
 */
int comms_open(struct cmd *c, const char *ref, char id[UUID_LEN + 1],
    const char **session);
/* The same for verbs that only look: 1, 0 if there is no such realm, which is not made. */
int comms_look(struct cmd *c, const char *ref, char id[UUID_LEN + 1],
    const char **session);
/* The same for a letter or an event of this id: NOT_FOUND if there is no realm. */
int comms_open_for(struct cmd *c, const char *id);
/* Is a JSON value, then *v; else INVALID_PARAMS with the option in front. */
int comms_json(struct cmd *c, const char *option, const char *text,
    struct jtext *v);
/* A duration of more than nothing. */
int comms_duration(struct cmd *c, const char *option, const char *text,
    int64_t *ms);
/*
 * Letters whose time is up are dead letters for who looks, also where no rkat-peerd runs.
 * Where nothing can be written they stay as they are.
 */
void comms_expire(struct cmd *c);
/* If nobody delivers letters to the outside now, say so on stderr. */
void comms_warn_peerd(struct cmd *c);
/* Words of others on one line of a terminal: no control characters, at most max bytes. */
void comms_put(struct buf *b, const char *s, size_t max);
/* What an envelope's kind says, likewise: "request review: ...". */
void comms_put_kind(struct buf *b, const char *json, size_t max);
/* A letter as JSON: look.c. */
struct letter;
void comms_put_letter(struct buf *b, const struct letter *l);

#endif
