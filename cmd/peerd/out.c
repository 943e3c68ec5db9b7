#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/buf.h"
#include "base/util.h"
#include "comms/trust.h"
#include "peerd/out.h"
#include "store/db.h"
#include "store/outbox.h"

#define ROUTES 64		/* under way at once */
#define STORE_MS 1000		/* when the database fails: until the next try */
#define GRACE_MS 2000		/* for what is on the wire, at the end */

void
out_hold(struct out *o)
{
	o->hold = time_mono_ms() + STORE_MS;
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
void
out_look_at_trust(struct out *o)
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

static void
on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct out *o = arg;
	struct route *r;

	(void)fd;
	(void)what;
	out_commit(o);
	for (r = TAILQ_FIRST(&o->routes); r; r = TAILQ_NEXT(r, link))
		if (r->waiting)
			route_leave(r);
	out_pump(o);
	if (o->p->stopping || o->p->o.once)
		peerd_quiet(o->p);
}

/* ---- whose turn it is ---- */

/* Of a receiver's, the lane that had to wait for longest.  *when: the earliest that may not yet. */
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

/* The same, of all receivers that are not busy. */
static struct lane *
choose_any(struct out *o, int64_t now, int64_t *when, struct route **of)
{
	struct lane *l, *best = NULL;
	struct route *r;

	*when = -1;
	for (r = TAILQ_FIRST(&o->routes); r; r = TAILQ_NEXT(r, link))
		if (!r->busy && (l = choose(r, now, when)) &&
		    (!best || l->round < best->round)) {
			best = l;
			*of = r;
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
		out_hold(o);
		return;
	}
	o->expiry = outbox_expiry(o->p->db, NULL);
}

/* Until the database can be asked again, somebody may be tried, or a letter expires. */
static void
sleep_until(struct out *o, int64_t now, int64_t when)
{
	int64_t due = when < 0 ? INT64_MAX : when - now;

	if (o->expiry >= 0 && o->expiry - time_ms() < due)
		due = o->expiry - time_ms();
	if (o->hold > now)
		due = o->hold - now;
	if (due < INT64_MAX)
		event_after(o->timer, due + 1);
	else
		event_del(o->timer);
}

/* What was said of a letter must be written before it is read again. */
static bool
may_begin(const struct out *o, int64_t now)
{
	return !o->stopping && !o->n_outcomes && o->hold <= now;
}

void
out_pump(struct out *o)
{
	int64_t now = time_mono_ms(), when = -1;
	struct route *r;
	struct lane *l;

	if (may_begin(o, now))
		expire(o);
	while (may_begin(o, now) && o->n_busy < ROUTES && (l = choose_any(o,
	    now, &when, &r)))
		route_begin(r, l);
	if (o->stopping)
		return;
	if (o->n_outcomes)
		event_after(o->commit, 0);	/* and then again */
	else
		sleep_until(o, now, when);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	out_look_at_trust(arg);
	out_pump(arg);
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
		route_leave(r);
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
			route_leave(r);
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
	out_look_at_trust(p->out);
	out_pump(p->out);
}

void
out_heard(struct peerd *p, const unsigned char key[KEY_LEN])
{
	struct route *r;

	for (r = TAILQ_FIRST(&p->out->routes); r; r = TAILQ_NEXT(r, link))
		if (!memcmp(r->to, key, KEY_LEN)) {
			hurry(r);
			event_after(p->out->timer, 0);
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
	event_after(o->grace, GRACE_MS);
}

void
out_close(struct peerd *p)
{
	struct out *o = p->out;
	struct route *r;

	if (!o)
		return;
	o->stopping = true;
	out_commit(o);		/* outcomes point at lanes */
	while ((r = TAILQ_FIRST(&o->routes)))
		route_free(r);
	event_free(o->timer);
	event_free(o->commit);
	event_free(o->grace);
	free(o->outcomes);
	free(o);
	p->out = NULL;
}
