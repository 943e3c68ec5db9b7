#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "runner/drain.h"
#include "serve/turns_impl.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/participants.h"
#include "store/wakes.h"

/*
 * Input that nobody brought to us: what a session said to another, also out of a
 * worker or another process.  Sessions that clients use here are ours, and their
 * clients hear of these runs.  Other servers of the realm look as well; what is left a
 * moment later is taken care of by the one who keeps the realm's residents.
 */

#define SOON_MS 20		/* between two looks */
#define LATER_MS 200		/* for those who are not ours */

struct used {
	char session[UUID_LEN + 1];	/* first: the key of the tree */
	void *client;			/* or NULL */
};

struct watch {
	struct turns *t;
	struct turns_watch_hooks hooks;
	void *used;
	int fd;
	struct event *readable, *soon, *later;
};

static int
by_session(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct used *
find(struct watch *w, const char *session)
{
	void *node = tfind(session, &w->used, by_session);

	return node ? *(struct used **)node : NULL;
}

/* ---- who uses what ---- */

void
turns_use(struct turns *t, const char *session, void *client)
{
	struct watch *w = t->watch;
	struct used *u = w ? find(w, session) : NULL;

	if (!w)
		return;
	if (!u) {
		u = xcalloc(1, sizeof *u);
		memcpy(u->session, session, sizeof u->session);
		tsearch(u, &w->used, by_session);
	}
	if (client)
		u->client = client;
}

static void
leave(const void *node, VISIT visit, void *client)
{
	struct used *u = *(struct used *const *)node;

	if ((visit == leaf || visit == postorder) && u->client == client)
		u->client = NULL;
}

void
turns_leave(struct turns *t, void *client)
{
	if (t->watch)
		twalk_r(t->watch->used, leave, client);
}

/* ---- looking ---- */

static int
wake_used(void *arg, const char *session)
{
	struct watch *w = arg;
	struct used *u = find(w, session);

	if (!u || !drain_ready(w->t->drain, session))
		return 0;
	if (u->client)
		w->hooks.wake(w->hooks.arg, u->client, session);
	else
		turns_wake(w->t, session, NULL);
	return 0;
}

static int
wake_resident(void *arg, const char *session)
{
	struct watch *w = arg;
	struct participant p;

	if (find(w, session))
		return wake_used(w, session);
	if (!drain_ready(w->t->drain, session) ||
	    participant_load(w->t->db, session, &p, NULL) <= 0)
		return 0;
	if (p.resident)
		turns_wake(w->t, session, NULL);
	participant_free(&p);
	return 0;
}

static void
look(struct watch *w, int (*wake)(void *arg, const char *session))
{
	struct err e = ERR_NONE;

	if (!w->t->stopped && inputs_waking(w->t->db, wake, w, &e) < 0)
		warn("queues that wait: %s", e.text);
}

static void
on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg, wake_used);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	look(w, w->hooks.keeper(w->hooks.arg) ? wake_resident : wake_used);
}

static void
look_later(struct watch *w)
{
	const struct timeval soon = { 0, SOON_MS * 1000 };
	const struct timeval later = { 0, LATER_MS * 1000 };

	if (!evtimer_pending(w->soon, NULL))
		event_add(w->soon, &soon);
	if (!evtimer_pending(w->later, NULL))
		event_add(w->later, &later);
}

static void
on_ring(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	wakes_read(fd);
	look_later(arg);
}

/* ---- its life ---- */

int
turns_watch(struct turns *t, struct event_base *base,
    const struct turns_watch_hooks *hooks, struct err *e)
{
	struct watch *w;
	int fd = wakes_open(db_realm(t->db), e);

	if (fd < 0)
		return -1;
	w = t->watch = xcalloc(1, sizeof *w);
	w->t = t;
	w->hooks = *hooks;
	w->fd = fd;
	w->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_ring, w);
	w->soon = evtimer_new(base, on_soon, w);
	w->later = evtimer_new(base, on_later, w);
	event_add(w->readable, NULL);
	look_later(w);
	return 0;
}

void
turns_unwatch(struct turns *t)
{
	struct watch *w = t->watch;

	if (!w)
		return;
	while (w->used) {
		struct used *u = *(struct used **)w->used;

		tdelete(u, &w->used, by_session);
		free(u);
	}
	event_free(w->readable);
	event_free(w->soon);
	event_free(w->later);
	close(w->fd);
	free(w);
	t->watch = NULL;
}
