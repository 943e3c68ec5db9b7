#ifndef PEERD_PEERD_H
#define PEERD_PEERD_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/util.h>

#include "base/err.h"
#include "base/util.h"
#include "comms/identity.h"
#include "comms/trust.h"
#include "peerd/options.h"
#include "runner/command.h"
#include "store/realm.h"

struct db;
struct event;
struct event_base;

/* What the files of rkat-peerd share. */

/* rkat-peerd(8), --limits. */
struct limits {
	size_t connections, per_address;	/* signed ones at once */
	size_t buffered;	/* bytes of frames over SMALL_FRAME that are not whole yet */
	int deadline_s;		/* from accept to a whole frame */
	int rate, burst;	/* envelopes of one peer: a second, and at once */
	size_t batch;		/* admitted with one commit */
	size_t realm_inbox;	/* what came for the realm itself */
	int retain_days;	/* what is finished; 0: for ever */
	int silent_tries, silent_s;	/* then a letter that nobody acknowledges holds up no others */
};
#define LIMITS { .connections = 256, .per_address = 64, .buffered = 32 << 20, \
	.deadline_s = 30, .rate = 1000, .burst = 4000, .batch = 256, \
	.realm_inbox = 10000, .retain_days = 30, \
	.silent_tries = 8, .silent_s = 900 }

struct peerd {
	struct options o;
	struct limits limits;
	struct realm realm;
	struct event_base *base;
	struct db *db;
	struct worker_command worker;
	struct pool *pool;
	struct drain *drain;
	struct trust trust;	/* trust_fresh it before use */
	struct keys *keys;
	struct gate *gate;
	struct doors *doors;
	struct in *in;
	struct admit *admit;
	struct plain *plain;
	struct out *out;
	struct pruner *pruner;
	int lock_fd, bell_fd;
	struct event *bell;
	struct event *retry;	/* look for residents with work */
	char *notify;		/* NOTIFY_SOCKET */
	bool stopping;
};

/* ---- main.c ---- */

/* Something came to its end: look whether all has, if that is waited for. */
void peerd_quiet(struct peerd *p);

/* ---- doors.c: listening sockets ---- */

int doors_open(struct peerd *p, struct err *e);
/* Participants that came, went or changed may have listeners of their own. */
void doors_look(struct peerd *p);
void doors_close(struct peerd *p);

/* ---- in.c: connections with a signed envelope each ---- */

void in_open(struct peerd *p);
/* Somebody connected; channel is "tcp" or "uds" and stays. */
void in_accept(struct peerd *p, evutil_socket_t fd, const struct sockaddr *sa,
    const char *channel);
bool in_idle(const struct peerd *p);
void in_close(struct peerd *p);

/* ---- admit.c: what came in becomes rows, many with one commit ---- */

struct caller {
	const char *channel;	/* "tcp", "uds", "rkats" */
	const char *where;	/* the address, without its port: for the log */
	/*
	 * rkats: whose connection it is, and whom it goes to; each kind gets its ACK there.
	 * Else NULL.
	 */
	const unsigned char *from, *to;
	/*
	 * The outcome, once, perhaps before admit_frame returns.  frame: the ACK with its
	 * length in front, or NULL if there is none.
	 */
	void (*answer)(void *arg, bool admitted, const char *frame, size_t n);
	void *arg;
};
void admit_open(struct peerd *p);
/* The CBOR of one frame, from anybody.  Borrowed, as all of c but where and channel. */
void admit_frame(struct peerd *p, const void *cbor, size_t n,
    const struct caller *c);
/* What an unknown program says to a session through a plain listener. */
void admit_event(struct peerd *p, const char *session, const char *channel,
    const char *text, size_t n);
bool admit_idle(const struct peerd *p);
void admit_close(struct peerd *p);

/* ---- gate.c: who is let in how often, and what is said of the others ---- */

void gate_open(struct peerd *p);
/*
 * Note a refusal: the first of a reason and source is logged, later ones are counted
 * and logged at most once a minute.  True if it was logged.
 */
bool gate_refuse(struct peerd *p, const char *reason, const char *source,
    const char *detail);
/* May this peer send one more now? */
bool gate_pass(struct peerd *p, const unsigned char key[KEY_LEN]);
void gate_close(struct peerd *p);

/* ---- keys.c: the keys that we answer with ---- */

void keys_open(struct peerd *p);
/*
 * Whose public key is it?  1: session's ("" for the realm's own), which is given turns
 * here if it is resident; 0: nobody's here.
 */
int keys_find(struct peerd *p, const unsigned char key[KEY_LEN],
    char session[UUID_LEN + 1], bool *resident, struct err *e);
/* The secret of it, good until the next call; NULL if the session has another one now. */
const struct identity *keys_held(struct peerd *p, const char *session,
    const unsigned char key[KEY_LEN], struct err *e);
/* Keys may have changed: read them again. */
void keys_forget(struct peerd *p);
void keys_close(struct peerd *p);

/* ---- plain.c: lines of plain text, from programs of this machine ---- */

void plain_new(struct peerd *p);
/* Where options or the configuration say. */
int plain_open(struct peerd *p, struct err *e);
/* Take lines from whoever connects to fd, which is loopback's or a Unix socket's. */
int plain_listen(struct peerd *p, int fd, struct err *e);
void plain_close(struct peerd *p);

/* ---- resident.c: sessions that are given turns when there is work ---- */

/* Is the session one that we look after? */
bool is_resident(struct peerd *p, const char *session);
/* All residents with work; at the start and when the bell rang. */
void residents_look(struct peerd *p);
/* Nothing runs for the session any more; if it still has work, it is tried later. */
void resident_ended(struct peerd *p, const char *session);
/* One session, resident or not, has new input; drained if it is one of ours, else its bell rings. */
void resident_wake(struct peerd *p, const char *session, bool resident);
/* Of --session, is there still one? */
bool residents_left(struct peerd *p);

/* ---- out.c: letters to others ---- */

int out_open(struct peerd *p, struct err *e);
void out_wake(struct peerd *p);		/* there may be something new in the outbox */
/* Somebody was heard of: what waits for him is tried at once. */
void out_heard(struct peerd *p, const unsigned char key[KEY_LEN]);
bool out_idle(const struct peerd *p);	/* nothing is under way, nothing is due now */
/* Begin nothing new; what is on the wire has a moment to end. */
void out_stop(struct peerd *p);
void out_close(struct peerd *p);

/* ---- prune.c: what is finished and old ---- */

void prune_open(struct peerd *p);
/* Remove it, if that was not done lately. */
void prune_look(struct peerd *p);
bool prune_idle(const struct peerd *p);
void prune_close(struct peerd *p);

#endif
