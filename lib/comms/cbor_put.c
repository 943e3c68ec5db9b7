#include <cbor.h>
#include <math.h>

#include "comms/cbor.h"
#include "comms/cbor_impl.h"

/* Heads and values on their way out, shortest form always (comms sheet section 4). */

static void
put_head(struct buf *b, size_t (*encode)(uint64_t, unsigned char *, size_t),
    uint64_t v)
{
	unsigned char *to = (unsigned char *)buf_room(b, 9);

	b->n += encode(v, to, 9);
	buf_end(b);
}

void
cbor_put_uint(struct buf *b, uint64_t v)
{
	put_head(b, cbor_encode_uint, v);
}

void
cbor_put_negint(struct buf *b, uint64_t v)
{
	put_head(b, cbor_encode_negint, v);
}

void
cbor_put_string(struct buf *b, enum cbor_kind k, uint64_t n)
{
	put_head(b, k == CBOR_BYTES ? cbor_encode_bytestring_start :
	    cbor_encode_string_start, n);
}

void
cbor_put_array(struct buf *b, uint64_t n)
{
	put_head(b, cbor_encode_array_start, n);
}

void
cbor_put_map(struct buf *b, uint64_t n)
{
	put_head(b, cbor_encode_map_start, n);
}

void
cbor_put_bytes(struct buf *b, const void *p, size_t n)
{
	cbor_put_string(b, CBOR_BYTES, n);
	buf_put(b, p, n);
}

void
cbor_put_text(struct buf *b, const char *p, size_t n)
{
	cbor_put_string(b, CBOR_TEXT, n);
	buf_put(b, p, n);
}

void
cbor_put_simple(struct buf *b, enum cbor_kind k)
{
	buf_putc(b, (char)(k == CBOR_FALSE ? 0xf4 : k == CBOR_TRUE ? 0xf5 :
	    0xf6));
}

/* A half as bits, if it is exactly v. */
static bool
as_half(double v, unsigned *bits)
{
	unsigned sign = signbit(v) ? 0x8000 : 0;
	double m;
	int exp;

	v = fabs(v);
	m = frexp(v, &exp);	/* v = m * 2^exp, 0.5 <= m < 1 */
	if (v == 0) {
		*bits = sign;
		return true;
	}
	if (exp > 16 || exp < -23)
		return false;
	if (exp >= -13) {	/* normal: 1.f * 2^(exp-1) */
		double f = (2 * m - 1) * 1024;

		if (f != floor(f))
			return false;
		*bits = sign | (unsigned)(exp + 14) << 10 | (unsigned)f;
	} else {		/* subnormal: f * 2^-24 */
		double f = ldexp(v, 24);

		if (f != floor(f))
			return false;
		*bits = sign | (unsigned)f;
	}
	return true;
}

void
cbor_put_float(struct buf *b, double v)
{
	unsigned char *to = (unsigned char *)buf_room(b, 9);
	unsigned bits;

	if (as_half(v, &bits)) {
		to[0] = 0xf9;
		to[1] = (unsigned char)(bits >> 8);
		to[2] = (unsigned char)bits;
		b->n += 3;
	} else if ((double)(float)v == v) {
		b->n += cbor_encode_single((float)v, to, 9);
	} else {
		b->n += cbor_encode_double(v, to, 9);
	}
	buf_end(b);
}
