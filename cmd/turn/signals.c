#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/util.h"
#include "turn/signals.h"

volatile sig_atomic_t signal_seen;
static struct agent *volatile current;
static volatile int wake = -1;		/* eventfd: ends a wait of the loop that was about to begin */

/* Ctrl-C means the run; the others mean this process. */
static void
stop(struct agent *a)
{
	if (signal_seen == SIGINT)
		agent_interrupt(a);
	else
		agent_stop(a);
}

static void
on_signal(int sig)
{
	const uint64_t one = 1;
	int keep = errno;

	if (signal_seen && sig == SIGINT)
		_exit(128 + SIGINT);
	if (!signal_seen)
		signal_seen = sig;
	if (current)
		stop(current);
	if (wake >= 0 && write(wake, &one, sizeof one) < 0)
		wake = -1;
	errno = keep;
}

void
signals_install(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
	/* No SA_RESTART: a wait for input or a reader ends when a signal comes. */
	struct sigaction on = { .sa_handler = on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < COUNT(caught); i++) {
		struct sigaction old;

		/* nohup(1) wants it ignored. */
		if (caught[i] == SIGHUP &&
		    sigaction(SIGHUP, NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(caught[i], &on, NULL);
	}
	sigaction(SIGPIPE, &ignore, NULL);
	/* A file that may not grow is an error like a full disk. */
	sigaction(SIGXFSZ, &ignore, NULL);
}

static void
woken(void *arg, int fd, short revents)
{
	uint64_t n;

	(void)arg;
	(void)revents;
	if (read(fd, &n, sizeof n) < 0 && errno != EAGAIN)
		wake = -1;
}

void
signals_watch(struct loop *l)
{
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake >= 0)
		loop_watch(l, wake, POLLIN, woken, NULL);
}

void
signals_agent(struct agent *a)
{
	current = a;
	/* A signal that came before the agent did is for it, too. */
	if (a && signal_seen)
		stop(a);
}

void
signals_forget(void)
{
	signal_seen = 0;
}

int
signal_caught(void)
{
	return signal_seen;
}
