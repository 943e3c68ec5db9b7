#ifndef BASE_JPUT_H
#define BASE_JPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <jv.h>

#include "base/buf.h"

/*
 * Write JSON into a buf, compact, in the order of the calls.  Commas are put by
 * themselves (from the last byte in the buf, so start with an empty buf or behind a
 * newline).  jput_x puts a value; jput_kx puts a key and a value.
 * Strings: invalid UTF-8 becomes U+FFFD, control characters and DEL-free escapes as
 * in RFC 8259; '/' and non-ASCII stay as they are.  A line is safe to print: no raw
 * newline can come out.
 */
void jput_open(struct buf *b, char bracket);		/* '{' or '[' */
void jput_close(struct buf *b, char bracket);		/* '}' or ']' */
void jput_key(struct buf *b, const char *key);
void jput_str(struct buf *b, const char *s, size_t n);
void jput_cstr(struct buf *b, const char *s);		/* NULL: null */
void jput_i64(struct buf *b, int64_t v);
void jput_f64(struct buf *b, double v);			/* shortest that reads back; NaN and Inf: null */
void jput_bool(struct buf *b, bool v);
void jput_null(struct buf *b);
void jput_raw(struct buf *b, const char *p, size_t n);	/* checked JSON text; NULL or empty: null */
void jput_jv(struct buf *b, jv v);			/* consumes v; keys sorted */

void jput_kstr(struct buf *b, const char *key, const char *s, size_t n);
void jput_kcstr(struct buf *b, const char *key, const char *s);
void jput_ki64(struct buf *b, const char *key, int64_t v);
void jput_kf64(struct buf *b, const char *key, double v);
void jput_kbool(struct buf *b, const char *key, bool v);
void jput_knull(struct buf *b, const char *key);
void jput_ktime(struct buf *b, const char *key, int64_t ms);	/* as time_rfc3339 writes it */
void jput_kraw(struct buf *b, const char *key, const char *p, size_t n);

/* Pretty print checked JSON text: 2 spaces, `"key": value`, {} and [] for empty; number and string texts unchanged. */
void jput_pretty(struct buf *b, const char *p, size_t n);
/* Compact it instead: only white space outside strings goes. */
void jput_compact(struct buf *b, const char *p, size_t n);

#endif
