#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/util.h"
#include "test.h"

static pid_t
spawn(char *const argv[], int out)
{
	struct proc_spec spec = { .argv = argv, .in = -1, .out = out, .err = -1 };
	struct err e = ERR_NONE;
	pid_t pid = -1;

	if (proc_spawn(&spec, &pid, &e) < 0)
		printf("# %s\n", e.text);
	return pid;
}

/* What tells our processes from those of another run of this test. */
static const char *
mark(void)
{
	static char run[40];

	if (!*run) {
		snprintf(run, sizeof run, "BASE_PROC_RUN=%ld.%lld",
		    (long)getpid(), (long long)time_mono_ms());
		putenv(run);
	}
	return run;
}

static pid_t
sh(const char *script, int out)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };

	mark();
	return spawn(argv, out);
}

/* Does a file of a process in /proc have this text in it? */
static bool
proc_has(const char *pid, const char *file, const char *want)
{
	char path[300], text[65536];
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	for (ssize_t i = 0; i < got; i++)
		if (!text[i])
			text[i] = ' ';
	return got > 0 && memmem(text, (size_t)got, want, strlen(want));
}

/* How many processes of this run have tag in their command line. */
static int
alive(const char *tag)
{
	DIR *d = opendir("/proc");
	struct dirent *f;
	int n = 0;

	while ((f = readdir(d)))
		n += *f->d_name >= '1' && *f->d_name <= '9' &&
		    proc_has(f->d_name, "cmdline", tag) &&
		    proc_has(f->d_name, "environ", mark());
	closedir(d);
	return n;
}

static bool
becomes(const char *tag, int want, int64_t ms)
{
	int64_t end = time_mono_ms() + ms;
	struct timespec nap = { .tv_nsec = 5000000 };

	while (alive(tag) != want) {
		if (time_mono_ms() > end)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

static int
status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

TEST(a_status_comes_back)
{
	int status = status_of(sh("exit 7", -1));

	OK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	status = status_of(sh("kill -9 $$", -1));
	OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	status = status_of(sh("kill -ABRT $$", -1));
	OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST(a_start_that_fails_says_why)
{
	char *none[] = { "no-such-program", NULL }, *dir[] = { "/etc", NULL };
	char *ok[] = { "true", NULL };
	struct proc_spec spec = { .argv = none, .in = -1, .out = -1, .err = -1 };
	struct err e = ERR_NONE;
	pid_t pid;

	OK(proc_spawn(&spec, &pid, &e) < 0);
	STR_IS(e.text, "program not found: no-such-program");
	spec.argv = dir;
	OK(proc_spawn(&spec, &pid, &e) < 0);
	spec.argv = ok;
	spec.cwd = "/no/such/dir";
	OK(proc_spawn(&spec, &pid, &e) < 0);
	STR_IS(e.text, "cannot start true: working directory: "
	    "No such file or directory");
	OK(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

static int
refuse(void *arg)
{
	(void)arg;
	errno = EPERM;
	return -1;
}

TEST(a_child_that_cannot_be_confined_does_not_run)
{
	char *argv[] = { "true", NULL };
	struct proc_spec spec = { .argv = argv, .in = -1, .out = -1, .err = -1,
	    .confine = refuse };
	struct err e = ERR_NONE;
	pid_t pid;

	OK(proc_spawn(&spec, &pid, &e) < 0);
	STR_IS(e.text, "cannot start true: sandbox: Operation not permitted");
}

TEST(only_named_descriptors_and_no_signal_state_go_down)
{
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	int rw[2], stray = open("/dev/null", O_RDONLY);
	pid_t pid;

	OK(proc_pipe(rw, &e) == 0);
	signal(SIGPIPE, SIG_IGN);
	pid = sh("ls /proc/self/fd | tr '\\n' ' ';"
	    " grep -E 'SigIgn|SigBlk' /proc/$$/status | tr -d '\\t\\n'", rw[1]);
	signal(SIGPIPE, SIG_DFL);
	close(rw[1]);
	OK(fs_read_fd(rw[0], 4096, &b, &e) == 0);
	STR_IS(buf_str(&b), "0 1 2 3 "
	    "SigBlk:0000000000000000SigIgn:0000000000000000");
	status_of(pid);
	close(rw[0]);
	close(stray);
	buf_free(&b);
}

TEST(a_term_is_forwarded_and_a_deaf_program_is_killed)
{
	int64_t start = time_mono_ms();
	pid_t pid = sh("exec sleep 74101", -1);
	int status = proc_end(pid, 5000);

	OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	OK(time_mono_ms() - start < 2000);
	pid = sh("trap '' TERM; while :; do sleep 74102; done", -1);
	OK(becomes("sleep 74102", 2, 2000));	/* sh -c and sleep */
	start = time_mono_ms();
	proc_end(pid, 100);
	OK(time_mono_ms() - start < 2000);
	OK(alive("74102") == 0);
	OK(proc_end(pid, 100) == 0);
}

TEST(what_a_program_leaves_behind_is_killed)
{
	int status = status_of(sh("setsid sleep 74103 & sleep 74103 &"
	    " (setsid sh -c 'trap \"\" TERM HUP; sleep 74103; :' &) ; exit 3",
	    -1));

	OK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	OK(alive("74103") == 0);
}

TEST(what_a_program_leaves_behind_may_finish_soon)
{
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	int rw[2];
	pid_t pid;

	OK(proc_pipe(rw, &e) == 0);
	pid = sh("(sleep 0.05; echo late) & exit 0", rw[1]);
	close(rw[1]);
	OK(fs_read_fd(rw[0], 4096, &b, &e) == 0);
	STR_IS(buf_str(&b), "late\n");
	status_of(pid);
	close(rw[0]);
	buf_free(&b);
}

TEST(nothing_survives_our_own_sigkill)
{
	pid_t pid = fork();

	if (pid == 0) {
		proc_subreaper();
		sh("trap '' TERM HUP INT; setsid sleep 74104 &"
		    " sleep 74104 & while :; do sleep 74104; done", -1);
		pause();
		_exit(1);
	}
	OK(becomes("sleep 74104", 4, 5000));
	kill(pid, SIGKILL);
	status_of(pid);
	OK(becomes("74104", 0, 2000));
}

TEST(a_killed_nanny_leaves_nothing_behind)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t n;

		proc_subreaper();
		n = sh("setsid sleep 74105 & sleep 74105", -1);
		if (!becomes("sleep 74105", 3, 5000))
			_exit(1);
		kill(n, SIGKILL);
		proc_end_all();
		_exit(alive("74105") ? 2 : 0);
	}
	OK(status_of(pid) == 0);
}

TEST(children_from_before_are_not_ours_to_kill)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t old = fork();

		if (old == 0) {
			pause();
			_exit(0);
		}
		proc_subreaper();
		sh("exec sleep 74106", -1);
		proc_end_all();
		if (alive("74106") || waitpid(old, NULL, WNOHANG) != 0)
			_exit(1);
		kill(old, SIGKILL);
		_exit(0);
	}
	OK(status_of(pid) == 0);
}

static int
worker(void *arg)
{
	ssize_t n = write(1, arg, strlen(arg));

	return n < 0;
}

TEST(a_function_can_be_the_program)
{
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	int rw[2];
	struct proc_spec spec = { .run = worker, .arg = "hello", .in = -1,
	    .err = 2 };
	pid_t pid;

	OK(proc_pipe(rw, &e) == 0);
	spec.out = rw[1];
	OK(proc_spawn(&spec, &pid, &e) == 0);
	close(rw[1]);
	OK(fs_read_fd(rw[0], 4096, &b, &e) == 0);
	STR_IS(buf_str(&b), "hello");
	OK(status_of(pid) == 0);
	close(rw[0]);
	buf_free(&b);
}
