#ifndef SERVE_SSE_H
#define SERVE_SSE_H

#include <stdint.h>

#include "base/err.h"

struct event_base;
struct feeds;
struct http;
struct http_req;
struct session;

/*
 * Events of a session as server-sent events (rest sheet section 6.1), each with its seq
 * as its id: a reader that comes back with the last one that it has misses nothing and
 * sees nothing twice, whatever happened to the server in between.
 */
struct sse;

struct sse *sse_new(struct event_base *base, struct feeds *feeds);
/* Whose streams they are: for its limits. */
void sse_served_by(struct sse *s, const struct http *h);
void sse_free(struct sse *s);		/* http_server_free comes first */

/* Answer with a stream: what comes after this seq; < 0: from now on.  -1: not answered. */
int sse_answer(struct sse *s, struct http_req *r, const struct session *row,
    int64_t after, struct err *e);
/* The server ends: everybody gets what is in the log, and `done`. */
/* Events that were put, of all streams. */
uint64_t sse_count(const struct sse *s);
void sse_end_all(struct sse *s);

#endif
