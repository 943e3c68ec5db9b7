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

static void on_look(void *arg);

static void
on_end(void *arg, int fd, short revents)
{
	struct resident *r = arg;

	(void)fd;
	(void)revents;
	proc_end(r->pid, 0);
	forget(r);
	if (time_mono_ms() - r->started_ms > OLD_MS)
		r->wait_ms = WAIT_MIN_MS;
	r->look = loop_timer(r->t->loop, r->wait_ms, on_look, r);
	if ((r->wait_ms *= 2) > WAIT_MAX_MS)
		r->wait_ms = WAIT_MAX_MS;
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

/* Ours if there is none; the lock decides if others start one, too. */
static void
start(struct resident *r)
{
	struct err e = ERR_NONE;

	r->started_ms = time_mono_ms();
	if (spawn(r, &e) == 0 && (r->fd = proc_fd(r->pid)) < 0) {
		proc_end(r->pid, 0);
		err_sys(&e, E_FAILED, "pidfd");
	}
	if (e.code == E_NONE) {
		r->ended = loop_watch(r->t->loop, r->fd, POLLIN, on_end, r);
		return;
	}
	warn("rkat-peerd: %s", e.text);
	r->pid = 0;
	r->look = loop_timer(r->t->loop, WAIT_MAX_MS, on_look, r);
}

static void
on_look(void *arg)
{
	struct resident *r = arg;

	r->look = NULL;
	if (lock_held(&r->t->realm, "peerd"))
		r->look = loop_timer(r->t->loop, LOOK_MS, on_look, r);
	else
		start(r);
}

void
resident_start(struct resident *r, struct front *t)
{
	*r = (struct resident){ .t = t, .fd = -1, .wait_ms = WAIT_MIN_MS };
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
