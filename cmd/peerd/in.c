#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "comms/secure.h"
#include "peerd/peerd.h"
#include "peerd/vet.h"
#include "serve/accept.h"

/*
 * One connection, one envelope, at most one ACK (comms sheet sections 3 and 7).  What
 * waits in memory for the rest of a frame is bounded: small frames by the number of
 * connections, large ones by a common purse.
 *
 * Over TCP a connection ends in order only when its envelope was admitted; if it was
 * not, or we died, it is reset.  So who sends a kind that has no ACK can tell, too.
 *
 * A connection that begins with SECURE_MAGIC is an encrypted one (comms/secure.h): many
 * envelopes, one after the other.
 */
#define SMALL_FRAME ((size_t)65536)
#define HEAD 4			/* its length, big endian */
#define FIRST 4096		/* read at first: most frames are shorter */

struct conn {
	TAILQ_ENTRY(conn) link;
	struct peerd *p;
	int fd;
	struct event *reader, *deadline;
	struct buf b;
	size_t want;		/* bytes of b when it is whole */
	size_t taken;		/* out of the purse */
	const char *channel;
	char where[SOURCE_MAX], net[SOURCE_MAX];
	struct secure *secure;	/* b is what was decrypted, then */
	struct secure_server server;
	bool busy;		/* an envelope waits for the commit */
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
	secure_free(c->secure);
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

/* Close it in order, or reset it. */
static void
end_well(int fd, bool well)
{
	const struct linger l = { .l_onoff = !well };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

/* An ACK fits into the buffer of a fresh socket; if not it is lost, as on any network. */
static bool
put(struct conn *c, const void *p, size_t n)
{
	if (send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n)
		return true;
	debug("ACK to %s: %m", c->where);
	return false;
}

/* The purse gets back what was taken; the next frame begins. */
static void
restart(struct conn *c)
{
	struct timeval tv = { c->p->limits.deadline_s, 0 };

	c->p->in->taken -= c->taken;
	c->taken = 0;
	c->want = HEAD;
	c->busy = false;
	event_add(c->deadline, &tv);
	event_add(c->reader, NULL);
	event_active(c->reader, EV_READ, 0);	/* for what is here already */
}

static bool
put_sealed(struct conn *c, const char *frame, size_t n)
{
	struct buf b = BUF_INIT;
	bool done = secure_put(c->secure, frame, n, &b, NULL) == 0 &&
	    put(c, b.p, b.n);

	buf_free(&b);
	return done;
}

static void
answer(void *arg, bool admitted, const char *frame, size_t n)
{
	struct conn *c = arg;

	if (admitted && c->secure && put_sealed(c, frame, n)) {
		restart(c);
		return;
	}
	if (admitted)
		end_well(c->fd, true);
	if (admitted && !c->secure && frame)
		put(c, frame, n);
	conn_free(c);
}

/* Nothing more is read; it waits for the commit. */
static void
whole(struct conn *c)
{
	struct caller caller = { .channel = c->channel, .where = c->where,
	    .answer = answer, .arg = c };
	struct buf b = BUF_INIT;

	event_del(c->reader);
	event_del(c->deadline);
	c->busy = true;
	if (c->secure) {
		caller.from = secure_peer(c->secure);
		caller.to = secure_self(c->secure);
		buf_put(&b, c->b.p, c->want);
		buf_drop(&c->b, c->want);
	} else {
		b = c->b;
		buf_trunc(&b, c->want);	/* no second one is looked at */
		c->b = (struct buf)BUF_INIT;
	}
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

/* Somebody closed, or an error; a look whether we are there is not worth a line. */
static void
broke_off(struct conn *c)
{
	if (c->b.n)
		refuse(c, "malformed", "a frame that broke off");
	else
		conn_free(c);
}

/* ---- encrypted ---- */

static bool
client_trusted(void *arg, const unsigned char key[KEY_LEN])
{
	const struct conn *c = arg;

	return vet_knows(c->p, key);
}

static const struct identity *
server_key(void *arg, const unsigned char key[KEY_LEN])
{
	const struct conn *c = arg;
	char session[UUID_LEN + 1];
	bool resident;

	if (keys_find(c->p, key, session, &resident, NULL) <= 0)
		return NULL;
	return keys_held(c->p, session, key, NULL);
}

/* What came, decrypted, behind c->b.  False: refused. */
static bool
decrypt(struct conn *c, const void *p, size_t n)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_NONE;
	char key[KEY_TEXT_LEN + 1], detail[300];
	bool done = secure_take(c->secure, p, n, &c->b, &out, &e) == 0;

	if (!done) {
		key_text(secure_peer(c->secure), key);
		snprintf(detail, sizeof detail, "%.200s (%s)", e.text, key);
		refuse(c, "handshake", detail);
	} else if (out.n && !(done = put(c, out.p, out.n))) {
		conn_free(c);
	}
	buf_free(&out);
	return done;
}

/* A frame at a time goes on. */
static void
next_sealed(struct conn *c)
{
	if (c->want == HEAD && c->b.n >= HEAD && !announced(c))
		return;
	if (c->want > HEAD && c->b.n >= c->want)
		whole(c);
}

static void
take_sealed(struct conn *c, const void *p, size_t n)
{
	if (!decrypt(c, p, n))
		return;
	if (secure_ended(c->secure) && c->b.n < c->want)
		broke_off(c);
	else
		next_sealed(c);
}

/* As much as there is. */
static void
on_sealed(struct conn *c)
{
	char chunk[SMALL_FRAME];
	ssize_t n;

	if (c->b.n >= c->want) {
		next_sealed(c);
		return;
	}
	n = read(c->fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		broke_off(c);
	else
		take_sealed(c, chunk, (size_t)n);
}

/* The first bytes were none of a frame. */
static void
become_sealed(struct conn *c)
{
	struct buf first = c->b;

	c->b = (struct buf)BUF_INIT;
	c->channel = "rkats";
	c->server = (struct secure_server){ server_key, client_trusted, c };
	c->secure = secure_accept(&c->server);
	take_sealed(c, first.p, first.n);
	buf_free(&first);
}

/* ---- in the clear ---- */

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t room = c->want > HEAD ? c->want - c->b.n : FIRST - c->b.n;
	ssize_t n;

	(void)what;
	if (c->secure) {
		on_sealed(c);
		return;
	}
	if (room > SMALL_FRAME)
		room = SMALL_FRAME;
	n = read(fd, buf_room(&c->b, room), room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		broke_off(c);
		return;
	}
	c->b.n += (size_t)n;
	buf_end(&c->b);
	if (c->want == HEAD && c->b.n >= HEAD) {
		if (!memcmp(c->b.p, SECURE_MAGIC, HEAD)) {
			become_sealed(c);
			return;
		}
		if (!announced(c))
			return;
	}
	if (c->want > HEAD && c->b.n >= c->want)
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

static size_t
from_there(const struct in *in, const char *net)
{
	const struct conn *c;
	size_t n = 0;

	for (c = TAILQ_FIRST(&in->conns); c; c = TAILQ_NEXT(c, link))
		n += !strcmp(c->net, net);
	return n;
}

/* A good peer is quick: who has waited longest for the rest of a frame goes. */
static bool
make_room(struct in *in)
{
	struct conn *c = TAILQ_FIRST(&in->conns);

	while (c && c->busy)
		c = TAILQ_NEXT(c, link);
	if (c)
		refuse(c, "busy", "too many connections at once, this one was "
		    "the slowest");
	return c != NULL;
}

void
in_accept(struct peerd *p, evutil_socket_t fd, const struct sockaddr *sa,
    const char *channel)
{
	struct timeval tv = { p->limits.deadline_s, 0 };
	struct conn *c;
	char where[SOURCE_MAX], net[SOURCE_MAX];

	accept_source(sa, where, net);
	end_well(fd, false);
	if (from_there(p->in, net) >= p->limits.per_address ||
	    (p->in->n >= p->limits.connections && !make_room(p->in))) {
		gate_refuse(p, "busy", where, "too many connections at once");
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	*c = (struct conn){ .p = p, .fd = fd, .want = HEAD,
	    .channel = channel };
	strcpy(c->where, where);
	strcpy(c->net, net);
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
