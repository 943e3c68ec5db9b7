#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include "base/err.h"

struct event_base;
struct listener;

/*
 * A listening socket.  accepted gets each client's descriptor, which does not block.
 * TCP: "host:port" or "[v6]:port", loopback only; port 0 takes a free one.  Unix: a
 * path; a socket that nobody listens on any more is replaced, only its owner may
 * connect, and it is removed at the end.
 */
struct listener *listen_tcp(struct event_base *base, const char *where,
    void (*accepted)(void *arg, int fd), void *arg, struct err *e);
struct listener *listen_unix(struct event_base *base, const char *path,
    void (*accepted)(void *arg, int fd), void *arg, struct err *e);
const char *listen_name(const struct listener *l);	/* "tcp://127.0.0.1:4033" */
void listen_close(struct listener *l);		/* NULL is fine */

#endif
