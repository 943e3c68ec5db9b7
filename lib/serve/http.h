#ifndef SERVE_HTTP_H
#define SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct event_base;

/*
 * HTTP/1.1 on libevent: who may come in, limits, routes, answers, streams and the
 * access log.  The framing is our own (http_head.h): evhttp of libevent 2.1 joins folded
 * lines, cuts values at a NUL, takes bare LF and unknown codings, answers its own
 * errors in HTML, and asks nobody before it has read a body.  It knows nothing of sessions.  One thread, one event loop.
 *
 * Safety (MCP and OWASP practice, issue text): a Host that is neither loopback nor
 * allowed is refused (DNS rebinding), as is an Origin that is neither (cross-site
 * posts); with a token every request that is not of an open route needs it.
 */
struct http;
struct http_req;		/* from its arrival until it was answered or its client left */

struct http_limits {
	size_t connections;	/* at once; more wait in the kernel */
	size_t in_flight;	/* requests without an answer yet: then 503 */
	size_t subscribers;	/* open streams: then 503 */
	size_t body, headers;	/* bytes of one request: 413, 431 */
	size_t buffered;	/* bytes of a stream that wait for its reader: then it is cut off */
	int idle_s;		/* a connection that says nothing for so long is closed */
	int stall_s;		/* a reader that takes nothing for so long is cut off; a request must come within it */
	int keep_alive_s;	/* between the comments of a quiet stream: the routes' */
};
#define HTTP_LIMITS { .connections = 1024, .in_flight = 1024, \
	.subscribers = 1024, .body = (size_t)2 << 20, .headers = 65536, \
	.buffered = (size_t)1 << 20, .idle_s = 75, .stall_s = 30, \
	.keep_alive_s = 15 }

/* A path is "/sessions/{id}/messages": {..} is one segment, percent-decoded. */
struct http_route {
	const char *method;	/* "GET" serves HEAD, too */
	const char *path;
	void (*run)(void *arg, struct http_req *r);
	unsigned flags;
};
#define HTTP_OPEN 1u		/* needs no token: /health */
#define HTTP_JSON 2u		/* has a JSON body: 415, 400 and 413 are answered before run */
#define HTTP_BODY_OPTIONAL 4u	/* with HTTP_JSON: no Content-Type means no body */

struct http_opts {
	struct event_base *base;
	const struct http_route *routes;
	size_t n_routes;
	void *arg;			/* of the routes' run */
	struct http_limits limits;
	const struct auth *auth;	/* borrowed; NULL: nobody is asked for a token */
	const char *const *hosts;	/* more Host names that are ours; NULL terminated or NULL */
	const char *const *origins;	/* Origins that may call; likewise */
	int access_fd;			/* JSON lines of what was served; -1: none */
};
struct http *http_server_new(const struct http_opts *o);
void http_server_free(struct http *h);
/* Serve a listening socket, which must not block; takes it. */
int http_listen(struct http *h, int fd, struct err *e);
/*
 * Accept no more; answer what is there, keep no connection alive; idle(arg) when all
 * are gone, which open streams are when they were ended.
 */
void http_drain(struct http *h, void (*idle)(void *arg), void *arg);
/* Another file for the access log, -1: none; the old one is the caller's to close. */
void http_set_access(struct http *h, int fd);
bool http_draining(const struct http *h);
void http_set_limits(struct http *h, const struct http_limits *l);
const struct http_limits *http_get_limits(const struct http *h);

struct http_counts {
	size_t connections, in_flight, subscribers;
	uint64_t requests, refused, cut_off, bytes_out;
	uint64_t by_class[6];		/* answers 1xx .. 5xx */
};
void http_count(const struct http *h, struct http_counts *c);

/* ---- a request; strings are borrowed until it was answered ---- */

const char *http_method(const struct http_req *r);
const char *http_segment(const struct http_req *r, size_t i);	/* i-th {..} of the path */
/* The first value of a query key, decoded; NULL if it is absent. */
const char *http_query(const struct http_req *r, const char *key);
/* All of them, in order; false ends. */
bool http_query_next(const struct http_req *r, size_t *i, const char **key,
    const char **value);
const char *http_header(const struct http_req *r, const char *name);
struct jtext http_json(const struct http_req *r);	/* of HTTP_JSON; absent if there was no body */
/* For a route without HTTP_JSON that looks at something else first; false: 415 or 400 was answered. */
bool http_take_json(struct http_req *r);

/* Told once if the client goes away before its answer: r is gone afterwards. */
void http_on_gone(struct http_req *r, void (*gone)(void *arg), void *arg);

/* ---- answers: exactly one for each request, which is gone afterwards ---- */

void http_add_header(struct http_req *r, const char *name, const char *value);
void http_reply_json(struct http_req *r, int status, const char *p, size_t n);
void http_reply_text(struct http_req *r, int status, const char *text);
void http_reply(struct http_req *r, int status, const char *content_type,
    const char *p, size_t n);
/* {"error":text,"code":code,"details":...}: rest sheet section 2; details may be empty. */
void http_fail(struct http_req *r, int status, const char *code,
    const char *text, struct jtext details);

/* ---- an answer that goes on: server-sent events ---- */

struct http_stream;
struct http_stream_hooks {
	void (*room)(void *arg);	/* everything that was put is on its way: put more */
	/* The stream is over and freed: its client left, or (cut_off) was too slow. */
	void (*gone)(void *arg, bool cut_off);
	const char *farewell;	/* put behind everything for one who was too slow; may be NULL */
	void *arg;
};
/* NULL: it was answered - over the limit of subscribers (503), or only HEAD was asked. */
struct http_stream *http_stream_begin(struct http_req *r,
    const char *content_type, const struct http_stream_hooks *hooks);
void http_stream_put(struct http_stream *s, const char *p, size_t n);
size_t http_stream_backlog(const struct http_stream *s);
/* What was put still goes out; gone is not called. */
void http_stream_end(struct http_stream *s);

#endif
