#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/nanny.h"
#include "base/proc.h"
#include "base/util.h"

/* A nanny sweeps in milliseconds; a child in an uninterruptible sleep is not waited for longer. */
#define SWEEP_MS 3000

/* Children from before proc_subreaper: inherited through exec, not ours to kill. */
static struct {
	pid_t pid[64];
	size_t n;
} older;

int
proc_pipe(int rw[2], struct err *e)
{
	if (pipe2(rw, O_CLOEXEC) < 0)
		return err_sys(e, E_INTERNAL_ERROR, "pipe");
	return 0;
}

static bool
runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

char *
proc_which(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return runnable(name) ? xstrdup(name) : NULL;
	if (!*name)
		return NULL;
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (const char *p = path; ; ) {
		size_t n = strcspn(p, ":");
		char *file = xasprintf("%.*s%s%s", (int)n, p, n ? "/" : "./", name);

		if (runnable(file))
			return file;
		free(file);
		if (!p[n])
			return NULL;
		p += n + 1;
	}
}

/* Why the program did not start; 0 if it did. */
static int
read_report(int fd, const struct proc_spec *spec, struct err *e)
{
	static const char *const doing[] = {
		[NANNY_FORK] = "fork", [NANNY_DIR] = "working directory",
		[NANNY_FDS] = "descriptors", [NANNY_CONFINE] = "sandbox",
		[NANNY_EXEC] = "exec",
	};
	struct nanny_report r;
	ssize_t n;

	while ((n = read(fd, &r, sizeof r)) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof r)
		return 0;
	errno = r.error;
	return err_sys(e, E_INTERNAL_ERROR, "cannot start %s: %s",
	    spec->argv ? spec->argv[0] : "worker", doing[r.stage]);
}

int
proc_spawn(const struct proc_spec *spec, pid_t *pid, struct err *e)
{
	int report[2] = { -1, -1 }, rc = -1;
	sigset_t all, old;
	char *path = NULL;
	pid_t parent = getpid();

	if (spec->argv && !(path = proc_which(spec->argv[0]))) {
		err_set(e, E_NOT_FOUND, "program not found: %s", spec->argv[0]);
		goto done;
	}
	if (proc_pipe(report, e) < 0)
		goto done;
	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	*pid = fork();
	if (*pid == 0)
		nanny(spec, path, report[1], parent);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (*pid < 0) {
		err_sys(e, E_INTERNAL_ERROR, "fork");
		goto done;
	}
	close(report[1]);
	report[1] = -1;
	if (read_report(report[0], spec, e) < 0) {
		proc_end(*pid, 0);
		goto done;
	}
	rc = 0;
done:
	for (int i = 0; i < 2; i++)
		if (report[i] >= 0)
			close(report[i]);
	free(path);
	return rc;
}

int
proc_fd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
proc_memory(pid_t pid)
{
	struct buf b = BUF_INIT;
	char path[64];
	int fd = -1;

	/* The nanny's one child. */
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	if (fs_read(path, sizeof path, &b, NULL) == 0 && atol(buf_str(&b)) > 0) {
		snprintf(path, sizeof path, "/proc/%ld/statm", atol(buf_str(&b)));
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	buf_free(&b);
	return fd;
}

size_t
proc_resident(int memory)
{
	char text[128];
	ssize_t n = pread(memory, text, sizeof text - 1, 0);
	long pages = 0;

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%*d %ld", &pages) != 1)
		return 0;
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

bool
proc_poll(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

/* Is pid still our child, so that its number cannot be another's by now? */
static bool
ours(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void
proc_kill(pid_t pid, int sig)
{
	if (pid > 0 && ours(pid))
		kill(pid, sig == SIGKILL ? NANNY_END : sig);
}

/* Wait for pid at most ms; reaps. */
static bool
wait_for(pid_t pid, int64_t ms, int *status)
{
	int64_t end = time_mono_ms() + ms;
	struct pollfd p = { .fd = proc_fd(pid), .events = POLLIN };
	bool gone;

	while (!(gone = proc_poll(pid, status)) && time_mono_ms() < end) {
		int64_t rest = end - time_mono_ms();

		/* Without pidfds (Linux < 5.3) look again every 5 ms. */
		if (p.fd < 0 && rest > 5)
			rest = 5;
		poll(&p, 1, rest > 0 ? (int)rest : 0);
	}
	if (p.fd >= 0)
		close(p.fd);
	return gone;
}

int
proc_end(pid_t pid, int64_t grace_ms)
{
	int status = 0;

	if (pid <= 0 || !ours(pid))
		return 0;
	if (grace_ms > 0) {
		proc_kill(pid, SIGTERM);
		if (wait_for(pid, grace_ms, &status))
			return status;
	}
	proc_kill(pid, SIGKILL);
	if (wait_for(pid, SWEEP_MS, &status))
		return status;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* ---- the way out ---- */

static void
remember(void *arg, pid_t pid)
{
	(void)arg;
	if (older.n < COUNT(older.pid))
		older.pid[older.n++] = pid;
}

static bool
childless(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0;
}

void
proc_subreaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	older.n = 0;
	if (!childless())
		nanny_children(remember, NULL);
}

struct last_call {
	int sig, found;
};

static void
signal_one(void *arg, pid_t pid)
{
	struct last_call *l = arg;

	for (size_t i = 0; i < older.n; i++)
		if (older.pid[i] == pid)
			return;
	kill(pid, l->sig);
	l->found++;
}

/* Signal and reap until no child but the older ones is left or the time is over. */
static bool
clear(int sig, int64_t ms)
{
	int64_t end = time_mono_ms() + ms;
	struct timespec nap = { .tv_nsec = 2000000 };

	for (;;) {
		struct last_call l = { .sig = sig };

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (nanny_children(signal_one, &l) < 0 || !l.found)
			return true;
		if (time_mono_ms() >= end)
			return false;
		nanosleep(&nap, NULL);
	}
}

void
proc_end_all(void)
{
	if (childless())
		return;
	/* Nannies sweep on this, and most others end; then whatever is left. */
	if (!clear(NANNY_END, SWEEP_MS / 2))
		clear(SIGKILL, SWEEP_MS / 2);
}
