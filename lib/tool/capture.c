#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "tool/builtin.h"
#include "tool/capture.h"

#define GRACE_MS 2000
/* Read per turn of the loop, so that a firehose does not starve the rest. */
#define GULP 65536
/* What a pipe can hold when its writers are dead; more comes from elsewhere. */
#define PIPE_MOST (4 << 20)

enum { OUT, ERR, PID };

/* ---- the last bytes ---- */

void
tail_cut(struct tail *t)
{
	size_t cut, i;

	if (t->b.n <= t->keep)
		return;
	cut = t->b.n - t->keep;
	/* Do not begin inside a character. */
	for (i = 0; i < 3 && cut < t->b.n &&
	    ((unsigned char)t->b.p[cut] & 0xc0) == 0x80; i++)
		cut++;
	buf_drop(&t->b, cut);
}

static void
tail_add(struct tail *t, size_t n)
{
	t->b.n += n;
	t->total += (int64_t)n;
	buf_end(&t->b);
	if (t->b.n > 2 * t->keep)
		tail_cut(t);
}

bool
text_lossy(const char *p, size_t n, struct buf *out)
{
	bool lossy = false;

	while (n > 0) {
		size_t good = utf8_prefix(p, n);

		buf_put(out, p, good);
		p += good;
		n -= good;
		if (n > 0) {
			buf_puts(out, "\xef\xbf\xbd");
			lossy = true;
			p++;
			n--;
		}
	}
	return lossy;
}

/* ---- reading ---- */

static void
shut(struct capture *c, int i)
{
	loop_unwatch(c->watch[i]);
	c->watch[i] = NULL;
	if (c->fd[i] >= 0)
		close(c->fd[i]);
	c->fd[i] = -1;
}

/* One read; false at the end or when nothing is there. */
static bool
gulp(struct capture *c, int i)
{
	struct tail *t = i == OUT ? &c->out : &c->err;
	ssize_t n = read(c->fd[i], buf_room(&t->b, GULP), GULP);

	if (n > 0) {
		tail_add(t, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		shut(c, i);
	return false;
}

static void
on_output(void *arg, int fd, short revents)
{
	struct capture *c = arg;

	(void)revents;
	gulp(c, fd == c->fd[OUT] ? OUT : ERR);
}

static void
untime(struct loop_timer **t)
{
	loop_untimer(*t);
	*t = NULL;
}

static void
finish(struct capture *c)
{
	for (int i = OUT; i <= ERR; i++) {
		int64_t most = c->out.total + c->err.total + PIPE_MOST;

		while (c->fd[i] >= 0 && c->out.total + c->err.total < most &&
		    gulp(c, i))
			;
	}
	for (int i = OUT; i <= PID; i++)
		shut(c, i);
	untime(&c->limit);
	untime(&c->kill);
	untime(&c->look);
	tail_cut(&c->out);
	tail_cut(&c->err);
	c->duration_ms = time_mono_ms() - c->started_ms;
	c->over = true;
	if (c->done)
		c->done(c->arg, c);
	else
		capture_free(c);
}

static void
on_end(void *arg, int fd, short revents)
{
	struct capture *c = arg;

	(void)fd;
	(void)revents;
	if (proc_poll(c->pid, &c->status))
		finish(c);
}

/* Without a pidfd. */
static void
on_look(void *arg)
{
	struct capture *c = arg;

	c->look = NULL;
	if (proc_poll(c->pid, &c->status))
		finish(c);
	else
		c->look = loop_timer(c->t->env->loop, 10, on_look, c);
}

/* ---- ending ---- */

static void
on_kill(void *arg)
{
	struct capture *c = arg;

	c->kill = NULL;
	proc_kill(c->pid, SIGKILL);
}

static void
terminate(struct capture *c)
{
	untime(&c->limit);
	if (c->over || c->kill)
		return;
	proc_kill(c->pid, SIGTERM);
	c->kill = loop_timer(c->t->env->loop, GRACE_MS, on_kill, c);
}

static void
on_limit(void *arg)
{
	struct capture *c = arg;

	c->limit = NULL;
	c->timed_out = true;
	terminate(c);
}

void
capture_stop(struct capture *c)
{
	c->stopped = true;
	terminate(c);
}

void
capture_abandon(struct capture *c)
{
	c->done = NULL;
	capture_stop(c);
}

void
capture_free(struct capture *c)
{
	struct capture **p;

	if (!c)
		return;
	for (p = &c->t->captures; *p && *p != c; p = &(*p)->next)
		;
	if (*p)
		*p = c->next;
	for (int i = OUT; i <= PID; i++)
		shut(c, i);
	untime(&c->limit);
	untime(&c->kill);
	untime(&c->look);
	if (!c->over && c->pid > 0)
		proc_end(c->pid, 0);
	buf_free(&c->out.b);
	buf_free(&c->err.b);
	free(c);
}

void
capture_end_all(struct tools *t, int64_t grace_ms)
{
	int64_t end = time_mono_ms() + grace_ms;

	for (struct capture *c = t->captures; c; c = c->next)
		if (!c->over)
			proc_kill(c->pid, SIGTERM);
	for (struct capture *c = t->captures; c; c = c->next)
		while (!c->over && !(c->over = proc_poll(c->pid, &c->status)) &&
		    time_mono_ms() < end)
			poll(&(struct pollfd){ .fd = c->fd[PID],
			    .events = POLLIN }, 1, 5);
	for (struct capture *c = t->captures, *next; c; c = next) {
		next = c->next;
		if (!c->over)
			proc_end(c->pid, 0);
		c->over = true;
		if (!c->done)
			capture_free(c);
	}
}

/* ---- starting ---- */

struct capture *
capture_start(struct tools *t, struct proc_spec *spec, int64_t limit_ms,
    size_t keep, void (*done)(void *, struct capture *), void *arg,
    struct err *e)
{
	struct capture *c = xcalloc(1, sizeof *c);
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, rc = -1;

	*c = (struct capture){ .t = t, .next = t->captures, .done = done,
	    .arg = arg, .out.keep = keep, .err.keep = keep,
	    .started_ms = time_mono_ms(), .limit_ms = limit_ms,
	    .fd = { -1, -1, -1 } };
	t->captures = c;
	if (proc_pipe(out, e) < 0 || proc_pipe(err, e) < 0)
		goto done;
	spec->in = -1;
	spec->out = out[1];
	spec->err = err[1];
	if (proc_spawn(spec, &c->pid, e) < 0) {
		c->pid = 0;
		goto done;
	}
	c->fd[OUT] = out[0];
	c->fd[ERR] = err[0];
	c->fd[PID] = proc_fd(c->pid);
	out[0] = err[0] = -1;
	for (int i = OUT; i <= ERR; i++) {
		fcntl(c->fd[i], F_SETFL, O_NONBLOCK);
		c->watch[i] = loop_watch(t->env->loop, c->fd[i], POLLIN,
		    on_output, c);
	}
	if (c->fd[PID] >= 0)
		c->watch[PID] = loop_watch(t->env->loop, c->fd[PID], POLLIN,
		    on_end, c);
	else
		c->look = loop_timer(t->env->loop, 10, on_look, c);
	if (limit_ms > 0)
		c->limit = loop_timer(t->env->loop, limit_ms, on_limit, c);
	rc = 0;
done:
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (err[i] >= 0)
			close(err[i]);
	}
	if (rc == 0)
		return c;
	capture_free(c);
	return NULL;
}
