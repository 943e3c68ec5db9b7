#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/util.h>

#include "base/after.h"
#include "base/buf.h"
#include "base/util.h"
#include "comms/secure.h"
#include "peerd/carrier_impl.h"

#define ACK_MS 30000		/* from after the write */
#define ACK_MAX 65536		/* one is 215 bytes */

static void start(struct carrier *c);

/* ---- how it ends ---- */

void
carrier_hang_up(struct carrier *c)
{
	if (c->connecting) {
		event_free(c->connecting);
		close(c->fd);
		c->connecting = NULL;
	}
	if (c->bev)
		bufferevent_free(c->bev);
	c->bev = NULL;
	secure_free(c->secure);
	c->secure = NULL;
	buf_trunc(&c->in, 0);
}

void
carrier_finish(struct carrier *c, enum carried how, const char *why)
{
	event_del(c->timer);
	if (!c->secure || how != CARRIED_ACKED)
		carrier_hang_up(c);
	c->phase = IDLE;
	c->v = NULL;
	c->o.done(c->o.arg, how, why);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct carrier *c = arg;

	(void)fd;
	(void)what;
	switch (c->phase) {
	case STARTING:
		start(c);
		break;
	case RESOLVED:
		carrier_resolved(c);
		break;
	case CONNECTING:
		snprintf(c->why, sizeof c->why, "connect: %s",
		    strerror(ETIMEDOUT));
		carrier_hang_up(c);
		carrier_try_next(c);
		break;
	case RESOLVING:
		carrier_finish(c, CARRIED_FAILED,
		    "no answer of the name servers");
		break;
	case GREETING:
		carrier_finish(c, CARRIED_FAILED, "no answer to the handshake");
		break;
	case WRITING:
		carrier_finish(c, CARRIED_FAILED, "it does not read");
		break;
	default:
		carrier_finish(c, CARRIED_NO_ACK, "no answer in 30 s");
		break;
	}
}

/* ---- the answer ---- */

bool
carrier_unanswered(enum envelope_kind k)
{
	return k == ENVELOPE_RESPONSE || k == ENVELOPE_ACK;
}

/* In the clear a response has no ACK: the end of the connection is all there is. */
static bool
ends_by_close(const struct carrier *c)
{
	return !c->secure && carrier_unanswered(c->v->kind);
}

/* 1: the whole ACK of it; 0: more must come; -1: something else. */
static int
read_ack(struct carrier *c)
{
	const unsigned char *p = (const unsigned char *)c->in.p;
	struct envelope ack;
	size_t n;
	int rc;

	if (c->in.n < 4)
		return 0;
	n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > ACK_MAX)
		return -1;
	if (c->in.n < 4 + n)
		return 0;
	rc = envelope_open(p + 4, n, &ack, NULL);
	rc = rc == 0 && envelope_acks(&ack, c->v) ? 1 : -1;
	envelope_free(&ack);
	buf_drop(&c->in, 4 + n);
	return rc;
}

static void
put_frame(struct carrier *c)
{
	struct buf sealed = BUF_INIT;

	c->phase = WRITING;
	event_after(c->timer, ACK_MS);
	if (c->secure)
		secure_put(c->secure, c->frame.p, c->frame.n, &sealed, NULL);
	bufferevent_write(c->bev, c->secure ? sealed.p : c->frame.p,
	    c->secure ? sealed.n : c->frame.n);
	buf_free(&sealed);
}

/* All that was read, decrypted if it has to be, into c->in.  -1: finished. */
static int
take_input(struct carrier *c)
{
	struct evbuffer *from = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(from);
	struct buf out = BUF_INIT;
	struct err e = ERR_NONE;
	int rc = 0;

	if (c->secure)
		rc = secure_take(c->secure, evbuffer_pullup(from, -1), n,
		    &c->in, &out, &e);
	else
		buf_put(&c->in, evbuffer_pullup(from, -1), n);
	evbuffer_drain(from, n);
	if (rc == 0 && out.n)
		bufferevent_write(c->bev, out.p, out.n);
	buf_free(&out);
	if (rc < 0)
		carrier_finish(c, CARRIED_FAILED, e.text);
	return rc;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct carrier *c = arg;
	int rc;

	(void)bev;
	if (take_input(c) < 0)
		return;
	if (c->phase == GREETING) {
		if (secure_ready(c->secure))
			put_frame(c);
		return;
	}
	if (c->phase == IDLE) {		/* it speaks out of turn */
		carrier_hang_up(c);
		return;
	}
	if (ends_by_close(c)) {
		buf_trunc(&c->in, 0);
		return;
	}
	if ((rc = read_ack(c)) > 0)
		carrier_finish(c, CARRIED_ACKED, "");
	else if (rc < 0 || c->in.n > ACK_MAX)
		carrier_finish(c, CARRIED_NO_ACK, "the answer is not its ACK");
}

/* All is written. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct carrier *c = arg;

	if (c->phase != WRITING)
		return;
	c->phase = WAITING;
	event_after(c->timer, ACK_MS);
	if (ends_by_close(c))
		shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	struct carrier *c = arg;
	int error = EVUTIL_SOCKET_ERROR();

	(void)bev;
	if (c->phase == IDLE)
		carrier_hang_up(c);
	else if (what & BEV_EVENT_ERROR && c->phase == WAITING &&
	    error == ECONNRESET)	/* so does an rkat refuse */
		carrier_finish(c, CARRIED_NO_ACK, strerror(error));
	else if (what & BEV_EVENT_ERROR)
		carrier_finish(c, CARRIED_FAILED, strerror(error));
	else if (c->phase == GREETING)
		carrier_finish(c, CARRIED_FAILED, "it hung up on the handshake");
	else if (c->phase == WRITING)
		carrier_finish(c, CARRIED_FAILED, "it hung up on the frame");
	else if (c->in.n || c->secure)
		carrier_finish(c, CARRIED_NO_ACK, "it hung up");
	else
		carrier_finish(c, CARRIED_CLOSED, "");
}

/* ---- there ---- */

static void
greet(struct carrier *c)
{
	struct buf hello = BUF_INIT;
	struct err e = ERR_NONE;

	if (!(c->secure = secure_connect(c->o.self, c->key, &hello, &e))) {
		carrier_finish(c, CARRIED_FAILED, e.text);
		return;
	}
	c->phase = GREETING;
	event_after(c->timer, CONNECT_MS);
	bufferevent_write(c->bev, hello.p, hello.n);
	buf_free(&hello);
}

void
carrier_connected(struct carrier *c)
{
	event_free(c->connecting);
	c->connecting = NULL;
	c->bev = bufferevent_socket_new(c->o.base, c->fd,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, on_written, on_end, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, ACK_MAX);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (c->to.kind == ADDRESS_SECURE)
		greet(c);
	else
		put_frame(c);
}

static void
start(struct carrier *c)
{
	if (c->bev)		/* rkats, and it is still there */
		put_frame(c);
	else
		carrier_connect(c);
}

/* ---- from outside ---- */

struct carrier *
carrier_new(const struct carrier_opts *o, struct err *e)
{
	struct carrier *c;
	struct address to;

	if (address_parse(o->address, &to, e) < 0)
		return NULL;
	if (to.kind == ADDRESS_INPROC) {
		err_set(e, E_INVALID_PARAMS,
		    "%.120s is within another process", o->address);
		address_free(&to);
		return NULL;
	}
	c = xcalloc(1, sizeof *c);
	c->o = *o;
	c->to = to;
	memcpy(c->key, o->to, KEY_LEN);
	c->timer = evtimer_new(o->base, on_timer, c);
	return c;
}

void
carrier_send(struct carrier *c, const struct envelope *v, const void *frame,
    size_t n)
{
	c->v = v;
	buf_trunc(&c->frame, 0);
	buf_put(&c->frame, frame, n);
	c->phase = STARTING;
	event_after(c->timer, 0);
}

/* Nothing was cut off here, says the last record. */
static void
say_end(struct carrier *c)
{
	struct buf b = BUF_INIT;

	if (secure_end(c->secure, &b, NULL) == 0 && send(bufferevent_getfd(
	    c->bev), b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		debug("rkats: the end was not said: %m");
	buf_free(&b);
}

void
carrier_free(struct carrier *c)
{
	if (!c)
		return;
	if (c->phase == IDLE && c->secure)
		say_end(c);
	if (c->lookup)
		evdns_getaddrinfo_cancel(c->lookup);
	if (c->dns)
		evdns_base_free(c->dns, 0);
	carrier_hang_up(c);
	event_free(c->timer);
	if (c->found)
		evutil_freeaddrinfo(c->found);
	address_free(&c->to);
	buf_free(&c->frame);
	buf_free(&c->in);
	free(c);
}
