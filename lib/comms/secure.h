#ifndef COMMS_SECURE_H
#define COMMS_SECURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "comms/identity.h"

/*
 * The encrypted transport between two rkat peers, rkats://host:port.  Both ends prove
 * the Ed25519 keys that the trust store already holds; an ephemeral X25519 exchange,
 * signed by both, gives keys that nobody can find afterwards; inside are the frames of
 * the comms sheet, several one after another, each answered by its ACK, whatever its
 * kind, in the same order.  The client's key must be `from` of each frame.
 *
 * Why not TLS: it proves certificates, and here are none.  Its form for bare keys (RFC
 * 7250) came with OpenSSL 3.2, and Debian 12 has 3.0; GnuTLS has it, but nothing else
 * here needs that library, while libsodium is here anyway.
 *
 * This module does no I/O: bytes in, bytes out.
 *
 *	client hello	"rkat1" 01 | ephemeral | client's key | server's key | signature
 *	server hello	"rkat1" 01 | ephemeral | signature
 *	then each way	header of a crypto_secretstream_xchacha20poly1305, and records:
 *			length (4 bytes, big endian) | at most 64 KiB and 17 bytes
 *
 * A signature is over its context (secure.c) and both hellos as far as they are known
 * with itself left out.  The keys are BLAKE2b(key: X25519, context, SHA-512 of both
 * hellos): 32 bytes for the client's records, 32 for the server's.  The last record has
 * the tag FINAL.  The first bytes are neither an envelope's (0) nor a pairing's ({), so
 * that one port serves all.
 */
#define SECURE_MAGIC "rkat1"
#define SECURE_MAGIC_LEN 5
#define SECURE_CHUNK 65536	/* plaintext of a record */

struct secure;

/* Who the server is: all borrowed while the connection lives. */
struct secure_server {
	/* The key pair of one of ours, or NULL; borrowed until the next call. */
	const struct identity *(*find)(void *arg,
	    const unsigned char key[KEY_LEN]);
	/* Asked before anything is computed for a client. */
	bool (*trusted)(void *arg, const unsigned char key[KEY_LEN]);
	void *arg;
};

/* The hello is appended to out.  self is borrowed for the call. */
struct secure *secure_connect(const struct identity *self,
    const unsigned char server[KEY_LEN], struct buf *out, struct err *e);
struct secure *secure_accept(const struct secure_server *of);
void secure_free(struct secure *s);		/* NULL is fine */

/*
 * What came: plaintext is appended to plain, what must be answered to out.  An error is
 * the end: INVALID_PARAMS "handshake: ..." or "record: ...", and each call after it
 * fails, too.  Keeps at most one hello or record.
 */
int secure_take(struct secure *s, const void *p, size_t n, struct buf *plain,
    struct buf *out, struct err *e);
/* Are both ends proved?  The client's end is, for the server, with its first record. */
bool secure_ready(const struct secure *s);
/* Encrypt what is to be said, in as many records as it takes; only when ready. */
int secure_put(struct secure *s, const void *p, size_t n, struct buf *out,
    struct err *e);
/* Say that this was all. */
int secure_end(struct secure *s, struct buf *out, struct err *e);
/* The other end said so: what came is whole. */
bool secure_ended(const struct secure *s);
/* The other end's key, and for a server the key that it was called by. */
const unsigned char *secure_peer(const struct secure *s);
const unsigned char *secure_self(const struct secure *s);

#endif
