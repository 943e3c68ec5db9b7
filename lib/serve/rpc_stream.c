#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/jput.h"
#include "runner/pool.h"
#include "runner/wire.h"
#include "serve/feed.h"
#include "serve/rpc_impl.h"
#include "store/lock.h"

/* Events on their way out: rpc sheet section 8.  Their text is copied, not parsed. */

/* A client that is so far behind gets no more deltas of its runs. */
#define BEHIND ((size_t)8 << 20)
/* Its streams wait in the log while so much is unread: that costs no memory. */
#define STREAM_HIGH ((size_t)256 << 10)
/* Lines that every client reads, less what closes them; members that always fit. */
#define LINE_READER_MAX 65500
#define MEMBER_SHORT 1000

struct stream {
	TAILQ_ENTRY(stream) link;
	struct rpc *s;
	struct conn *conn;
	struct feed *feed;
	bool full;
	uint64_t written;	/* by its connection when that was looked at */
	int64_t since;		/* monotonic: when it was last seen to write */
	char id[UUID_LEN + 1];
	char session[UUID_LEN + 1];
	int64_t sequence;
};

/* ---- notifications ---- */

static void
begin(struct buf *b, const char *method)
{
	jput_open(b, '{');
	jput_kcstr(b, "jsonrpc", "2.0");
	jput_kcstr(b, "method", method);
	jput_key(b, "params");
	jput_open(b, '{');
}

static void
end(struct conn *c, struct buf *b)
{
	jput_close(b, '}');
	jput_close(b, '}');
	buf_putc(b, '\n');
	wire_put(c->wire, b->p, b->n);
	buf_free(b);
}

static bool
starts(struct jtext v, const char *s)
{
	return v.n >= strlen(s) && !memcmp(v.p, s, strlen(s));
}

/* The payload of an envelope: its last member, as the log writes it. */
static struct jtext
payload_of(const char *line, size_t n)
{
	static const char key[] = ",\"payload\":";
	const char *at = memmem(line, n, key, sizeof key - 1);

	if (!at)
		return JTEXT_NONE;
	at += sizeof key - 1;
	return json_slice(at, (size_t)(line + n - at) - 1);
}

static bool
is_last(struct jtext payload)
{
	return starts(payload, "{\"type\":\"run_completed\"") ||
	    starts(payload, "{\"type\":\"run_failed\"");
}

/* What the contract leaves out: an interrupted run just stops (8.4). */
static bool
is_cancelled(struct jtext payload)
{
	return starts(payload, "{\"type\":\"run_failed\"") &&
	    json_str_is(json_get(payload, "code"), "REQUEST_CANCELLED");
}

/*
 * The payload's members behind the envelope's; one that is named payload stays inside.
 * A reader of 64 KiB lines (sheet section 2) dies of a longer one: where both do not fit,
 * what is long stands in the payload alone.
 */
static void
put_members(struct buf *b, struct jtext payload)
{
	bool long_line = b->n + payload.n > LINE_READER_MAX;
	struct jiter it;

	if (!long_line && !starts(payload, "{\"type\":\"hook_denied\"") &&
	    !starts(payload, "{\"type\":\"tool_config_changed\"")) {
		buf_putc(b, ',');
		buf_put(b, payload.p + 1, payload.n - 2);
		return;
	}
	for (it = json_iter(payload); json_next(&it); )
		if (!json_str_is(it.key, "payload") &&
		    (!long_line || it.value.n <= MEMBER_SHORT)) {
			jput_raw(b, it.key.p, it.key.n);
			buf_putc(b, ':');
			buf_put(b, it.value.p, it.value.n);
		}
}

/* Both generations of clients: the envelope, and its payload at its top level (8.1). */
static void
put_session_event(struct conn *c, const char *session, const char *line,
    size_t n, struct jtext payload)
{
	struct buf b = BUF_INIT;

	begin(&b, "session/event");
	jput_kcstr(&b, "session_id", session);
	jput_kraw(&b, "event", line, n - 1);
	if (payload.n > 2)
		put_members(&b, payload);
	jput_close(&b, '}');
	end(c, &b);
}

/* ---- streams ---- */

static void
stream_free(struct rpc *s, struct stream *t)
{
	memcpy(s->closed[s->next_closed], t->id, sizeof t->id);
	s->next_closed = (s->next_closed + 1) % CLOSED_MAX;
	TAILQ_REMOVE(&s->streams, t, link);
	feed_close(t->feed);
	free(t);
}

static void
stream_end(struct rpc *s, struct stream *t, const char *outcome,
    const char *error)
{
	struct buf b = BUF_INIT;

	begin(&b, "session/stream_end");
	jput_kcstr(&b, "stream_id", t->id);
	jput_kcstr(&b, "session_id", t->session);
	jput_kbool(&b, "ended", true);
	jput_kcstr(&b, "outcome", outcome);
	if (error)
		jput_kraw(&b, "error", error, strlen(error));
	end(t->conn, &b);
	stream_free(s, t);
}

static void
look_again(struct rpc *s)
{
	static const struct timeval second = { 1, 0 };

	event_add(s->stalls, &second);
}

/* Of the feed. */
static bool
on_line(void *arg, int64_t seq, const char *line, size_t n)
{
	struct stream *t = arg;
	struct buf b = BUF_INIT;

	(void)seq;
	if (is_cancelled(payload_of(line, n)))
		return true;
	begin(&b, "session/stream_event");
	jput_kcstr(&b, "stream_id", t->id);
	jput_ki64(&b, "sequence", ++t->sequence);
	jput_kcstr(&b, "session_id", t->session);
	jput_kraw(&b, "event", line, n);
	end(t->conn, &b);
	if (wire_backlog(t->conn->wire) <= STREAM_HIGH)
		return true;
	t->full = true;
	t->written = wire_written(t->conn->wire);
	t->since = time_mono_ms();
	look_again(t->s);
	return false;
}

void
rpc_streams_resume(const struct conn *c)
{
	struct stream *t;

	for (t = TAILQ_FIRST(&c->s->streams); t; t = TAILQ_NEXT(t, link)) {
		if (t->conn == c && t->full) {
			t->full = false;
			feed_resume(t->feed);
		}
	}
}

void
rpc_streams_stalled(evutil_socket_t fd, short what, void *arg)
{
	static const char overflow[] = "{\"code\":\"stream_queue_overflow\","
	    "\"message\":\"transport stream notification queue overflow\"}";
	struct stream *t, *next;
	struct rpc *s = arg;

	(void)fd;
	(void)what;
	for (t = TAILQ_FIRST(&s->streams); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (!t->full)
			continue;
		look_again(s);
		if (t->written != wire_written(t->conn->wire)) {
			t->written = wire_written(t->conn->wire);
			t->since = time_mono_ms();
		} else if (time_mono_ms() - t->since >= s->stall_ms) {
			stream_end(s, t, "terminal_error", overflow);
		}
	}
}

void
rpc_event(struct conn *c, const char *session, const char *line, size_t n)
{
	struct jtext payload = payload_of(line, n);

	if (c && !is_cancelled(payload) &&
	    (wire_backlog(c->wire) <= BEHIND || is_last(payload)))
		put_session_event(c, session, line, n, payload);
}

void
rpc_streams_end(struct rpc *s, const char *session)
{
	struct stream *t, *next;

	feeds_pump(s->o.feeds, session);
	for (t = TAILQ_FIRST(&s->streams); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (!strcmp(t->session, session))
			stream_end(s, t, "remote_end", NULL);
	}
}

void
rpc_streams_drop(struct rpc *s, const struct conn *c)
{
	struct stream *t, *next;

	for (t = TAILQ_FIRST(&s->streams); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->conn == c)
			stream_free(s, t);
	}
}

/* ---- methods: 8.5 ---- */

static struct stream *
stream_new(struct req *r, const char *session, int64_t after, struct err *e)
{
	struct stream *t = xcalloc(1, sizeof *t);
	const struct feed_hooks hooks = { on_line, t };

	t->s = r->s;
	t->conn = r->c;
	uuid_v4(t->id);
	memcpy(t->session, session, sizeof t->session);
	t->feed = feed_open(r->s->o.feeds, session, after, &hooks, e);
	if (!t->feed) {
		free(t);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&r->s->streams, t, link);
	return t;
}

/* Its turns may be those of another process. */
static bool
is_live(const struct rpc *s, const struct session *row)
{
	return row->total_messages || pool_has(s->o.pool, row->id) ||
	    lock_held(s->realm, row->id);
}

/* Beyond the contract: after_seq, to go on behind an event that the client has. */
METHOD(rpc_session_stream_open)
{
	struct session row = { .id = "" };
	struct stream *t = NULL;
	int64_t after = -1;

	if (param_count(r->params, "after_seq", &after, e) < 0 ||
	    param_session(r, false, &row, e) < 0)
		return -1;
	if (!is_live(r->s, &row))
		err_set(e, E_INVALID_PARAMS, "Failed to subscribe to session "
		    "events: stream not found: session %s", row.id);
	else if ((t = stream_new(r, row.id, after, e))) {
		jput_open(out, '{');
		jput_kcstr(out, "stream_id", t->id);
		jput_kcstr(out, "session_id", t->session);
		jput_kbool(out, "opened", true);
		jput_close(out, '}');
	}
	session_free(&row);
	return t ? 0 : -1;
}

/* Was there such a stream?  Forgotten once asked. */
static bool
forget(struct rpc *s, const char *id)
{
	for (size_t i = 0; i < CLOSED_MAX; i++)
		if (!strcmp(s->closed[i], id)) {
			*s->closed[i] = '\0';
			return true;
		}
	return false;
}

static struct stream *
find(struct rpc *s, const struct conn *c, const char *id)
{
	struct stream *t;

	for (t = TAILQ_FIRST(&s->streams); t; t = TAILQ_NEXT(t, link)) {
		if (t->conn == c && !strcmp(t->id, id))
			return t;
	}
	return NULL;
}

METHOD(rpc_session_stream_close)
{
	struct stream *t;
	bool already;
	char *id;

	if (param_needed(r->params, "stream_id", &id, e) < 0)
		return -1;
	if (!uuid_valid(id)) {
		err_set(e, E_INVALID_PARAMS, "Invalid stream_id: %.120s", id);
		free(id);
		return -1;
	}
	t = find(r->s, r->c, id);
	already = !t && forget(r->s, id);
	if (t)
		stream_end(r->s, t, "explicit_close", NULL);
	jput_open(out, '{');
	jput_kcstr(out, "stream_id", id);
	jput_kbool(out, "closed", true);
	jput_kbool(out, "already_closed", already);
	jput_close(out, '}');
	free(id);
	return 0;
}
