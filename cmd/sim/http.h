#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A small HTTP/1.1 server (RFC 9112) on libevent's bufferevents.  evhttp would do for
 * good answers; here the wrong ones matter as much: a body that stops, a reset after
 * the third event, silence behind the headers.
 */

struct event_base;
struct http;
struct conn;

#define HTTP_HEAD_MAX	((size_t)64 << 10)
#define HTTP_BODY_MAX	((size_t)64 << 20)

struct header {
	char *name;		/* lower case */
	char *value;
};

struct http_request {
	char *method;
	char *path;		/* as sent, without the query */
	char *query;		/* behind the '?', or "" */
	struct header *headers;
	size_t n_headers;
	struct buf body;
	bool http10;		/* HTTP/1.0: no chunks, no second request */
	bool close;		/* this is the last request on the connection */
	bool chunked, expects;	/* how the body comes; "expect: 100-continue" */
	size_t length;		/* of a body that is not chunked */
};

/*
 * The head, up to and including the empty line.  0, or the HTTP status to refuse it
 * with and *why.
 */
int http_parse_head(const char *p, size_t n, struct http_request *rq,
    const char **why);
void http_request_free(struct http_request *rq);
const char *http_header(const struct http_request *rq, const char *name);	/* or NULL */
bool http_is_token(const char *s, size_t n);	/* a method or header name */

/* How a body ends: the last chunk; FIN or RST without it; never. */
enum ending { END_CLEAN, END_DROP, END_RESET, END_HANG };

/* Where the server pulls a body from, piece by piece. */
struct body {
	/*
	 * Append the next piece to out; *delay_ms is the time to wait before it is
	 * sent.  False: there is no more, and *end says what happens now.
	 */
	bool (*next)(void *arg, struct buf *out, int64_t *delay_ms,
	    enum ending *end);
	void (*free)(void *arg);
	void *arg;
};

struct http_hooks {
	/* A whole request.  It stays valid until the reply has ended.  Answer it now or later, once. */
	void (*handle)(void *arg, struct conn *c, struct http_request *rq);
	/* The body of an answer to a request that cannot be served; rq->path may be NULL. */
	void (*refuse)(void *arg, const struct http_request *rq, int status,
	    const char *why, struct buf *body);
	void *arg;
};

/* timeout_ms: for a request head to arrive, and between two pieces of a request body. */
struct http *http_open(struct event_base *base, const char *host, int port,
    int64_t timeout_ms, const struct http_hooks *hooks, struct err *e);
int http_port(const struct http *h);
void http_close(struct http *h);

/*
 * Answers.  fields: header lines, each "name: value\r\n", without the framing ones.
 * http_reply sends a body that is there; http_stream takes *b over and pulls; the last
 * three push (a proxy).  After http_end, c is not the caller's any more.
 */
void http_reply(struct conn *c, int status, const char *fields, const void *p,
    size_t n, int64_t delay_ms);
void http_stream(struct conn *c, int status, const char *fields,
    int64_t delay_ms, const struct body *b);
void http_start(struct conn *c, int status, const char *fields);
void http_write(struct conn *c, const void *p, size_t n);
void http_end(struct conn *c, enum ending end);
/* Tell me when the client goes away before http_end. */
void http_on_gone(struct conn *c, void (*gone)(void *arg), void *arg);

#endif
