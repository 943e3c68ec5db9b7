#ifndef COMMS_ENVELOPE_H
#define COMMS_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "comms/identity.h"

/*
 * Signed envelopes (comms sheet sections 3 to 6): frame = 4 bytes of length, big endian,
 * and one CBOR map; the signature is over the canonical form of [id, from, to, kind].
 * Built and taken apart as CBOR (comms/cbor.h): no number passes through a double.
 */
#define FRAME_MAX 1048576	/* bytes behind the length */

enum envelope_kind {
	ENVELOPE_MESSAGE, ENVELOPE_REQUEST, ENVELOPE_RESPONSE, ENVELOPE_ACK,
	ENVELOPE_LIFECYCLE,	/* of later versions */
	ENVELOPE_FENCED		/* "incarnation_fenced_message": known, refused */
};
const char *envelope_kind_name(enum envelope_kind k);

struct envelope {
	char id[UUID_LEN + 1];
	unsigned char from[KEY_LEN], to[KEY_LEN];
	enum envelope_kind kind;
	/*
	 * The kind's map as JSON: {"type":"message","body":...}; in_reply_to and
	 * objective_id as UUID text.  Owned.
	 */
	char *json;
};
void envelope_free(struct envelope *v);		/* the fields, not the struct */

/*
 * Frame, with its length in front, appended; signed by k, whose key becomes `from`.
 * v->json is checked: INVALID_PARAMS names what no receiver would take; also if the
 * frame would be over FRAME_MAX.
 */
int envelope_seal(struct envelope *v, const struct identity *k,
    struct buf *frame, struct err *e);
/*
 * Take the CBOR of one frame apart: types, lengths, required members, no duplicate
 * keys, nothing behind it, no deeper than 256.  The signature is checked, in both forms
 * of sheet section 5.  INVALID_PARAMS "decode: ..." or "signature: ...".
 */
int envelope_open(const void *p, size_t n, struct envelope *v, struct err *e);
/*
 * Who says that he sent it, before anything else of the frame is looked at; it may be
 * no frame yet.  INVALID_PARAMS "decode: ..." if nobody says so.
 */
int envelope_from(const void *p, size_t n, unsigned char from[KEY_LEN],
    struct err *e);
/* The ACK of v by k, as a frame. */
int envelope_ack(const struct envelope *v, const struct identity *k,
    struct buf *frame, struct err *e);
/* Is `ack` (opened) what the receiver of v must answer? */
bool envelope_acks(const struct envelope *ack, const struct envelope *v);

/* The bytes that are signed; for tests. */
int envelope_signable(const struct envelope *v, struct buf *out, struct err *e);

#endif
