#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/jput.h"
#include "base/util.h"
#include "runner/drain.h"
#include "runner/pool.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/lock.h"

#define LOOK_FIRST_MS 10	/* at a lock that another holds: ever later, ... */
#define LOOK_LAST_MS 1000	/* ... but as long as something waits, at least so often */
#define TRY_MS 500		/* behind the first turn that got nowhere; doubled for each */
#define TRIES 5			/* then only somebody's next wake helps */
#define RUNS 16			/* of one turn, so that no session keeps a worker */

TAILQ_HEAD(items, item);

struct item {
	char session[UUID_LEN + 1];	/* first: the key of the tree */
	TAILQ_ENTRY(item) link;		/* of the list it is in */
	struct items *list;		/* NULL: it runs */
	struct drain *d;
	struct job *job;
	bool asked;		/* by name: a turn is due whatever the queue says */
	int64_t head;		/* of its queue, when its turn began */
	int64_t due;		/* while it waits: when to look, by the monotonic clock */
	unsigned looks, tries;
};

/* A session whose turns got nowhere, until somebody asks for it by name. */
struct stuck {
	char session[UUID_LEN + 1];	/* first: the key of the tree */
	int64_t head;			/* of its queue */
};

struct drain {
	struct drain_opts o;
	struct drain_hooks hooks;
	void *tree;		/* items by session */
	void *stuck;
	struct items ready;	/* for a place, longest first */
	struct items waiting;	/* for a time */
	struct event *timer;
	size_t n_running;
	bool stopped;
};

/* ---- where an item is ---- */

static int
by_session(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct item *
find(struct drain *d, const char *session)
{
	void *node = tfind(session, &d->tree, by_session);

	return node ? *(struct item **)node : NULL;
}

static void
forget_stuck(struct drain *d, const char *session)
{
	void *node = tfind(session, &d->stuck, by_session);
	struct stuck *k = node ? *(struct stuck **)node : NULL;

	if (k)
		tdelete(session, &d->stuck, by_session);
	free(k);
}

static void
remember_stuck(struct drain *d, const char *session, int64_t head)
{
	struct stuck *k = xcalloc(1, sizeof *k);

	forget_stuck(d, session);
	memcpy(k->session, session, UUID_LEN + 1);
	k->head = head;
	tsearch(k, &d->stuck, by_session);
}

static void
move(struct item *i, struct items *list)
{
	if (i->list)
		TAILQ_REMOVE(i->list, i, link);
	i->list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, i, link);
}

static void
item_free(struct item *i)
{
	move(i, NULL);
	tdelete(i->session, &i->d->tree, by_session);
	free(i);
}

static void
end(struct item *i)
{
	struct drain_hooks hooks = i->d->hooks;
	char session[UUID_LEN + 1];

	memcpy(session, i->session, sizeof session);
	item_free(i);
	if (hooks.done)
		hooks.done(hooks.arg, session);
}

/* ---- waiting ---- */

static void
set_timer(struct drain *d)
{
	int64_t first = -1;
	struct item *i;

	for (i = TAILQ_FIRST(&d->waiting); i; i = TAILQ_NEXT(i, link)) {
		if (first < 0 || i->due < first)
			first = i->due;
	}
	if (!TAILQ_EMPTY(&d->ready))	/* from outside of a callback */
		first = 0;
	if (first < 0) {
		event_del(d->timer);
		return;
	}
	event_after(d->timer, first - time_mono_ms());
}

static void
put_off(struct item *i, int64_t ms)
{
	i->due = time_mono_ms() + ms;
	move(i, &i->d->waiting);
}

/* Another process has the lock. */
static void
wait_for_lock(struct item *i)
{
	int64_t ms = (int64_t)LOOK_FIRST_MS << i->looks;

	if (ms < LOOK_LAST_MS)
		i->looks++;
	put_off(i, ms < LOOK_LAST_MS ? ms : LOOK_LAST_MS);
}

/* ---- turns ---- */

static void
on_event(void *arg, const char *line, size_t n)
{
	struct item *i = arg;

	if (i->d->hooks.event)
		i->d->hooks.event(i->d->hooks.arg, i->session, line, n);
}

static void
on_tool(void *arg, struct jtext call)
{
	struct item *i = arg;

	if (i->d->hooks.tool)
		i->d->hooks.tool(i->d->hooks.arg, i->session, call);
}

/* Its turn is over: what the rows say decides, not the answer. */
static void
after_turn(struct item *i, bool busy)
{
	int64_t head;
	int due = inputs_due(i->d->o.db, i->session, &head, NULL);

	if (i->d->stopped || (due == 0 && !busy)) {
		end(i);
	} else if (busy) {
		wait_for_lock(i);
	} else if (due > 0 && head != i->head) {
		i->tries = i->looks = 0;
		move(i, &i->d->ready);
	} else if (++i->tries < TRIES) {
		put_off(i, (int64_t)TRY_MS << (i->tries - 1));
	} else {
		debug("session %s: its queue waits, %d turns got nowhere",
		    i->session, TRIES);
		remember_stuck(i->d, i->session, i->head);
		end(i);
	}
}

static void kick(struct drain *d);

static void
on_done(void *arg, struct jtext answer, const struct err *lost)
{
	struct item *i = arg;
	struct drain *d = i->d;
	bool busy = !lost && json_str_is(json_path(answer, "error/code"),
	    err_info(E_SESSION_BUSY)->name);

	d->n_running--;
	i->job = NULL;
	i->asked = busy && i->asked;
	after_turn(i, busy);
	kick(d);
}

static void
start(struct item *i)
{
	const struct job_hooks hooks = { .event = on_event, .tool = on_tool,
	    .done = on_done, .arg = i };
	const struct drain_hooks *own = &i->d->hooks;
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "op", "run");
	jput_kcstr(&b, "session", i->session);
	jput_kbool(&b, "drain", true);
	jput_ki64(&b, "max_runs", RUNS);
	if (own->members)
		own->members(own->arg, i->session, &b);
	jput_close(&b, '}');
	move(i, NULL);
	i->d->n_running++;
	i->job = pool_run(i->d->o.pool, i->session, json_slice(b.p, b.n),
	    &hooks);
	buf_free(&b);
}

/* It is its turn, if there still is something to do and nobody else does it. */
static void
look(struct item *i)
{
	const struct drain_opts *o = &i->d->o;
	int due = inputs_due(o->db, i->session, &i->head, NULL);
	bool theirs = !pool_has(o->pool, i->session) &&
	    lock_held(db_realm(o->db), i->session);

	/* Who was at it tells the end of it before he lets go of the lock. */
	if (due == 0 && !i->asked && !(theirs && i->looks))
		end(i);
	else if (theirs)
		wait_for_lock(i);
	else
		start(i);
}

static void
kick(struct drain *d)
{
	struct item *i;

	while (!d->stopped && d->n_running < d->o.max &&
	    (i = TAILQ_FIRST(&d->ready)))
		look(i);
	set_timer(d);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct drain *d = arg;
	int64_t now = time_mono_ms();
	struct item *i, *next;

	(void)fd;
	(void)what;
	for (i = TAILQ_FIRST(&d->waiting); i; i = next) {
		next = TAILQ_NEXT(i, link);
		if (i->due <= now)
			move(i, &d->ready);
	}
	kick(d);
}

/* ---- the public side ---- */

void
drain_watch(struct drain *d, const struct drain_hooks *hooks)
{
	d->hooks = *hooks;
}

static void
ask(struct drain *d, const char *session)
{
	struct item *i = find(d, session);

	forget_stuck(d, session);
	if (!i) {
		i = xcalloc(1, sizeof *i);
		memcpy(i->session, session, UUID_LEN + 1);
		i->d = d;
		tsearch(i, &d->tree, by_session);
	}
	i->tries = 0;
	i->asked |= !i->job;
	if (!i->job && i->list != &d->ready)
		move(i, &d->ready);
}

void
drain_wake(struct drain *d, const char *session)
{
	if (d->stopped)
		return;
	/* Another process that runs it may take it on as well. */
	if (!pool_has(d->o.pool, session))
		bell_ring(db_realm(d->o.db), session, 'w');
	ask(d, session);
	set_timer(d);
}

static int
left(void *arg, const char *session)
{
	ask(arg, session);
	return 0;
}

void
drain_recover(struct drain *d)
{
	struct err e = ERR_NONE;

	if (inputs_due_sessions(d->o.db, left, d, &e) < 0)
		warn("queues that wait: %s", e.text);
	set_timer(d);
}

bool
drain_ready(struct drain *d, const char *session)
{
	void *node = tfind(session, &d->stuck, by_session);
	const struct stuck *k = node ? *(struct stuck **)node : NULL;
	int64_t head;

	return !find(d, session) && (!k ||
	    (inputs_due(d->o.db, session, &head, NULL) > 0 &&
	    head != k->head));
}

struct job *
drain_job(struct drain *d, const char *session)
{
	struct item *i = find(d, session);

	return i ? i->job : NULL;
}

bool
drain_idle(const struct drain *d)
{
	return !d->tree;
}

void
drain_stop(struct drain *d)
{
	struct item *i;

	d->stopped = true;
	while ((i = TAILQ_FIRST(&d->ready)) || (i = TAILQ_FIRST(&d->waiting)))
		end(i);
	set_timer(d);
}

struct drain *
drain_new(const struct drain_opts *o)
{
	struct drain *d = xcalloc(1, sizeof *d);

	d->o = *o;
	d->timer = evtimer_new(o->base, on_timer, d);
	TAILQ_INIT(&d->ready);
	TAILQ_INIT(&d->waiting);
	return d;
}

void
drain_free(struct drain *d)
{
	if (!d)
		return;
	while (d->tree)
		item_free(*(struct item **)d->tree);
	while (d->stuck)
		forget_stuck(d, (*(struct stuck **)d->stuck)->session);
	event_free(d->timer);
	free(d);
}
