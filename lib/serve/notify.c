#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "serve/notify.h"

void
notify(const char *to, const char *state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = to ? strlen(to) : 0;
	int fd;

	if (n < 2 || n >= sizeof sa.sun_path || (*to != '/' && *to != '@'))
		return;
	memcpy(sa.sun_path, to, n);
	if (*to == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* An abstract name ends where the length says, a path at its NUL. */
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + n + (*to == '/'))) < 0)
		debug("NOTIFY_SOCKET: %m");
	close(fd);
}

void
notify_reloading(const char *to)
{
	char text[80];
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
	notify(to, text);
}
