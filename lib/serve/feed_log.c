#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/feed_impl.h"
#include "store/eventfile.h"

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

void
log_appear(struct log *l)
{
	log_attach(l);
	if (l->fd < 0)
		return;
	l->s->n_waiting--;
	unwatch_dir(l->s);
	cursor_queue(&l->tail);
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
	cursor_queue(&l->tail);
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
void
log_shrunk(struct log *l)
{
	struct stat st;

	if (l->fd >= 0 && fstat(l->fd, &st) == 0 && st.st_size < l->tail.at)
		rewind_log(l, eventfile_seq(l->fd));
}

struct log *
log_find(struct feeds *s, const char *session)
{
	struct log *l;

	for (l = TAILQ_FIRST(&s->logs); l; l = TAILQ_NEXT(l, link)) {
		if (!strcmp(l->session, session))
			return l;
	}
	return NULL;
}

void
log_free(struct log *l)
{
	struct feeds *s = l->s;

	cursor_unqueue(&l->tail);
	if (l->fd < 0)
		s->n_waiting--;
	log_detach(l);
	unwatch_dir(s);
	TAILQ_REMOVE(&s->logs, l, link);
	free(l->path);
	free(l);
}

struct log *
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

/* ---- who tells ---- */

void
logs_look(struct feeds *s)
{
	struct log *l;

	for (l = TAILQ_FIRST(&s->logs); l; l = TAILQ_NEXT(l, link)) {
		if (l->fd < 0)
			log_appear(l);
		else
			log_replaced(l);
		cursor_queue(&l->tail);
	}
}

static void
notified(struct feeds *s, const struct inotify_event *ev)
{
	struct log *l;

	if (ev->mask & IN_Q_OVERFLOW) {
		logs_look(s);
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
		cursor_queue(&l->tail);
}

void
logs_notified(struct feeds *s)
{
	char events[16384]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	ssize_t n = read(s->notify, events, sizeof events);

	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *ev + ev->len)) {
		ev = (const void *)(events + at);
		notified(s, ev);
	}
}
