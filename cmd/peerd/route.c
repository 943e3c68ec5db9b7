#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/util.h"
#include "comms/trust.h"
#include "peerd/carrier.h"
#include "peerd/out.h"
#include "store/db.h"
#include "store/outbox.h"

#define BATCH 32		/* letters of a lane that are read at once */
#define BATCH_BYTES ((size_t)256 << 10)
#define RUN 256			/* then it is another lane's turn */
#define COMMIT_MS 50		/* an outcome waits for others at most that long */
#define COMMIT_MANY 128
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS (5 * 60 * 1000)

static void next_letter(struct route *r);

/* ---- outcomes ---- */

/* A lane that was rid of a letter is tried again at once. */
static int
write_outcome(struct out *o, const struct outcome *u, struct err *e)
{
	const struct limits *m = &o->p->limits;
	int rc;

	if (!u->silent)
		return outbox_state(o->p->db, u->id, u->state, u->error,
		    u->next_ms, e);
	rc = outbox_silent(o->p->db, u->id, u->error, u->next_ms,
	    m->silent_tries, (int64_t)m->silent_s * 1000, e);
	if (rc > 0)
		u->silent->backoff = (struct backoff){ .failures = 0 };
	return rc;
}

static int
write_outcomes(struct out *o, struct err *e)
{
	if (db_begin(o->p->db, e) < 0)
		return -1;
	for (size_t i = 0; i < o->n_outcomes; i++) {
		if (write_outcome(o, &o->outcomes[i], e) < 0) {
			db_rollback(o->p->db);
			return -1;
		}
	}
	crash_point("peerd.outbox.commit.before");
	return db_commit(o->p->db, e);
}

void
out_commit(struct out *o)
{
	struct err e = ERR_NONE;

	event_del(o->commit);
	if (!o->n_outcomes)
		return;
	if (write_outcomes(o, &e) < 0) {
		warn("outbox: %s; what was delivered goes out again", e.text);
		out_hold(o);
	}
	while (o->n_outcomes)
		free(o->outcomes[--o->n_outcomes].error);
}

static struct outcome *
outcome(struct out *o, const char *id, const char *state, const char *error,
    int64_t next_ms)
{
	struct outcome *u;

	o->outcomes = xrealloc(o->outcomes, (o->n_outcomes + 1) * sizeof *u);
	u = &o->outcomes[o->n_outcomes++];
	memcpy(u->id, id, sizeof u->id);
	u->state = state;
	u->silent = NULL;
	u->error = xstrdup(error);
	u->next_ms = next_ms;
	if (o->n_outcomes >= COMMIT_MANY)
		event_after(o->commit, 0);
	else if (!event_pending(o->commit, EV_TIMEOUT, NULL))
		event_after(o->commit, COMMIT_MS);
	return u;
}

/* ---- a lane under way ---- */

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
drop_letters(struct route *r)
{
	letters_free(r->letters, r->n);
	r->letters = NULL;
	r->n = r->at = 0;
}

static void
hang_up(struct route *r)
{
	carrier_free(r->carrier);
	r->carrier = NULL;
	free(r->address);
	r->address = NULL;
}

void
route_leave(struct route *r)
{
	drop_letters(r);
	hang_up(r);
	identity_free(r->self);
	r->self = NULL;
	envelope_free(&r->v);
	r->busy = NULL;
	r->run = 0;
	r->waiting = false;
	r->o->n_busy--;
}

/* The letter stays; the whole receiver waits, or this sender only. */
static void
failed(struct route *r, bool receiver, const char *error)
{
	struct backoff *b = receiver ? &r->backoff : &r->busy->backoff;
	struct out *o = r->o;
	struct outcome *u;

	back_off(b);
	u = outcome(o, r->letters[r->at].id, "accepted", error, time_ms() +
	    b->until - time_mono_ms());
	u->silent = receiver ? NULL : r->busy;
	route_leave(r);
	out_pump(o);
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
	out_look_at_trust(r->o);
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

/* The letters behind those that are out, whose commit may still wait; from the first at first. */
static int
fill(struct route *r)
{
	char last[UUID_LEN + 1] = "";
	struct err e = ERR_NONE;

	if (r->n)
		memcpy(last, r->letters[r->n - 1].id, sizeof last);
	drop_letters(r);
	if (outbox_lane(r->o->p->db, r->busy->name, *last ? last : NULL, BATCH,
	    BATCH_BYTES, &r->letters, &r->n, &e) == 0)
		return 0;
	warn("outbox: %s", e.text);
	out_hold(r->o);
	return -1;
}

/* Send the next one that can be sent, or wait for the commit if there is none. */
static void
next_letter(struct route *r)
{
	while (!r->o->stopping && r->run < RUN) {
		if (r->at == r->n && (fill(r) < 0 || !r->n))
			break;
		r->run++;
		if (send_letter(r))
			return;
	}
	r->waiting = true;
	event_after(r->o->commit, 0);
}

void
route_begin(struct route *r, struct lane *l)
{
	r->busy = l;
	r->o->n_busy++;
	l->round = ++r->o->round;
	if (fill(r) == 0 && r->n) {
		next_letter(r);
		return;
	}
	l->there = r->o->hold > time_mono_ms();
	route_leave(r);
}
