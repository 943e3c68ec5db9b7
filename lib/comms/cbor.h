#ifndef COMMS_CBOR_H
#define COMMS_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * CBOR (RFC 8949) as bytes that are walked, not as a tree: one head at a time through
 * libcbor's stream decoder and encoder, so that a frame from anybody costs no more
 * memory than it is long.  The subset of the comms sheet, section 4: no tags, no
 * undefined, no NaN or infinity, no nesting deeper than CBOR_DEPTH.
 */
#define CBOR_DEPTH 256

enum cbor_kind {
	CBOR_UINT, CBOR_NEGINT,		/* value; a negative one is -1 - value */
	CBOR_FLOAT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP,
	CBOR_FALSE, CBOR_TRUE, CBOR_NULL, CBOR_BREAK
};

/* Some whole item, or a run of items. */
struct cbor {
	const unsigned char *p;
	size_t n;
};

struct cbor_head {
	enum cbor_kind kind;
	uint64_t value;			/* number, or elements of an array, pairs of a map */
	double f;
	bool indefinite;		/* of a string, array or map: up to its break */
	struct cbor text;		/* of a definite string: its bytes */
};

/*
 * Is c exactly one item of the subset, with nothing behind it, its text UTF-8 and no
 * key twice in a map?  INVALID_PARAMS "decode: ...".  What follows wants a c that
 * passed this.
 */
int cbor_check(struct cbor c, struct err *e);

/* Take one head off the front. */
void cbor_head(struct cbor *c, struct cbor_head *h);
/* Take one item off the front. */
struct cbor cbor_item(struct cbor *c);
enum cbor_kind cbor_kind(struct cbor item);
/* Behind the head of an array or map: is there an i-th element?  Takes the break at the end. */
bool cbor_more(struct cbor *c, const struct cbor_head *h, uint64_t i);

/* Walk a map, whose keys are text: false at its end.  key and value are items. */
struct cbor_iter {
	struct cbor rest;
	uint64_t left;
	bool indefinite;
};
struct cbor_iter cbor_iter(struct cbor map);
bool cbor_next(struct cbor_iter *it, struct cbor *key, struct cbor *value);
/* The value of a key; .p is NULL if it is absent. */
struct cbor cbor_get(struct cbor map, const char *key);
/* The bytes of a string item, appended (parts joined). */
void cbor_string(struct cbor item, struct buf *out);

/*
 * The canonical form of what passes the check, appended: shortest heads, definite
 * lengths, the keys of every map by length and then bytewise.
 */
void cbor_canonical(struct cbor item, struct buf *out);

/* What passed the check (NULL: it did not), with the order of all its keys. */
struct cbor_index;
struct cbor_index *cbor_index(struct cbor c, struct err *e);
void cbor_index_free(struct cbor_index *x);
/* cbor_get on the outermost map, without a walk. */
struct cbor cbor_index_get(const struct cbor_index *x, const char *key);
/*
 * The canonical form of the map that such a key has, appended, without those of its own
 * keys that `keep`, if it is not NULL, does not like.  How many these are.
 */
size_t cbor_index_put(const struct cbor_index *x, const char *key,
    bool (*keep)(void *arg, const char *key, size_t n), void *arg,
    struct buf *out);

/* ---- writing ---- */

void cbor_put_array(struct buf *b, uint64_t n);
void cbor_put_map(struct buf *b, uint64_t n);
void cbor_put_bytes(struct buf *b, const void *p, size_t n);
void cbor_put_text(struct buf *b, const char *p, size_t n);
/*
 * A JSON value: whole numbers that fit stay whole, all others become the shortest float
 * that is the same; keys bytewise, or in the order of `first` (NULL terminated, may be
 * NULL) before the others.  INVALID_PARAMS: a number that no float holds, a key twice,
 * half a character, too deep.
 */
int cbor_put_json(struct buf *b, struct jtext v, const char *const *first,
    struct err *e);
/* And back; byte strings are refused (INVALID_PARAMS). */
int cbor_to_json(struct cbor item, struct buf *out, struct err *e);

#endif
