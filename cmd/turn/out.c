#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "turn/out.h"

/*
 * When poll says that a pipe is writable it takes this much without blocking
 * (POSIX); so the descriptor, which others share with us, need not be made
 * non-blocking.
 */
#define CHUNK 4096

void
out_init(struct out *o, int fd, struct loop *l)
{
	*o = (struct out){ .fd = fd, .loop = l };
}

static void
rest_changed(struct out *o);

static void
fail(struct out *o, int no)
{
	o->error = no;
	buf_free(&o->q);
	o->off = 0;
	rest_changed(o);
	if (o->broken)
		o->broken(o->arg);
}

/* Write as long as it does not block. */
static void
flush_some(struct out *o)
{
	while (!o->error && o->off < o->q.n) {
		struct pollfd p = { .fd = o->fd, .events = POLLOUT };
		size_t n = o->q.n - o->off;
		ssize_t put;

		if (poll(&p, 1, 0) <= 0)
			break;
		put = write(o->fd, o->q.p + o->off, n < CHUNK ? n : CHUNK);
		if (put >= 0)
			o->off += (size_t)put;
		else if (errno == EAGAIN || errno == EINTR)
			break;
		else
			fail(o, errno);
	}
	if (o->q.n && o->off == o->q.n)
		buf_trunc(&o->q, o->off = 0);
	rest_changed(o);
}

static void
writable(void *arg, int fd, short revents)
{
	(void)fd;
	(void)revents;
	flush_some(arg);
}

/* Watch the descriptor as long as something waits for it. */
static void
rest_changed(struct out *o)
{
	bool waits = o->q.n > o->off;

	if (waits && !o->watch && o->loop)
		o->watch = loop_watch(o->loop, o->fd, POLLOUT, writable, o);
	if (!waits && o->watch) {
		loop_unwatch(o->watch);
		o->watch = NULL;
	}
}

int
out_drain(struct out *o, const volatile sig_atomic_t *stop)
{
	for (;;) {
		struct pollfd p = { .fd = o->fd, .events = POLLOUT };

		flush_some(o);
		if (o->error)
			return -1;
		if (o->off == o->q.n)
			return 0;
		if (stop && *stop)
			return -1;
		poll(&p, 1, 1000);
	}
}

void
out_put(struct out *o, const void *p, size_t n)
{
	if (o->error || !n)
		return;
	if (o->off > 65536) {
		buf_drop(&o->q, o->off);
		o->off = 0;
	}
	buf_put(&o->q, p, n);
	flush_some(o);
	while (!o->error && o->q.n - o->off > OUT_LIMIT) {
		struct pollfd w = { .fd = o->fd, .events = POLLOUT };

		/* A signal ends the waiting: the run is to be stopped. */
		if (poll(&w, 1, -1) < 0)
			break;
		flush_some(o);
	}
}

void
out_puts(struct out *o, const char *s)
{
	out_put(o, s, strlen(s));
}

void
out_free(struct out *o)
{
	buf_free(&o->q);
	o->off = 0;
	rest_changed(o);
}
