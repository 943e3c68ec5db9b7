#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/buf.h"
#include "base/jput.h"
#include "base/proc.h"
#include "runner/pool_impl.h"
#include "runner/wire.h"

#define STUCK_MS 30000	/* from an interrupt to its run's end: then it is ended by force */
#define END_MS 500	/* for a run that is told to end with the pool */
#define LOOK_FIRST_MS 20	/* is its session still with another process? */
#define LOOK_LAST_MS 200

/* ---- the end of a job ---- */

void
job_free(struct job *j)
{
	free(j->members);
	free(j);
}

static void
leave_worker(struct job *j)
{
	if (!j->worker)
		return;
	j->worker->job = NULL;
	j->worker->interrupting = false;
	j->worker = NULL;
	event_active(j->pool->kick, 0, 0);
}

void
job_finish(struct job *j, struct jtext answer, const struct err *e)
{
	struct job_hooks hooks = j->hooks;

	leave_worker(j);
	job_free(j);
	hooks.done(hooks.arg, answer, e);
}

static void
set_due(struct job *j)
{
	int64_t ms = (int64_t)LOOK_FIRST_MS << j->looks;

	if (ms < LOOK_LAST_MS)
		j->looks++;
	else
		ms = LOOK_LAST_MS;
	j->due = time_mono_ms() + ms;
}

bool
job_put_off(struct job *j)
{
	struct pool *p = j->pool;

	if (!j->hooks.waits || !j->members || j->worker->interrupting ||
	    p->stopped)
		return false;
	set_due(j);
	j->id = p->next_id++;
	leave_worker(j);
	TAILQ_INSERT_HEAD(&p->queue, j, link);
	return true;
}

void
job_drop(struct job *j)
{
	TAILQ_REMOVE(&j->pool->queue, j, link);
	job_free(j);
}

/* ---- who runs what ---- */

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

/* Is it, or one that came before it to its session, put off until later? */
static bool
is_put_off(const struct pool *p, const struct job *of, int64_t now)
{
	const struct job *j;

	for (j = TAILQ_FIRST(&p->queue); j && j->due; j = TAILQ_NEXT(j, link))
		if (j->due > now && !strcmp(j->session, of->session))
			return true;
	return false;
}

/* With another process?  Then a job that waits is put off. */
static bool
is_elsewhere(struct pool *p, struct job *j)
{
	if (!j->hooks.waits || !p->o.held || !p->o.held(p->o.arg, j->session))
		return false;
	TAILQ_REMOVE(&p->queue, j, link);
	TAILQ_INSERT_HEAD(&p->queue, j, link);
	set_due(j);
	return true;
}

/* Look again when the first of those put off is due. */
static void
set_timer(struct pool *p, int64_t now)
{
	const struct job *j;
	int64_t first = INT64_MAX;

	for (j = TAILQ_FIRST(&p->queue); j && j->due; j = TAILQ_NEXT(j, link))
		if (j->due > now && j->due < first)
			first = j->due;
	if (first < INT64_MAX)
		event_after(p->kick, first - now);
}

/* Give out what can run now. */
static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct err e = ERR_NONE;
	struct worker *w, *after;
	struct job *j, *next;
	int64_t now = time_mono_ms();

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&p->workers); w; w = after) {
		after = TAILQ_NEXT(w, link);
		if (!w->job && !w->retired && worker_worn_out(w))
			worker_retire(w);
	}
	for (j = TAILQ_FIRST(&p->queue); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (runs(p, j->session) || is_put_off(p, j, now))
			continue;
		w = idle_worker(p, j->session);
		if (!w && p->n_workers >= p->o.max)
			break;
		if (is_elsewhere(p, j))
			continue;
		if (!w && !(w = worker_new(p, &e))) {
			TAILQ_REMOVE(&p->queue, j, link);
			event_active(p->kick, 0, 0);
			job_finish(j, JTEXT_NONE, &e);
			return;
		}
		worker_give(w, j);
	}
	set_timer(p, now);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	workers_reap(arg);
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

	if (j->members)
		amend(j, tools);
	if (!j->worker)
		return;
	tell_begin(&b, "tools");
	jput_ki64(&b, "run", (int64_t)j->id);
	jput_kraw(&b, "tools", tools.p, tools.n);
	tell(j, &b);
}

bool
pool_interrupt(struct pool *p, const char *session)
{
	struct worker *w;

	for (w = TAILQ_FIRST(&p->workers); w; w = TAILQ_NEXT(w, link))
		if (w->job && !strcmp(w->job->session, session)) {
			worker_interrupt(w);
			return true;
		}
	return false;
}

void
pool_stop(struct pool *p)
{
	struct worker *w;

	p->stopped = true;
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
