#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/jput.h"
#include "base/proc.h"
#include "base/util.h"
#include "runner/pool.h"
#include "runner/wire.h"

#define ANSWER_MAX ((size_t)256 << 20)	/* bytes of a worker's line */
#define LINGER_MS 1000	/* between a worker's last word and its end */
#define NUDGE_MS 20	/* an interrupt came before its run: say it again */
#define STUCK_MS 30000	/* from an interrupt to its run's end: then it is ended by force */
#define END_MS 500	/* for a run that is told to end with the pool */

struct job {
	TAILQ_ENTRY(job) link;
	struct pool *pool;
	struct worker *worker;	/* NULL: it waits */
	struct job_hooks hooks;
	char session[UUID_LEN + 1];
	unsigned long id;
	char *members;		/* behind the opening brace; until it was sent */
	size_t n;
};

struct worker {
	TAILQ_ENTRY(worker) link;
	struct pool *pool;
	pid_t pid;
	struct wire *wire;	/* NULL: it said its last word */
	struct job *job;
	struct event *timer;	/* to kill it, or to interrupt again */
	unsigned jobs, looked;	/* looked at its size after so many */
	bool retired;		/* gets no more jobs */
	bool interrupting;
	int64_t patience;	/* how long, by the monotonic clock */
	char last[UUID_LEN + 1];	/* session of its last job */
};

struct pool {
	struct pool_opts o;
	TAILQ_HEAD(pool_jobs, job) queue;	/* waiting, oldest first */
	TAILQ_HEAD(pool_workers, worker) workers;	/* the one used last first */
	size_t n_workers;
	uint64_t started, crashed;
	unsigned long next_id;
	struct event *child;		/* SIGCHLD */
	struct event *kick;		/* look at the queue */
};

/* ---- the end of a job ---- */

static void
job_free(struct job *j)
{
	free(j->members);
	free(j);
}

static void
finish(struct job *j, struct jtext answer, const struct err *e)
{
	struct worker *w = j->worker;
	struct job_hooks hooks = j->hooks;

	if (w) {
		w->job = NULL;
		w->interrupting = false;
		event_active(w->pool->kick, 0, 0);
	}
	job_free(j);
	hooks.done(hooks.arg, answer, e);
}

void
job_drop(struct job *j)
{
	TAILQ_REMOVE(&j->pool->queue, j, link);
	job_free(j);
}

/* ---- a worker's end ---- */

static void
worker_free(struct worker *w)
{
	TAILQ_REMOVE(&w->pool->workers, w, link);
	w->pool->n_workers--;
	event_free(w->timer);
	wire_free(w->wire);
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
		finish(j, JTEXT_NONE, &e);
	}
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct pool *p = arg;
	struct worker *w = TAILQ_FIRST(&p->workers), *next;
	int status;

	(void)sig;
	(void)what;
	for (; w; w = next) {
		next = TAILQ_NEXT(w, link);
		/* Its last words first: their end is seen by the wire. */
		if (!w->wire && proc_poll(w->pid, &status))
			reaped(w, status);
	}
}

static void
set_timer(struct worker *w, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(w->timer, &tv);
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
	set_timer(w, LINGER_MS);
	/* It may have ended before its wire did. */
	event_active(w->pool->child, EV_SIGNAL, 1);
}

/* ---- what a worker says ---- */

static void
put_interrupt(struct worker *w)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"id\":\"i\",\"op\":\"interrupt\",\"session\":\"%s\"}\n",
	    w->job->session);
	wire_put(w->wire, b.p, b.n);
	buf_free(&b);
	set_timer(w, (int)w->pool->o.stuck_ms);
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
			set_timer(w, NUDGE_MS);
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
		if (hooks->event)
			hooks->event(hooks->arg, p, n - 1);
	} else if (starts(&p, &n, ",\"tool\":")) {
		if (hooks->tool)
			hooks->tool(hooks->arg, json_slice(p, n - 1));
	} else {
		finish(w->job, json_slice(line, all), NULL);
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

/* ---- starting ---- */

static struct worker *
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

/* No more jobs: at the end of its input it exits. */
static void
retire(struct worker *w)
{
	w->retired = true;
	wire_hang_up(w->wire);
}

static bool
worn_out(struct worker *w)
{
	const struct pool_opts *o = &w->pool->o;
	bool looked = w->looked == w->jobs;

	w->looked = w->jobs;
	return w->jobs >= o->recycle ||
	    (!looked && proc_resident(w->pid) > o->too_large);
}

static void
give(struct worker *w, struct job *j)
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
	free(j->members);
	j->members = NULL;
	TAILQ_REMOVE(&w->pool->workers, w, link);
	TAILQ_INSERT_HEAD(&w->pool->workers, w, link);
}

/* One that ran this session last knows it best. */
static struct worker *
idle_worker(struct pool *p, const char *session)
{
	struct worker *w, *any = NULL;

	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link)) {
		if (w->job || w->retired)
			continue;
		if (!strcmp(w->last, session))
			return w;
		if (!any)
			any = w;
	}
	return any;
}

static const struct worker *
runs(const struct pool *p, const char *session)
{
	const struct worker *w;

	if (*session)
		for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link))
			if (w->job && !strcmp(w->job->session, session))
				return w;
	return NULL;
}

/* Give out what can run now. */
static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct err e = ERR_NONE;
	struct worker *w, *after;
	struct job *j, *next;

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&p->workers); w; w = after) {
		after = TAILQ_NEXT(w, link);
		if (!w->job && !w->retired && worn_out(w))
			retire(w);
	}
	for (j = TAILQ_FIRST(&p->queue); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (runs(p, j->session))
			continue;
		w = idle_worker(p, j->session);
		if (!w && p->n_workers >= p->o.max)
			break;
		if (!w && !(w = worker_new(p, &e))) {
			TAILQ_REMOVE(&p->queue, j, link);
			event_active(p->kick, 0, 0);
			finish(j, JTEXT_NONE, &e);
			return;
		}
		give(w, j);
	}
}

/* ---- the public side ---- */

struct job *
pool_run(struct pool *p, const char *session, struct jtext members,
    const struct job_hooks *hooks)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->pool = p;
	j->hooks = *hooks;
	j->id = p->next_id++;
	j->n = members.n - 1;
	j->members = xstrndup(members.p + 1, j->n);
	snprintf(j->session, sizeof j->session, "%s", session);
	TAILQ_INSERT_TAIL(&p->queue, j, link);
	event_active(p->kick, 0, 0);
	return j;
}

bool
job_running(const struct job *j)
{
	return j->worker != NULL;
}

/* Something about a job, to its worker; nobody looks at the answer. */
static void
tell(struct job *j, struct buf *b)
{
	jput_close(b, '}');
	buf_putc(b, '\n');
	if (j->worker && j->worker->wire)
		wire_put(j->worker->wire, b->p, b->n);
	buf_free(b);
}

static void
tell_begin(struct buf *b, const char *op)
{
	jput_open(b, '{');
	jput_kcstr(b, "id", "t");
	jput_kcstr(b, "op", op);
}

void
job_tool_result(struct job *j, struct jtext tool_use_id,
    struct jtext content, bool is_error)
{
	struct buf b = BUF_INIT;

	tell_begin(&b, "tool_result");
	jput_kraw(&b, "tool_use_id", tool_use_id.p, tool_use_id.n);
	jput_kraw(&b, "content", content.p, content.n);
	jput_kbool(&b, "is_error", is_error);
	tell(j, &b);
}

/* In the members that wait to be sent: of two, the last counts. */
static void
amend(struct job *j, struct jtext tools)
{
	struct buf b = BUF_INIT;

	buf_put(&b, j->members, j->n - 1);
	buf_puts(&b, ",\"tools\":");
	buf_put(&b, tools.p, tools.n);
	buf_putc(&b, '}');
	free(j->members);
	j->n = b.n;
	j->members = buf_steal(&b);
}

void
job_offer(struct job *j, struct jtext tools)
{
	struct buf b = BUF_INIT;

	if (j->members) {
		amend(j, tools);
		return;
	}
	tell_begin(&b, "tools");
	jput_ki64(&b, "run", (int64_t)j->id);
	jput_kraw(&b, "tools", tools.p, tools.n);
	tell(j, &b);
}

static void
interrupt(struct worker *w)
{
	if (!w->job || !w->wire || !*w->job->session || w->interrupting)
		return;
	w->interrupting = true;
	w->patience = time_mono_ms() + (int64_t)w->pool->o.stuck_ms;
	put_interrupt(w);
}

bool
pool_interrupt(struct pool *p, const char *session)
{
	struct worker *w;

	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link))
		if (w->job && !strcmp(w->job->session, session)) {
			interrupt(w);
			return true;
		}
	return false;
}

void
pool_stop(struct pool *p)
{
	struct worker *w;

	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link)) {
		if (w->job && w->wire)
			proc_kill(w->pid, SIGTERM);
	}
}

void
pool_count(const struct pool *p, struct pool_counts *c)
{
	const struct worker *w;
	const struct job *j;

	*c = (struct pool_counts){ .workers = p->n_workers,
	    .started = p->started, .crashed = p->crashed };
	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link))
		c->running += w->job != NULL;
	for (j = TAILQ_FIRST(&p->queue); j; j = TAILQ_NEXT(j, link)) {
		c->waiting++;
	}
}

bool
pool_has(const struct pool *p, const char *session)
{
	const struct job *j;

	for (j = TAILQ_FIRST(&p->queue); j; j = TAILQ_NEXT(j, link))
		if (!strcmp(j->session, session))
			return true;
	return runs(p, session) != NULL;
}

struct pool *
pool_new(const struct pool_opts *o)
{
	struct pool *p = xcalloc(1, sizeof *p);

	p->o = *o;
	if (!p->o.stuck_ms)
		p->o.stuck_ms = STUCK_MS;
	p->next_id = 1;
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->workers);
	p->child = evsignal_new(o->base, SIGCHLD, on_child, p);
	p->kick = event_new(o->base, -1, 0, on_kick, p);
	event_add(p->child, NULL);
	return p;
}

void
pool_free(struct pool *p)
{
	struct worker *w;
	struct job *j;

	if (!p)
		return;
	/* All are told before any is waited for. */
	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link)) {
		proc_kill(w->pid, SIGTERM);
	}
	while ((w = TAILQ_FIRST(&p->workers))) {
		proc_end(w->pid, END_MS);
		if (w->job)
			job_free(w->job);
		worker_free(w);
	}
	while ((j = TAILQ_FIRST(&p->queue)))
		job_drop(j);
	event_free(p->child);
	event_free(p->kick);
	free(p);
}
