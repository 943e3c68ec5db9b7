#ifndef PEERD_OUT_H
#define PEERD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "comms/envelope.h"
#include "peerd/peerd.h"

struct carrier;
struct event;
struct letter;

/*
 * The outbox on its way.  A lane is one sender's letters to one receiver, in order; a
 * route is a receiver, who gets one letter at a time.  What became of letters is
 * committed for many at once: while a commit waits the next letter may be under way,
 * so after a crash some go out again, under the same ids, behind nobody that they were
 * ahead of.
 */

/* How long not to try again. */
struct backoff {
	int failures;
	int64_t until;		/* time_mono_ms */
};

struct lane {
	TAILQ_ENTRY(lane) link;
	char name[KEY_TEXT_LEN + UUID_LEN + 1];
	struct backoff backoff;
	unsigned long round;	/* it is another's turn first */
	bool there;		/* there are letters in it */
};

struct route {
	TAILQ_ENTRY(route) link;
	struct out *o;
	char key[KEY_TEXT_LEN + 1];
	unsigned char to[KEY_LEN];
	TAILQ_HEAD(lanes, lane) lanes;
	struct backoff backoff;
	/* While one of its lanes is under way: */
	struct lane *busy;
	struct letter *letters;
	size_t n, at;
	size_t run;		/* so many of it one after the other */
	bool waiting;		/* for a commit, to begin anew */
	struct identity *self;
	struct carrier *carrier;
	char *address;		/* that the carrier goes to */
	struct envelope v;
};

/* What is to be committed. */
struct outcome {
	char id[UUID_LEN + 1];
	const char *state;
	struct lane *silent;	/* somebody was there and did not acknowledge it; or NULL */
	char *error;
	int64_t next_ms;
};

struct out {
	struct peerd *p;
	TAILQ_HEAD(routes, route) routes;
	size_t n_busy;
	unsigned long round;
	struct outcome *outcomes;
	size_t n_outcomes;
	struct event *timer, *commit, *grace;
	int64_t hold;		/* time_mono_ms: the database failed */
	int64_t expiry;		/* time_ms of the next letter's; -1: none */
	long long stamp[3];	/* of the trust that the backoffs know */
	bool trust_bad;		/* the file cannot be read, which was said */
	bool stopping;
};

/* ---- out.c: whose turn it is ---- */

/* Start what may start; then sleep until the next one may. */
void out_pump(struct out *o);
/* Read the list of trusted peers again if it changed. */
void out_look_at_trust(struct out *o);
/* The database failed: a moment without any of this. */
void out_hold(struct out *o);

/* ---- route.c: a lane under way, and what becomes of its letters ---- */

void route_begin(struct route *r, struct lane *l);
/* Its receiver is free for another lane. */
void route_leave(struct route *r);
void out_commit(struct out *o);

#endif
