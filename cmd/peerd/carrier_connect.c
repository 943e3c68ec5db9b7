#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "base/after.h"
#include "base/util.h"
#include "peerd/carrier_impl.h"

/* The way there: names, addresses, the first connection that comes about. */

static void
on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct carrier *c = arg;
	int error = 0;
	socklen_t n = sizeof error;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && !error) {
		carrier_connected(c);
		return;
	}
	snprintf(c->why, sizeof c->why, "connect: %s", strerror(error));
	carrier_hang_up(c);
	carrier_try_next(c);
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
void
carrier_try_next(struct carrier *c)
{
	int64_t left = c->give_up - time_mono_ms();

	while (c->next && left > 0) {
		const struct evutil_addrinfo *a = c->next;

		c->next = a->ai_next;
		if (start_connect(c, a->ai_addr, (socklen_t)a->ai_addrlen)) {
			event_after(c->timer, left / (count(c->next) + 1) + 1);
			return;
		}
	}
	carrier_finish(c, CARRIED_FAILED, c->why);
}

static void
connect_unix(struct carrier *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(c->to.path);

	if (n >= sizeof sun.sun_path) {
		carrier_finish(c, CARRIED_FAILED, "the path is too long for a socket");
		return;
	}
	memcpy(sun.sun_path, c->to.path, n);
	if (start_connect(c, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)))
		event_after(c->timer, CONNECT_MS);
	else
		carrier_finish(c, CARRIED_FAILED, c->why);
}

void
carrier_resolved(struct carrier *c)
{
	if (c->lookup_error) {
		snprintf(c->why, sizeof c->why, "%.100s: %s", c->to.host,
		    evutil_gai_strerror(c->lookup_error));
		carrier_finish(c, CARRIED_FAILED, c->why);
		return;
	}
	c->next = c->found;
	carrier_try_next(c);
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
	event_after(c->timer, 0);
}

static void
ask(struct carrier *c, const struct evutil_addrinfo *hints)
{
	struct evdns_getaddrinfo_request *request;

	/* Read each time: the name servers may be others by now. */
	if (!(c->dns = evdns_base_new(c->o.base,
	    EVDNS_BASE_DISABLE_WHEN_INACTIVE))) {
		carrier_finish(c, CARRIED_FAILED, "no resolver");
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
		carrier_try_next(c);
		return;
	}
	hints.ai_flags = 0;
	ask(c, &hints);
}

void
carrier_connect(struct carrier *c)
{
	event_after(c->timer, CONNECT_MS);
	c->give_up = time_mono_ms() + CONNECT_MS;
	if (c->to.kind == ADDRESS_UNIX) {
		connect_unix(c);
	} else if (c->found) {
		c->next = c->found;
		carrier_try_next(c);
	} else {
		look_up(c);
	}
}
