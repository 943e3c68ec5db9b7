#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/after.h"
#include "base/jput.h"
#include "base/util.h"
#include "serve/feed.h"
#include "serve/http.h"
#include "serve/sse.h"
#include "store/sessions.h"

#define HIGH ((size_t)64 << 10)

static const char comment[] = ": keep-alive\n\n";
static const char done[] = "event: done\ndata: {}\n\n";
/* No id: the next stream goes on behind what came whole. */
static const char truncated[] = "event: stream_truncated\n"
    "data: {\"type\":\"stream_truncated\",\"reason\":\"channel full\"}\n\n";

struct reader {
	TAILQ_ENTRY(reader) link;
	struct sse *s;
	struct http_stream *stream;
	struct feed *feed;
	char session[UUID_LEN + 1];
	int64_t spoke;		/* monotonic: when something was last put */
	bool full;
};

struct sse {
	struct feeds *feeds;
	const struct http *http;
	TAILQ_HEAD(sse_readers, reader) readers;	/* who was silent longest first */
	struct event *timer;		/* of the keep-alive */
	uint64_t events;
};

/* ---- silence ---- */

static int64_t
keep_alive_ms(const struct sse *s)
{
	return 1000 * (int64_t)http_get_limits(s->http)->keep_alive_s;
}

static void
set_timer(struct sse *s)
{
	struct reader *t = TAILQ_FIRST(&s->readers);

	if (!t) {
		event_del(s->timer);
		return;
	}
	event_after(s->timer, t->spoke + keep_alive_ms(s) - time_mono_ms());
}

static void
put(struct reader *t, const char *p, size_t n)
{
	struct sse *s = t->s;

	http_stream_put(t->stream, p, n);
	t->spoke = time_mono_ms();
	TAILQ_REMOVE(&s->readers, t, link);
	TAILQ_INSERT_TAIL(&s->readers, t, link);
}

/* It is set for the one that was silent longest when it was set: others may be since. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sse *s = arg;
	int64_t before = time_mono_ms() - keep_alive_ms(s);
	struct reader *t;

	(void)fd;
	(void)what;
	while ((t = TAILQ_FIRST(&s->readers)) && t->spoke <= before) {
		/* Nobody takes what is there: no need for more of it. */
		put(t, comment, http_stream_backlog(t->stream) ? 0 :
		    sizeof comment - 1);
	}
	set_timer(s);
}

/* ---- events ---- */

/* While so much is on its way to it a reader waits in the log: one that lags is not cut off. */
static size_t
high(const struct sse *s)
{
	size_t half = http_get_limits(s->http)->buffered / 2;

	return half < HIGH ? half : HIGH;
}

/* The name of a payload's type; ours are lower case and underscores. */
static struct jtext
type_of(struct jtext line)
{
	static const char key[] = ",\"payload\":{\"type\":\"";
	const char *at = memmem(line.p, line.n, key, sizeof key - 1);
	struct jtext type;
	size_t n;

	if (at) {
		at += sizeof key - 1;
		type = json_slice(at, (size_t)(line.p + line.n - at));
	} else {
		type = json_path(line, "payload/type");
		if (!json_is(type, '"'))
			return json_text("message");
		type = json_slice(type.p + 1, type.n - 2);
	}
	for (n = 0; n < type.n && (type.p[n] == '_' ||
	    (type.p[n] >= 'a' && type.p[n] <= 'z')); n++)
		;
	return n ? json_slice(type.p, n) : json_text("message");
}

static bool
on_line(void *arg, int64_t seq, const char *p, size_t n)
{
	struct reader *t = arg;
	struct jtext type = type_of(json_slice(p, n));
	struct buf b = BUF_INIT;

	buf_printf(&b, "id: %" PRId64 "\nevent: %.*s\ndata: ", seq,
	    (int)type.n, type.p);
	if (memchr(p, '\r', n))	/* would end the line there */
		jput_compact(&b, p, n);
	else
		buf_put(&b, p, n);
	buf_puts(&b, "\n\n");
	put(t, b.p, b.n);
	t->s->events++;
	buf_free(&b);
	t->full = http_stream_backlog(t->stream) > high(t->s);
	return !t->full;
}

static void
reader_free(struct reader *t)
{
	struct sse *s = t->s;

	TAILQ_REMOVE(&s->readers, t, link);
	if (TAILQ_EMPTY(&s->readers))
		set_timer(s);
	feed_close(t->feed);
	free(t);
}

static void
on_room(void *arg)
{
	struct reader *t = arg;

	t->full = false;
	feed_resume(t->feed);
}

static void
on_gone(void *arg, bool cut_off)
{
	(void)cut_off;
	reader_free(arg);
}

static void
put_loaded(struct reader *t, const struct session *row)
{
	struct buf data = BUF_INIT, b = BUF_INIT;

	jput_open(&data, '{');
	jput_ki64(&data, "message_count", row->messages);
	jput_kcstr(&data, "session_id", row->id);
	jput_close(&data, '}');
	buf_printf(&b, "event: session_loaded\ndata: %s\n\n", data.p);
	put(t, b.p, b.n);
	buf_free(&b);
	buf_free(&data);
}

int
sse_answer(struct sse *s, struct http_req *r, const struct session *row,
    int64_t after, struct err *e)
{
	struct reader *t = xcalloc(1, sizeof *t);

	t->s = s;
	memcpy(t->session, row->id, sizeof t->session);
	t->feed = feed_open(s->feeds, row->id, after,
	    &(const struct feed_hooks){ on_line, t }, e);
	if (!t->feed) {
		free(t);
		return -1;
	}
	t->stream = http_stream_begin(r, "text/event-stream",
	    &(const struct http_stream_hooks){ .room = on_room,
	    .gone = on_gone, .farewell = truncated, .arg = t });
	if (!t->stream) {
		feed_close(t->feed);
		free(t);
		return 0;
	}
	TAILQ_INSERT_TAIL(&s->readers, t, link);
	put_loaded(t, row);
	if (TAILQ_FIRST(&s->readers) == t)
		set_timer(s);
	return 0;
}

/* ---- life ---- */

uint64_t
sse_count(const struct sse *s)
{
	return s->events;
}

void
sse_end_all(struct sse *s)
{
	struct reader *t;

	while ((t = TAILQ_FIRST(&s->readers))) {
		feeds_pump(s->feeds, t->session);
		if (t->full)	/* it has not seen the end of the log */
			put(t, truncated, sizeof truncated - 1);
		else
			put(t, done, sizeof done - 1);
		http_stream_end(t->stream);
		reader_free(t);
	}
}

struct sse *
sse_new(struct event_base *base, struct feeds *feeds)
{
	struct sse *s = xcalloc(1, sizeof *s);

	s->feeds = feeds;
	s->timer = evtimer_new(base, on_timer, s);
	TAILQ_INIT(&s->readers);
	return s;
}

void
sse_served_by(struct sse *s, const struct http *h)
{
	s->http = h;
}

void
sse_free(struct sse *s)
{
	if (!s)
		return;
	event_free(s->timer);
	free(s);
}
