#include <cbor.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "comms/cbor.h"

/* Heads and the walk over them. */

/* ---- one head, through libcbor ---- */

/* What the decoder found; set by exactly one of its callbacks. */
struct found {
	struct cbor_head h;
	bool refused;		/* not of the subset */
};

static void
set(void *arg, enum cbor_kind kind, uint64_t value)
{
	struct found *f = arg;

	f->h.kind = kind;
	f->h.value = value;
}

static void on_u8(void *a, uint8_t v) { set(a, CBOR_UINT, v); }
static void on_u16(void *a, uint16_t v) { set(a, CBOR_UINT, v); }
static void on_u32(void *a, uint32_t v) { set(a, CBOR_UINT, v); }
static void on_u64(void *a, uint64_t v) { set(a, CBOR_UINT, v); }
static void on_n8(void *a, uint8_t v) { set(a, CBOR_NEGINT, v); }
static void on_n16(void *a, uint16_t v) { set(a, CBOR_NEGINT, v); }
static void on_n32(void *a, uint32_t v) { set(a, CBOR_NEGINT, v); }
static void on_n64(void *a, uint64_t v) { set(a, CBOR_NEGINT, v); }
static void on_array(void *a, size_t n) { set(a, CBOR_ARRAY, n); }
static void on_map(void *a, size_t n) { set(a, CBOR_MAP, n); }
static void on_null(void *a) { set(a, CBOR_NULL, 0); }
static void on_bool(void *a, bool v) { set(a, v ? CBOR_TRUE : CBOR_FALSE, 0); }
static void on_break(void *a) { set(a, CBOR_BREAK, 0); }

static void
on_double(void *a, double v)
{
	struct found *f = a;

	set(a, CBOR_FLOAT, 0);
	f->h.f = v;
	f->refused = !isfinite(v);
}

static void on_float(void *a, float v) { on_double(a, (double)v); }

static void
on_string(void *a, enum cbor_kind kind, cbor_data p, size_t n)
{
	struct found *f = a;

	set(a, kind, n);
	f->h.text = (struct cbor){ p, n };
}

static void
on_text(void *a, cbor_data p, size_t n)
{
	on_string(a, CBOR_TEXT, p, n);
}

static void
on_bytes(void *a, cbor_data p, size_t n)
{
	on_string(a, CBOR_BYTES, p, n);
}

static void
on_open(void *a, enum cbor_kind kind)
{
	struct found *f = a;

	set(a, kind, 0);
	f->h.indefinite = true;
}

static void on_open_text(void *a) { on_open(a, CBOR_TEXT); }
static void on_open_bytes(void *a) { on_open(a, CBOR_BYTES); }
static void on_open_array(void *a) { on_open(a, CBOR_ARRAY); }
static void on_open_map(void *a) { on_open(a, CBOR_MAP); }

static void on_undefined(void *a) { ((struct found *)a)->refused = true; }

static void
on_tag(void *a, uint64_t v)
{
	(void)v;
	((struct found *)a)->refused = true;
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8, .uint16 = on_u16, .uint32 = on_u32, .uint64 = on_u64,
	.negint8 = on_n8, .negint16 = on_n16, .negint32 = on_n32,
	.negint64 = on_n64, .byte_string = on_bytes, .string = on_text,
	.byte_string_start = on_open_bytes, .string_start = on_open_text,
	.array_start = on_array, .indef_array_start = on_open_array,
	.map_start = on_map, .indef_map_start = on_open_map, .tag = on_tag,
	.float2 = on_float, .float4 = on_float, .float8 = on_double,
	.undefined = on_undefined, .null = on_null, .boolean = on_bool,
	.indef_break = on_break,
};

/* False: there is no whole head here, or one that is not of the subset. */
static bool
take(struct cbor *c, struct cbor_head *h)
{
	struct found f = { .refused = false };
	struct cbor_decoder_result r;

	r = cbor_stream_decode(c->p, c->n, &callbacks, &f);
	if (r.status != CBOR_DECODER_FINISHED || f.refused)
		return false;
	c->p += r.read;
	c->n -= r.read;
	*h = f.h;
	return true;
}

void
cbor_head(struct cbor *c, struct cbor_head *h)
{
	if (!take(c, h))
		*h = (struct cbor_head){ .kind = CBOR_BREAK };
}

/* ---- the check ---- */

static int
bad(struct err *e, const char *what)
{
	return err_set(e, E_INVALID_PARAMS, "decode: %s", what);
}

static int check(struct cbor *c, int depth, bool may_end, struct err *e);

/* The parts of an indefinite string: definite ones of the same kind. */
static int
check_parts(struct cbor *c, enum cbor_kind kind, struct err *e)
{
	struct cbor_head h;

	for (;;) {
		if (!take(c, &h))
			return bad(e, "a string without its end");
		if (h.kind == CBOR_BREAK)
			return 0;
		if (h.kind != kind || h.indefinite)
			return bad(e, "a string of parts of another kind");
		if (kind == CBOR_TEXT && !utf8_valid((const char *)h.text.p,
		    h.text.n))
			return bad(e, "text that is not UTF-8");
	}
}

static int
by_bytes(const void *a, const void *b)
{
	const struct buf *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->n ? memcmp(x->p, y->p, x->n) : 0;
}

struct keys {
	struct buf *v;
	size_t n, room;
};

static void
add_key(struct keys *k, struct cbor key)
{
	if (k->n == k->room) {
		k->room = k->room ? k->room * 2 : 8;
		k->v = xrealloc(k->v, k->room * sizeof *k->v);
	}
	k->v[k->n] = (struct buf)BUF_INIT;
	cbor_string(key, &k->v[k->n++]);
}

/* Is one there twice?  Frees them. */
static bool
twice(struct keys *k)
{
	bool found = false;

	if (k->n)
		qsort(k->v, k->n, sizeof *k->v, by_bytes);
	for (size_t i = 1; i < k->n; i++)
		found |= by_bytes(&k->v[i - 1], &k->v[i]) == 0;
	while (k->n)
		buf_free(&k->v[--k->n]);
	free(k->v);
	return found;
}

static int
check_pairs(struct cbor *c, const struct cbor_head *h, int depth,
    struct keys *keys, struct err *e)
{
	int rc;

	for (uint64_t i = 0; h->indefinite || i < h->value; i++) {
		struct cbor at = *c;

		if ((rc = check(c, depth, h->indefinite, e)) != 0)
			return rc > 0 ? 0 : -1;
		if (cbor_kind(at) != CBOR_TEXT)
			return bad(e, "a key that is not text");
		add_key(keys, at);
		if (check(c, depth, false, e) < 0)
			return -1;
	}
	return 0;
}

static int
check_map(struct cbor *c, const struct cbor_head *h, int depth, struct err *e)
{
	struct keys keys = { .v = NULL };
	int rc = check_pairs(c, h, depth, &keys, e);

	return twice(&keys) && rc == 0 ? bad(e, "a key twice") : rc;
}

/* One item off the front.  1: it was the break that may stand here. */
static int
check(struct cbor *c, int depth, bool may_end, struct err *e)
{
	struct cbor_head h;
	int rc;

	if (!take(c, &h))
		return bad(e, "not a whole item of the known kinds");
	if (depth >= CBOR_DEPTH)
		return bad(e, "nested too deep");
	switch (h.kind) {
	case CBOR_BREAK:
		return may_end ? 1 : bad(e, "an end of nothing");
	case CBOR_BYTES:
		return h.indefinite ? check_parts(c, h.kind, e) : 0;
	case CBOR_TEXT:
		if (h.indefinite)
			return check_parts(c, h.kind, e);
		return utf8_valid((const char *)h.text.p, h.text.n) ? 0 :
		    bad(e, "text that is not UTF-8");
	case CBOR_ARRAY:
		for (uint64_t i = 0; h.indefinite || i < h.value; i++)
			if ((rc = check(c, depth + 1, h.indefinite, e)) != 0)
				return rc > 0 ? 0 : -1;
		return 0;
	case CBOR_MAP:
		return check_map(c, &h, depth + 1, e);
	default:
		return 0;
	}
}

int
cbor_check(struct cbor c, struct err *e)
{
	if (check(&c, 0, false, e) < 0)
		return -1;
	return c.n ? bad(e, "bytes behind the item") : 0;
}

/* ---- the walk over what was checked ---- */

/*
 * Without recursion: how many items are still to come, per level, is a counter; a level
 * of unknown length is marked.
 */
struct cbor
cbor_item(struct cbor *c)
{
	uint64_t left[CBOR_DEPTH + 1];
	bool open[CBOR_DEPTH + 1];
	struct cbor start = *c;
	struct cbor_head h;
	int depth = 0;

	left[0] = 1;
	open[0] = false;
	while (depth >= 0) {
		if (!open[depth] && left[depth] == 0) {
			depth--;
			continue;
		}
		if (!take(c, &h))
			break;
		if (h.kind == CBOR_BREAK) {
			depth--;
			continue;
		}
		left[depth]--;
		if ((h.kind != CBOR_ARRAY && h.kind != CBOR_MAP &&
		    !h.indefinite) || depth == CBOR_DEPTH)
			continue;
		depth++;
		open[depth] = h.indefinite;
		left[depth] = h.kind == CBOR_MAP ? 2 * h.value : h.value;
	}
	return (struct cbor){ start.p, start.n - c->n };
}

enum cbor_kind
cbor_kind(struct cbor item)
{
	struct cbor_head h;

	cbor_head(&item, &h);
	return h.kind;
}

bool
cbor_more(struct cbor *c, const struct cbor_head *h, uint64_t i)
{
	struct cbor_head end;

	if (!h->indefinite)
		return i < h->value;
	if (c->n && cbor_kind(*c) != CBOR_BREAK)
		return true;
	cbor_head(c, &end);
	return false;
}

struct cbor_iter
cbor_iter(struct cbor map)
{
	struct cbor_head h;

	cbor_head(&map, &h);
	if (h.kind != CBOR_MAP)
		h.value = 0;
	return (struct cbor_iter){ map, h.value, h.indefinite };
}

bool
cbor_next(struct cbor_iter *it, struct cbor *key, struct cbor *value)
{
	if (it->indefinite ? !it->rest.n || cbor_kind(it->rest) == CBOR_BREAK :
	    !it->left)
		return false;
	it->left--;
	*key = cbor_item(&it->rest);
	*value = cbor_item(&it->rest);
	return true;
}

void
cbor_string(struct cbor item, struct buf *out)
{
	struct cbor_head h;

	cbor_head(&item, &h);
	if (!h.indefinite) {
		buf_put(out, h.text.p, h.text.n);
		return;
	}
	for (;;) {
		cbor_head(&item, &h);
		if (h.kind == CBOR_BREAK)
			return;
		buf_put(out, h.text.p, h.text.n);
	}
}

static bool
is_text(struct cbor key, const char *s)
{
	struct buf b = BUF_INIT;
	bool same;

	cbor_string(key, &b);
	same = b.n == strlen(s) && !memcmp(buf_str(&b), s, b.n);
	buf_free(&b);
	return same;
}

struct cbor
cbor_get(struct cbor map, const char *key)
{
	struct cbor_iter it = cbor_iter(map);
	struct cbor k, v;

	while (cbor_next(&it, &k, &v))
		if (is_text(k, key))
			return v;
	return (struct cbor){ NULL, 0 };
}
