#include <cbor.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "comms/cbor.h"
#include "comms/cbor_put.h"

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
	put_head(b, cbor_encode_bytestring_start, n);
	buf_put(b, p, n);
}

void
cbor_put_text(struct buf *b, const char *p, size_t n)
{
	put_head(b, cbor_encode_string_start, n);
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

/* ---- canonical ---- */

static void canonical(struct cbor *c, struct buf *out);

/* A map's pair: its key in bytes, and where its value stands in `values`. */
struct pair {
	struct buf key;
	size_t at, n;
};
struct pairs {
	struct pair *v;
	size_t n, room;
	struct buf values;
};

static int
by_length(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key.n != y->key.n)
		return x->key.n < y->key.n ? -1 : 1;
	return x->key.n ? memcmp(x->key.p, y->key.p, x->key.n) : 0;
}

static void
add_pair(struct pairs *p, struct cbor key, struct cbor *c)
{
	struct pair *to;

	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 8;
		p->v = xrealloc(p->v, p->room * sizeof *p->v);
	}
	to = &p->v[p->n++];
	*to = (struct pair){ BUF_INIT, p->values.n, 0 };
	cbor_string(key, &to->key);
	canonical(c, &p->values);
	to->n = p->values.n - to->at;
}

static void
put_pairs(struct pairs *p, struct buf *out)
{
	if (p->n)
		qsort(p->v, p->n, sizeof *p->v, by_length);
	cbor_put_map(out, p->n);
	for (size_t i = 0; i < p->n; i++) {
		struct pair *at = &p->v[i];

		cbor_put_text(out, buf_str(&at->key), at->key.n);
		buf_put(out, p->values.p + at->at, at->n);
		buf_free(&at->key);
	}
	free(p->v);
	buf_free(&p->values);
}

static void
canonical_map(struct cbor *c, const struct cbor_head *h,
    bool (*keep)(void *, struct cbor), void *arg, struct buf *out)
{
	struct pairs p = { .v = NULL };

	for (uint64_t i = 0; cbor_more(c, h, i); i++) {
		struct cbor key = cbor_item(c);

		if (keep && !keep(arg, key))
			cbor_item(c);
		else
			add_pair(&p, key, c);
	}
	put_pairs(&p, out);
}

static void
canonical_array(struct cbor *c, const struct cbor_head *h, struct buf *out)
{
	struct buf items = BUF_INIT;
	uint64_t n = 0;

	for (; cbor_more(c, h, n); n++)
		canonical(c, &items);
	cbor_put_array(out, n);
	buf_put(out, buf_str(&items), items.n);
	buf_free(&items);
}

static void
canonical_string(struct cbor *c, enum cbor_kind kind, struct buf *out)
{
	struct buf s = BUF_INIT;

	cbor_string(cbor_item(c), &s);
	if (kind == CBOR_TEXT)
		cbor_put_text(out, buf_str(&s), s.n);
	else
		cbor_put_bytes(out, buf_str(&s), s.n);
	buf_free(&s);
}

static void
canonical(struct cbor *c, struct buf *out)
{
	struct cbor start = *c;
	struct cbor_head h;

	cbor_head(c, &h);
	switch (h.kind) {
	case CBOR_UINT: cbor_put_uint(out, h.value); break;
	case CBOR_NEGINT: cbor_put_negint(out, h.value); break;
	case CBOR_FLOAT: cbor_put_float(out, h.f); break;
	case CBOR_BYTES:
	case CBOR_TEXT:
		*c = start;
		canonical_string(c, h.kind, out);
		break;
	case CBOR_ARRAY: canonical_array(c, &h, out); break;
	case CBOR_MAP: canonical_map(c, &h, NULL, NULL, out); break;
	default: cbor_put_simple(out, h.kind); break;
	}
}

void
cbor_canonical(struct cbor item, bool (*keep)(void *arg, struct cbor key),
    void *arg, struct buf *out)
{
	struct cbor c = item;
	struct cbor_head h;

	cbor_head(&c, &h);
	if (h.kind == CBOR_MAP)
		canonical_map(&c, &h, keep, arg, out);
	else
		canonical(&item, out);
}
