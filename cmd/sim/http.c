#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/util.h"
#include "sim/http.h"

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

static void work(struct conn *c);
static void settle(struct conn *c);

static struct evbuffer *
out(struct conn *c)
{
	return bufferevent_get_output(c->bev);
}

static void
set_timer(struct conn *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(c->timer, &tv);
}

static void
conn_free(struct conn *c)
{
	if (c->gone)
		c->gone(c->gone_arg);
	if (c->body.free)
		c->body.free(c->body.arg);
	if ((*c->prev = c->next))
		c->next->prev = c->prev;
	http_request_free(&c->rq);
	buf_free(&c->head);
	buf_free(&c->piece);
	event_free(c->timer);
	bufferevent_free(c->bev);
	free(c);
}

/* ---- answers ---- */

static const char *
reason(int status)
{
	static const struct { int status; const char *text; } reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 413, "Content Too Large" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

static void
begin(struct conn *c, int status, const char *fields)
{
	c->state = S_REPLY;
	buf_trunc(&c->head, 0);
	buf_printf(&c->head, "HTTP/1.1 %d %s\r\n%s", status, reason(status),
	    fields);
	if (c->rq.close)
		buf_puts(&c->head, "connection: close\r\n");
}

static void
send_buf(struct conn *c, struct buf *b)
{
	evbuffer_add(out(c), buf_str(b), b->n);
	buf_free(b);
}

/* The reply is complete: next request, or close. */
static void
finished(struct conn *c)
{
	if (c->body.free)
		c->body.free(c->body.arg);
	c->body = (struct body){ .arg = NULL };
	c->gone = NULL;
	c->begun = false;
	c->state = c->rq.close ? S_CLOSING : S_HEAD;
	http_request_free(&c->rq);
	if (c->state == S_HEAD)
		set_timer(c, KEEPALIVE_MS);
}

static void
end_body(struct conn *c, enum ending end)
{
	switch (end) {
	case END_CLEAN:
		if (c->chunked)
			evbuffer_add(out(c), "0\r\n\r\n", 5);
		finished(c);
		break;
	case END_DROP:
		c->state = S_CLOSING;
		break;
	case END_RESET:
		c->state = S_RESETTING;
		break;
	case END_HANG:
		c->state = S_HANG;
		break;
	}
}

static void
put_piece(struct conn *c, const void *p, size_t n)
{
	if (!n)
		return;
	if (c->chunked)
		evbuffer_add_printf(out(c), "%zx\r\n", n);
	evbuffer_add(out(c), p, n);
	if (c->chunked)
		evbuffer_add(out(c), "\r\n", 2);
}

/* Pull the body while the client keeps up and no delay is due. */
static void
pump(struct conn *c)
{
	enum ending end = END_CLEAN;
	bool more = true;

	while (c->state == S_REPLY && evbuffer_get_length(out(c)) < OUT_LOW) {
		struct buf b = BUF_INIT;

		buf_put(&b, buf_str(&c->piece), c->piece.n);
		buf_trunc(&c->piece, 0);
		c->wait = 0;
		while (b.n < PIECE &&
		    (more = c->body.next(c->body.arg, &c->piece, &c->wait, &end))) {
			if (c->wait)
				break;
			buf_put(&b, buf_str(&c->piece), c->piece.n);
			buf_trunc(&c->piece, 0);
		}
		put_piece(c, buf_str(&b), b.n);
		buf_free(&b);
		if (!more) {
			end_body(c, end);
			return;
		}
		if (c->wait) {
			set_timer(c, c->wait);
			return;
		}
	}
}

/* Send the head now, or after its delay. */
static void
send_head(struct conn *c, int64_t delay_ms)
{
	event_del(c->timer);
	if (delay_ms > 0) {
		set_timer(c, delay_ms);
		return;
	}
	send_buf(c, &c->head);
	if (c->body.next)
		pump(c);
	else
		finished(c);
}

void
http_reply(struct conn *c, int status, const char *fields, const void *p,
    size_t n, int64_t delay_ms)
{
	bool bodiless = !strcmp(c->rq.method, "HEAD");

	begin(c, status, fields);
	buf_printf(&c->head, "content-length: %zu\r\n\r\n", n);
	if (!bodiless)
		buf_put(&c->head, p, n);
	send_head(c, delay_ms);
	work(c);
}

static void
begin_chunks(struct conn *c, int status, const char *fields)
{
	c->chunked = !c->rq.http10;
	begin(c, status, fields);
	buf_puts(&c->head, c->chunked ?
	    "transfer-encoding: chunked\r\n\r\n" : "\r\n");
}

void
http_stream(struct conn *c, int status, const char *fields, int64_t delay_ms,
    const struct body *b)
{
	c->body = *b;
	begin_chunks(c, status, fields);
	send_head(c, delay_ms);
	work(c);
}

void
http_start(struct conn *c, int status, const char *fields)
{
	begin_chunks(c, status, fields);
	event_del(c->timer);
	send_buf(c, &c->head);
}

void
http_write(struct conn *c, const void *p, size_t n)
{
	put_piece(c, p, n);
}

void
http_end(struct conn *c, enum ending end)
{
	c->gone = NULL;
	end_body(c, end);
	work(c);
	settle(c);
}

void
http_on_gone(struct conn *c, void (*gone)(void *arg), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}

/* The request cannot be served; what follows it on the connection is not understood. */
static void
refuse(struct conn *c, int status, const char *why)
{
	struct buf b = BUF_INIT;

	c->h->hooks.refuse(c->h->hooks.arg, &c->rq, status, why, &b);
	c->rq.close = true;
	begin(c, status, "content-type: application/json\r\n");
	buf_printf(&c->head, "content-length: %zu\r\n\r\n", b.n);
	buf_put(&c->head, buf_str(&b), b.n);
	send_buf(c, &c->head);
	finished(c);
	buf_free(&b);
}

/* ---- requests ---- */

/* Each read_* returns false when it needs more input. */
static bool
read_head(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr end;
	const char *why;
	struct buf b = BUF_INIT;
	char first;
	size_t n;
	int status;

	while (evbuffer_copyout(in, &first, 1) == 1 &&
	    (first == '\r' || first == '\n'))	/* RFC 9112 section 2.2 */
		evbuffer_drain(in, 1);
	if (!evbuffer_get_length(in))
		return false;
	if (!http_is_token(&first, 1)) {
		refuse(c, 400, "this is not an HTTP/1.1 request (https instead of http?)");
		return true;
	}
	end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	if (end.pos < 0) {
		if (evbuffer_get_length(in) < HTTP_HEAD_MAX)
			return false;
		refuse(c, 431, "the request head is larger than 64 KiB");
		return true;
	}
	n = (size_t)end.pos + 4;
	evbuffer_remove(in, buf_room(&b, n), n);
	b.n = n;
	buf_end(&b);
	status = http_parse_head(b.p, n, &c->rq, &why);
	buf_free(&b);
	if (status) {
		refuse(c, status, why);
		return true;
	}
	if (c->rq.expects && !c->rq.http10)
		evbuffer_add_printf(out(c), "HTTP/1.1 100 Continue\r\n\r\n");
	c->want = c->rq.length;
	c->state = c->rq.chunked ? S_CHUNK_SIZE : S_BODY;
	return true;
}

/* Up to want bytes from the input into the body. */
static bool
read_bytes(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(in);

	if (n > c->want)
		n = c->want;
	evbuffer_remove(in, buf_room(&c->rq.body, n), n);
	c->rq.body.n += n;
	buf_end(&c->rq.body);
	c->want -= n;
	return c->want == 0;
}

static bool
read_chunk_size(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	char *line, *end;
	unsigned long long n;

	if (!(line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF_STRICT))) {
		if (evbuffer_get_length(in) < 1024)
			return false;
		refuse(c, 400, "a chunk without a size");
		return true;
	}
	n = strtoull(line, &end, 16);
	if (end == line || *line == '-' || *line == '+' || (*end && *end != ';'))
		refuse(c, 400, "a chunk without a size");
	else if (n > HTTP_BODY_MAX || n + c->rq.body.n > HTTP_BODY_MAX)
		refuse(c, 413, "the body is larger than 64 MiB");
	else {
		c->want = (size_t)n;
		c->state = n ? S_CHUNK_DATA : S_TRAILER;
	}
	free(line);
	return true;
}

static bool
read_chunk_data(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	char end[2];

	if (!read_bytes(c) || evbuffer_get_length(in) < 2)
		return false;
	evbuffer_remove(in, end, 2);
	if (memcmp(end, "\r\n", 2))
		refuse(c, 400, "a chunk that is longer than its size");
	else
		c->state = S_CHUNK_SIZE;
	return true;
}

static bool
read_trailer(struct conn *c, bool *whole)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF_STRICT);

	if (!line && evbuffer_get_length(in) >= HTTP_HEAD_MAX) {
		refuse(c, 431, "the request trailer is larger than 64 KiB");
		return true;
	}
	*whole = line && !*line;
	free(line);
	return line != NULL;
}

static bool
read_some(struct conn *c)
{
	bool whole = false, progress;

	switch (c->state) {
	case S_HEAD:
		return read_head(c);
	case S_BODY:
		progress = whole = read_bytes(c);
		break;
	case S_CHUNK_SIZE:
		return read_chunk_size(c);
	case S_CHUNK_DATA:
		return read_chunk_data(c);
	case S_TRAILER:
		progress = read_trailer(c, &whole);
		break;
	default:
		return false;
	}
	if (whole) {
		event_del(c->timer);
		c->state = S_REPLY;
		c->h->hooks.handle(c->h->hooks.arg, c, &c->rq);
	}
	return progress;
}

/* Read requests as long as they are answered at once and the answers go out. */
static void
work(struct conn *c)
{
	if (c->working)
		return;
	c->working = true;
	while (evbuffer_get_length(out(c)) < OUT_HIGH && read_some(c))
		;
	c->working = false;
}

/* ---- events ---- */

static void
start_linger(struct conn *c)
{
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	c->state = S_LINGER;
	set_timer(c, LINGER_MS);
}

/* The end of every callback: nothing touches c behind this. */
static void
settle(struct conn *c)
{
	struct linger now = { 1, 0 };

	if (c->state == S_CLOSING && !evbuffer_get_length(out(c)))
		start_linger(c);
	else if (c->state == S_RESETTING && !evbuffer_get_length(out(c)) &&
	    !event_pending(c->timer, EV_TIMEOUT, NULL)) {
		setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER,
		    &now, sizeof now);
		set_timer(c, RESET_GRACE_MS);
	}
	if (c->state == S_DEAD)
		conn_free(c);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state == S_LINGER) {
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
		return;
	}
	/* One deadline for a whole head (a slow drip must not renew it), one for each gap in a body. */
	if (c->state == S_HEAD && !c->begun) {
		c->begun = true;
		set_timer(c, c->h->timeout_ms);
	}
	work(c);
	if (c->state > S_HEAD && c->state < S_REPLY)
		set_timer(c, c->h->timeout_ms);
	settle(c);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->state == S_REPLY && c->body.next && !c->head.n && !c->wait)
		pump(c);
	work(c);
	settle(c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		conn_free(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == S_REPLY && c->head.n) {
		send_head(c, 0);
		work(c);
	} else if (c->state == S_REPLY) {
		pump(c);
		work(c);
	} else if (c->state == S_HEAD && !evbuffer_get_length(
	    bufferevent_get_input(c->bev))) {
		c->state = S_DEAD;	/* an idle connection is closed without a word */
	} else if (c->state < S_REPLY) {
		refuse(c, 408, "the request did not arrive in time");
	} else {
		c->state = S_DEAD;
	}
	settle(c);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct http *h = arg;
	struct conn *c = xcalloc(1, sizeof *c);
	int on = 1;

	(void)l;
	(void)sa;
	(void)len;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->h = h;
	c->bev = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->timer = event_new(h->base, -1, 0, on_timer, c);
	if ((c->next = h->conns))
		c->next->prev = &c->next;
	c->prev = &h->conns;
	h->conns = c;
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 2 * HTTP_HEAD_MAX);
	bufferevent_setwatermark(c->bev, EV_WRITE, OUT_LOW - 1, 0);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	set_timer(c, h->timeout_ms);
}

/* Out of descriptors: let those who are here go on, accept again a little later. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	struct http *h = arg;
	struct timeval tv = { 0, 100000 };

	warn("accept: %s", strerror(errno));
	evconnlistener_disable(l);
	event_add(h->again, &tv);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(h->listener);
}

/* ---- the server ---- */

static int
address(const char *host, int port, struct sockaddr_storage *ss, int *len)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof *ss);
	if (!strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		*len = sizeof *in4;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*len = sizeof *in6;
		return 0;
	}
	return -1;
}

struct http *
http_open(struct event_base *base, const char *host, int port,
    int64_t timeout_ms, const struct http_hooks *hooks, struct err *e)
{
	struct sockaddr_storage ss;
	struct http *h;
	int len;

	if (address(host, port, &ss, &len) < 0) {
		err_set(e, E_INVALID_PARAMS, "--host %s: want an IP address", host);
		return NULL;
	}
	h = xcalloc(1, sizeof *h);
	h->base = base;
	h->hooks = *hooks;
	h->timeout_ms = timeout_ms;
	h->listener = evconnlistener_new_bind(base, on_accept, h,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    512, (struct sockaddr *)&ss, len);
	if (!h->listener) {
		err_sys(e, E_FAILED, "cannot listen on %s port %d", host, port);
		free(h);
		return NULL;
	}
	h->again = event_new(base, -1, 0, on_again, h);
	evconnlistener_set_error_cb(h->listener, on_accept_error);
	return h;
}

int
http_port(const struct http *h)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (getsockname(evconnlistener_get_fd(h->listener),
	    (struct sockaddr *)&ss, &len) < 0)
		return 0;
	return ntohs(ss.ss_family == AF_INET6 ?
	    ((struct sockaddr_in6 *)&ss)->sin6_port :
	    ((struct sockaddr_in *)&ss)->sin_port);
}

void
http_close(struct http *h)
{
	if (!h)
		return;
	while (h->conns)
		conn_free(h->conns);
	evconnlistener_free(h->listener);
	event_free(h->again);
	free(h);
}
