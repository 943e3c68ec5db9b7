/*
 * bare: the least that libevent can do, as a bound for rkat-serve.  evhttp that gives
 * every GET the same small JSON, and bufferevents that send every line back.  Prints
 * the two ports and serves until it is killed.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
on_request(struct evhttp_request *r, void *arg)
{
	struct evbuffer *b = evbuffer_new();

	(void)arg;
	evhttp_add_header(evhttp_request_get_output_headers(r),
	    "Content-Type", "application/json");
	evbuffer_add_printf(b, "{\"status\":\"ok\"}");
	evhttp_send_reply(r, 200, NULL, b);
	evbuffer_free(b);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n;
	char *line;

	(void)arg;
	while ((line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF))) {
		bufferevent_write(bev, line, n);
		bufferevent_write(bev, "\n", 1);
		free(line);
	}
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(
	    evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)sa;
	(void)len;
	(void)arg;
	bufferevent_setcb(bev, on_read, NULL, on_end, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static unsigned
port_of(evutil_socket_t fd)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof sa;

	return getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ? 0 :
	    ntohs(sa.sin_port);
}

int
main(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *bound =
	    evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	struct evconnlistener *lines = evconnlistener_new_bind(base, on_accept,
	    NULL, LEV_OPT_CLOSE_ON_FREE, 512, (struct sockaddr *)&sa,
	    sizeof sa);

	if (!bound || !lines)
		return 1;
	evhttp_set_gencb(http, on_request, NULL);
	printf("%u %u\n", port_of(evhttp_bound_socket_get_fd(bound)),
	    port_of(evconnlistener_get_fd(lines)));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
