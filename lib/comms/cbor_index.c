#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "comms/cbor.h"
#include "comms/cbor_impl.h"

/*
 * The check and the canonical form.  A frame of 1 MiB from anybody has to be cheap, so
 * both take time in proportion to its bytes, but for the sorting of keys: the first
 * pass, the check, notes where the values of each map are, in the order of their keys,
 * and the second writes them from there.  Nothing is copied from level to level.
 */

/* Where the value of a key is, and how many nodes stand before it. */
struct pair {
	const unsigned char *key;
	uint32_t key_n, at, n, node;
};
/*
 * A map, or an array that does not say how long it is, in the order of their heads: how
 * many elements it has, the first of its pairs, where it ends and the node behind it.
 */
struct node {
	uint32_t n, first, end, next;
};
struct cbor_index {
	struct cbor all, rest;		/* rest: what was not read yet */
	struct pair *pairs, *open;	/* open: of maps whose end was not read yet */
	struct node *nodes;
	size_t n_pairs, n_open, n_nodes, pairs_room, open_room, nodes_room;
	struct buf joined;		/* keys that came in parts; does not move */
};

void
cbor_index_free(struct cbor_index *x)
{
	if (!x)
		return;
	free(x->pairs);
	free(x->open);
	free(x->nodes);
	buf_free(&x->joined);
	free(x);
}

/* ---- the first pass ---- */

static int scan(struct cbor_index *x, int depth, bool may_end, struct err *e);

static int
bad(struct err *e, const char *what)
{
	return err_set(e, E_INVALID_PARAMS, "decode: %s", what);
}

static uint32_t
place(const struct cbor_index *x)
{
	return (uint32_t)(x->rest.p - x->all.p);
}

/* Room for `more` behind the n that are there. */
static void *
grow(void *v, size_t n, size_t more, size_t *room, size_t size)
{
	if (n + more <= *room)
		return v;
	*room = 2 * n + more + 6;
	return xrealloc(v, *room * size);
}

static size_t
add_node(struct cbor_index *x)
{
	x->nodes = grow(x->nodes, x->n_nodes, 1, &x->nodes_room,
	    sizeof *x->nodes);
	return x->n_nodes++;
}

static void
end_node(struct cbor_index *x, size_t i, uint64_t n, size_t first)
{
	x->nodes[i] = (struct node){ (uint32_t)n, (uint32_t)first, place(x),
	    (uint32_t)x->n_nodes };
}

/* The parts of an indefinite string: definite ones of the same kind. */
static int
scan_parts(struct cbor_index *x, enum cbor_kind kind, struct err *e)
{
	struct cbor_head h;

	for (;;) {
		if (!cbor_take(&x->rest, &h))
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
scan_array(struct cbor_index *x, const struct cbor_head *h, int depth,
    struct err *e)
{
	size_t node = h->indefinite ? add_node(x) : 0;
	uint64_t i = 0;
	int rc = 0;

	while ((h->indefinite || i < h->value) &&
	    (rc = scan(x, depth, h->indefinite, e)) == 0)
		i++;
	if (h->indefinite)
		end_node(x, node, i, 0);
	return rc < 0 ? -1 : 0;
}

static void
add_key(struct cbor_index *x, struct cbor item)
{
	struct pair *to;
	struct cbor_head h;
	struct cbor c = item;
	size_t at = x->joined.n;

	x->open = grow(x->open, x->n_open, 1, &x->open_room, sizeof *x->open);
	to = &x->open[x->n_open++];
	cbor_head(&c, &h);
	if (h.indefinite) {
		buf_room(&x->joined, x->all.n - at);
		cbor_string(item, &x->joined);
		h.text = (struct cbor){ (unsigned char *)x->joined.p + at,
		    x->joined.n - at };
	}
	to->key = h.text.p;
	to->key_n = (uint32_t)h.text.n;
}

/* 1: it was the end of the map. */
static int
scan_pair(struct cbor_index *x, bool may_end, int depth, struct err *e)
{
	struct cbor key = x->rest;
	size_t i = x->n_open;
	uint32_t at, node;
	int rc = scan(x, depth, may_end, e);

	if (rc != 0)
		return rc;
	if (cbor_kind(key) != CBOR_TEXT)
		return bad(e, "a key that is not text");
	add_key(x, key);
	at = place(x);
	node = (uint32_t)x->n_nodes;
	if (scan(x, depth, false, e) < 0)
		return -1;
	x->open[i].at = at;
	x->open[i].n = place(x) - at;
	x->open[i].node = node;
	return 0;
}

static int
by_length(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key_n != y->key_n)
		return x->key_n < y->key_n ? -1 : 1;
	return x->key_n ? memcmp(x->key, y->key, x->key_n) : 0;
}

/* False: one is there twice. */
static bool
sort(struct pair *v, size_t n)
{
	size_t i = 1;

	while (i < n && by_length(&v[i - 1], &v[i]) < 0)
		i++;
	if (i >= n)
		return true;
	qsort(v, n, sizeof *v, by_length);
	for (i = 1; i < n; i++)
		if (by_length(&v[i - 1], &v[i]) == 0)
			return false;
	return true;
}

static int
scan_map(struct cbor_index *x, const struct cbor_head *h, int depth,
    struct err *e)
{
	size_t node = add_node(x), first = x->n_open, n;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && (h->indefinite || i < h->value); i++)
		rc = scan_pair(x, h->indefinite, depth, e);
	if (rc < 0)
		return -1;
	n = x->n_open - first;
	x->n_open = first;
	end_node(x, node, n, x->n_pairs);
	if (n == 0)
		return 0;
	if (!sort(x->open + first, n))
		return bad(e, "a key twice");
	x->pairs = grow(x->pairs, x->n_pairs, n, &x->pairs_room,
	    sizeof *x->pairs);
	memcpy(x->pairs + x->n_pairs, x->open + first, n * sizeof *x->pairs);
	x->n_pairs += n;
	return 0;
}

/* One item off the front.  1: it was the break that may stand here. */
static int
scan(struct cbor_index *x, int depth, bool may_end, struct err *e)
{
	struct cbor_head h;

	if (!cbor_take(&x->rest, &h))
		return bad(e, "not a whole item of the known kinds");
	if (depth >= CBOR_DEPTH)
		return bad(e, "nested too deep");
	switch (h.kind) {
	case CBOR_BREAK:
		return may_end ? 1 : bad(e, "an end of nothing");
	case CBOR_BYTES:
	case CBOR_TEXT:
		if (h.indefinite)
			return scan_parts(x, h.kind, e);
		return h.kind == CBOR_BYTES || utf8_valid(
		    (const char *)h.text.p, h.text.n) ? 0 :
		    bad(e, "text that is not UTF-8");
	case CBOR_ARRAY:
		return scan_array(x, &h, depth + 1, e);
	case CBOR_MAP:
		return scan_map(x, &h, depth + 1, e);
	default:
		return 0;
	}
}

struct cbor_index *
cbor_index(struct cbor c, struct err *e)
{
	struct cbor_index *x = xcalloc(1, sizeof *x);

	x->all = x->rest = c;
	if (c.n > UINT32_MAX)
		bad(e, "too long");
	else if (scan(x, 0, false, e) == 0) {
		if (!x->rest.n)
			return x;
		bad(e, "bytes behind the item");
	}
	cbor_index_free(x);
	return NULL;
}

int
cbor_check(struct cbor c, struct err *e)
{
	struct cbor_index *x = cbor_index(c, e);

	cbor_index_free(x);
	return x ? 0 : -1;
}

/* ---- the second pass ---- */

/* Some item, and the next node from there on. */
struct walk {
	const struct cbor_index *x;
	struct cbor c;
	size_t node;
};

static void put(struct walk *w, struct buf *out);

static void
put_string(struct cbor *c, const struct cbor_head *h, struct buf *out)
{
	struct cbor from = *c;
	struct cbor_head part = *h;
	uint64_t n = h->text.n;

	if (h->indefinite)
		for (n = 0; cbor_more(c, h, 0); n += part.text.n)
			cbor_head(c, &part);
	cbor_put_string(out, h->kind, n);
	if (!h->indefinite) {
		buf_put(out, h->text.p, h->text.n);
		return;
	}
	while (cbor_more(&from, h, 0)) {
		cbor_head(&from, &part);
		buf_put(out, part.text.p, part.text.n);
	}
}

static void
put_array(struct walk *w, const struct cbor_head *h, struct buf *out)
{
	uint64_t n = h->indefinite ? w->x->nodes[w->node++].n : h->value;

	cbor_put_array(out, n);
	while (n--)
		put(w, out);
	if (h->indefinite)
		cbor_more(&w->c, h, 0);		/* its end */
}

static void
put_pair(const struct cbor_index *x, const struct pair *p, struct buf *out)
{
	struct walk w = { x, { x->all.p + p->at, p->n }, p->node };

	cbor_put_text(out, (const char *)p->key, p->key_n);
	put(&w, out);
}

static void
put_map(struct walk *w, struct buf *out)
{
	const struct cbor_index *x = w->x;
	const struct node *m = &x->nodes[w->node];

	cbor_put_map(out, m->n);
	for (size_t i = 0; i < m->n; i++)
		put_pair(x, &x->pairs[m->first + i], out);
	w->c.n -= (size_t)(x->all.p + m->end - w->c.p);
	w->c.p = x->all.p + m->end;
	w->node = m->next;
}

static void
put(struct walk *w, struct buf *out)
{
	struct cbor_head h;

	cbor_head(&w->c, &h);
	switch (h.kind) {
	case CBOR_UINT: cbor_put_uint(out, h.value); break;
	case CBOR_NEGINT: cbor_put_negint(out, h.value); break;
	case CBOR_FLOAT: cbor_put_float(out, h.f); break;
	case CBOR_BYTES:
	case CBOR_TEXT: put_string(&w->c, &h, out); break;
	case CBOR_ARRAY: put_array(w, &h, out); break;
	case CBOR_MAP: put_map(w, out); break;
	default: cbor_put_simple(out, h.kind); break;
	}
}

void
cbor_canonical(struct cbor item, struct buf *out)
{
	struct cbor_index *x = cbor_index(item, NULL);
	struct walk w = { x, item, 0 };

	if (x)
		put(&w, out);
	cbor_index_free(x);
}

/* ---- looking ---- */

static const struct pair *
find(const struct cbor_index *x, const char *key)
{
	const struct node *m = x->nodes;
	size_t n = strlen(key);

	if (cbor_kind(x->all) != CBOR_MAP)
		return NULL;
	for (size_t i = 0; i < m->n; i++) {
		const struct pair *p = &x->pairs[m->first + i];

		if (p->key_n == n && !memcmp(p->key, key, n))
			return p;
	}
	return NULL;
}

struct cbor
cbor_index_get(const struct cbor_index *x, const char *key)
{
	const struct pair *p = find(x, key);

	return p ? (struct cbor){ x->all.p + p->at, p->n } :
	    (struct cbor){ NULL, 0 };
}

size_t
cbor_index_put(const struct cbor_index *x, const char *key,
    bool (*keep)(void *arg, const char *key, size_t n), void *arg,
    struct buf *out)
{
	const struct node *m = &x->nodes[find(x, key)->node];
	const struct pair *v = &x->pairs[m->first];
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += !keep || keep(arg, (const char *)v[i].key, v[i].key_n);
	cbor_put_map(out, n);
	for (size_t i = 0; i < m->n; i++)
		if (!keep || keep(arg, (const char *)v[i].key, v[i].key_n))
			put_pair(x, &v[i], out);
	return m->n - n;
}
