#ifndef COMMS_IDENTITY_H
#define COMMS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/util.h"

struct realm;

/*
 * Who somebody is: an Ed25519 key (comms sheet sections 1 and 2).  A session that has a
 * comms name has a key of its own, below <realm>/.rkat/session_comms_identity/<session>/;
 * the realm has one for what is said in nobody's name, in <realm>/.rkat/identity/.
 * A directory holds identity.key (the 32-byte seed, mode 0600, written whole or not at
 * all) and identity.pub.
 */
#define KEY_LEN 32
#define KEY_TEXT_LEN 52		/* "ed25519:" and 44 characters of base64 */
#define SIG_LEN 64

/* The secret part is locked memory (sodium_malloc), gone after identity_free. */
struct identity;

/* session NULL: the realm's.  make: a new key if there is none, else NOT_FOUND. */
struct identity *identity_load(const struct realm *r, const char *session,
    bool make, struct err *e);
/* A new key in the place of the old one; the old public key is kept in identity.old.pub. */
int identity_rotate(const struct realm *r, const char *session, struct err *e);
/* For tests and vectors. */
struct identity *identity_of_seed(const unsigned char seed[KEY_LEN]);
void identity_free(struct identity *k);

const unsigned char *identity_key(const struct identity *k);
void identity_sign(const struct identity *k, const void *p, size_t n,
    unsigned char sig[SIG_LEN]);
/* base64url without padding of SHA-256(context, seed): sheet 21.2. */
void identity_bootstrap_token(const struct identity *k, struct buf *out);

bool key_verify(const unsigned char key[KEY_LEN], const void *p, size_t n,
    const unsigned char sig[SIG_LEN]);
/* "ed25519:..." both ways; INVALID_PARAMS with the sheet's words. */
void key_text(const unsigned char key[KEY_LEN], char out[KEY_TEXT_LEN + 1]);
int key_parse(const char *s, unsigned char key[KEY_LEN], struct err *e);
/* The UUIDv5 that later versions call peer_id (sheet section 2). */
void key_peer_id(const unsigned char key[KEY_LEN], char out[UUID_LEN + 1]);

#endif
