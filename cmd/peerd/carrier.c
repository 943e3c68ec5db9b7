#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/buf.h"
#include "base/util.h"
#include "comms/secure.h"
#include "peerd/carrier.h"

#define CONNECT_MS 30000	/* sheet section 7; for all addresses together */
#define ACK_MS 30000		/* from after the write */
#define ACK_MAX 65536		/* one is 215 bytes */

enum phase { IDLE, STARTING, RESOLVING, RESOLVED, CONNECTING, GREETING, WRITING,
	WAITING };

struct carrier {
	struct carrier_opts o;
	struct address to;
	unsigned char key[KEY_LEN];
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *lookup;
	int lookup_error;
	struct evutil_addrinfo *found, *next;	/* next: not tried yet */
	int64_t give_up;	/* connecting: time_mono_ms */
	struct event *timer;
	struct event *connecting;	/* its descriptor is fd */
	int fd;
	struct bufferevent *bev;
	struct secure *secure;
	enum phase phase;
	const struct envelope *v;
	struct buf frame;	/* what is to be written */
	struct buf in;		/* what came: the ACK's beginning */
	char why[256];		/* of the last address that was tried */
};

static void start(struct carrier *c);
static void resolved(struct carrier *c);
static void try_next(struct carrier *c);

/* ---- how it ends ---- */

static void
hang_up(struct carrier *c)
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

/* The last thing that its caller does: c may be gone afterwards. */
static void
finish(struct carrier *c, enum carried how, const char *why)
{
	event_del(c->timer);
	if (!c->secure || how != CARRIED_ACKED)
		hang_up(c);
	c->phase = IDLE;
	c->v = NULL;
	c->o.done(c->o.arg, how, why);
}

static void
arm(struct carrier *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(c->timer, &tv);
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
		resolved(c);
		break;
	case CONNECTING:
		snprintf(c->why, sizeof c->why, "connect: %s",
		    strerror(ETIMEDOUT));
		hang_up(c);
		try_next(c);
		break;
	case RESOLVING:
		finish(c, CARRIED_FAILED, "no answer of the name servers");
		break;
	case GREETING:
		finish(c, CARRIED_FAILED, "no answer to the handshake");
		break;
	case WRITING:
		finish(c, CARRIED_FAILED, "it does not read");
		break;
	default:
		finish(c, CARRIED_NO_ACK, "no answer in 30 s");
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
	arm(c, ACK_MS);
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
		finish(c, CARRIED_FAILED, e.text);
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
		hang_up(c);
		return;
	}
	if (ends_by_close(c)) {
		buf_trunc(&c->in, 0);
		return;
	}
	if ((rc = read_ack(c)) > 0)
		finish(c, CARRIED_ACKED, "");
	else if (rc < 0 || c->in.n > ACK_MAX)
		finish(c, CARRIED_NO_ACK, "the answer is not its ACK");
}

/* All is written. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct carrier *c = arg;

	if (c->phase != WRITING)
		return;
	c->phase = WAITING;
	arm(c, ACK_MS);
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
		hang_up(c);
	else if (what & BEV_EVENT_ERROR && c->phase == WAITING &&
	    error == ECONNRESET)	/* so does an rkat refuse */
		finish(c, CARRIED_NO_ACK, strerror(error));
	else if (what & BEV_EVENT_ERROR)
		finish(c, CARRIED_FAILED, strerror(error));
	else if (c->phase == GREETING)
		finish(c, CARRIED_FAILED, "it hung up on the handshake");
	else if (c->phase == WRITING)
		finish(c, CARRIED_FAILED, "it hung up on the frame");
	else if (c->in.n || c->secure)
		finish(c, CARRIED_NO_ACK, "it hung up");
	else
		finish(c, CARRIED_CLOSED, "");
}

/* ---- the way there ---- */

static void
greet(struct carrier *c)
{
	struct buf hello = BUF_INIT;
	struct err e = ERR_NONE;

	if (!(c->secure = secure_connect(c->o.self, c->key, &hello, &e))) {
		finish(c, CARRIED_FAILED, e.text);
		return;
	}
	c->phase = GREETING;
	arm(c, CONNECT_MS);
	bufferevent_write(c->bev, hello.p, hello.n);
	buf_free(&hello);
}

static void
connected(struct carrier *c)
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
on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct carrier *c = arg;
	int error = 0;
	socklen_t n = sizeof error;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && !error) {
		connected(c);
		return;
	}
	snprintf(c->why, sizeof c->why, "connect: %s", strerror(error));
	hang_up(c);
	try_next(c);
}

/* Begin to connect; what comes of it is on_connect's, also a failure at once. */
static bool
start_connect(struct carrier *c, const struct sockaddr *sa, socklen_t n)
{
	static const int on = 1;

	c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (c->fd < 0 || (connect(c->fd, sa, n) < 0 && errno != EINPROGRESS)) {
		snprintf(c->why, sizeof c->why, "connect: %s",
		    strerror(errno));
		if (c->fd >= 0)
			close(c->fd);
		return false;
	}
	if (sa->sa_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->phase = CONNECTING;
	c->connecting = event_new(c->o.base, c->fd, EV_WRITE, on_connect, c);
	event_add(c->connecting, NULL);
	return true;
}

static int
count(const struct evutil_addrinfo *a)
{
	int n = 0;

	for (; a; a = a->ai_next)
		n++;
	return n;
}

/* Each address gets its part of the time that is left. */
static void
try_next(struct carrier *c)
{
	int64_t left = c->give_up - time_mono_ms();

	while (c->next && left > 0) {
		const struct evutil_addrinfo *a = c->next;

		c->next = a->ai_next;
		if (start_connect(c, a->ai_addr, (socklen_t)a->ai_addrlen)) {
			arm(c, left / (count(c->next) + 1) + 1);
			return;
		}
	}
	finish(c, CARRIED_FAILED, c->why);
}

static void
connect_unix(struct carrier *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(c->to.path);

	if (n >= sizeof sun.sun_path) {
		finish(c, CARRIED_FAILED, "the path is too long for a socket");
		return;
	}
	memcpy(sun.sun_path, c->to.path, n);
	if (start_connect(c, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)))
		arm(c, CONNECT_MS);
	else
		finish(c, CARRIED_FAILED, c->why);
}

static void
resolved(struct carrier *c)
{
	if (c->lookup_error) {
		snprintf(c->why, sizeof c->why, "%.100s: %s", c->to.host,
		    evutil_gai_strerror(c->lookup_error));
		finish(c, CARRIED_FAILED, c->why);
		return;
	}
	c->next = c->found;
	try_next(c);
}

/* Perhaps from within evdns_getaddrinfo: what follows has its own turn. */
static void
on_found(int error, struct evutil_addrinfo *found, void *arg)
{
	struct carrier *c = arg;

	if (error == EVUTIL_EAI_CANCEL)
		return;
	c->lookup = NULL;
	c->lookup_error = error;
	c->found = found;
	c->phase = RESOLVED;
	arm(c, 0);
}

static void
ask(struct carrier *c, const struct evutil_addrinfo *hints)
{
	struct evdns_getaddrinfo_request *request;

	/* Read each time: the name servers may be others by now. */
	if (!(c->dns = evdns_base_new(c->o.base,
	    EVDNS_BASE_DISABLE_WHEN_INACTIVE))) {
		finish(c, CARRIED_FAILED, "no resolver");
		return;
	}
	evdns_base_resolv_conf_parse(c->dns, DNS_OPTIONS_ALL,
	    "/etc/resolv.conf");
	c->phase = RESOLVING;
	request = evdns_getaddrinfo(c->dns, c->to.host, c->to.port, hints,
	    on_found, c);
	if (c->phase == RESOLVING)
		c->lookup = request;
}

/* An address as it stands is no reason to ask anybody. */
static void
look_up(struct carrier *c)
{
	struct evutil_addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_family = AF_UNSPEC, .ai_protocol = IPPROTO_TCP,
	    .ai_flags = EVUTIL_AI_NUMERICHOST };

	if (!evutil_getaddrinfo(c->to.host, c->to.port, &hints, &c->found)) {
		c->next = c->found;
		try_next(c);
		return;
	}
	hints.ai_flags = 0;
	ask(c, &hints);
}

static void
start(struct carrier *c)
{
	arm(c, CONNECT_MS);
	c->give_up = time_mono_ms() + CONNECT_MS;
	if (c->bev) {		/* rkats, and it is still there */
		put_frame(c);
	} else if (c->to.kind == ADDRESS_UNIX) {
		connect_unix(c);
	} else if (c->found) {
		c->next = c->found;
		try_next(c);
	} else {
		look_up(c);
	}
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
	arm(c, 0);
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
	hang_up(c);
	event_free(c->timer);
	if (c->found)
		evutil_freeaddrinfo(c->found);
	address_free(&c->to);
	buf_free(&c->frame);
	buf_free(&c->in);
	free(c);
}
