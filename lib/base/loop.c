#include <poll.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/util.h"

struct loop_fd {
	struct loop *loop;
	struct loop_fd *next;
	int fd;
	short events;
	bool dead;
	void (*cb)(void *, int, short);
	void *arg;
};

struct loop_timer {
	struct loop *loop;
	struct loop_timer *next;
	int64_t due;
	void (*cb)(void *);
	void *arg;
};

struct loop {
	struct loop_fd *fds;
	struct loop_timer *timers;	/* by due */
	int depth;			/* callbacks under way: dead watches are freed at 0 */
};

struct loop *
loop_new(void)
{
	return xcalloc(1, sizeof(struct loop));
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->fds) {
		struct loop_fd *w = l->fds;

		l->fds = w->next;
		free(w);
	}
	while (l->timers) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		free(t);
	}
	free(l);
}

struct loop_fd *
loop_watch(struct loop *l, int fd, short events,
    void (*cb)(void *, int, short), void *arg)
{
	struct loop_fd *w = xcalloc(1, sizeof *w);

	*w = (struct loop_fd){ .loop = l, .next = l->fds, .fd = fd,
	    .events = events, .cb = cb, .arg = arg };
	l->fds = w;
	return w;
}

void
loop_set(struct loop_fd *w, short events)
{
	w->events = events;
}

static void
sweep(struct loop *l)
{
	for (struct loop_fd **p = &l->fds, *w; (w = *p); ) {
		if (w->dead) {
			*p = w->next;
			free(w);
		} else {
			p = &w->next;
		}
	}
}

void
loop_unwatch(struct loop_fd *w)
{
	if (!w)
		return;
	w->dead = true;
	if (!w->loop->depth)
		sweep(w->loop);
}

struct loop_timer *
loop_timer(struct loop *l, int64_t ms, void (*cb)(void *), void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof *t), **p;

	*t = (struct loop_timer){ .loop = l, .due = time_mono_ms() + ms,
	    .cb = cb, .arg = arg };
	for (p = &l->timers; *p && (*p)->due <= t->due; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
	return t;
}

void
loop_untimer(struct loop_timer *t)
{
	struct loop_timer **p;

	if (!t)
		return;
	for (p = &t->loop->timers; *p && *p != t; p = &(*p)->next)
		;
	if (*p)
		*p = t->next;
	free(t);
}

/* Milliseconds to sleep: the nearer of max_ms and the first timer. */
static int
patience(const struct loop *l, int64_t max_ms)
{
	int64_t ms = max_ms;

	if (l->timers) {
		int64_t left = l->timers->due - time_mono_ms();

		if (left < 0)
			left = 0;
		if (ms < 0 || left < ms)
			ms = left;
	}
	return ms < 0 ? -1 : ms > 3600000 ? 3600000 : (int)ms;
}

static int
run_timers(struct loop *l)
{
	int64_t now = time_mono_ms();
	int ran = 0;

	while (l->timers && l->timers->due <= now) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->cb(t->arg);
		free(t);
		ran++;
	}
	return ran;
}

static nfds_t
collect(struct loop *l, struct pollfd **pfds, struct loop_fd ***ws)
{
	nfds_t n = 0, i = 0;

	for (struct loop_fd *w = l->fds; w; w = w->next)
		n++;
	*pfds = xcalloc(n, sizeof **pfds);
	*ws = xcalloc(n, sizeof **ws);
	for (struct loop_fd *w = l->fds; w; w = w->next) {
		if (w->dead)
			continue;
		(*pfds)[i] = (struct pollfd){ .fd = w->fd, .events = w->events };
		(*ws)[i++] = w;
	}
	return i;
}

int
loop_once(struct loop *l, int64_t max_ms)
{
	struct pollfd *pfds;
	struct loop_fd **ws;
	nfds_t n = collect(l, &pfds, &ws);
	int ready, ran = 0;

	ready = poll(pfds, n, patience(l, max_ms));
	l->depth++;
	for (nfds_t i = 0; ready > 0 && i < n; i++) {
		if (!pfds[i].revents || ws[i]->dead)
			continue;
		ws[i]->cb(ws[i]->arg, pfds[i].fd, pfds[i].revents);
		ran++;
	}
	ran += run_timers(l);
	if (--l->depth == 0)
		sweep(l);
	free(pfds);
	free(ws);
	return ran;
}
