#ifndef PEERD_CARRIER_IMPL_H
#define PEERD_CARRIER_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "peerd/carrier.h"

struct bufferevent;
struct evdns_base;
struct evdns_getaddrinfo_request;
struct event;
struct evutil_addrinfo;
struct secure;

/* What carrier.c and carrier_connect.c share. */

#define CONNECT_MS 30000	/* sheet section 7; for all addresses together */

enum phase { IDLE, STARTING, RESOLVING, RESOLVED, CONNECTING, GREETING, WRITING,
	WAITING };

struct carrier {
	struct carrier_opts o;
	struct address to;
	unsigned char key[KEY_LEN];
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *lookup;
	int lookup_error;
	struct evutil_addrinfo *found, *next;	/* next: not tried yet */
	int64_t give_up;	/* connecting: time_mono_ms */
	struct event *timer;
	struct event *connecting;	/* its descriptor is fd */
	int fd;
	struct bufferevent *bev;
	struct secure *secure;
	enum phase phase;
	const struct envelope *v;
	struct buf frame;	/* what is to be written */
	struct buf in;		/* what came: the ACK's beginning */
	char why[256];		/* of the last address that was tried */
};

/* ---- carrier.c ---- */

void carrier_hang_up(struct carrier *c);
/* The last thing that its caller does: c may be gone afterwards. */
void carrier_finish(struct carrier *c, enum carried how, const char *why);
/* fd is the connection. */
void carrier_connected(struct carrier *c);

/* ---- carrier_connect.c: it ends in carrier_connected or carrier_finish ---- */

void carrier_connect(struct carrier *c);
void carrier_resolved(struct carrier *c);	/* the answer has its own turn */
void carrier_try_next(struct carrier *c);	/* of the addresses */

#endif
