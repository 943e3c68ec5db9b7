#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "serve/accept.h"
#include "serve/http_impl.h"

/* The server: listeners, how many may come in, its end. */

static void
listeners(struct http *h, bool on)
{
	for (size_t i = 0; i < h->n_listeners; i++)
		acceptor_open(h->listeners[i], on);
	h->full = !on;
}

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct http *h = arg;
	char host[NI_MAXHOST], port[NI_MAXSERV], *remote = NULL;
	const int on = 1;

	/* Events must not wait 40 ms for the ACK of the last; no matter off TCP. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (sa->sa_family == AF_UNIX || getnameinfo(sa, len, host,
	    sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		remote = xstrdup("unix");
	else
		remote = xasprintf(strchr(host, ':') ? "[%s]:%s" : "%s:%s",
		    host, port);
	h->counts.connections++;
	http_conn_new(h, fd, remote);
	free(remote);
	if (h->counts.connections >= h->limits.connections)
		listeners(h, false);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd;
	(void)what;
	if (h->idle)
		h->idle(h->idle_arg);
}

void
http_released(struct http *h)
{
	h->counts.connections--;
	if (h->draining && TAILQ_EMPTY(&h->conns))
		event_active(h->end, 0, 0);
	else if (h->full && h->counts.connections < h->limits.connections)
		listeners(h, true);
}

int
http_listen(struct http *h, int fd, struct err *e)
{
	struct acceptor *a = acceptor_new(h->o.base, fd, on_accept, h, e);

	if (!a)
		return -1;
	h->listeners = xrealloc(h->listeners,
	    (h->n_listeners + 1) * sizeof(struct acceptor *));
	h->listeners[h->n_listeners++] = a;
	return 0;
}

static void
close_listeners(struct http *h)
{
	for (size_t i = 0; i < h->n_listeners; i++)
		acceptor_free(h->listeners[i]);
	h->n_listeners = 0;
}

void
http_drain(struct http *h, void (*idle)(void *arg), void *arg)
{
	struct http_conn *c, *next;

	h->draining = true;
	h->idle = idle;
	h->idle_arg = arg;
	close_listeners(h);
	for (c = TAILQ_FIRST(&h->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		http_conn_drain(c);
	}
	if (TAILQ_EMPTY(&h->conns))
		event_active(h->end, 0, 0);
}

void
http_set_access(struct http *h, int fd)
{
	h->o.access_fd = fd;
}

bool
http_draining(const struct http *h)
{
	return h->draining;
}

void
http_set_limits(struct http *h, const struct http_limits *l)
{
	h->limits = *l;
	if (!h->draining)
		listeners(h, h->counts.connections < l->connections);
}

const struct http_limits *
http_get_limits(const struct http *h)
{
	return &h->limits;
}

void
http_count(const struct http *h, struct http_counts *c)
{
	*c = h->counts;
}

struct http *
http_server_new(const struct http_opts *o)
{
	struct http *h = xcalloc(1, sizeof *h);

	h->o = *o;
	h->limits = o->limits;
	TAILQ_INIT(&h->conns);
	h->end = event_new(o->base, -1, 0, on_end, h);
	return h;
}

void
http_server_free(struct http *h)
{
	struct http_conn *c;

	if (!h)
		return;
	close_listeners(h);
	while ((c = TAILQ_FIRST(&h->conns)))
		http_conn_free(c);
	event_free(h->end);
	free(h->listeners);
	free(h);
}
