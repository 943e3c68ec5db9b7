#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/proc.h"
#include "base/util.h"
#include "runner/command.h"
#include "serve/server.h"
#include "store/db.h"
#include "store/lock.h"
#include "store/outbox.h"
#include "store/participants.h"

/*
 * rkat-peerd for our realm, while it is needed and nobody else runs one: it speaks to
 * other hosts; the turns of the realm's residents stay with us, for our clients hear
 * of them.
 */

#define AGAIN_MS 500		/* after its first death; doubled for each */
#define AGAIN_LAST_MS 30000
#define STEADY_MS 60000		/* who lived so long begins anew */
#define GRACE_MS 1000

static int
there_is(void *arg, const struct participant *p)
{
	bool *found = arg;

	(void)p;
	*found = true;
	return 1;
}

/* Does anybody stay, or wait for the network? */
static bool
needed(const struct server *s)
{
	bool found = false;

	participants(s->db, true, there_is, &found, NULL);
	return found || outbox_expiry(s->db, NULL) >= 0;
}

static void
forget(struct server *s)
{
	if (s->peerd_watch)
		event_free(s->peerd_watch);
	if (s->peerd_fd >= 0)
		close(s->peerd_fd);
	s->peerd_watch = NULL;
	s->peerd_fd = -1;
	s->peerd = 0;
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	int status;

	(void)fd;
	(void)what;
	proc_poll(s->peerd, &status);
	if (time_mono_ms() - s->peerd_since > STEADY_MS)
		s->peerd_deaths = 0;
	forget(s);
	s->peerd_deaths++;
	look_for_peerd(s);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_for_peerd(arg);
}

/* Not so soon after it died; true: later. */
static bool
too_soon(struct server *s)
{
	int64_t wait = AGAIN_MS, left;

	if (!s->peerd_deaths)
		return false;
	for (int i = 1; i < s->peerd_deaths && wait < AGAIN_LAST_MS; i++)
		wait *= 2;
	left = s->peerd_since + wait - time_mono_ms();
	if (left <= 0)
		return false;
	event_after(s->peerd_again, left);
	return true;
}

static void
start(struct server *s)
{
	static char workers[] = "--workers=0";
	struct worker_command c = s->worker;
	struct proc_spec spec = { .argv = c.argv, .in = -1, .out = -1,
	    .err = STDERR_FILENO };
	struct err e = ERR_NONE;
	char *path = command_path("rkat-peerd", &e);

	s->peerd_since = time_mono_ms();
	c.argv[0] = path;
	c.argv[1] = workers;
	if (!path || proc_spawn(&spec, &s->peerd, &e) < 0) {
		warn("rkat-peerd: %s", e.text);
		s->peerd = 0;
		s->peerd_deaths++;
	} else if ((s->peerd_fd = proc_fd(s->peerd)) >= 0) {
		s->peerd_watch = event_new(s->base, s->peerd_fd, EV_READ,
		    on_end, s);
		event_add(s->peerd_watch, NULL);
	}
	free(path);
}

bool
look_for_peerd(struct server *s)
{
	if (s->peerd)
		return true;
	if (lock_held(&s->realm, "peerd"))
		return false;
	if (!s->stopping && needed(s) && !too_soon(s))
		start(s);
	return true;
}

void
watch_for_peerd(struct server *s)
{
	s->peerd_fd = -1;
	s->peerd_again = evtimer_new(s->base, on_again, s);
}

void
end_peerd(struct server *s)
{
	if (s->peerd)
		proc_end(s->peerd, GRACE_MS);
	if (s->peerd_again) {
		forget(s);
		event_free(s->peerd_again);
	}
}
