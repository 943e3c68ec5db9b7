/*
 * Preloaded into rkat-serve by t/spied/rkat-serve: what its clients say and are told is
 * appended to $SPY_RECORD.PID, one record per read or write that worked:
 *
 *	CONNECTION <|> LENGTH\n and that many bytes
 *
 * Connection 0 is stdin and stdout; accepted sockets follow.  What goes to workers and
 * files is not looked at.  Children are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096

static int out = -1, next = 1;
static int conn[FDS];		/* 1 + its number; 0: not of a client */
static pid_t self;

#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) \
		*(void **)&real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void
start(void)
{
	const char *stem = getenv("SPY_RECORD");
	char path[4096];

	unsetenv("LD_PRELOAD");
	self = getpid();
	if (!stem || snprintf(path, sizeof path, "%s.%d", stem, (int)self) >=
	    (int)sizeof path)
		return;
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	conn[0] = conn[1] = 1;
}

static int
number(int fd)
{
	return out >= 0 && fd >= 0 && fd < FDS && conn[fd] && getpid() == self ?
	    conn[fd] - 1 : -1;
}

static void
put(int fd, char way, const struct iovec *v, int n, ssize_t got)
{
	REAL(writev);
	int c = number(fd), used = 0, saved = errno;
	size_t left = got > 0 ? (size_t)got : 0;
	struct iovec all[65];
	char head[64];

	if (c < 0 || !left)
		return;
	all[used].iov_base = head;
	all[used++].iov_len = (size_t)snprintf(head, sizeof head, "%d %c %zu\n",
	    c, way, left);
	for (int i = 0; i < n && left && used < 65; i++, used++) {
		all[used] = v[i];
		if (all[used].iov_len > left)
			all[used].iov_len = left;
		left -= all[used].iov_len;
	}
	if (left || real(out, all, used) < 0)
		abort();	/* a record would lack something */
	errno = saved;
}

ssize_t
read(int fd, void *p, size_t size)
{
	REAL(read);
	struct iovec v = { p, size };
	ssize_t n = real(fd, p, size);

	put(fd, '<', &v, 1, n);
	return n;
}

ssize_t
readv(int fd, const struct iovec *v, int count)
{
	REAL(readv);
	ssize_t n = real(fd, v, count);

	put(fd, '<', v, count, n);
	return n;
}

ssize_t
write(int fd, const void *p, size_t size)
{
	REAL(write);
	struct iovec v = { (void *)(size_t)p, size };
	ssize_t n = real(fd, p, size);

	put(fd, '>', &v, 1, n);
	return n;
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	REAL(writev);
	ssize_t n = real(fd, v, count);

	put(fd, '>', v, count, n);
	return n;
}

ssize_t
send(int fd, const void *p, size_t size, int flags)
{
	REAL(send);
	struct iovec v = { (void *)(size_t)p, size };
	ssize_t n = real(fd, p, size, flags);

	put(fd, '>', &v, 1, n);
	return n;
}

static int
client(int fd)
{
	if (fd >= 0 && fd < FDS && getpid() == self)
		conn[fd] = 1 + next++;
	return fd;
}

int
accept4(int fd, __SOCKADDR_ARG addr, socklen_t *n, int flags)
{
	REAL(accept4);

	return client(real(fd, addr, n, flags));
}

int
accept(int fd, __SOCKADDR_ARG addr, socklen_t *n)
{
	REAL(accept);

	return client(real(fd, addr, n));
}

/* Copies are of the same client. */
int
fcntl64(int fd, int cmd, ...)
{
	REAL(fcntl64);
	va_list ap;
	long arg;
	int n;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	n = real(fd, cmd, arg);
	if ((cmd == F_DUPFD_CLOEXEC || cmd == F_DUPFD) && n >= 0 && n < FDS &&
	    number(fd) >= 0)
		conn[n] = conn[fd];
	return n;
}
int fcntl(int, int, ...) __attribute__((alias("fcntl64")));

int
open64(const char *path, int flags, ...)
{
	REAL(open64);
	va_list ap;
	unsigned mode = 0;
	int fd, of;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, unsigned);
		va_end(ap);
	}
	fd = real(path, flags, mode);
	if (fd >= 0 && fd < FDS && sscanf(path, "/proc/self/fd/%d", &of) == 1 &&
	    number(of) >= 0)
		conn[fd] = conn[of];
	return fd;
}
int open(const char *, int, ...) __attribute__((alias("open64")));

/* What _FORTIFY_SOURCE makes of open. */
int __open_2(const char *path, int flags);
int
__open_2(const char *path, int flags)
{
	return open64(path, flags);
}

int
dup2(int from, int to)
{
	REAL(dup2);

	if (getpid() == self && from < FDS && to < FDS && to >= 0)
		conn[to] = from >= 0 ? conn[from] : 0;
	return real(from, to);
}

int
close(int fd)
{
	REAL(close);

	if (number(fd) >= 0)
		conn[fd] = 0;
	return real(fd);
}
