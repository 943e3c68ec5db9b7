#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "peerd/peerd.h"

/*
 * One connection, one envelope, at most one ACK (comms sheet sections 3 and 7).  No more
 * is read than the frame that was announced, and what waits in memory for its rest is
 * bounded: small frames by the number of connections, large ones by a common purse.
 */
#define SMALL_FRAME ((size_t)65536)
#define HEAD 4			/* its length, big endian */

struct conn {
	TAILQ_ENTRY(conn) link;
	struct peerd *p;
	int fd;
	struct event *reader, *deadline;
	struct buf b;
	size_t want;		/* bytes of b when it is whole */
	size_t taken;		/* out of the purse */
	const char *channel;
	char where[64];
};
TAILQ_HEAD(conns, conn);

struct in {
	struct conns conns;
	size_t n, taken;
};

static void
conn_free(struct conn *c)
{
	struct peerd *p = c->p;

	TAILQ_REMOVE(&p->in->conns, c, link);
	p->in->n--;
	p->in->taken -= c->taken;
	if (c->reader)
		event_free(c->reader);
	event_free(c->deadline);
	close(c->fd);
	buf_free(&c->b);
	free(c);
	peerd_quiet(p);
}

static void
refuse(struct conn *c, const char *reason, const char *detail)
{
	gate_refuse(c->p, reason, c->where, detail);
	conn_free(c);
}

/* ---- the frame ---- */

/* An ACK fits into the buffer of a fresh socket; if not it is lost, as on any network. */
static void
answer(void *arg, const char *frame, size_t n)
{
	struct conn *c = arg;

	if (frame && send(c->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		debug("ACK to %s: %m", c->where);
	conn_free(c);
}

/* Nothing more is read; it waits for the commit. */
static void
whole(struct conn *c)
{
	const struct caller caller = { c->channel, c->where, answer, c };
	struct buf b = c->b;

	event_free(c->reader);
	c->reader = NULL;
	event_del(c->deadline);
	c->b = (struct buf)BUF_INIT;
	admit_frame(c->p, b.p + HEAD, b.n - HEAD, &caller);
	buf_free(&b);
}

/* The length is there.  False: refused. */
static bool
announced(struct conn *c)
{
	const unsigned char *h = (const unsigned char *)c->b.p;
	size_t n = (size_t)h[0] << 24 | (size_t)h[1] << 16 |
	    (size_t)h[2] << 8 | h[3];
	struct in *in = c->p->in;

	if (n == 0 || n > FRAME_MAX) {
		refuse(c, "malformed", n ? "a frame of more than 1 MiB" :
		    "an empty frame");
		return false;
	}
	if (n > SMALL_FRAME && in->taken + n > c->p->limits.buffered) {
		refuse(c, "busy", "too many large frames at once");
		return false;
	}
	c->want = HEAD + n;
	c->taken = n > SMALL_FRAME ? n : 0;
	in->taken += c->taken;
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t room = c->want - c->b.n;
	ssize_t n;

	(void)what;
	if (room > SMALL_FRAME)
		room = SMALL_FRAME;
	n = read(fd, buf_room(&c->b, room), room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* A look whether we are there costs nobody a line in the log. */
		if (c->b.n)
			refuse(c, "malformed", "a frame that broke off");
		else
			conn_free(c);
		return;
	}
	c->b.n += (size_t)n;
	buf_end(&c->b);
	if (c->b.n == HEAD && c->want == HEAD && !announced(c))
		return;
	if (c->b.n == c->want)
		whole(c);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	refuse(arg, "too slow", "no whole frame in time");
}

/* ---- coming in ---- */

/* Without the port: who comes again has another one. */
static void
name_source(const struct sockaddr *sa, char where[64])
{
	socklen_t len = sa->sa_family == AF_INET6 ?
	    sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	strcpy(where, "unix");
	if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
		getnameinfo(sa, len, where, 64, NULL, 0, NI_NUMERICHOST);
}

static size_t
from_there(const struct in *in, const char *where)
{
	const struct conn *c;
	size_t n = 0;

	for (c = TAILQ_FIRST(&in->conns); c; c = TAILQ_NEXT(c, link))
		n += !strcmp(c->where, where);
	return n;
}

void
in_accept(struct peerd *p, evutil_socket_t fd, const struct sockaddr *sa,
    const char *channel)
{
	struct timeval tv = { p->limits.deadline_s, 0 };
	struct conn *c;
	char where[64];

	name_source(sa, where);
	if (p->in->n >= p->limits.connections ||
	    from_there(p->in, where) >= p->limits.per_address) {
		gate_refuse(p, "busy", where, "too many connections at once");
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	*c = (struct conn){ .p = p, .fd = fd, .want = HEAD,
	    .channel = channel };
	strcpy(c->where, where);
	c->reader = event_new(p->base, fd, EV_READ | EV_PERSIST, on_readable,
	    c);
	c->deadline = evtimer_new(p->base, on_deadline, c);
	event_add(c->reader, NULL);
	event_add(c->deadline, &tv);
	TAILQ_INSERT_TAIL(&p->in->conns, c, link);
	p->in->n++;
}

void
in_open(struct peerd *p)
{
	p->in = xcalloc(1, sizeof *p->in);
	TAILQ_INIT(&p->in->conns);
}

bool
in_idle(const struct peerd *p)
{
	return p->in->n == 0;
}

void
in_close(struct peerd *p)
{
	struct conn *c;

	while (p->in && (c = TAILQ_FIRST(&p->in->conns)))
		conn_free(c);
	free(p->in);
	p->in = NULL;
}
