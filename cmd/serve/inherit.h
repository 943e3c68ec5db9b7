#ifndef SERVE_INHERIT_H
#define SERVE_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Sockets that a service manager opened for us (sd_listen_fds(3)): LISTEN_FDS of them
 * from 3 on, if LISTEN_PID is ours, with LISTEN_FDNAMES: "rpc" or "rest".
 */
#define INHERIT_MAX 8

struct inherited {
	int fd;
	bool rest;
};
/*
 * How many there are, their descriptors made our own and the variables removed, so
 * that no child takes them for its own.  Without names they are what `rest` says.
 */
int inherit(struct inherited list[INHERIT_MAX], size_t *n, bool rest,
    struct err *e);

#endif
