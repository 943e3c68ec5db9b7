#ifndef SERVE_FEED_H
#define SERVE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct realm;

/*
 * The events of sessions for those who watch, read from the event log: so the turns of
 * any process are seen, from any place on, and a reader that is slow holds back no
 * memory - it is asked again when it has room.  One inotify descriptor for all.
 */
struct feeds;
struct feed;

struct feeds *feeds_new(struct event_base *base, const struct realm *r);
void feeds_free(struct feeds *s);

struct feed_hooks {
	/*
	 * An event's line as it stands in the log, without newline.  False: it was taken,
	 * but no more until feed_resume.  May close its own feed.
	 */
	bool (*line)(void *arg, int64_t seq, const char *p, size_t n);
	void *arg;
};
/*
 * Lines with seq > after, now and as they come; after < 0, or more than the log has
 * reached: only what comes from now on.
 */
struct feed *feed_open(struct feeds *s, const char *session, int64_t after,
    const struct feed_hooks *hooks, struct err *e);
void feed_resume(struct feed *f);
void feed_close(struct feed *f);
/* Deliver what is in the log of this session now, before an answer says that it is all. */
void feeds_pump(struct feeds *s, const char *session);

#endif
