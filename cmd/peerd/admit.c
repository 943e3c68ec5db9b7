#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/jput.h"
#include "base/json.h"
#include "comms/envelope.h"
#include "peerd/peerd.h"
#include "peerd/vet.h"
#include "store/arrivals.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/outbox.h"

/*
 * Group commit: what came in during one turn of the loop, over many connections, is
 * admitted with one synced transaction; then each gets its ACK.  An envelope that
 * cannot be admitted takes nobody with it.
 */
#define BATCH_BYTES ((size_t)8 << 20)	/* of what waits in memory */
#define BRIDGE_EXPIRES_MS 60000	/* so long a supervisor waits */
#define QUEUE_MAX 1024	/* events that wait in a session: sheet section 12 */

struct item {
	STAILQ_ENTRY(item) link;
	struct caller caller;
	struct envelope v;	/* an envelope */
	struct sender sender;
	char session[UUID_LEN + 1];	/* whom it is for; "": the realm */
	char *text;		/* or a plain event */
	size_t text_len;
	bool resident;		/* it is */
	bool admitted, fresh;	/* fresh: not seen before */
};
STAILQ_HEAD(items, item);

struct admit {
	struct items items;
	size_t n, bytes;
	struct event *timer;
};

static void
item_free(struct item *i)
{
	envelope_free(&i->v);
	sender_free(&i->sender);
	free(i->text);
	free(i);
}

/* ---- one item, inside the transaction ---- */

/* Sheet 21.3: a supervisor that nobody bound is told so, whatever it wants. */
static int
answer_bridge(struct peerd *p, const struct item *i, const char *key,
    struct err *e)
{
	struct letter l = { .session = *i->session ?
	    (char *)(uintptr_t)i->session : NULL, .peer = i->sender.name,
	    .peer_key = (char *)(uintptr_t)key, .address = i->sender.address,
	    .state = (char []){ "accepted" } };
	bool seen;
	int rc;

	l.expires_ms = time_ms() + BRIDGE_EXPIRES_MS;
	l.json = xasprintf("{\"type\":\"response\",\"in_reply_to\":\"%s\","
	    "\"status\":\"failed\",\"result\":{\"result\":\"rejected\","
	    "\"cause\":\"unsupported\",\"reason\":\"no supervisor is bound "
	    "here\"}}", i->v.id);
	rc = outbox_put(p->db, &l, &seen, e);
	free(l.json);
	return rc;
}

static int
admit_envelope(struct peerd *p, struct item *i, struct err *e)
{
	char key[KEY_TEXT_LEN + 1];
	struct arrival a = { .id = i->v.id, .from = i->sender.name,
	    .from_key = key, .channel = (char *)(uintptr_t)i->caller.channel,
	    .json = i->v.json, .session = *i->session ? i->session : NULL,
	    .realm_max = (int64_t)p->limits.realm_inbox };
	bool seen;
	int rc;

	key_text(i->v.from, key);
	a.quiet = i->sender.address && json_str_is(json_get(
	    json_text(i->v.json), "intent"), "supervisor.bridge");
	rc = arrival_admit(p->db, &a, &seen, e);
	i->fresh = !seen;
	if (rc == 0 && i->fresh && a.quiet)
		rc = answer_bridge(p, i, key, e);
	free(a.input);
	return rc;
}

static int
admit_text(struct peerd *p, struct item *i, struct err *e)
{
	struct input in = { .session = i->session, .kind =
	    (char []){ "external_event" }, .mode = (char []){ "queue" },
	    .source = (char *)(uintptr_t)i->caller.channel, .wake = true };
	struct buf body = BUF_INIT;
	int64_t n = inputs_waiting(p->db, i->session, in.kind, e);
	bool seen;
	int rc = -1;

	jput_open(&body, '{');
	jput_kstr(&body, "body", i->text, i->text_len);
	jput_close(&body, '}');
	in.body = body.p;
	if (n >= QUEUE_MAX)
		err_set(e, E_CONFLICT, "inbox_full: %d events wait already",
		    QUEUE_MAX);
	else if (n >= 0)
		rc = inputs_admit(p->db, &in, &seen, e);
	i->fresh = true;
	buf_free(&body);
	return rc;
}

/* Whose envelope is it?  Then it, or else nothing of it, is part of the transaction. */
static void
admit_one(struct peerd *p, struct item *i)
{
	const char *source = i->text ? i->caller.where : i->sender.name;
	struct err e = ERR_NONE;
	int rc;

	if (!i->text && (rc = keys_find(p, i->v.to, i->session,
	    &i->resident, &e)) <= 0) {
		gate_refuse(p, rc ? "failed" : "misaddressed", source, rc ?
		    e.text : "nobody of this realm");
		return;
	}
	if (i->text)
		i->resident = is_resident(p, i->session);
	if (db_mark(p->db, &e) < 0)
		goto failed;
	rc = i->text ? admit_text(p, i, &e) : admit_envelope(p, i, &e);
	if (db_unmark(p->db, rc == 0, rc ? NULL : &e) == 0 && rc == 0) {
		i->admitted = true;
		return;
	}
failed:
	if (gate_refuse(p, e.code == E_CONFLICT ? "inbox_full" : "failed",
	    source, e.text) && !i->text)
		hop_put(p->db, i->v.id, "refused", e.text, NULL);
}

/* ---- the batch ---- */

static int
commit_all(struct peerd *p, struct items *items)
{
	struct err e = ERR_NONE;
	struct item *i;

	if (db_begin(p->db, &e) == 0) {
		for (i = STAILQ_FIRST(items); i; i = STAILQ_NEXT(i, link))
			admit_one(p, i);
		if (db_commit(p->db, &e) == 0)
			return 0;
	}
	warn("nothing was admitted: %s", e.text);
	return -1;
}

static void
acknowledge(struct peerd *p, struct item *i)
{
	struct buf frame = BUF_INIT;
	struct err e = ERR_NONE;
	const struct identity *k;

	if (i->admitted && (i->caller.from ||
	    i->v.kind != ENVELOPE_RESPONSE)) {
		k = keys_held(p, i->session, i->v.to, &e);
		if (!k || envelope_ack(&i->v, k, &frame, &e) < 0)
			warn("ACK of %s: %s", i->v.id, e.text);
	}
	i->caller.answer(i->caller.arg, i->admitted, frame.p, frame.n);
	buf_free(&frame);
}

/* Each session once. */
static void
wake_all(struct peerd *p, const struct items *items)
{
	const struct item *i, *j;

	for (i = STAILQ_FIRST(items); i; i = STAILQ_NEXT(i, link)) {
		if (!i->admitted || !i->fresh)
			continue;
		if (!i->text)
			out_heard(p, i->v.from);
		if (!*i->session)
			continue;
		for (j = STAILQ_FIRST(items); j != i; j = STAILQ_NEXT(j, link))
			if (j->admitted && j->fresh &&
			    !strcmp(i->session, j->session))
				break;
		if (j == i)
			resident_wake(p, i->session, i->resident);
	}
}

static void
flush(struct peerd *p)
{
	struct admit *a = p->admit;
	struct items items = STAILQ_HEAD_INITIALIZER(items);
	struct item *i;
	bool done;

	if (!a->n)
		return;
	STAILQ_CONCAT(&items, &a->items);
	a->n = a->bytes = 0;
	done = commit_all(p, &items) == 0;
	for (i = STAILQ_FIRST(&items); i; i = STAILQ_NEXT(i, link)) {
		i->admitted &= done;
		if (!i->text)
			acknowledge(p, i);
	}
	wake_all(p, &items);
	prune_look(p);
	if (done)
		out_wake(p);
	while ((i = STAILQ_FIRST(&items))) {
		STAILQ_REMOVE_HEAD(&items, link);
		item_free(i);
	}
	peerd_quiet(p);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void
put(struct peerd *p, struct item *i, size_t bytes)
{
	struct admit *a = p->admit;
	struct timeval now = { 0, 0 };

	STAILQ_INSERT_TAIL(&a->items, i, link);
	a->bytes += bytes;
	if (++a->n >= p->limits.batch || a->bytes >= BATCH_BYTES)
		flush(p);
	else if (a->n == 1)
		event_add(a->timer, &now);
}

/* ---- the public side ---- */

void
admit_frame(struct peerd *p, const void *cbor, size_t n,
    const struct caller *c)
{
	struct item *i = xcalloc(1, sizeof *i);

	i->caller = *c;
	if (vet(p, cbor, n, c, &i->v, &i->sender) == 0) {
		put(p, i, n);
		return;
	}
	item_free(i);
	c->answer(c->arg, false, NULL, 0);
}

void
admit_event(struct peerd *p, const char *session, const char *channel,
    const char *text, size_t n)
{
	struct item *i = xcalloc(1, sizeof *i);

	i->caller = (struct caller){ .channel = channel, .where = channel };
	memcpy(i->session, session, UUID_LEN + 1);
	i->text = xcalloc(1, n + 1);
	memcpy(i->text, text, n);
	i->text_len = n;
	put(p, i, n);
}

void
admit_open(struct peerd *p)
{
	p->admit = xcalloc(1, sizeof *p->admit);
	STAILQ_INIT(&p->admit->items);
	p->admit->timer = evtimer_new(p->base, on_timer, p);
}

bool
admit_idle(const struct peerd *p)
{
	return p->admit->n == 0;
}

void
admit_close(struct peerd *p)
{
	struct item *i;

	if (!p->admit)
		return;
	while ((i = STAILQ_FIRST(&p->admit->items))) {
		STAILQ_REMOVE_HEAD(&p->admit->items, link);
		item_free(i);
	}
	event_free(p->admit->timer);
	free(p->admit);
}
