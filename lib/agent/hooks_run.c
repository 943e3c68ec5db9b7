/*
 * One call of a hook: a child that gets the invocation on its standard input and
 * answers on its standard output (agent sheet 13.3).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/hooks_impl.h"
#include "base/proc.h"
#include "base/util.h"

#define GULP 16384
#define STDERR_SHOWN 2000	/* of it in an error text */

extern char **environ;

enum { IN, OUT, ERR, PID };

struct hook_run {
	struct hook_call call;
	pid_t pid;		/* 0: reaped */
	int fd[4];
	struct loop_fd *watch[4];
	struct loop_timer *timer;
	size_t sent;
	struct buf out, err;
};

void
hook_result_free(struct hook_result *r)
{
	buf_free(&r->answer);
	free(r->error);
	*r = (struct hook_result){ .error = NULL };
}

/* ---- the end ---- */

static void
shut(struct hook_run *r, int i)
{
	loop_unwatch(r->watch[i]);
	r->watch[i] = NULL;
	if (r->fd[i] >= 0)
		close(r->fd[i]);
	r->fd[i] = -1;
}

static void
run_free(struct hook_run *r)
{
	for (int i = IN; i <= PID; i++)
		shut(r, i);
	loop_untimer(r->timer);
	buf_free(&r->out);
	buf_free(&r->err);
	free(r);
}

void
hook_stop(struct hook_run *r)
{
	if (r->pid)
		proc_end(r->pid, 0);
	run_free(r);
}

/* Kill what runs and report; the result is the callback's to read. */
static void
finish(struct hook_run *r, struct hook_result *result)
{
	struct hook_call call = r->call;

	hook_stop(r);
	call.done(call.arg, result);
	hook_result_free(result);
}

static void
finish_error(struct hook_run *r, char *error, bool timed_out)
{
	struct hook_result result = { .error = error, .timed_out = timed_out };

	finish(r, &result);
}

static void
on_timeout(void *arg)
{
	struct hook_run *r = arg;

	r->timer = NULL;
	finish_error(r, xasprintf("hook timed out after %lldms",
	    (long long)r->call.hook->timeout_ms), true);
}

/* stderr for an error text: without the newline at its end, and not endless. */
static char *
complaint(const struct hook_run *r)
{
	size_t n = utf8_cut(buf_str(&r->err), r->err.n, STDERR_SHOWN);

	while (n && r->err.p[n - 1] == '\n')
		n--;
	return xstrndup(buf_str(&r->err), n);
}

static char *
exit_error(const struct hook_run *r, int status)
{
	char *why = complaint(r), *s;

	if (r->call.hook->runtime == RUNTIME_HTTP && *why)
		return why;
	if (WIFSIGNALED(status))
		s = xasprintf("command hook exited with signal %d: %s",
		    WTERMSIG(status), why);
	else
		s = xasprintf("command hook exited with %d: %s",
		    WEXITSTATUS(status), why);
	free(why);
	return s;
}

/* ---- reading ---- */

/* Read once.  1: more may follow, 0: nothing more (now), -1: too much, and the run is over. */
static int
gulp(struct hook_run *r, int i)
{
	struct buf *b = i == OUT ? &r->out : &r->err;
	ssize_t n = read(r->fd[i], buf_room(b, GULP), GULP);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			shut(r, i);
		return 0;
	}
	b->n += (size_t)n;
	buf_end(b);
	if (b->n <= (size_t)r->call.payload_max)
		return 1;
	finish_error(r, xasprintf("command %s exceeds max size: %zu > %lld",
	    i == OUT ? "stdout" : "stderr", b->n,
	    (long long)r->call.payload_max), false);
	return -1;
}

static void
on_output(void *arg, int fd, short revents)
{
	struct hook_run *r = arg;

	(void)revents;
	gulp(r, fd == r->fd[OUT] ? OUT : ERR);
}

/* The child and all that it started have ended: what is in the pipes is all there is. */
static void
on_end(void *arg, int fd, short revents)
{
	struct hook_run *r = arg;
	struct hook_result result = { .error = NULL };
	int status = 0, more;

	(void)fd, (void)revents;
	for (int i = OUT; i <= ERR; i++)
		while (r->fd[i] >= 0 && (more = gulp(r, i)) != 0)
			if (more < 0)
				return;
	if (!proc_poll(r->pid, &status))
		return;
	r->pid = 0;
	if (status) {
		finish_error(r, exit_error(r, status), false);
		return;
	}
	result.answer = r->out;
	r->out = (struct buf)BUF_INIT;
	finish(r, &result);
}

/* ---- writing ---- */

/* write(2) without a SIGPIPE: a hook need not read what it is told. */
static ssize_t
write_quietly(int fd, const char *p, size_t n)
{
	struct timespec now = { 0, 0 };
	sigset_t pipe_set, old;
	ssize_t w;
	int error;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_set, &old);
	w = write(fd, p, n);
	error = errno;
	if (w < 0 && error == EPIPE && !sigismember(&old, SIGPIPE))
		sigtimedwait(&pipe_set, NULL, &now);
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return w;
}

static void
on_input(void *arg, int fd, short revents)
{
	struct hook_run *r = arg;
	struct jtext in = r->call.invocation;
	ssize_t n = write_quietly(fd, in.p + r->sent, in.n - r->sent);

	(void)revents;
	if (n > 0)
		r->sent += (size_t)n;
	if (r->sent == in.n || (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(r, IN);
}

/* ---- the start ---- */

/* Our environment with the hook's on top; the strings are borrowed. */
static char **
environment(const struct hook *h)
{
	size_t n = 0, more = 0, k = 0;
	char **env;

	while (environ[n])
		n++;
	while (h->env[more])
		more++;
	env = xcalloc(n + more + 1, sizeof *env);
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(environ[i], "=") + 1;
		bool replaced = false;

		for (size_t j = 0; j < more; j++)
			replaced |= !strncmp(environ[i], h->env[j], len);
		if (!replaced)
			env[k++] = environ[i];
	}
	for (size_t j = 0; j < more; j++)
		env[k++] = h->env[j];
	return env;
}

static int
run_http(void *arg)
{
	const struct hook_call *c = arg;

	return hook_http(c->hook, c->invocation, c->payload_max);
}

static int
spawn(struct hook_run *r, const int fds[3], struct err *e)
{
	const struct hook *h = r->call.hook;
	struct proc_spec spec = { .cwd = r->call.cwd, .in = fds[IN],
	    .out = fds[OUT], .err = fds[ERR] };
	char **env = NULL;
	int rc;

	if (h->runtime == RUNTIME_HTTP) {
		spec.run = run_http;
		spec.arg = &r->call;
	} else {
		spec.argv = h->argv;
		spec.envp = env = environment(h);
	}
	rc = proc_spawn(&spec, &r->pid, e);
	free(env);
	return rc;
}

/* Three pipes: our ends into the run, without blocking; the child's into fds. */
static int
make_pipes(struct hook_run *r, int fds[3], struct err *e)
{
	for (int i = IN; i <= ERR; i++) {
		int rw[2];

		if (proc_pipe(rw, e) < 0)
			return -1;
		r->fd[i] = rw[i == IN];
		fds[i] = rw[i != IN];
		fcntl(r->fd[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

static void
watch(struct hook_run *r)
{
	struct loop *l = r->call.loop;

	r->fd[PID] = proc_fd(r->pid);
	r->watch[IN] = loop_watch(l, r->fd[IN], POLLOUT, on_input, r);
	r->watch[OUT] = loop_watch(l, r->fd[OUT], POLLIN, on_output, r);
	r->watch[ERR] = loop_watch(l, r->fd[ERR], POLLIN, on_output, r);
	r->watch[PID] = loop_watch(l, r->fd[PID], POLLIN, on_end, r);
	r->timer = loop_timer(l, r->call.hook->timeout_ms, on_timeout, r);
}

struct hook_run *
hook_start(const struct hook_call *call, struct hook_result *result)
{
	struct hook_run *r = xcalloc(1, sizeof *r);
	struct err why = ERR_NONE;
	int fds[3] = { -1, -1, -1 };
	int rc = -1;

	*result = (struct hook_result){ .error = NULL };
	r->call = *call;
	for (int i = IN; i <= PID; i++)
		r->fd[i] = -1;
	if (call->hook->runtime == RUNTIME_IN_PROCESS)
		err_set(&why, E_FAILED, "in-process handler '%s' not"
		    " registered", call->hook->name);
	else if (call->invocation.n > (size_t)call->payload_max)
		err_set(&why, E_FAILED, "hook payload exceeds max size: %zu >"
		    " %lld", call->invocation.n, (long long)call->payload_max);
	else if (make_pipes(r, fds, &why) == 0)
		rc = spawn(r, fds, &why);
	for (int i = IN; i <= ERR; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (rc < 0) {
		result->error = xstrdup(why.text);
		run_free(r);
		return NULL;
	}
	watch(r);
	return r;
}
