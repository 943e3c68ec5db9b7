#ifndef SERVE_FEED_IMPL_H
#define SERVE_FEED_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/util.h"
#include "serve/feed.h"

struct event;

/*
 * What feed.c and feed_log.c share.
 *
 * A session that is watched has one log with a cursor at its tail: what is read there
 * goes to every feed that keeps up.  A feed that is full, or begins further back, has
 * a cursor of its own until it has caught up.  A cursor is a place in the file; between
 * two reads nothing is kept in memory.
 */
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

/* ---- feed.c: cursors and those who hear ---- */

/* There is something to read at this place. */
void cursor_queue(struct cursor *c);
void cursor_unqueue(struct cursor *c);

/* ---- feed_log.c: files and what tells of them ---- */

struct log *log_find(struct feeds *s, const char *session);
/* Its tail is at the end.  Without a file errno says why. */
struct log *log_new(struct feeds *s, const char *session);
void log_free(struct log *l);
/* There was no file: look again. */
void log_appear(struct log *l);
/* The tail brought nothing: was the file cut? */
void log_shrunk(struct log *l);
/* What inotify has to tell. */
void logs_notified(struct feeds *s);
/* Nothing tells us: look at every file. */
void logs_look(struct feeds *s);

#endif
