#ifndef COMMS_TRUST_H
#define COMMS_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "comms/identity.h"

struct realm;

/*
 * Peers outside that the realm trusts: <realm>/.rkat/trusted_peers.json (comms sheet
 * section 9).  The file is the truth: edit it, or use rkat-comms trust; who reads it
 * notices a change by trust_fresh.
 */
struct peer {
	char *name, *address;
	unsigned char key[KEY_LEN];
	char *meta;		/* raw JSON object */
};
struct trust {
	struct peer *v;
	size_t n;
	long long stamp[3];	/* device's inode, size and mtime of what was read */
};

/* A file that is missing is an empty list; a bad one is INVALID_PARAMS "Trust load error: ...". */
int trust_load(const struct realm *r, struct trust *t, struct err *e);
void trust_free(struct trust *t);
/* Read again if the file changed; a bad one leaves t as it was (-1). */
int trust_fresh(const struct realm *r, struct trust *t, struct err *e);

const struct peer *trust_by_key(const struct trust *t,
    const unsigned char key[KEY_LEN]);
/*
 * As people and programs name a peer: its name, "ed25519:...", or its UUID peer_id;
 * names first (sheet section 17).  INVALID_PARAMS if a name fits several.
 */
const struct peer *trust_find(const struct trust *t, const char *who,
    struct err *e);

/* Under a lock, written whole.  A key that is there already is replaced. */
int trust_add(const struct realm *r, const struct peer *p, struct err *e);
/* *removed tells whether there was one. */
int trust_remove(const struct realm *r, const char *who, bool *removed,
    struct err *e);

bool peer_name_valid(const char *name);		/* not blank, no control characters */

/* INVALID_PARAMS, also for the labels that only a mob gives; absent is fine: meta.c. */
int peer_meta_check(struct jtext meta, struct err *e);
/* One of what was given: description may be NULL, labels (an object) empty.  New. */
char *peer_meta_make(const char *description, const struct buf *labels);

/* ---- addresses: sheet section 10 ---- */

enum address_kind { ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_INPROC, ADDRESS_SECURE };
struct address {
	enum address_kind kind;
	char *host, *port;	/* tcp://host:port; rkats://host:port is ours, encrypted */
	char *path;		/* uds:///path */
};
int address_parse(const char *s, struct address *a, struct err *e);
void address_free(struct address *a);

#endif
