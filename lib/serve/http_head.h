#ifndef SERVE_HTTP_HEAD_H
#define SERVE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/*
 * The framing of HTTP/1.1 (RFC 9112), strict: where two readers could see different
 * requests in the same bytes there is none.  So no line ends in a bare LF, none is
 * folded, no value has control bytes, a length is said once and in one way.  Pure.
 */

#define HTTP_FIELDS 100		/* header lines of a request */

struct http_field {
	const char *name, *value;
};
struct http_head {
	char *text;		/* what all strings point into */
	const char *method, *path;
	const char *query;	/* behind the '?', NULL if there is none */
	const char *authority;	/* of http://authority/path, else NULL */
	const char *host;	/* NULL: HTTP/1.0 without one */
	struct http_field *fields;
	size_t n_fields;
	int64_t length;		/* Content-Length; -1: none */
	bool chunked, keep_alive, expects;
	bool one_zero;		/* HTTP/1.0: no chunks for this client */
};

/*
 * Length of the head at p, its empty line included; 0: it is not all there; -1: it never
 * will be one.  *seen (0 at first) remembers what was looked at.
 */
ssize_t http_head_find(const char *p, size_t n, size_t *seen);
/* A whole head.  0, or the status to refuse it with and why.  Free it in both cases. */
int http_head_parse(struct http_head *h, const char *p, size_t n,
    const char **why);
void http_head_free(struct http_head *h);
/* The first header of that name, NULL if it is absent. */
const char *http_head_get(const struct http_head *h, const char *name);

/* A body in chunks (RFC 9112 section 7.1), as it comes. */
struct http_chunks {
	int state;
	uint64_t left;		/* of the chunk */
	size_t line, extra;	/* bytes of this line; of extensions and trailers */
	bool done;
};
/*
 * Take from p what is of the body, its data goes behind body.  The bytes that were
 * taken; -1: malformed; -2: more than max in body.
 */
ssize_t http_chunks_take(struct http_chunks *c, const char *p, size_t n,
    struct buf *body, size_t max);

#endif
