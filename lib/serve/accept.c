#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/after.h"
#include "base/buf.h"
#include "serve/accept.h"

#define AGAIN_MS 200		/* after a lack of descriptors or memory */

struct acceptor {
	struct evconnlistener *listener;
	struct event *again;
	accept_fn *fn;
	void *arg;
	bool closed;		/* by acceptor_open */
};

static void
on_accept(struct evconnlistener *ev, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct acceptor *a = arg;

	(void)ev;
	a->fn(a->arg, fd, sa, (socklen_t)len);
}

static void
on_error(struct evconnlistener *ev, void *arg)
{
	struct acceptor *a = arg;

	evconnlistener_disable(ev);
	event_after(a->again, AGAIN_MS);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;

	(void)fd;
	(void)what;
	if (!a->closed)
		evconnlistener_enable(a->listener);
}

struct acceptor *
acceptor_new(struct event_base *base, int fd, accept_fn *fn, void *arg,
    struct err *e)
{
	struct acceptor *a = xcalloc(1, sizeof *a);

	a->fn = fn;
	a->arg = arg;
	a->listener = evconnlistener_new(base, on_accept, a,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!a->listener) {
		err_sys(e, E_FAILED, "listen");
		close(fd);
		free(a);
		return NULL;
	}
	evconnlistener_set_error_cb(a->listener, on_error);
	a->again = evtimer_new(base, on_again, a);
	return a;
}

void
acceptor_open(struct acceptor *a, bool open)
{
	a->closed = !open;
	if (open)
		evconnlistener_enable(a->listener);
	else
		evconnlistener_disable(a->listener);
}

void
acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	evconnlistener_free(a->listener);
	event_free(a->again);
	free(a);
}

/* ---- who it is ---- */

static void
put_net(const struct sockaddr_in6 *sa, char net[SOURCE_MAX])
{
	struct in6_addr a = sa->sin6_addr;

	memset(a.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &a, net, SOURCE_MAX - 4);
	strcat(net, "/64");
}

void
accept_source(const struct sockaddr *sa, char name[SOURCE_MAX],
    char net[SOURCE_MAX])
{
	const struct sockaddr_in6 *six = (const void *)sa;
	const struct sockaddr_in *four = (const void *)sa;

	strcpy(name, "unix");
	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, name, SOURCE_MAX);
	else if (sa->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, name, SOURCE_MAX);
	if (sa->sa_family == AF_INET6 &&
	    !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		put_net(six, net);
	else
		strcpy(net, name);
}
