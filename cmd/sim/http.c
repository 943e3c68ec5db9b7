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
#include "sim/http_conn.h"

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

/* ---- requests ---- */

/* The request cannot be served; what follows it on the connection is not understood. */
static void
refuse(struct conn *c, int status, const char *why)
{
	struct buf b = BUF_INIT;

	c->h->hooks.refuse(c->h->hooks.arg, &c->rq, status, why, &b);
	c->rq.close = true;
	reply_begin(c, status, "content-type: application/json\r\n");
	buf_printf(&c->head, "content-length: %zu\r\n\r\n", b.n);
	buf_put(&c->head, buf_str(&b), b.n);
	evbuffer_add(conn_out(c), c->head.p, c->head.n);
	buf_trunc(&c->head, 0);
	reply_finished(c);
	buf_free(&b);
}

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
		evbuffer_add_printf(conn_out(c), "HTTP/1.1 100 Continue\r\n\r\n");
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

void
conn_work(struct conn *c)
{
	if (c->working)
		return;
	c->working = true;
	while (evbuffer_get_length(conn_out(c)) < OUT_HIGH && read_some(c))
		;
	c->working = false;
}

/* ---- events ---- */

static void
start_linger(struct conn *c)
{
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	c->state = S_LINGER;
	conn_timer(c, LINGER_MS);
}

void
conn_settle(struct conn *c)
{
	struct linger now = { 1, 0 };

	if (c->state == S_CLOSING && !evbuffer_get_length(conn_out(c)))
		start_linger(c);
	else if (c->state == S_RESETTING && !evbuffer_get_length(conn_out(c)) &&
	    !event_pending(c->timer, EV_TIMEOUT, NULL)) {
		setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER,
		    &now, sizeof now);
		conn_timer(c, RESET_GRACE_MS);
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
		conn_timer(c, c->h->timeout_ms);
	}
	conn_work(c);
	if (c->state > S_HEAD && c->state < S_REPLY)
		conn_timer(c, c->h->timeout_ms);
	conn_settle(c);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->state == S_REPLY && c->body.next && !c->head.n && !c->wait)
		reply_pump(c);
	conn_work(c);
	conn_settle(c);
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
		reply_resume(c);
		conn_work(c);
	} else if (c->state == S_REPLY) {
		reply_pump(c);
		conn_work(c);
	} else if (c->state == S_HEAD && !evbuffer_get_length(
	    bufferevent_get_input(c->bev))) {
		c->state = S_DEAD;	/* an idle connection is closed without a word */
	} else if (c->state < S_REPLY) {
		refuse(c, 408, "the request did not arrive in time");
	} else {
		c->state = S_DEAD;
	}
	conn_settle(c);
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
	conn_timer(c, h->timeout_ms);
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
