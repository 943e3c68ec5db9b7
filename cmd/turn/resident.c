#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/util.h"
#include "runner/command.h"
#include "store/lock.h"
#include "turn/resident.h"

#define LOOK_MS 500		/* is there one in the realm? */
#define WAIT_MIN_MS 200
#define WAIT_MAX_MS 10000
#define OLD_MS 10000		/* who lived so long did not fail at the start */
#define GRACE_MS 3000		/* for turns under way; then it is told once more, */
#define LATE_MS 3000		/* which stops them */
#define POLL_MS 10

static void
forget(struct resident *r)
{
	loop_unwatch(r->ended);
	r->ended = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->pid = 0;
}

static void
on_end(void *arg, int fd, short revents)
{
	struct resident *r = arg;
	int64_t now = time_mono_ms();

	(void)fd;
	(void)revents;
	proc_end(r->pid, 0);
	forget(r);
	r->wait_ms = now - r->started_ms > OLD_MS ? WAIT_MIN_MS :
	    r->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : r->wait_ms * 2;
	r->next_ms = now + r->wait_ms;
}

static int
spawn(struct resident *r, struct err *e)
{
	static char realm[] = "--realm", state[] = "--state-root",
	    context[] = "--context-root", user[] = "--user-config-root";
	struct realm *m = &r->t->realm;
	char *path = command_path("rkat-peerd", e);
	char *argv[] = { path, realm, m->id, state, m->state_root, context,
	    m->context_root, m->user_root ? user : NULL, m->user_root, NULL };
	int rc = path ? proc_spawn(&(struct proc_spec){ .argv = argv,
	    .in = -1, .out = STDERR_FILENO, .err = STDERR_FILENO }, &r->pid,
	    e) : -1;

	free(path);
	return rc;
}

/* Start ours if there is none; the lock decides if others do so, too. */
static void
look(struct resident *r)
{
	struct err e = ERR_NONE;
	int64_t now = time_mono_ms();

	if (r->pid || now < r->next_ms || lock_held(&r->t->realm, "peerd"))
		return;
	r->started_ms = now;
	if (spawn(r, &e) < 0) {
		warn("rkat-peerd: %s", e.text);
		r->pid = 0;
		r->next_ms = now + WAIT_MAX_MS;
		return;
	}
	r->fd = proc_fd(r->pid);
	if (r->fd >= 0)
		r->ended = loop_watch(r->t->loop, r->fd, POLLIN, on_end, r);
}

static void
on_look(void *arg)
{
	struct resident *r = arg;
	int status;

	if (r->pid && r->fd < 0 && proc_poll(r->pid, &status))
		on_end(r, -1, 0);
	look(r);
	r->look = loop_timer(r->t->loop, LOOK_MS, on_look, r);
}

void
resident_start(struct resident *r, struct front *t)
{
	*r = (struct resident){ .t = t, .fd = -1, .wait_ms = WAIT_MIN_MS / 2 };
	on_look(r);
}

static bool
gone(pid_t pid)
{
	int64_t until = time_mono_ms() + GRACE_MS;
	int status;

	while (!proc_poll(pid, &status)) {
		if (time_mono_ms() > until)
			return false;
		poll(NULL, 0, POLL_MS);
	}
	return true;
}

void
resident_end(struct resident *r)
{
	loop_untimer(r->look);
	r->look = NULL;
	if (!r->pid)
		return;
	proc_kill(r->pid, SIGTERM);
	if (!gone(r->pid))
		proc_end(r->pid, LATE_MS);
	forget(r);
}
