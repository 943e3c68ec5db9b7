#include <stdlib.h>
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
