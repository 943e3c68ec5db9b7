#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/nanny.h"
#include "base/proc.h"
#include "base/util.h"

/* What is left when the program has ended on its own gets this long, and after a TERM that long. */
#define LINGER_MS 200
#define LINGER_TERM_MS 2000

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* ---- /proc, with plain system calls: nothing here allocates ---- */

/* Parent of a process: the second field behind the command's closing bracket, proc(5). */
static pid_t
parent_of(int proc, const char *name)
{
	char path[64], text[512], *p;
	ssize_t n;
	int fd;

	if (strlen(name) > 20)
		return -1;
	strcpy(path, name);
	strcat(path, "/stat");
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	if (!(p = strrchr(text, ')')) || strlen(p) < 5)
		return -1;
	return (pid_t)strtol(p + 4, NULL, 10);
}

int
nanny_children(void (*fn)(void *arg, pid_t pid), void *arg)
{
	_Alignas(struct dirent64) char list[8192];
	pid_t me = getpid();
	int proc, found = 0;
	long n;

	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -1;
	while ((n = syscall(SYS_getdents64, proc, list, sizeof list)) > 0)
		for (long at = 0; at < n; ) {
			struct dirent64 *d = (struct dirent64 *)(void *)(list + at);
			pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

			at += d->d_reclen;
			if (pid > 0 && parent_of(proc, d->d_name) == me) {
				fn(arg, pid);
				found++;
			}
		}
	close(proc);
	return found;
}

/* ---- the program's side ---- */

static _Noreturn void
fail(int report, enum nanny_stage stage)
{
	struct nanny_report r = { .stage = stage, .error = errno };
	ssize_t put = write(report, &r, sizeof r);

	_exit(put == (ssize_t)sizeof r ? 127 : 126);
}

/* Put in, out, err at 0, 1, 2, whatever numbers they have now. */
static int
place(const struct proc_spec *spec)
{
	int from[3] = { spec->in, spec->out, spec->err };

	for (int i = 0; i < 3; i++) {
		int fd = from[i] < 0 ?
		    open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY) : from[i];

		if (fd < 0 || (from[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return -1;
	return 0;
}

/* Every descriptor from 3 on closes at exec. */
static void
seal(void)
{
	struct rlimit lim;
	int top = 4096;

	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 65536)
		top = (int)lim.rlim_cur;
	for (int fd = 3; fd < top; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/*
 * By the kernel's own call: glibc's sigaction refuses its signals 32 and 33, which
 * its posix_spawn (make, for one) hands down ignored.
 */
static void
calm_signals(void)
{
	static const unsigned long dfl[8];
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, (size_t)NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
program(const struct proc_spec *spec, const char *path, int report)
{
	int low = report;

	/* Killed nanny, dead program. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	calm_signals();
	/* Out of the way of 0, 1 and 2. */
	report = fcntl(low, F_DUPFD_CLOEXEC, 3);
	close(low);
	if (place(spec) < 0)
		fail(report, NANNY_FDS);
	seal();
	if (spec->cwd && chdir(spec->cwd) < 0)
		fail(report, NANNY_DIR);
	if (spec->confine && spec->confine(spec->arg) < 0)
		fail(report, NANNY_CONFINE);
	if (spec->run) {
		close(report);
		_exit(spec->run(spec->arg));
	}
	execve(path, spec->argv, spec->envp ? spec->envp : environ);
	fail(report, NANNY_EXEC);
}

/* ---- the nanny's side ---- */

struct watch {
	pid_t main;
	int status;		/* of main, once ended */
	bool ended;
};

/* Reap what has ended; false when no child is left. */
static bool
reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == w->main) {
			w->status = status;
			w->ended = true;
		}
	return pid == 0;
}

static void
kill_one(void *arg, pid_t pid)
{
	(void)arg;
	kill(pid, SIGKILL);
}

/* Kill children until none is left; the orphans of the killed become children in their turn. */
static void
sweep(struct watch *w)
{
	struct timespec nap = { .tv_nsec = 500000 };

	while (reap(w)) {
		if (nanny_children(kill_one, NULL) < 0)
			kill(-w->main, SIGKILL);
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 16000000)
			nap.tv_nsec *= 2;
	}
}

/* End in the way the program ended. */
static _Noreturn void
end_like(int status)
{
	struct rlimit none = { 0, 0 };

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		calm_signals();
		kill(getpid(), WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static int64_t
left(int64_t deadline)
{
	int64_t ms = deadline - time_mono_ms();

	return ms > 0 ? ms : 0;
}

static _Noreturn void
tend(struct watch *w)
{
	int64_t linger = LINGER_MS, deadline = -1;
	sigset_t all;

	sigfillset(&all);
	while (reap(w)) {
		struct timespec wait = { .tv_sec = 3600 };
		int sig;

		if (w->ended) {
			if (deadline < 0)
				deadline = time_mono_ms() + linger;
			if (!left(deadline))
				break;
			wait.tv_sec = left(deadline) / 1000;
			wait.tv_nsec = left(deadline) % 1000 * 1000000;
		}
		sig = sigtimedwait(&all, NULL, &wait);
		if (sig == NANNY_END)
			break;
		if (sig > 0 && sig != SIGCHLD) {
			linger = LINGER_TERM_MS;
			kill(-w->main, sig);
		}
	}
	sweep(w);
	end_like(w->status);
}

_Noreturn void
nanny(const struct proc_spec *spec, const char *path, int report, pid_t parent)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct watch w = { .status = SIGKILL };

	setpgid(0, 0);
	sigaction(SIGCHLD, &dfl, NULL);
	prctl(PR_SET_PDEATHSIG, NANNY_END);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* Our memory is a copy of the parent's, keys included: not for the program to read. */
	prctl(PR_SET_DUMPABLE, 0);
	if (getppid() != parent)
		_exit(127);
	w.main = fork();
	if (w.main < 0)
		fail(report, NANNY_FORK);
	if (w.main == 0)
		program(spec, path, report);
	/* The parent waits for the end of the report, others for the end of a pipe or a lock. */
	if (syscall(SYS_close_range, 0U, ~0U, 0) < 0)
		for (int fd = 0; fd < 65536; fd++)
			close(fd);
	tend(&w);
}
