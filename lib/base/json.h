#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jv.h>

#include "base/err.h"

struct buf;

/*
 * JSON that stays text (design rule 6).  json_check is the strict gate (RFC 8259,
 * UTF-8, any depth, constant stack); what it accepted is then looked into as
 * slices of the original bytes: nothing is copied, no number is rounded, no key is
 * reordered.  jv trees (json_jv) are for what we build or transform.
 *
 * All functions are pure and thread safe.  A slice borrows its text.  The accessors
 * never read outside the slice, also if the text was not checked first.
 */
struct jtext {
	const char *p;		/* NULL: absent */
	size_t n;
};

#define JTEXT_NONE ((struct jtext){ NULL, 0 })

/* The text of a C string as a slice; NULL gives JTEXT_NONE. */
struct jtext json_text(const char *s);
static inline struct jtext
json_slice(const char *p, size_t n)
{
	return (struct jtext){ p, n };
}

/*
 * Is this exactly one JSON value (white space around it allowed)?  On failure sets
 * E_INVALID_PARAMS with offset and reason.  Memory: one bit per nesting level.
 */
int json_check(const char *p, size_t n, struct err *e);
/* The same, and gives the value without the white space around it. */
int json_parse(const char *p, size_t n, struct jtext *v, struct err *e);

/* Kind by first byte: '{' '[' '"' '0' (number) 't' (true or false) 'n' (null), 0 if absent. */
char json_kind(struct jtext v);
static inline bool json_is(struct jtext v, char kind) { return json_kind(v) == kind; }

/* Member of an object: the last one of that name (keys are compared decoded); JTEXT_NONE if there is none. */
struct jtext json_get(struct jtext obj, const char *key);
/* json_get along "a/b/0/c" (object names and array indexes; no escaping). */
struct jtext json_path(struct jtext v, const char *path);

/* Walk an array or object: for (it = json_iter(v); json_next(&it); ) it.value, it.key (raw string token, objects only). */
struct jiter {
	struct jtext key, value;
	const char *p, *end;
	bool object;
};
struct jiter json_iter(struct jtext v);
bool json_next(struct jiter *it);
size_t json_count(struct jtext v);	/* elements or members; 0 for anything else */

/*
 * Decode a string value.  New, NUL terminated; *n (may be NULL) is its length, which
 * may count NULs from \u0000.  A lone surrogate escape becomes U+FFFD.  NULL if v is
 * not a string.
 */
char *json_str(struct jtext v, size_t *n);
/* The same of a string without NUL bytes; any other is NULL, too. */
char *json_cstr(struct jtext v);
char *json_get_str(struct jtext obj, const char *key);	/* of a member */
/* No half of a character (a lone surrogate escape) in this string that checked? */
bool json_str_whole(struct jtext v);
bool json_str_is(struct jtext v, const char *s);	/* a string equal to s? */

/* True and *out set if v is a number of that kind that fits exactly. */
bool json_i64(struct jtext v, int64_t *out);
bool json_f64(struct jtext v, double *out);
bool json_bool(struct jtext v, bool *out);
int64_t json_get_i64(struct jtext obj, const char *key, int64_t otherwise);
bool json_get_bool(struct jtext obj, const char *key, bool otherwise);

/* To a jv tree; invalid (jv_invalid) if the text does not check or nests deeper than 250.  Caller frees. */
jv json_jv(struct jtext v);

/* obj with member key replaced, added, or (value absent) removed; into an empty buf. */
void json_with(struct buf *out, struct jtext obj, const char *key,
    struct jtext value);
/* The same for an object that is kept as a string of its own. */
void json_set(char **object, const char *key, struct jtext value);

/* How many bytes of p are whole, valid UTF-8 characters (== n if all are). */
size_t utf8_prefix(const char *p, size_t n);
/* Length of the character at p; 0 if it is invalid or not whole. */
size_t utf8_next(const char *p, size_t n);
bool utf8_valid(const char *p, size_t n);
/* Nothing but white space? */
bool text_blank(const char *p, size_t n);
/* Largest length <= max that does not cut a character of valid UTF-8. */
size_t utf8_cut(const char *p, size_t n, size_t max);

#endif
