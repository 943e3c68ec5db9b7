#ifndef COMMS_CBOR_PUT_H
#define COMMS_CBOR_PUT_H

#include <stdint.h>

#include "base/buf.h"
#include "comms/cbor.h"

/* What cbor_put.c and cbor_json.c share. */
void cbor_put_uint(struct buf *b, uint64_t v);
void cbor_put_negint(struct buf *b, uint64_t v);	/* of -1 - v */
void cbor_put_float(struct buf *b, double v);		/* the shortest that is the same */
void cbor_put_simple(struct buf *b, enum cbor_kind k);

#endif
