#include <cbor.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "comms/cbor.h"
#include "comms/cbor_impl.h"

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

/* The usual heads without the library's detour: one byte, what follows is there. */
static bool
take_short(struct cbor *c, struct cbor_head *h)
{
	static const enum cbor_kind kinds[] = { CBOR_UINT, CBOR_NEGINT,
	    CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP };
	unsigned major, value;
	size_t n;

	if (!c->n || (major = *c->p >> 5) >= COUNT(kinds) ||
	    (value = *c->p & 31) > 23)
		return false;
	n = major == 2 || major == 3 ? value : 0;	/* a string's bytes */
	if (n >= c->n)
		return false;
	h->kind = kinds[major];
	h->value = value;
	h->indefinite = false;
	h->text = (struct cbor){ c->p + 1, n };
	c->p += 1 + n;
	c->n -= 1 + n;
	return true;
}

static bool
take_any(struct cbor *c, struct cbor_head *h)
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

bool
cbor_take(struct cbor *c, struct cbor_head *h)
{
	return take_short(c, h) || take_any(c, h);
}

void
cbor_head(struct cbor *c, struct cbor_head *h)
{
	if (!cbor_take(c, h))
		*h = (struct cbor_head){ .kind = CBOR_BREAK };
}

/* ---- the walk ---- */

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
		if (!cbor_take(c, &h))
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
	if (!it->rest.n || (it->indefinite ?
	    cbor_kind(it->rest) == CBOR_BREAK : !it->left))
		return false;
	it->left--;
	*key = cbor_item(&it->rest);
	*value = cbor_item(&it->rest);
	return value->n > 0;	/* else it was not checked, and is none */
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
	struct cbor_head h;
	struct cbor c = key;
	struct buf b = BUF_INIT;
	bool same;

	cbor_head(&c, &h);
	if (!h.indefinite)
		return h.kind == CBOR_TEXT && h.text.n == strlen(s) &&
		    !memcmp(h.text.p, s, h.text.n);
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
