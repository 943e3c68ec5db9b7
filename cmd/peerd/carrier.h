#ifndef PEERD_CARRIER_H
#define PEERD_CARRIER_H

#include <stddef.h>

#include "comms/envelope.h"
#include "comms/identity.h"
#include "comms/trust.h"

struct event_base;
struct identity;

/*
 * Takes frames to one receiver, one at a time (comms sheet section 7): over tcp:// and
 * uds:// each on a connection of its own, over rkats:// all on one.  Nothing here
 * waits: host names are looked up by libevent's resolver, which reads /etc/hosts and
 * asks the name servers of /etc/resolv.conf.
 */
struct carrier;

enum carried {
	CARRIED_ACKED,		/* the receiver's ACK of it came */
	CARRIED_CLOSED,		/* all was written, then the receiver closed in order */
	CARRIED_NO_ACK,		/* somebody was there and did not say so */
	CARRIED_FAILED		/* it did not get there */
};

struct carrier_opts {
	struct event_base *base;
	const char *address;
	const unsigned char *to;	/* the receiver's key */
	const struct identity *self;	/* who speaks; borrowed while it lives */
	/* The outcome of a carrier_send, never from within it; why is "" or a cause. */
	void (*done)(void *arg, enum carried how, const char *why);
	void *arg;
};

/* INVALID_PARAMS if nobody can be reached at such an address. */
struct carrier *carrier_new(const struct carrier_opts *o, struct err *e);
void carrier_free(struct carrier *c);	/* at any time; NULL is fine */
/* v is borrowed until it is done, frame for the call.  Not while another is under way. */
void carrier_send(struct carrier *c, const struct envelope *v, const void *frame,
    size_t n);
/* A kind that no ACK comes for, as the sheet's section 6 has it. */
bool carrier_unanswered(enum envelope_kind k);

#endif
