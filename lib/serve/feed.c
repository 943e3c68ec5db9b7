#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <event2/event.h>

#include "serve/feed_impl.h"
#include "store/eventfile.h"

#define TURN_BYTES ((size_t)2 << 20)	/* given out in one turn of the event loop */
#define SCRATCH ((size_t)1 << 20)	/* what a long line may leave allocated */
#define LOOK_S 1			/* where inotify does not help */

/* ---- work ---- */

static void
set_timer(struct feeds *s)
{
	static const struct timeval now = { 0, 0 }, later = { LOOK_S, 0 };

	/* Not event_active: what is ready on descriptors comes in between. */
	if (!TAILQ_EMPTY(&s->work))
		event_add(s->timer, &now);
	else if (s->blind && !TAILQ_EMPTY(&s->logs))
		event_add(s->timer, &later);
	else
		event_del(s->timer);
}

void
cursor_queue(struct cursor *c)
{
	struct feeds *s = c->log->s;

	if (c->queued)
		return;
	c->queued = true;
	TAILQ_INSERT_TAIL(&s->work, c, link);
	set_timer(s);
}

void
cursor_unqueue(struct cursor *c)
{
	if (c->queued)
		TAILQ_REMOVE(&c->log->s->work, c, link);
	c->queued = false;
}

/* ---- giving out ---- */

static void
feed_free(struct feed *f)
{
	struct log *l = f->log;

	cursor_unqueue(&f->own);
	TAILQ_REMOVE(&l->feeds, f, link);
	free(f);
	if (TAILQ_EMPTY(&l->feeds))
		log_free(l);
}

static void
enter(struct feeds *s)
{
	s->depth++;
}

/* Free what was closed meanwhile. */
static void
leave(struct feeds *s)
{
	struct log *l, *next_log;
	struct feed *f, *next;

	if (--s->depth || !s->sweep)
		return;
	s->sweep = false;
	for (l = TAILQ_FIRST(&s->logs); l; l = next_log) {
		next_log = TAILQ_NEXT(l, link);
		for (f = TAILQ_FIRST(&l->feeds); f; f = next) {
			next = TAILQ_NEXT(f, link);
			if (f->closed)
				feed_free(f);	/* the last one frees l */
		}
	}
}

/* The line before `next`. */
static size_t
give(struct feed *f, struct jtext line, int64_t seq, off_t next)
{
	if (seq <= f->after)
		return 0;
	f->after = seq;
	if (!f->hooks.line(f->hooks.arg, seq, line.p, line.n)) {
		f->state = FULL;
		f->own.at = next;
		cursor_unqueue(&f->own);
	}
	return line.n;
}

static size_t
give_all(struct log *l, struct jtext line, int64_t seq, off_t next)
{
	struct feed *f;
	size_t n = 0;

	for (f = TAILQ_FIRST(&l->feeds); f; f = TAILQ_NEXT(f, link)) {
		if (f->state == LIVE && !f->closed)
			n += give(f, line, seq, next);
	}
	return n;
}

/* Lines of a chunk, until nobody wants more; the cursor stands behind each that was given. */
static size_t
give_lines(struct cursor *c, const struct buf *b)
{
	const char *p = b->p, *end = b->p + b->n, *nl;
	size_t n = 0;

	for (; p < end; p = nl + 1) {
		struct jtext line;
		int64_t seq;

		if (c->feed && (c->feed->state != BEHIND || c->feed->closed))
			break;
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)	/* of a line that is too long */
			nl = end - 1;
		line = json_slice(p, (size_t)(nl - p));
		c->at += (off_t)line.n + 1;
		if (!eventfile_line(line, &seq))
			continue;
		n += c->feed ? give(c->feed, line, seq, c->at) :
		    give_all(c->log, line, seq, c->at);
	}
	return n;
}

static bool
any_live(const struct log *l)
{
	struct feed *f;

	for (f = TAILQ_FIRST(&l->feeds); f; f = TAILQ_NEXT(f, link)) {
		if (f->state == LIVE && !f->closed)
			return true;
	}
	return false;
}

/* The tail waits where it is while there is nobody to hear it. */
static void
catch_up(struct feed *f)
{
	struct log *l = f->log;

	if (f->own.at > l->tail.at && !any_live(l))
		l->tail.at = f->own.at;
	f->state = LIVE;
	cursor_queue(&l->tail);
}

/* One read; did it bring anything? */
static bool
read_on(struct cursor *c, size_t *given)
{
	struct feeds *s = c->log->s;
	struct buf b = s->scratch;
	bool some;

	s->scratch = (struct buf)BUF_INIT;
	buf_trunc(&b, 0);
	some = c->log->fd >= 0 && eventfile_read(c->log->fd, c->at, &b) > 0;
	if (some)
		*given += b.n + give_lines(c, &b);
	if (b.cap <= SCRATCH && !s->scratch.p)
		s->scratch = b;
	else
		buf_free(&b);
	return some;
}

/* False: nothing more for now. */
static bool
pump(struct cursor *c, size_t *given)
{
	struct feed *f = c->feed;
	bool some;

	if (!f && !any_live(c->log))
		return false;
	some = read_on(c, given);
	if (!f) {
		if (!some)
			log_shrunk(c->log);
		return some;
	}
	if (f->closed || f->state != BEHIND)
		return false;
	if (!some || c->at >= c->log->tail.at) {
		catch_up(f);
		return false;
	}
	return true;
}

static void
work(struct feeds *s)
{
	struct cursor *c;
	size_t given = 0;

	enter(s);
	while (given < TURN_BYTES && (c = TAILQ_FIRST(&s->work))) {
		cursor_unqueue(c);
		if (pump(c, &given))
			cursor_queue(c);
	}
	leave(s);
	set_timer(s);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct feeds *s = arg;

	(void)fd;
	(void)what;
	logs_notified(s);
	work(s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct feeds *s = arg;

	(void)fd;
	(void)what;
	if (s->blind && TAILQ_EMPTY(&s->work))
		logs_look(s);
	work(s);
}

void
feeds_pump(struct feeds *s, const char *session)
{
	struct log *l = log_find(s, session);
	struct feed *f;
	size_t given = 0;

	if (!l)
		return;
	if (l->fd < 0)
		log_appear(l);
	enter(s);
	while (pump(&l->tail, &given))
		;
	for (f = TAILQ_FIRST(&l->feeds); f; f = TAILQ_NEXT(f, link)) {
		while (f->state == BEHIND && !f->closed)
			pump(&f->own, &given);
	}
	leave(s);
}

/* ---- feeds ---- */

struct feeds *
feeds_new(struct event_base *base, const struct realm *r)
{
	struct feeds *s = xcalloc(1, sizeof *s);

	s->realm = r;
	TAILQ_INIT(&s->logs);
	TAILQ_INIT(&s->work);
	s->timer = evtimer_new(base, on_timer, s);
	s->dir_watch = -1;
	s->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->notify >= 0) {
		s->readable = event_new(base, s->notify, EV_READ | EV_PERSIST,
		    on_readable, s);
		event_add(s->readable, NULL);
	}
	return s;
}

void
feeds_free(struct feeds *s)
{
	struct log *l;

	if (!s)
		return;
	while ((l = TAILQ_FIRST(&s->logs)))
		feed_free(TAILQ_FIRST(&l->feeds));
	if (s->readable)
		event_free(s->readable);
	event_free(s->timer);
	if (s->notify >= 0)
		close(s->notify);
	buf_free(&s->scratch);
	free(s);
}

/* Where it begins.  A place that the log has not reached is its end: nobody waits in silence. */
static void
place(struct feed *f, int64_t after)
{
	struct log *l = f->log;
	int64_t last = l->fd < 0 ? 0 : eventfile_seq(l->fd);

	f->after = after < 0 || after > last ? last : after;
	f->state = LIVE;
	if (f->after < last) {
		f->own.at = eventfile_find(l->fd, f->after);
		f->state = BEHIND;
		cursor_queue(&f->own);
	}
}

struct feed *
feed_open(struct feeds *s, const char *session, int64_t after,
    const struct feed_hooks *hooks, struct err *e)
{
	struct log *l = log_find(s, session);
	struct feed *f;
	int why;

	if (!l) {
		l = log_new(s, session);
		why = errno;
		if (l->fd < 0 && why != ENOENT) {
			errno = why;
			err_sys(e, E_STORAGE_ERROR, "%s", l->path);
			log_free(l);
			return NULL;
		}
	}
	f = xcalloc(1, sizeof *f);
	f->hooks = *hooks;
	f->log = f->own.log = l;
	f->own.feed = f;
	TAILQ_INSERT_TAIL(&l->feeds, f, link);
	place(f, after);
	set_timer(s);
	return f;
}

void
feed_resume(struct feed *f)
{
	if (f->state != FULL || f->closed)
		return;
	f->state = BEHIND;
	cursor_queue(&f->own);
}

void
feed_close(struct feed *f)
{
	if (!f)
		return;
	if (f->log->s->depth) {
		f->closed = f->log->s->sweep = true;
		cursor_unqueue(&f->own);
	} else
		feed_free(f);
}
