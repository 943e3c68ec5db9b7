#ifndef SIM_HTTP_CONN_H
#define SIM_HTTP_CONN_H

#include "sim/http.h"

/* What http.c (connections, requests) and http_reply.c (answers) share. */

enum {
	OUT_LOW = 32 << 10,	/* pull more of a body below this much unsent output */
	OUT_HIGH = 1 << 20,	/* read no further request above it */
	PIECE = 16 << 10,	/* pieces without delays are joined up to here */
	KEEPALIVE_MS = 75000,
	LINGER_MS = 2000,
	RESET_GRACE_MS = 20	/* so that the client reads what came before the reset */
};

enum state {
	S_HEAD, S_BODY, S_CHUNK_SIZE, S_CHUNK_DATA, S_TRAILER,
	S_REPLY,		/* the handler's, or a body is being pulled */
	S_HANG,
	S_CLOSING,		/* when everything is written: close */
	S_RESETTING,
	S_LINGER,		/* our side is closed, discard what still comes */
	S_DEAD			/* free at the end of the callback */
};

struct conn {
	struct http *h;
	struct conn *next, **prev;
	struct bufferevent *bev;
	struct event *timer;
	enum state state;
	struct http_request rq;
	size_t want;		/* bytes of the body or chunk to come */
	bool begun;		/* some of a request's head is here */
	bool working;		/* inside work(): do not enter again */

	bool chunked;		/* the reply is */
	struct body body;
	struct buf head;	/* of a reply that waits for its delay */
	struct buf piece;	/* taken from the body, not sent yet */
	int64_t wait;		/* before piece; 0 when it was waited */
	void (*gone)(void *);
	void *gone_arg;
};

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *again;	/* accept again after "too many open files" */
	struct http_hooks hooks;
	int64_t timeout_ms;
	struct conn *conns;
};

/* http_reply.c */
struct evbuffer *conn_out(struct conn *c);
void conn_timer(struct conn *c, int64_t ms);
void reply_begin(struct conn *c, int status, const char *fields);
void reply_finished(struct conn *c);
void reply_pump(struct conn *c);	/* more of the body that is being pulled */
void reply_resume(struct conn *c);	/* the head has waited */

/* http.c */
/* Read requests as long as they are answered at once and the answers go out. */
void conn_work(struct conn *c);
/* The end of every callback: nothing touches c behind this. */
void conn_settle(struct conn *c);

#endif
