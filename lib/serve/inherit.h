#ifndef SERVE_INHERIT_H
#define SERVE_INHERIT_H

#include <stddef.h>

#include "base/err.h"

/*
 * Sockets that a service manager opened for us (sd_listen_fds(3)): LISTEN_FDS of them
 * from 3 on, if LISTEN_PID is ours, with LISTEN_FDNAMES that say what each is for.
 */
#define INHERIT_MAX 8

struct inherited {
	int fd;
	size_t kind;		/* which of the names */
};
/*
 * How many there are, their descriptors made our own and the variables removed, so
 * that no child takes them for its own.  kinds: the names that there are, NULL terminated;
 * one without a name is the one that `otherwise` counts.
 */
int inherit(struct inherited list[INHERIT_MAX], size_t *n,
    const char *const *kinds, size_t otherwise, struct err *e);

#endif
