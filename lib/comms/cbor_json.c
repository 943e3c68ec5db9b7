#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/cbor.h"
#include "comms/cbor_impl.h"

/* JSON to CBOR and back, no number changed on the way (comms sheet section 5). */

/* ---- JSON to CBOR ---- */

static int put(struct buf *b, struct jtext v, const char *const *first,
    int depth, struct err *e);

/* -?digits that fit 64 bits; "-0" is a float. */
static bool
put_whole(struct buf *b, const char *s)
{
	bool minus = *s == '-';
	const char *digits = s + minus;
	unsigned long long n;
	char *end;

	if (digits[strspn(digits, "0123456789")] || (minus && *digits == '0'))
		return false;
	errno = 0;
	n = strtoull(digits, &end, 10);
	if (errno || (minus && n > (1ull << 63)))
		return false;
	if (minus)
		cbor_put_negint(b, n - 1);
	else
		cbor_put_uint(b, n);
	return true;
}

static int
put_number(struct buf *b, struct jtext v, struct err *e)
{
	char *s = xstrndup(v.p, v.n);
	double f;
	int rc = 0;

	if (!put_whole(b, s)) {
		f = strtod(s, NULL);
		if (isfinite(f))
			cbor_put_float(b, f);
		else
			rc = err_set(e, E_INVALID_PARAMS, "a number that is "
			    "too large to be sent: %.40s", s);
	}
	free(s);
	return rc;
}

static int
put_string(struct buf *b, struct jtext v, struct err *e)
{
	size_t n;
	char *s;

	if (!json_str_whole(v))
		return err_set(e, E_INVALID_PARAMS,
		    "half a character (a lone surrogate) cannot be sent");
	s = json_str(v, &n);
	cbor_put_text(b, s, n);
	free(s);
	return 0;
}

struct member {
	char *key;
	size_t n;
	int rank;		/* place in `first`; else behind all of it */
	struct jtext value;
};

static int
by_bytes(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = x->rank - y->rank;

	if (c == 0 && n)
		c = memcmp(x->key, y->key, n);
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static int
rank_of(const char *const *first, const char *key)
{
	int i = 0;

	for (; first && first[i]; i++)
		if (!strcmp(first[i], key))
			break;
	return i;
}

static int
put_object(struct buf *b, struct jtext v, const char *const *first, int depth,
    struct err *e)
{
	size_t n = 0, all = json_count(v);
	struct member *m = xcalloc(all + 1, sizeof *m);
	int rc = 0;

	for (struct jiter it = json_iter(v); n < all && json_next(&it); n++) {
		if (!json_str_whole(it.key))
			rc = err_set(e, E_INVALID_PARAMS, "half a character "
			    "(a lone surrogate) cannot be sent");
		m[n].key = json_str(it.key, &m[n].n);
		m[n].rank = rank_of(first, m[n].key);
		m[n].value = it.value;
	}
	qsort(m, n, sizeof *m, by_bytes);
	for (size_t i = 1; i < n; i++)
		if (by_bytes(&m[i - 1], &m[i]) == 0)
			rc = err_set(e, E_INVALID_PARAMS,
			    "the key \"%.80s\" stands twice", m[i].key);
	cbor_put_map(b, n);
	for (size_t i = 0; i < n && rc == 0; i++) {
		cbor_put_text(b, m[i].key, m[i].n);
		rc = put(b, m[i].value, NULL, depth + 1, e);
	}
	for (size_t i = 0; i < n; i++)
		free(m[i].key);
	free(m);
	return rc;
}

/* The elements of an array share the order of keys: content blocks have one. */
static int
put_array(struct buf *b, struct jtext v, const char *const *first, int depth,
    struct err *e)
{
	struct jiter it = json_iter(v);

	cbor_put_array(b, json_count(v));
	while (json_next(&it))
		if (put(b, it.value, first, depth + 1, e) < 0)
			return -1;
	return 0;
}

static int
put(struct buf *b, struct jtext v, const char *const *first, int depth,
    struct err *e)
{
	if (depth >= CBOR_DEPTH)
		return err_set(e, E_INVALID_PARAMS,
		    "nested deeper than %d", CBOR_DEPTH);
	switch (json_kind(v)) {
	case '{': return put_object(b, v, first, depth, e);
	case '[': return put_array(b, v, first, depth, e);
	case '"': return put_string(b, v, e);
	case '0': return put_number(b, v, e);
	case 't':
		cbor_put_simple(b, *v.p == 't' ? CBOR_TRUE : CBOR_FALSE);
		return 0;
	default:
		cbor_put_simple(b, CBOR_NULL);
		return 0;
	}
}

int
cbor_put_json(struct buf *b, struct jtext v, const char *const *first,
    struct err *e)
{
	return put(b, v, first, 2, e);	/* below an envelope and its kind */
}

/* ---- and back ---- */

static int to_json(struct cbor *c, struct buf *out, struct err *e);

static void
put_string_json(struct cbor item, struct buf *out)
{
	struct buf s = BUF_INIT;

	cbor_string(item, &s);
	jput_str(out, buf_str(&s), s.n);
	buf_free(&s);
}

static int
map_json(struct cbor *c, const struct cbor_head *h, struct buf *out,
    struct err *e)
{
	jput_open(out, '{');
	for (uint64_t i = 0; cbor_more(c, h, i); i++) {
		put_string_json(cbor_item(c), out);
		buf_putc(out, ':');
		if (to_json(c, out, e) < 0)
			return -1;
	}
	jput_close(out, '}');
	return 0;
}

/* A float keeps its point: 1.0 stays apart from 1. */
static void
put_float_json(struct buf *out, double v)
{
	size_t at = out->n;

	jput_f64(out, v);
	if (!memchr(out->p + at, '.', out->n - at) &&
	    !memchr(out->p + at, 'e', out->n - at))
		buf_puts(out, ".0");
}

static int
array_json(struct cbor *c, const struct cbor_head *h, struct buf *out,
    struct err *e)
{
	jput_open(out, '[');
	for (uint64_t i = 0; cbor_more(c, h, i); i++)
		if (to_json(c, out, e) < 0)
			return -1;
	jput_close(out, ']');
	return 0;
}

static int
to_json(struct cbor *c, struct buf *out, struct err *e)
{
	struct cbor start = *c;
	struct cbor_head h;
	char text[32];

	cbor_head(c, &h);
	switch (h.kind) {
	case CBOR_UINT:
		snprintf(text, sizeof text, "%llu", (unsigned long long)h.value);
		jput_raw(out, text, strlen(text));
		return 0;
	case CBOR_NEGINT:
		if (h.value >> 63)
			break;
		jput_i64(out, -1 - (int64_t)h.value);
		return 0;
	case CBOR_FLOAT: put_float_json(out, h.f); return 0;
	case CBOR_TEXT:
		*c = start;
		put_string_json(cbor_item(c), out);
		return 0;
	case CBOR_ARRAY: return array_json(c, &h, out, e);
	case CBOR_MAP: return map_json(c, &h, out, e);
	case CBOR_TRUE: jput_bool(out, true); return 0;
	case CBOR_FALSE: jput_bool(out, false); return 0;
	case CBOR_NULL: jput_null(out); return 0;
	default: break;
	}
	return err_set(e, E_INVALID_PARAMS,
	    "decode: a value that JSON does not have");
}

int
cbor_to_json(struct cbor item, struct buf *out, struct err *e)
{
	return to_json(&item, out, e);
}
