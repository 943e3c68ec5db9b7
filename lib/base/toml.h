#ifndef BASE_TOML_H
#define BASE_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * TOML 1.0.0 reader and writer (https://toml.io/en/v1.0.0).  A document becomes a
 * tree that keeps order; integers are exact 64 bit; dates keep their text.  Depth is
 * limited to 200 levels.  Pure, thread safe.
 */
enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOL,
	TOML_OFFSET_DATETIME, TOML_LOCAL_DATETIME, TOML_LOCAL_DATE, TOML_LOCAL_TIME,
	TOML_ARRAY, TOML_TABLE };

struct toml {
	enum toml_kind kind;
	char *key;		/* in a table; may hold NULs: key_len */
	size_t key_len;
	char *s;		/* string and dates (text as written); NUL terminated */
	size_t s_len;
	int64_t i;
	double f;
	bool b;
	struct toml **kids;	/* array elements or table members, in order */
	size_t n, cap;
	unsigned how;		/* how it came to be: the reader's own */
};

/* Whole document.  INVALID_PARAMS with "line L, column C: reason". */
struct toml *toml_parse(const char *p, size_t n, struct err *e);
void toml_free(struct toml *t);
struct toml *toml_get(const struct toml *table, const char *key);

/* To plain JSON: dates become strings, inf and nan become null. */
void toml_to_json(const struct toml *t, struct buf *b);
/* The toml-test tagged form {"type":"integer","value":"1"}. */
void toml_to_tagged(const struct toml *t, struct buf *b);
/*
 * The tree as a document: objects become [tables], arrays of tables become
 * [[arrays of tables]]; order is kept except that the plain values of a table stand
 * before its tables, as the format demands.
 */
void toml_emit(const struct toml *t, struct buf *b);
/* One value as it stands behind a `=`, tables inline. */
void toml_emit_value(const struct toml *t, struct buf *b);

/* A tree from checked JSON: null members are left out, the last of equal names counts, integers stay integers. */
struct toml *toml_of_json(struct jtext v, struct err *e);
/* Both in one: a JSON object as a TOML document. */
int toml_from_json(struct jtext v, struct buf *b, struct err *e);
/* RFC 7396 on a tree: a null removes, an object goes into a table, anything else replaces. */
int toml_patch(struct toml *table, struct jtext patch, struct err *e);

#endif
