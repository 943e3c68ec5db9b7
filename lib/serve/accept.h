#ifndef SERVE_ACCEPT_H
#define SERVE_ACCEPT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

struct event_base;

/*
 * Whoever connects at a listening socket.  When descriptors run out it rests for a
 * moment: trying at once again would only heat the room.
 */
struct acceptor;

/* A connection: fd does not block and is the callee's. */
typedef void accept_fn(void *arg, int fd, const struct sockaddr *sa,
    socklen_t len);

/* fd becomes the acceptor's; it is closed if this fails. */
struct acceptor *acceptor_new(struct event_base *base, int fd, accept_fn *fn,
    void *arg, struct err *e);
/* Those who come wait in the kernel until it is open again. */
void acceptor_open(struct acceptor *a, bool open);
void acceptor_free(struct acceptor *a);		/* NULL is fine */

#define SOURCE_MAX 64
/*
 * Who it is: the address without the port, as who comes again has another one; "unix"
 * for a Unix socket.  net is what one owner has at least: of IPv6 the first 64 bits
 * (RFC 6177 has a site get no less), else the address.
 */
void accept_source(const struct sockaddr *sa, char name[SOURCE_MAX],
    char net[SOURCE_MAX]);

#endif
