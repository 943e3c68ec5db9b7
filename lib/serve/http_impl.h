#ifndef SERVE_HTTP_IMPL_H
#define SERVE_HTTP_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/buf.h"
#include "base/util.h"
#include "serve/http.h"
#include "serve/http_head.h"

struct bufferevent;
struct acceptor;

/* What the http*.c files share. */

#define HTTP_TOO_LARGE "Failed to buffer the request body: length limit exceeded"
#define HTTP_SEGMENTS 8		/* {..} of a path */

struct http {
	struct http_opts o;
	struct http_limits limits;
	TAILQ_HEAD(http_conns, http_conn) conns;
	struct acceptor **listeners;
	size_t n_listeners;
	struct http_counts counts;
	bool draining, full;
	void (*idle)(void *arg);
	void *idle_arg;
	struct event *end;	/* of a drain: to call idle */
	char date[40];		/* of the second `now` */
	int64_t now;
};

struct http_pair {
	char *key, *value;
};

struct http_req {
	struct http_conn *c;
	struct http_head head;
	struct buf body;
	const struct http_route *route;
	char *segments[HTTP_SEGMENTS];
	size_t n_segments;
	struct http_pair *query;
	size_t n_query;
	struct jtext json;
	struct buf headers;		/* to be sent */
	void (*gone)(void *arg);
	void *gone_arg;
	int64_t since;			/* monotonic ms */
	bool running;			/* counted as in flight */
	int status;
	uint64_t bytes;			/* of the answer's body */
	bool cut_off;
};

struct http_stream {
	struct http_conn *c;
	struct http_stream_hooks hooks;
	bool cut;			/* too slow: to be told from the loop */
};

enum conn_wait { WAIT_NOTHING, WAIT_IDLE, WAIT_REQUEST, WAIT_LINGER, WAIT_PROBE };
enum conn_state { CONN_HEAD, CONN_BODY, CONN_ANSWER, CONN_STREAM, CONN_LINGER };

struct http_conn {
	TAILQ_ENTRY(http_conn) link;
	struct http *h;
	struct bufferevent *bev;
	struct event deadline, kick;
	enum conn_state state;
	struct http_req *req;
	struct http_stream *stream;
	struct http_chunks chunks;
	size_t seen;			/* of the head */
	enum conn_wait waiting;		/* what the deadline is for */
	bool close;			/* after this answer */
	bool eof;			/* its client sends no more */
	bool busy, broken;		/* in conn_work: freed at its end */
	char remote[64];
};

/* ---- http_conn.c ---- */

void http_conn_new(struct http *h, int fd, const char *remote);
void http_conn_free(struct http_conn *c);
/* Go on with what is there, from the event loop. */
void http_conn_kick(struct http_conn *c);
/* The server stops: closes it if it waits for a request. */
void http_conn_drain(struct http_conn *c);
/* Will it be closed behind this answer? */
bool http_conn_closes(struct http_conn *c);
/* Its request was answered: the next. */
void http_conn_next(struct http_conn *c);

/* ---- http.c ---- */

/* A connection is gone. */
void http_released(struct http *h);

/* ---- http_guard.c ---- */

/* May this request come in?  Else it was answered. */
bool http_guard(struct http_req *r);
/* The CORS headers of an Origin that may call. */
void http_cors(struct http_req *r);

/* ---- http_route.c ---- */

/* Find the route and what its path and query say; false: it was answered. */
bool http_route(struct http_req *r);
/* Check a JSON body's type; before it is read.  false: it was answered. */
bool http_body_type(struct http_req *r);
/* Everything is here: run it. */
void http_run(struct http_req *r);

/* ---- http_reply.c ---- */

void http_req_free(struct http_req *r);
/* The line of the access log. */
void http_log(struct http_req *r);
/* Status line and headers; length < 0: chunked, or to the end of the connection. */
void http_put_head(struct http_req *r, int status, const char *type,
    int64_t length, struct buf *b);
/* A refusal of the framing itself: text, then the connection ends. */
void http_refuse(struct http_req *r, int status, const char *why);
/* Count its answer, which has begun. */
void http_answered(struct http_req *r, int status);
void http_send(struct http_req *r, const struct buf *b);

/* ---- http_stream.c ---- */

/* Its last words. */
void http_stream_farewell(struct http_stream *s);

#endif
