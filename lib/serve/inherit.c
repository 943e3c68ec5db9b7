#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/inherit.h"

#define FIRST 3

struct kinds {
	const char *const *names;
	size_t otherwise;
};

/* "rest or rpc". */
static int
unknown(const struct kinds *k, const char *name, size_t n, struct err *e)
{
	char want[80] = "";

	for (size_t i = 0; k->names[i]; i++) {
		size_t at = strlen(want);

		snprintf(want + at, sizeof want - at, "%s%s", i ? " or " : "",
		    k->names[i]);
	}
	return err_set(e, E_INVALID_PARAMS, "LISTEN_FDNAMES: want %s, got "
	    "'%.*s'", want, (int)(n < 80 ? n : 80), name);
}

static int
take(struct inherited *to, int fd, const char *name, size_t n,
    const struct kinds *k, struct err *e)
{
	int listening = 0;
	socklen_t len = sizeof listening;
	size_t i = n ? 0 : k->otherwise;

	while (n && k->names[i] && (strlen(k->names[i]) != n ||
	    memcmp(k->names[i], name, n)))
		i++;
	if (!k->names[i])
		return unknown(k, name, n, e);
	to->fd = fd;
	to->kind = i;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening)
		return err_set(e, E_INVALID_PARAMS, "LISTEN_FDS: descriptor %d "
		    "is no listening socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

static int
take_all(struct inherited *list, size_t *n, const struct kinds *k,
    struct err *e)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	long count = fds ? strtol(fds, NULL, 10) : 0;
	size_t len;

	if (!fds || !pid || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	if (count < 1 || count > INHERIT_MAX)
		return err_set(e, E_INVALID_PARAMS, "LISTEN_FDS: want 1 to %d, "
		    "got '%.20s'", INHERIT_MAX, fds);
	for (; *n < (size_t)count; (*n)++) {
		len = names ? strcspn(names, ":") : 0;
		if (take(&list[*n], FIRST + (int)*n, names, len, k, e) < 0)
			return -1;
		names = names && names[len] ? names + len + 1 : NULL;
	}
	return 0;
}

int
inherit(struct inherited list[INHERIT_MAX], size_t *n,
    const char *const *kinds, size_t otherwise, struct err *e)
{
	int rc;

	*n = 0;
	rc = take_all(list, n, &(struct kinds){ kinds, otherwise }, e);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}
