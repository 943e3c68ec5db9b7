#ifndef COMMS_CBOR_IMPL_H
#define COMMS_CBOR_IMPL_H

#include <stdint.h>

#include "base/buf.h"
#include "comms/cbor.h"

/* What cbor.c, cbor_index.c, cbor_put.c and cbor_json.c share. */

/* cbor_head, but false if there is no whole head, or one that is not of the subset. */
bool cbor_take(struct cbor *c, struct cbor_head *h);

void cbor_put_string(struct buf *b, enum cbor_kind k, uint64_t n);	/* its head */
void cbor_put_uint(struct buf *b, uint64_t v);
void cbor_put_negint(struct buf *b, uint64_t v);	/* of -1 - v */
void cbor_put_float(struct buf *b, double v);		/* the shortest that is the same */
void cbor_put_simple(struct buf *b, enum cbor_kind k);

#endif
