#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "serve/listen.h"

#define WAITING 512

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

/* getaddrinfo cuts what is too large down to 16 bits. */
static bool
is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 5 && !s[n] && atoi(s) <= 65535;
}

/* Others are asked about a name only where that was wanted. */
static struct addrinfo *
resolve(const struct listen_at *at, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV | AI_PASSIVE };
	const char *where = at->where, *colon = strrchr(where, ':');
	size_t n = colon ? (size_t)(colon - where) : 0;
	bool v6 = n > 2 && *where == '[' && where[n - 1] == ']';
	struct addrinfo *ai = NULL;
	char *host;

	if (!at->names)
		hints.ai_flags |= AI_NUMERICHOST;
	if (n == 9 && !memcmp(where, "localhost", n))
		host = xstrdup("127.0.0.1");
	else
		host = v6 ? xstrndup(where + 1, n - 2) : xstrndup(where, n);
	if (!n || !is_port(colon + 1) ||
	    getaddrinfo(host, colon + 1, &hints, &ai)) {
		err_set(e, E_INVALID_PARAMS, "%s: want an address and a "
		    "port like 127.0.0.1:4033, not '%.80s'", at->flag, where);
		ai = NULL;
	} else if (!at->remote && !is_loopback(ai->ai_addr)) {
		err_set(e, E_INVALID_PARAMS, "%s %.80s: only loopback "
		    "addresses (127.0.0.1, [::1]) can be listened on; others "
		    "need --allow-remote and --token-file", at->flag, where);
		freeaddrinfo(ai);
		ai = NULL;
	}
	free(host);
	return ai;
}

bool
listen_remote(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return true;
	return sa.ss_family != AF_UNIX && !is_loopback((void *)&sa);
}

char *
listen_name(int fd, const char *scheme)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage sa;
	const struct sockaddr_un *un = (const void *)&sa;
	socklen_t len = sizeof sa;

	memset(&sa, 0, sizeof sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return xstrdup("?");
	if (sa.ss_family == AF_UNIX)
		return xasprintf("unix:%s", un->sun_path);
	if (getnameinfo((struct sockaddr *)&sa, len, host, sizeof host, port,
	    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return xstrdup("?");
	return xasprintf(strchr(host, ':') ? "%s://[%s]:%s" : "%s://%s:%s",
	    scheme, host, port);
}

int
listen_tcp(const struct listen_at *at, struct err *e)
{
	struct addrinfo *ai = resolve(at, e);
	int fd, on = 1;

	if (!ai)
		return -1;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(fd, WAITING) < 0) {
		err_sys(e, E_FAILED, "%s %.80s", at->flag, at->where);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

/* ---- Unix ---- */

/* A socket file whose server is gone. */
static bool
is_stale(const struct sockaddr_un *sa)
{
	/* Not to wait for one that is busy: that is EAGAIN, and not stale. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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

int
listen_unix(const char *flag, const char *path, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof sa.sun_path || !*path)
		return err_set(e, E_INVALID_PARAMS, "%s: want a path of 1 to "
		    "%zu bytes", flag, sizeof sa.sun_path - 1);
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind_unix(fd, &sa) < 0 || listen(fd, WAITING) < 0) {
		err_sys(e, E_FAILED, "%s %.200s", flag, path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
