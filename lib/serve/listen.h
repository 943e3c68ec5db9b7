#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <stdbool.h>

#include "base/err.h"

/* Listening sockets, which do not block.  -1 on an error. */

struct listen_at {
	const char *flag;	/* that asked for it: for messages */
	const char *where;	/* "host:port", "[v6]:port"; port 0 takes a free one */
	bool remote;		/* beyond loopback is fine */
	bool names;		/* the host may be a name that has to be looked up */
};
int listen_tcp(const struct listen_at *at, struct err *e);
/*
 * A socket that nobody listens on any more is replaced; only its owner may connect.
 * Whoever listens removes it.
 */
int listen_unix(const char *flag, const char *path, struct err *e);
/* "tcp://127.0.0.1:4033", "unix:/path", with another scheme for tcp; new. */
char *listen_name(int fd, const char *scheme);
/* Is it bound beyond loopback? */
bool listen_remote(int fd);

#endif
