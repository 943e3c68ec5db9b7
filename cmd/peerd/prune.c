#include <stdlib.h>

#include <event2/event.h>

#include "base/util.h"
#include "peerd/peerd.h"
#include "store/prune.h"

/*
 * What is finished and old is removed, a little at a time, so that nobody waits for it:
 * at the start, and when there is something to do an hour or more after the last time.
 */
#define ROWS 256		/* with one commit */
#define PAUSE_MS 20		/* for others, between two */
#define AGAIN_MS (60 * 60 * 1000)
#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

struct pruner {
	struct prune pass;
	struct event *timer;
	int64_t ended;		/* time_mono_ms of the last pass */
	bool busy;
};

static void
in_ms(struct pruner *r, int ms)
{
	struct timeval tv = { 0, ms * 1000 };

	event_add(r->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct peerd *p = arg;
	struct pruner *r = p->pruner;
	struct err e = ERR_NONE;
	int rc = p->stopping ? 0 : prune_step(p->db, &r->pass, ROWS, &e);

	(void)fd;
	(void)what;
	if (rc > 0) {
		in_ms(r, PAUSE_MS);
		return;
	}
	if (rc < 0)
		warn("old letters: %s", e.text);
	r->ended = time_mono_ms();
	r->busy = false;
	peerd_quiet(p);
}

void
prune_look(struct peerd *p)
{
	struct pruner *r = p->pruner;

	if (!p->limits.retain_days || r->busy || p->stopping ||
	    (r->ended && time_mono_ms() - r->ended < AGAIN_MS))
		return;
	r->pass = (struct prune){ .before_ms = time_ms() -
	    p->limits.retain_days * DAY_MS };
	r->busy = true;
	in_ms(r, 0);
}

bool
prune_idle(const struct peerd *p)
{
	return !p->pruner->busy;
}

void
prune_open(struct peerd *p)
{
	p->pruner = xcalloc(1, sizeof *p->pruner);
	p->pruner->timer = evtimer_new(p->base, on_timer, p);
}

void
prune_close(struct peerd *p)
{
	event_free(p->pruner->timer);
	free(p->pruner);
}
