#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "comms/trust.h"
#include "peerd/carrier.h"
#include "peerd/peerd.h"
#include "store/db.h"
#include "store/outbox.h"

/*
 * The outbox on its way.  A lane is one sender's letters to one receiver, in order; a
 * route is a receiver, who gets one letter at a time.  What became of letters is
 * committed for many at once: while a commit waits the next letter may be under way,
 * so after a crash some go out again, under the same ids, behind nobody that they were
 * ahead of.
 */
#define ROUTES 64		/* under way at once */
#define BATCH 32		/* letters of a lane that are read at once */
#define BATCH_BYTES ((size_t)256 << 10)
#define COMMIT_MS 20		/* an outcome waits for others at most that long */
#define COMMIT_MANY 64
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS (5 * 60 * 1000)
#define STORE_MS 1000		/* when the database fails: until the next try */
#define GRACE_MS 2000		/* for what is on the wire, at the end */

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
	TAILQ_HEAD(, lane) lanes;
	struct backoff backoff;
	/* While one of its lanes is under way: */
	struct lane *busy;
	struct letter *letters;
	size_t n, at;
	bool waiting;		/* all are out; the commit, then the next ones */
	struct identity *self;
	struct carrier *carrier;
	char *address;		/* that the carrier goes to */
	struct envelope v;
};

/* What is to be committed. */
struct outcome {
	char id[UUID_LEN + 1];
	const char *state;
	char *error;
	int64_t next_ms;
};

struct out {
	struct peerd *p;
	TAILQ_HEAD(, route) routes;
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

static void pump(struct out *o);
static void next_letter(struct route *r);

static void
in_ms(struct event *ev, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (ms < 0)
		tv = (struct timeval){ 0, 0 };
	event_add(ev, &tv);
}

/* ---- waiting between tries ---- */

static void
back_off(struct backoff *b)
{
	int64_t ms = BACKOFF_MAX_MS;

	if (b->failures < 10)
		ms = (int64_t)BACKOFF_MS << b->failures;
	b->failures++;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	ms = (int64_t)((double)ms * (0.75 + random_unit() / 2));
	b->until = time_mono_ms() + ms;
}

static void
hurry(struct route *r)
{
	struct lane *l;

	r->backoff = (struct backoff){ .failures = 0 };
	for (l = TAILQ_FIRST(&r->lanes); l; l = TAILQ_NEXT(l, link))
		l->backoff = (struct backoff){ .failures = 0 };
}

/* Whoever was added or moved is tried at once. */
static void
look_at_trust(struct out *o)
{
	struct trust *t = &o->p->trust;
	struct route *r;
	struct err e = ERR_NONE;

	if (trust_fresh(&o->p->realm, t, &e) == 0)
		o->trust_bad = false;
	else if (!o->trust_bad) {
		warn("%s; trust stays as it was", e.text);
		o->trust_bad = true;
	}
	if (!memcmp(o->stamp, t->stamp, sizeof o->stamp))
		return;
	memcpy(o->stamp, t->stamp, sizeof o->stamp);
	for (r = TAILQ_FIRST(&o->routes); r; r = TAILQ_NEXT(r, link))
		hurry(r);
}

/* ---- outcomes ---- */

static int
write_outcomes(struct out *o, struct err *e)
{
	if (db_begin(o->p->db, e) < 0)
		return -1;
	for (size_t i = 0; i < o->n_outcomes; i++) {
		const struct outcome *u = &o->outcomes[i];

		if (outbox_state(o->p->db, u->id, u->state, u->error,
		    u->next_ms, e) < 0) {
			db_rollback(o->p->db);
			return -1;
		}
	}
	crash_point("peerd.outbox.commit.before");
	return db_commit(o->p->db, e);
}

static void
commit(struct out *o)
{
	struct err e = ERR_NONE;

	event_del(o->commit);
	if (!o->n_outcomes)
		return;
	if (write_outcomes(o, &e) < 0) {
		warn("outbox: %s; what was delivered goes out again", e.text);
		o->hold = time_mono_ms() + STORE_MS;
	}
	while (o->n_outcomes)
		free(o->outcomes[--o->n_outcomes].error);
}

static void
outcome(struct out *o, const char *id, const char *state, const char *error,
    int64_t next_ms)
{
	struct outcome *u;

	o->outcomes = xrealloc(o->outcomes, (o->n_outcomes + 1) * sizeof *u);
	u = &o->outcomes[o->n_outcomes++];
	memcpy(u->id, id, sizeof u->id);
	u->state = state;
	u->error = xstrdup(error);
	u->next_ms = next_ms;
	if (o->n_outcomes >= COMMIT_MANY)
		in_ms(o->commit, 0);
	else if (!event_pending(o->commit, EV_TIMEOUT, NULL))
		in_ms(o->commit, COMMIT_MS);
}

/* ---- a lane under way ---- */

static void
drop_letters(struct route *r)
{
	letters_free(r->letters, r->n);
	r->letters = NULL;
	r->n = r->at = 0;
	r->waiting = false;
}

static void
hang_up(struct route *r)
{
	carrier_free(r->carrier);
	r->carrier = NULL;
	free(r->address);
	r->address = NULL;
}

/* Its receiver is free for another lane. */
static void
leave(struct route *r)
{
	drop_letters(r);
	hang_up(r);
	identity_free(r->self);
	r->self = NULL;
	envelope_free(&r->v);
	r->busy = NULL;
	r->o->n_busy--;
}

/* The letter stays; the whole receiver waits, or this sender only. */
static void
failed(struct route *r, bool receiver, const char *error)
{
	struct backoff *b = receiver ? &r->backoff : &r->busy->backoff;
	struct out *o = r->o;

	back_off(b);
	outcome(o, r->letters[r->at].id, "accepted", error, time_ms() +
	    b->until - time_mono_ms());
	leave(r);
	pump(o);
}

static void
not_carried(struct route *r, enum carried how, const char *why)
{
	char text[512];

	snprintf(text, sizeof text, how == CARRIED_FAILED ?
	    "transport_error (%s)" : *why ? "offline_or_no_ack (%s)" :
	    "offline_or_no_ack", why);
	failed(r, how == CARRIED_FAILED, text);
}

static void
on_carried(void *arg, enum carried how, const char *why)
{
	static const char unconfirmed[] =
	    "delivery unconfirmed (closed without an ACK, as 0.5 does)";
	struct route *r = arg;
	bool blocks = json_get(json_text(r->v.json), "blocks").p != NULL;
	bool unanswered = carrier_unanswered(r->v.kind);

	if (how == CARRIED_CLOSED && !unanswered && !blocks) {
		how = CARRIED_NO_ACK;
		why = "it hung up";
	}
	if (how != CARRIED_ACKED && how != CARRIED_CLOSED) {
		not_carried(r, how, why);
		return;
	}
	r->backoff = r->busy->backoff = (struct backoff){ .failures = 0 };
	outcome(r->o, r->letters[r->at].id, "delivered",
	    how == CARRIED_CLOSED && !unanswered ? unconfirmed : NULL, 0);
	r->at++;
	next_letter(r);
}

static void
refuse(struct route *r, const char *why)
{
	outcome(r->o, r->letters[r->at].id, "refused", why, 0);
	r->at++;
}

static enum envelope_kind
kind_of(const char *json)
{
	enum envelope_kind k = ENVELOPE_MESSAGE;

	while (k < ENVELOPE_FENCED && !json_str_is(json_get(json_text(json),
	    "type"), envelope_kind_name(k)))
		k++;
	return k;
}

/* With the key that the sender has now.  False: no frame comes of it. */
static bool
seal(struct route *r, struct buf *frame, struct err *e)
{
	const struct letter *l = &r->letters[r->at];

	if (!r->self && !(r->self = identity_load(&r->o->p->realm, l->session,
	    false, e)))
		return false;
	envelope_free(&r->v);
	memcpy(r->v.id, l->id, sizeof r->v.id);
	memcpy(r->v.to, r->to, KEY_LEN);
	r->v.kind = kind_of(l->json);
	r->v.json = xstrdup(l->json);
	return envelope_seal(&r->v, r->self, frame, e) == 0;
}

/* The receiver's address is what trust says now, not what it was. */
static bool
find_way(struct route *r, const struct peer *peer, struct err *e)
{
	if (r->carrier && !strcmp(r->address, peer->address))
		return true;
	hang_up(r);
	r->carrier = carrier_new(&(struct carrier_opts){
	    .base = r->o->p->base, .address = peer->address, .to = r->to,
	    .self = r->self, .done = on_carried, .arg = r }, e);
	r->address = xstrdup(peer->address);
	return r->carrier != NULL;
}

/* True: it is under way, or the lane was left. */
static bool
send_letter(struct route *r)
{
	const struct letter *l = &r->letters[r->at];
	const struct peer *peer;
	struct buf frame = BUF_INIT;
	struct err e = ERR_NONE;
	char text[600];
	bool gone = true;

	if (l->expires_ms <= time_ms()) {
		outcome(r->o, l->id, "expired", l->error, 0);
		r->at++;
		return false;
	}
	look_at_trust(r->o);
	if (!(peer = trust_by_key(&r->o->p->trust, r->to))) {
		snprintf(text, sizeof text, "peer '%.200s' is not trusted any "
		    "more", l->peer);
		refuse(r, text);
		gone = false;
	} else if (!seal(r, &frame, &e)) {
		if ((gone = e.code != E_INVALID_PARAMS &&
		    e.code != E_NOT_FOUND))
			not_carried(r, CARRIED_FAILED, e.text);
		else
			refuse(r, e.text);
	} else if (!find_way(r, peer, &e)) {
		not_carried(r, CARRIED_FAILED, e.text);
	} else {
		carrier_send(r->carrier, &r->v, frame.p, frame.n);
	}
	buf_free(&frame);
	return gone;
}

/* Send the next one that can be sent, or wait for the commit if there is none. */
static void
next_letter(struct route *r)
{
	struct out *o = r->o;

	while (!o->stopping && r->at < r->n && o->n_outcomes < COMMIT_MANY)
		if (send_letter(r))
			return;
	r->waiting = true;
	in_ms(o->commit, 0);
}

/* More of the lane, if there is; not if something is waiting to be committed. */
static int
fill(struct route *r)
{
	struct err e = ERR_NONE;

	drop_letters(r);
	if (outbox_lane(r->o->p->db, r->busy->name, BATCH, BATCH_BYTES,
	    &r->letters, &r->n, &e) == 0)
		return 0;
	warn("outbox: %s", e.text);
	r->o->hold = time_mono_ms() + STORE_MS;
	return -1;
}

static void
begin(struct route *r, struct lane *l)
{
	r->busy = l;
	r->o->n_busy++;
	l->round = ++r->o->round;
	if (fill(r) < 0) {
		leave(r);
		return;
	}
	if (r->n) {
		next_letter(r);
		return;
	}
	l->there = false;
	leave(r);
}

static void
on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct out *o = arg;
	struct route *r;

	(void)fd;
	(void)what;
	commit(o);
	for (r = TAILQ_FIRST(&o->routes); r; r = TAILQ_NEXT(r, link))
		if (r->waiting)
			leave(r);
	pump(o);
	if (o->p->stopping || o->p->o.once)
		peerd_quiet(o->p);
}

/* ---- whose turn it is ---- */

/* Of those that may: who had to wait for longest.  *when: the earliest of the others. */
static struct lane *
choose(struct route *r, int64_t now, int64_t *when)
{
	struct lane *l, *best = NULL;

	for (l = TAILQ_FIRST(&r->lanes); l; l = TAILQ_NEXT(l, link)) {
		int64_t at = l->backoff.until > r->backoff.until ?
		    l->backoff.until : r->backoff.until;

		if (!l->there)
			continue;
		if (at > now) {
			if (*when < 0 || at < *when)
				*when = at;
		} else if (!best || l->round < best->round) {
			best = l;
		}
	}
	return best;
}

static void
expire(struct out *o)
{
	struct err e = ERR_NONE;

	if (o->expiry < 0 || o->expiry > time_ms())
		return;
	if (outbox_expire(o->p->db, time_ms(), &e) < 0) {
		warn("outbox: %s", e.text);
		o->hold = time_mono_ms() + STORE_MS;
		return;
	}
	o->expiry = outbox_expiry(o->p->db, NULL);
}

/* Start what may start; then sleep until the next one may. */
static void
pump(struct out *o)
{
	int64_t now = time_mono_ms(), when = -1, due;
	struct route *r, *next;
	struct lane *l;

	if (o->stopping)
		return;
	if (o->hold > now) {
		in_ms(o->timer, o->hold - now);
		return;
	}
	/* What was said of a letter must be written before it is read again. */
	if (o->n_outcomes) {
		in_ms(o->commit, 0);
		return;
	}
	expire(o);
	for (r = TAILQ_FIRST(&o->routes); r; r = next) {
		next = TAILQ_NEXT(r, link);
		while (!r->busy && o->n_busy < ROUTES && (l = choose(r, now,
		    &when)))
			begin(r, l);
	}
	due = when < 0 ? -1 : when - now;
	if (o->expiry >= 0 && (due < 0 || o->expiry - time_ms() < due))
		due = o->expiry - time_ms();
	if (due >= 0)
		in_ms(o->timer, due + 1);
	else
		event_del(o->timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_at_trust(arg);
	pump(arg);
}

/* ---- what there is in the outbox ---- */

static void
lane_free(struct route *r, struct lane *l)
{
	TAILQ_REMOVE(&r->lanes, l, link);
	free(l);
}

static void
route_free(struct route *r)
{
	struct lane *l;

	if (r->busy)
		leave(r);
	while ((l = TAILQ_FIRST(&r->lanes)))
		lane_free(r, l);
	TAILQ_REMOVE(&r->o->routes, r, link);
	free(r);
}

/* Of what is sorted: nothing is looked for from the start. */
struct scan {
	struct out *o;
	struct route *r;
	struct lane *l;
};

static struct route *
route_at(struct scan *s, const char *lane)
{
	struct route *r = s->r;
	int d = -1;

	while (r && (d = strncmp(r->key, lane, KEY_TEXT_LEN)) < 0)
		r = TAILQ_NEXT(r, link);
	if (!r || d) {
		struct route *fresh = xcalloc(1, sizeof *fresh);

		fresh->o = s->o;
		memcpy(fresh->key, lane, KEY_TEXT_LEN);
		key_parse(fresh->key, fresh->to, NULL);
		TAILQ_INIT(&fresh->lanes);
		if (r)
			TAILQ_INSERT_BEFORE(r, fresh, link);
		else
			TAILQ_INSERT_TAIL(&s->o->routes, fresh, link);
		r = fresh;
	}
	if (r != s->r)
		s->l = TAILQ_FIRST(&r->lanes);
	return s->r = r;
}

static int
on_lane(void *arg, const char *lane)
{
	struct scan *s = arg;
	struct route *r = route_at(s, lane);
	struct lane *l = s->l;
	int d = -1;

	while (l && (d = strcmp(l->name, lane)) < 0)
		l = TAILQ_NEXT(l, link);
	if (!l || d) {
		struct lane *fresh = xcalloc(1, sizeof *fresh);

		snprintf(fresh->name, sizeof fresh->name, "%s", lane);
		if (l)
			TAILQ_INSERT_BEFORE(l, fresh, link);
		else
			TAILQ_INSERT_TAIL(&r->lanes, fresh, link);
		l = fresh;
	}
	l->there = true;
	s->l = l;
	return 0;
}

/* Forget those that have nothing and owe nobody a wait. */
static void
tidy(struct out *o)
{
	struct route *r, *next_route;
	struct lane *l, *next;

	for (r = TAILQ_FIRST(&o->routes); r; r = next_route) {
		next_route = TAILQ_NEXT(r, link);
		for (l = TAILQ_FIRST(&r->lanes); l; l = next) {
			next = TAILQ_NEXT(l, link);
			if (!l->there && l != r->busy)
				lane_free(r, l);
		}
		if (!TAILQ_FIRST(&r->lanes))
			route_free(r);
	}
}

static void
scan(struct out *o)
{
	struct scan s = { .o = o };
	struct err e = ERR_NONE;

	tidy(o);
	s.r = TAILQ_FIRST(&o->routes);
	s.l = s.r ? TAILQ_FIRST(&s.r->lanes) : NULL;
	if (outbox_lanes(o->p->db, on_lane, &s, &e) < 0)
		warn("outbox: %s", e.text);
	o->expiry = outbox_expiry(o->p->db, NULL);
}

/* ---- from outside ---- */

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct out *o = arg;
	struct route *r;

	(void)fd;
	(void)what;
	for (r = TAILQ_FIRST(&o->routes); r; r = TAILQ_NEXT(r, link))
		if (r->busy)
			leave(r);
	peerd_quiet(o->p);
}

int
out_open(struct peerd *p, struct err *e)
{
	struct out *o = p->out = xcalloc(1, sizeof *o);

	(void)e;
	o->p = p;
	TAILQ_INIT(&o->routes);
	o->timer = evtimer_new(p->base, on_timer, o);
	o->commit = evtimer_new(p->base, on_commit, o);
	o->grace = evtimer_new(p->base, on_grace, o);
	memcpy(o->stamp, p->trust.stamp, sizeof o->stamp);
	return 0;
}

void
out_wake(struct peerd *p)
{
	scan(p->out);
	look_at_trust(p->out);
	pump(p->out);
}

void
out_heard(struct peerd *p, const unsigned char key[KEY_LEN])
{
	struct route *r;

	for (r = TAILQ_FIRST(&p->out->routes); r; r = TAILQ_NEXT(r, link))
		if (!memcmp(r->to, key, KEY_LEN)) {
			hurry(r);
			in_ms(p->out->timer, 0);
		}
}

bool
out_idle(const struct peerd *p)
{
	int64_t now = time_mono_ms(), when = -1;
	struct route *r;

	if (!p->out)
		return true;
	if (p->out->n_busy || p->out->n_outcomes)
		return false;
	if (p->out->stopping)
		return true;
	for (r = TAILQ_FIRST(&p->out->routes); r; r = TAILQ_NEXT(r, link))
		if (choose(r, now, &when))
			return false;
	return true;
}

void
out_stop(struct peerd *p)
{
	struct out *o = p->out;

	o->stopping = true;
	event_del(o->timer);
	in_ms(o->grace, GRACE_MS);
}

void
out_close(struct peerd *p)
{
	struct out *o = p->out;
	struct route *r;

	if (!o)
		return;
	o->stopping = true;
	while ((r = TAILQ_FIRST(&o->routes)))
		route_free(r);
	commit(o);
	event_free(o->timer);
	event_free(o->commit);
	event_free(o->grace);
	free(o->outcomes);
	free(o);
	p->out = NULL;
}
