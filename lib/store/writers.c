#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/time.h>

#include "base/util.h"
#include "store/realm.h"
#include "store/writers.h"

#define PATIENCE_S 5

int
writers_open(const struct realm *r)
{
	char *path = realm_file(r, ".", "writers", ".lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	free(path);
	return fd;
}

static void
tick(int sig)
{
	(void)sig;	/* it ends the flock */
}

/* flock knows no deadline: a tick every second lets it look at the clock. */
static void
wait_in_line(int fd)
{
	const struct itimerval every = { { 1, 0 }, { 1, 0 } };
	const struct sigaction act = { .sa_handler = tick };
	struct itimerval old_timer;
	struct sigaction old_act;
	int64_t start = time_mono_ms();

	sigaction(SIGALRM, &act, &old_act);
	setitimer(ITIMER_REAL, &every, &old_timer);
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		if (time_mono_ms() - start > PATIENCE_S * 1000)
			break;
	setitimer(ITIMER_REAL, &old_timer, NULL);
	sigaction(SIGALRM, &old_act, NULL);
}

void
writers_enter(int fd)
{
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		wait_in_line(fd);
}

void
writers_leave(int fd)
{
	if (fd >= 0)
		flock(fd, LOCK_UN);
}
