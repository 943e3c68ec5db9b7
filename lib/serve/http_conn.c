#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "serve/http_impl.h"

/*
 * One connection: requests are read one after the other and answered in that order.
 * While one is being answered what follows waits, in a bounded buffer.
 */

#define INPUT_MAX 65536		/* bytes that wait behind a request */
#define OUTPUT_MAX 262144	/* unread answers: then no request is looked at */
#define PROBE_MS 300		/* until somebody who is gone has reset the connection */
#define LINGER_S 2		/* for a client to take its last answer */

/* Set once for what is waited for: a byte now and then does not move it. */
static void
wait_for(struct http_conn *c, enum conn_wait what)
{
	struct timeval tv = { LINGER_S, 0 };

	if (c->waiting == what)
		return;
	c->waiting = what;
	if (what == WAIT_IDLE)
		tv.tv_sec = c->h->limits.idle_s;
	else if (what == WAIT_REQUEST)
		tv.tv_sec = c->h->limits.stall_s;
	else if (what == WAIT_PROBE)
		tv = (struct timeval){ 0, PROBE_MS * 1000 };
	if (what == WAIT_NOTHING)
		event_del(&c->deadline);
	else
		event_add(&c->deadline, &tv);
}

static struct evbuffer *
input(struct http_conn *c)
{
	return bufferevent_get_input(c->bev);
}

static size_t
unsent(struct http_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* ---- the end ---- */

static void
drop_stream(struct http_conn *c, bool cut_off)
{
	struct http_stream *s = c->stream;

	c->stream = NULL;
	c->h->counts.subscribers--;
	c->h->counts.cut_off += cut_off;
	c->req->cut_off = cut_off;
	http_log(c->req);
	http_req_free(c->req);
	c->req = NULL;
	if (s->hooks.gone)
		s->hooks.gone(s->hooks.arg, cut_off);
	free(s);
}

void
http_conn_free(struct http_conn *c)
{
	struct http *h = c->h;
	struct http_req *r;

	if (c->busy) {	/* conn_work comes back to us */
		c->broken = true;
		return;
	}
	TAILQ_REMOVE(&h->conns, c, link);
	if (c->stream)
		drop_stream(c, false);
	if ((r = c->req)) {
		c->req = NULL;
		if (r->gone)
			r->gone(r->gone_arg);
		if (r->running) {
			r->status = 499;	/* its client did not wait */
			http_log(r);
		}
		http_req_free(r);
	}
	event_del(&c->deadline);
	event_del(&c->kick);
	bufferevent_free(c->bev);
	free(c);
	http_released(h);
}

/* Everything was said: wait until the client has it, or nobody would (RFC 9112 9.6). */
static void
linger(struct http_conn *c)
{
	if (c->eof) {
		http_conn_free(c);
		return;
	}
	c->state = CONN_LINGER;
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	wait_for(c, WAIT_LINGER);
	evbuffer_drain(input(c), evbuffer_get_length(input(c)));
}

/* ---- reading ---- */

static struct http_req *
new_req(struct http_conn *c)
{
	struct http_req *r = xcalloc(1, sizeof *r);

	r->c = c;
	r->head.length = -1;
	r->since = time_mono_ms();
	c->req = r;
	c->h->counts.requests++;
	return r;
}

static void
refuse(struct http_conn *c, int status, const char *why)
{
	struct http_req *r = c->req ? c->req : new_req(c);

	http_refuse(r, status, why);
}

/* A whole head: is it one, may it come in, where to? */
static void
take_head(struct http_conn *c, const char *p, size_t n)
{
	struct http_req *r = new_req(c);
	const char *why;
	int status = http_head_parse(&r->head, p, n, &why);

	evbuffer_drain(input(c), n);
	c->seen = 0;
	c->state = CONN_BODY;
	c->chunks = (struct http_chunks){ 0 };
	if (status) {
		http_refuse(r, status, why);
		return;
	}
	c->close = !r->head.keep_alive || c->h->draining;
	if (!http_guard(r) || !http_route(r) || !http_body_type(r))
		return;
	if (r->head.length > (int64_t)c->h->limits.body)
		http_reply_text(r, 413, HTTP_TOO_LARGE);
	else if (r->head.expects && !evbuffer_get_length(input(c)) &&
	    (r->head.chunked || r->head.length > 0))
		bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* False: more has to come. */
static bool
read_head(struct http_conn *c)
{
	size_t n = evbuffer_get_length(input(c)), max = c->h->limits.headers;
	const char *p;
	ssize_t len;

	/* An empty line in front of a request is allowed (RFC 9112 section 2.2). */
	while (n >= 2 && !c->seen &&
	    !memcmp(evbuffer_pullup(input(c), 2), "\r\n", 2)) {
		evbuffer_drain(input(c), 2);
		n -= 2;
	}
	if (!n) {
		wait_for(c, WAIT_IDLE);
		return false;
	}
	if (n > max)
		n = max;
	p = (const char *)evbuffer_pullup(input(c), (ev_ssize_t)n);
	len = http_head_find(p, n, &c->seen);
	if (len > 0) {
		take_head(c, p, (size_t)len);
		return true;
	}
	if (len < 0)
		refuse(c, 400, "malformed request");
	else if (n == max)
		refuse(c, 431, "the request's headers are too large");
	else
		wait_for(c, WAIT_REQUEST);
	return len < 0 || n == max;
}

static ssize_t
take_body(struct http_conn *c, const char *p, size_t n)
{
	struct http_req *r = c->req;
	size_t want;

	if (r->head.chunked)
		return http_chunks_take(&c->chunks, p, n, &r->body,
		    c->h->limits.body);
	want = (size_t)r->head.length - r->body.n;
	if (n > want)
		n = want;
	buf_put(&r->body, p, n);
	return (ssize_t)n;
}

static bool
body_is_whole(const struct http_conn *c)
{
	const struct http_req *r = c->req;

	if (r->head.chunked)
		return c->chunks.done;
	return r->head.length <= (int64_t)r->body.n;
}

static bool
read_body(struct http_conn *c)
{
	struct evbuffer_iovec v;
	ssize_t took;

	while (!body_is_whole(c) && evbuffer_peek(input(c), -1, NULL, &v, 1) &&
	    v.iov_len) {
		took = take_body(c, v.iov_base, v.iov_len);
		if (took < 0) {
			if (took == -2)
				http_reply_text(c->req, 413, HTTP_TOO_LARGE);
			else
				http_refuse(c->req, 400, "malformed chunk");
			return true;
		}
		evbuffer_drain(input(c), (size_t)took);
	}
	if (!body_is_whole(c)) {
		wait_for(c, WAIT_REQUEST);
		return false;
	}
	wait_for(c, WAIT_NOTHING);
	c->state = CONN_ANSWER;
	http_run(c->req);
	return true;
}

/* ---- the loop ---- */

/* What waits for it still goes out, if it wakes up in time. */
static void
cut_off(struct http_conn *c)
{
	http_stream_farewell(c->stream);
	drop_stream(c, true);
	c->state = CONN_HEAD;
	c->close = true;
}

/* One thing; false: nothing more to do now. */
static bool
work(struct http_conn *c)
{
	switch (c->state) {
	case CONN_HEAD:
		if (c->close || unsent(c) > OUTPUT_MAX)
			return false;
		return read_head(c);
	case CONN_BODY:
		return read_body(c);
	case CONN_STREAM:
		if (c->stream->cut)
			cut_off(c);
		return false;
	case CONN_LINGER:
		evbuffer_drain(input(c), evbuffer_get_length(input(c)));
		return false;
	default:
		return false;
	}
}

static void
conn_work(struct http_conn *c)
{
	if (c->busy)
		return;
	c->busy = true;
	while (!c->broken && work(c))
		continue;
	c->busy = false;
	/*
	 * A client that says no more may still listen: what it asked for is answered.
	 * What is half there will not be completed, and no stream goes on for it.
	 */
	if (c->broken || (c->eof && c->state != CONN_ANSWER &&
	    (c->state != CONN_HEAD || !unsent(c))))
		http_conn_free(c);
	else if (c->state == CONN_HEAD && c->close && !unsent(c))
		linger(c);
}

void
http_conn_next(struct http_conn *c)
{
	http_req_free(c->req);
	c->req = NULL;
	c->state = CONN_HEAD;
	wait_for(c, WAIT_NOTHING);
	http_conn_kick(c);
}

bool
http_conn_closes(struct http_conn *c)
{
	/* The rest of a body that nobody wants is not waited for. */
	if (c->h->draining || (c->state == CONN_BODY && !body_is_whole(c)))
		c->close = true;
	return c->close;
}

void
http_conn_kick(struct http_conn *c)
{
	if (!c->busy)
		event_active(&c->kick, 0, 0);
}

void
http_conn_drain(struct http_conn *c)
{
	if (c->state != CONN_HEAD || evbuffer_get_length(input(c)))
		return;		/* closes after its answer */
	c->close = true;
	if (!unsent(c))
		http_conn_free(c);
}

/* ---- events ---- */

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_work(arg);
}

/* All is on its way. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	c->busy = true;
	if (c->stream && !c->stream->cut && c->stream->hooks.room)
		c->stream->hooks.room(c->stream->hooks.arg);
	c->busy = false;
	conn_work(c);
}

/*
 * Its client sends no more: does it still listen?  An interim answer (RFC 9110 15.2),
 * which clients skip, tells: somebody who is gone resets the connection.
 */
static void
probe(struct http_conn *c)
{
	static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";

	if (c->req->head.one_zero)
		return;
	bufferevent_write(c->bev, interim, sizeof interim - 1);
	wait_for(c, WAIT_PROBE);
}

static bool
is_reset(struct http_conn *c)
{
	struct pollfd p = { .fd = bufferevent_getfd(c->bev) };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	if (what & BEV_EVENT_EOF) {
		c->eof = true;
		if (c->state == CONN_ANSWER)
			probe(c);
		conn_work(c);
	} else if ((what & BEV_EVENT_TIMEOUT) && c->stream && !c->stream->cut) {
		c->stream->cut = true;
		bufferevent_enable(bev, EV_WRITE);
		conn_work(c);
	} else {
		http_conn_free(c);
	}
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_work(arg);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	c->waiting = WAIT_NOTHING;
	if (c->state == CONN_ANSWER) {
		if (is_reset(c))
			http_conn_free(c);
	} else if (c->state == CONN_BODY ||
	    (c->state == CONN_HEAD && evbuffer_get_length(input(c)))) {
		refuse(c, 408, "the request did not come in time");
	} else {
		http_conn_free(c);
	}
}

void
http_conn_new(struct http *h, int fd, const char *remote)
{
	struct timeval stall = { h->limits.stall_s, 0 };
	struct http_conn *c = xcalloc(1, sizeof *c);

	c->h = h;
	snprintf(c->remote, sizeof c->remote, "%s", remote);
	c->bev = bufferevent_socket_new(h->o.base, fd, BEV_OPT_CLOSE_ON_FREE);
	evtimer_assign(&c->deadline, h->o.base, on_deadline, c);
	event_assign(&c->kick, h->o.base, -1, 0, on_kick, c);
	TAILQ_INSERT_TAIL(&h->conns, c, link);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0,
	    h->limits.headers > INPUT_MAX ? h->limits.headers : INPUT_MAX);
	bufferevent_set_timeouts(c->bev, NULL, &stall);
	wait_for(c, WAIT_IDLE);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
