#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/util.h"
#include "serve/feed.h"
#include "store/eventfile.h"

/*
 * A session that is watched has one log with a cursor at its tail: what is read there
 * goes to every feed that keeps up.  A feed that is full, or begins further back, has
 * a cursor of its own until it has caught up.  A cursor is a place in the file; between
 * two reads nothing is kept in memory.
 */

#define TURN_BYTES ((size_t)2 << 20)	/* given out in one turn of the event loop */
#define SCRATCH ((size_t)1 << 20)	/* what a long line may leave allocated */
#define LOOK_S 1			/* where inotify does not help */

struct cursor {
	TAILQ_ENTRY(cursor) link;	/* of feeds.work, if queued */
	struct log *log;
	struct feed *feed;	/* NULL: the tail, for all that are live */
	off_t at;
	bool queued;
};

struct log {
	TAILQ_ENTRY(log) link;
	TAILQ_HEAD(log_feeds, feed) feeds;
	struct feeds *s;
	char *path, *name;	/* name: the end of path */
	char session[UUID_LEN + 1];
	int fd, watch;		/* -1: not there */
	struct cursor tail;
};

struct feed {
	TAILQ_ENTRY(feed) link;
	struct feed_hooks hooks;
	struct log *log;
	struct cursor own;	/* its place, unless it is live */
	int64_t after;		/* lines up to here are not wanted any more */
	enum { LIVE, BEHIND, FULL } state;
	bool closed;		/* to be freed when nobody walks */
};

struct feeds {
	const struct realm *realm;
	TAILQ_HEAD(feeds_logs, log) logs;
	TAILQ_HEAD(feeds_work, cursor) work;
	struct event *readable;		/* of inotify */
	struct event *timer;		/* to go on with the work, or to look */
	int notify, dir_watch;
	size_t n_waiting;		/* logs without a file */
	bool blind;			/* something could not be watched */
	int depth;			/* walks over feeds under way */
	bool sweep;			/* some are closed */
	struct buf scratch;
};

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

static void
queue(struct cursor *c)
{
	struct feeds *s = c->log->s;

	if (c->queued)
		return;
	c->queued = true;
	TAILQ_INSERT_TAIL(&s->work, c, link);
	set_timer(s);
}

static void
unqueue(struct cursor *c)
{
	if (c->queued)
		TAILQ_REMOVE(&c->log->s->work, c, link);
	c->queued = false;
}

/* ---- files and watches ---- */

static void
watch_dir(struct log *l)
{
	struct feeds *s = l->s;

	if (s->dir_watch >= 0)
		return;
	l->name[-1] = '\0';
	s->dir_watch = inotify_add_watch(s->notify, l->path,
	    IN_CREATE | IN_MOVED_TO);
	l->name[-1] = '/';
	s->blind |= s->dir_watch < 0;
}

static void
unwatch_dir(struct feeds *s)
{
	if (s->n_waiting || s->dir_watch < 0)
		return;
	inotify_rm_watch(s->notify, s->dir_watch);
	s->dir_watch = -1;
}

/* Watched before it is looked at: what is written later wakes. */
static void
log_attach(struct log *l)
{
	struct feeds *s = l->s;

	l->fd = eventfile_open(l->path);
	if (l->fd < 0) {
		s->blind |= errno != ENOENT;
		return;
	}
	l->watch = inotify_add_watch(s->notify, l->path,
	    IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
	s->blind |= l->watch < 0;
}

/* Its file is gone, or was never there. */
static void
log_wait(struct log *l)
{
	l->s->n_waiting++;
	watch_dir(l);
}

static void
log_appear(struct log *l)
{
	log_attach(l);
	if (l->fd < 0)
		return;
	l->s->n_waiting--;
	unwatch_dir(l->s);
	queue(&l->tail);
}

static void
log_detach(struct log *l)
{
	if (l->watch >= 0)
		inotify_rm_watch(l->s->notify, l->watch);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = l->watch = -1;
}

/* Begin at the top; what has a seq up to `seen` is not told again. */
static void
rewind_log(struct log *l, int64_t seen)
{
	struct feed *f;

	l->tail.at = 0;
	queue(&l->tail);
	for (f = TAILQ_FIRST(&l->feeds); f; f = TAILQ_NEXT(f, link)) {
		f->own.at = 0;
		if (f->after > seen)
			f->after = seen;
	}
}

/* Somebody took the file away, or put another one in its place. */
static void
log_replaced(struct log *l)
{
	struct stat ours, named;

	if (l->fd < 0 || (fstat(l->fd, &ours) == 0 &&
	    stat(l->path, &named) == 0 && ours.st_ino == named.st_ino &&
	    ours.st_dev == named.st_dev))
		return;
	log_detach(l);
	rewind_log(l, 0);
	log_wait(l);
	log_appear(l);
}

/* Somebody cut it; our writer only takes back what is no whole line. */
static void
log_shrunk(struct log *l)
{
	struct stat st;

	if (l->fd >= 0 && fstat(l->fd, &st) == 0 && st.st_size < l->tail.at)
		rewind_log(l, eventfile_seq(l->fd));
}

static struct log *
log_find(struct feeds *s, const char *session)
{
	struct log *l;

	for (l = TAILQ_FIRST(&s->logs); l; l = TAILQ_NEXT(l, link)) {
		if (!strcmp(l->session, session))
			return l;
	}
	return NULL;
}

static void
log_free(struct log *l)
{
	struct feeds *s = l->s;

	unqueue(&l->tail);
	if (l->fd < 0)
		s->n_waiting--;
	log_detach(l);
	unwatch_dir(s);
	TAILQ_REMOVE(&s->logs, l, link);
	free(l->path);
	free(l);
}

static struct log *
log_new(struct feeds *s, const char *session)
{
	struct log *l = xcalloc(1, sizeof *l);

	l->s = s;
	l->path = eventfile_path(s->realm, session);
	l->name = strrchr(l->path, '/') + 1;
	snprintf(l->session, sizeof l->session, "%s", session);
	l->fd = l->watch = -1;
	l->tail.log = l;
	TAILQ_INIT(&l->feeds);
	TAILQ_INSERT_TAIL(&s->logs, l, link);
	log_attach(l);
	if (l->fd >= 0) {
		l->tail.at = eventfile_end(l->fd);
	} else {
		log_wait(l);
		log_appear(l);	/* it may have come before the watch */
	}
	return l;
}

/* ---- giving out ---- */

static void
feed_free(struct feed *f)
{
	struct log *l = f->log;

	unqueue(&f->own);
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
		unqueue(&f->own);
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
	queue(&l->tail);
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
		unqueue(c);
		if (pump(c, &given))
			queue(c);
	}
	leave(s);
	set_timer(s);
}

/* Nothing tells us: look at every file. */
static void
look(struct feeds *s)
{
	struct log *l;

	for (l = TAILQ_FIRST(&s->logs); l; l = TAILQ_NEXT(l, link)) {
		if (l->fd < 0)
			log_appear(l);
		else
			log_replaced(l);
		queue(&l->tail);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct feeds *s = arg;

	(void)fd;
	(void)what;
	if (s->blind && TAILQ_EMPTY(&s->work))
		look(s);
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

/* ---- inotify ---- */

static void
notified(struct feeds *s, const struct inotify_event *ev)
{
	struct log *l;

	if (ev->mask & IN_Q_OVERFLOW) {
		look(s);
		return;
	}
	for (l = TAILQ_FIRST(&s->logs); l; l = TAILQ_NEXT(l, link)) {
		if (ev->wd == s->dir_watch ? l->fd < 0 && ev->len &&
		    !strcmp(ev->name, l->name) : ev->wd == l->watch)
			break;
	}
	if (!l)
		return;
	if (l->fd < 0)
		log_appear(l);
	else if (ev->mask & (IN_ATTRIB | IN_MOVE_SELF))
		log_replaced(l);
	else
		queue(&l->tail);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	char events[16384]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	struct feeds *s = arg;
	ssize_t n = read(fd, events, sizeof events);

	(void)what;
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *ev + ev->len)) {
		ev = (const void *)(events + at);
		notified(s, ev);
	}
	work(s);
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

/* Where it begins. */
static void
place(struct feed *f, int64_t after)
{
	struct log *l = f->log;

	f->after = after;
	f->state = LIVE;
	if (l->fd < 0)
		f->after = after < 0 ? 0 : after;
	else if (after < 0)
		f->after = eventfile_seq(l->fd);
	else {
		f->own.at = eventfile_find(l->fd, after);
		f->state = BEHIND;
		queue(&f->own);
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
	queue(&f->own);
}

void
feed_close(struct feed *f)
{
	if (!f)
		return;
	if (f->log->s->depth) {
		f->closed = f->log->s->sweep = true;
		unqueue(&f->own);
	} else
		feed_free(f);
}
