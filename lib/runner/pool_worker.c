#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/proc.h"
#include "runner/pool_impl.h"
#include "runner/wire.h"

#define ANSWER_MAX ((size_t)256 << 20)	/* bytes of a worker's line */
#define LINGER_MS 1000	/* between a worker's last word and its end */
#define NUDGE_MS 20	/* an interrupt came before its run: say it again */

/* ---- its end ---- */

void
worker_free(struct worker *w)
{
	TAILQ_REMOVE(&w->pool->workers, w, link);
	w->pool->n_workers--;
	event_free(w->timer);
	wire_free(w->wire);
	if (w->memory >= 0)
		close(w->memory);
	free(w);
}

static void
reaped(struct worker *w, int status)
{
	struct err e = ERR_NONE;
	struct job *j = w->job;

	if (j && WIFSIGNALED(status))
		err_set(&e, E_INTERNAL_ERROR,
		    "the turn's process was ended by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (j)
		err_set(&e, E_INTERNAL_ERROR, "the turn's process ended with "
		    "status %d before it answered", WEXITSTATUS(status));
	e.retryable = true;
	w->pool->crashed += j != NULL;
	event_active(w->pool->kick, 0, 0);
	worker_free(w);
	if (j) {
		j->worker = NULL;
		job_finish(j, JTEXT_NONE, &e);
	}
}

void
workers_reap(struct pool *p)
{
	struct worker *w = TAILQ_FIRST(&p->workers), *next;
	int status;

	for (; w; w = next) {
		next = TAILQ_NEXT(w, link);
		/* Its last words first: their end is seen by the wire. */
		if (!w->wire && proc_poll(w->pid, &status))
			reaped(w, status);
	}
}

static void
on_ended(void *arg, bool broken)
{
	struct worker *w = arg;

	if (broken)	/* its output tells the rest */
		return;
	w->retired = true;
	wire_free(w->wire);
	w->wire = NULL;
	event_after(w->timer, LINGER_MS);
	/* It may have ended before its wire did. */
	event_active(w->pool->child, EV_SIGNAL, 1);
}

/* ---- what it is told ---- */

void
worker_retire(struct worker *w)
{
	w->retired = true;
	wire_hang_up(w->wire);
}

/* It will not be sent again. */
static void
job_sent(struct job *j)
{
	free(j->members);
	j->members = NULL;
}

void
worker_give(struct worker *w, struct job *j)
{
	struct buf head = BUF_INIT;

	TAILQ_REMOVE(&w->pool->queue, j, link);
	j->worker = w;
	w->job = j;
	w->jobs++;
	memcpy(w->last, j->session, sizeof w->last);
	buf_printf(&head, "{\"id\":%lu,", j->id);
	wire_put(w->wire, head.p, head.n);
	wire_put(w->wire, j->members, j->n);
	wire_put(w->wire, "\n", 1);
	buf_free(&head);
	if (!j->hooks.waits)
		job_sent(j);
	TAILQ_REMOVE(&w->pool->workers, w, link);
	TAILQ_INSERT_HEAD(&w->pool->workers, w, link);
}

static void
put_interrupt(struct worker *w)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"id\":\"i\",\"op\":\"interrupt\",\"session\":\"%s\"}\n",
	    w->job->session);
	wire_put(w->wire, b.p, b.n);
	buf_free(&b);
	event_after(w->timer, w->pool->o.stuck_ms);
}

void
worker_interrupt(struct worker *w)
{
	if (!w->job || !w->wire || !*w->job->session || w->interrupting)
		return;
	w->interrupting = true;
	w->patience = time_mono_ms() + (int64_t)w->pool->o.stuck_ms;
	put_interrupt(w);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (!w->wire || (w->job && w->interrupting &&
	    time_mono_ms() >= w->patience))
		proc_kill(w->pid, SIGKILL);
	else if (w->job && w->interrupting)
		put_interrupt(w);
}

/* ---- what it says ---- */

static bool
starts(const char **p, size_t *n, const char *s)
{
	size_t len = strlen(s);

	if (*n < len || memcmp(*p, s, len))
		return false;
	*p += len;
	*n -= len;
	return true;
}

/* An answer behind its id: is the session with another process? */
static bool
is_busy(const char *p, size_t n)
{
	return starts(&p, &n, ",\"error\":") && json_str_is(json_get(
	    json_slice(p, n - 1), "code"), err_info(E_SESSION_BUSY)->name);
}

/*
 * {"id":7,"event":{...}}, {"id":7,"tool":{...}} or {"id":7,...}: only the id and which of
 * them it is are looked at; an event is handed on as the bytes that it is.
 */
static void
on_line(void *arg, const char *p, size_t n)
{
	struct worker *w = arg;
	const struct job_hooks *hooks;
	const char *line = p;
	size_t all = n;
	unsigned long id = 0;

	if (starts(&p, &n, "{\"id\":\"i\",")) {
		if (w->interrupting && memmem(p, n, "false", 5))
			event_after(w->timer, NUDGE_MS);
		return;
	}
	if (!starts(&p, &n, "{\"id\":"))
		return;
	for (; n && *p >= '0' && *p <= '9'; p++, n--)
		id = id * 10 + (unsigned long)(*p - '0');
	if (!w->job || w->job->id != id)
		return;
	hooks = &w->job->hooks;
	if (starts(&p, &n, ",\"event\":")) {
		job_sent(w->job);	/* it runs */
		if (hooks->event)
			hooks->event(hooks->arg, p, n - 1);
	} else if (starts(&p, &n, ",\"tool\":")) {
		if (hooks->tool)
			hooks->tool(hooks->arg, json_slice(p, n - 1));
	} else if (!is_busy(p, n) || !job_put_off(w->job)) {
		job_finish(w->job, json_slice(line, all), NULL);
	}
}

static void
on_too_long(void *arg)
{
	struct worker *w = arg;

	warn("a worker wrote more than %zu MiB in one line; it is ended",
	    ANSWER_MAX >> 20);
	proc_kill(w->pid, SIGKILL);
}

/* ---- its start and its wear ---- */

struct worker *
worker_new(struct pool *p, struct err *e)
{
	static const struct wire_hooks hooks = { .line = on_line,
	    .too_long = on_too_long, .ended = on_ended };
	struct wire_hooks h = hooks;
	struct proc_spec spec = { .argv = p->o.argv, .err = STDERR_FILENO };
	struct worker *w = NULL;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		err_sys(e, E_INTERNAL_ERROR, "socketpair");
		return NULL;
	}
	spec.in = spec.out = fds[1];
	if (proc_spawn(&spec, &pid, e) < 0) {
		close(fds[0]);
	} else {
		evutil_make_socket_nonblocking(fds[0]);
		w = xcalloc(1, sizeof *w);
		w->pool = p;
		w->pid = pid;
		w->memory = -1;
		h.arg = w;
		w->wire = wire_new(p->o.base, fds[0], fds[0], ANSWER_MAX, 0,
		    &h);
		w->timer = evtimer_new(p->o.base, on_timer, w);
		TAILQ_INSERT_HEAD(&p->workers, w, link);
		p->n_workers++;
		p->started++;
	}
	close(fds[1]);
	return w;
}

/* Once after each job. */
static bool
too_large(struct worker *w)
{
	if (w->looked == w->jobs)
		return false;
	w->looked = w->jobs;
	if (w->memory < 0)
		w->memory = proc_memory(w->pid);
	return proc_resident(w->memory) > w->pool->o.too_large;
}

bool
worker_worn_out(struct worker *w)
{
	return w->jobs >= w->pool->o.recycle || too_large(w);
}
