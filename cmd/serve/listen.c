#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/listener.h>

#include "base/buf.h"
#include "serve/listen.h"

#define WAITING 128

struct listener {
	struct evconnlistener *ev;
	void (*accepted)(void *arg, int fd);
	void *arg;
	char *name, *path;	/* path: to be removed */
};

static void
on_accept(struct evconnlistener *ev, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct listener *l = arg;

	(void)ev;
	(void)sa;
	(void)len;
	l->accepted(l->arg, fd);
}

static struct listener *
start(struct event_base *base, int fd, void (*accepted)(void *arg, int fd),
    void *arg)
{
	struct listener *l = xcalloc(1, sizeof *l);

	l->accepted = accepted;
	l->arg = arg;
	l->ev = evconnlistener_new(base, on_accept, l,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, WAITING, fd);
	return l;
}

/* ---- TCP ---- */

static bool
is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* Only names of this machine are looked up: nobody else is asked. */
static struct addrinfo *
resolve(const char *where, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	const char *colon = strrchr(where, ':');
	size_t n = colon ? (size_t)(colon - where) : 0;
	bool v6 = n > 2 && *where == '[' && where[n - 1] == ']';
	struct addrinfo *ai = NULL;
	char *host;

	if (n == 9 && !memcmp(where, "localhost", n))
		host = xstrdup("127.0.0.1");
	else
		host = v6 ? xstrndup(where + 1, n - 2) : xstrndup(where, n);
	if (!n || !colon[1] || getaddrinfo(host, colon + 1, &hints, &ai)) {
		err_set(e, E_INVALID_PARAMS, "--tcp: want an address and a "
		    "port like 127.0.0.1:4033, not '%.80s'", where);
		ai = NULL;
	} else if (!is_loopback(ai->ai_addr)) {
		err_set(e, E_INVALID_PARAMS, "--tcp %.80s: only loopback "
		    "addresses (127.0.0.1, [::1]) can be listened on", where);
		freeaddrinfo(ai);
		ai = NULL;
	}
	free(host);
	return ai;
}

static char *
bound_name(int fd)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&sa, len, host, sizeof host, port,
	    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return xstrdup("tcp://?");
	return xasprintf(strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s",
	    host, port);
}

struct listener *
listen_tcp(struct event_base *base, const char *where,
    void (*accepted)(void *arg, int fd), void *arg, struct err *e)
{
	struct addrinfo *ai = resolve(where, e);
	struct listener *l;
	int fd, on = 1;

	if (!ai)
		return NULL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, WAITING) < 0) {
		err_sys(e, E_FAILED, "--tcp %.80s", where);
		if (fd >= 0)
			close(fd);
		freeaddrinfo(ai);
		return NULL;
	}
	freeaddrinfo(ai);
	l = start(base, fd, accepted, arg);
	l->name = bound_name(fd);
	return l;
}

/* ---- Unix ---- */

/* A socket file whose server is gone. */
static bool
is_stale(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	bool stale;

	stale = lstat(sa->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 &&
	    errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

/* Made with mode 0600 from the start. */
static int
bind_unix(int fd, const struct sockaddr_un *sa)
{
	mode_t old = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)sa, sizeof *sa), why = errno;

	if (rc < 0 && why == EADDRINUSE && is_stale(sa)) {
		unlink(sa->sun_path);
		rc = bind(fd, (const struct sockaddr *)sa, sizeof *sa);
		why = errno;
	}
	umask(old);
	errno = why;
	return rc;
}

struct listener *
listen_unix(struct event_base *base, const char *path,
    void (*accepted)(void *arg, int fd), void *arg, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct listener *l;
	int fd;

	if (strlen(path) >= sizeof sa.sun_path || !*path) {
		err_set(e, E_INVALID_PARAMS, "--unix: want a path of 1 to %zu "
		    "bytes", sizeof sa.sun_path - 1);
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind_unix(fd, &sa) < 0 || listen(fd, WAITING) < 0) {
		err_sys(e, E_FAILED, "--unix %.200s", path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	l = start(base, fd, accepted, arg);
	l->name = xasprintf("unix:%s", path);
	l->path = xstrdup(path);
	return l;
}

const char *
listen_name(const struct listener *l)
{
	return l->name;
}

void
listen_close(struct listener *l)
{
	if (!l)
		return;
	evconnlistener_free(l->ev);
	if (l->path)
		unlink(l->path);
	free(l->name);
	free(l->path);
	free(l);
}
