#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "serve/http_impl.h"

/* Answers that go on: chunks for HTTP/1.1, bytes up to the end for HTTP/1.0. */

static void
put(struct http_stream *s, const char *p, size_t n)
{
	struct http_req *r = s->c->req;
	struct buf b = BUF_INIT;

	if (!n)		/* would be the last chunk */
		return;
	r->bytes += n;
	if (r->head.one_zero) {
		buf_put(&b, p, n);
	} else {
		buf_printf(&b, "%zx\r\n", n);
		buf_put(&b, p, n);
		buf_puts(&b, "\r\n");
	}
	http_send(r, &b);
	buf_free(&b);
}

static void
put_end(struct http_stream *s)
{
	static const char last[] = "0\r\n\r\n";

	if (!s->c->req->head.one_zero)
		bufferevent_write(s->c->bev, last, sizeof last - 1);
}

struct http_stream *
http_stream_begin(struct http_req *r, const char *type,
    const struct http_stream_hooks *hooks)
{
	struct http *h = r->c->h;
	struct buf b = BUF_INIT;
	struct http_stream *s;

	if (h->counts.subscribers >= h->limits.subscribers) {
		h->counts.refused++;
		http_add_header(r, "retry-after", "1");
		http_fail(r, 503, "SERVICE_UNAVAILABLE",
		    "too many streams are open", JTEXT_NONE);
		return NULL;
	}
	if (!strcmp(r->head.method, "HEAD")) {
		http_reply(r, 200, type, NULL, 0);
		return NULL;
	}
	s = xcalloc(1, sizeof *s);
	s->c = r->c;
	s->hooks = *hooks;
	r->c->stream = s;
	r->c->state = CONN_STREAM;
	h->counts.subscribers++;
	http_add_header(r, "cache-control", "no-cache");
	http_put_head(r, 200, type, -1, &b);
	http_answered(r, 200);
	http_send(r, &b);
	buf_free(&b);
	return s;
}

size_t
http_stream_backlog(const struct http_stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->c->bev));
}

void
http_stream_put(struct http_stream *s, const char *p, size_t n)
{
	if (s->cut)
		return;
	/* Looked at before: one event may be longer than the limit, and must get through. */
	if (http_stream_backlog(s) <= s->c->h->limits.buffered) {
		put(s, p, n);
		return;
	}
	s->cut = true;
	http_conn_kick(s->c);
}

void
http_stream_farewell(struct http_stream *s)
{
	if (s->hooks.farewell)
		put(s, s->hooks.farewell, strlen(s->hooks.farewell));
	put_end(s);
}

void
http_stream_end(struct http_stream *s)
{
	struct http_conn *c = s->c;

	put_end(s);
	http_log(c->req);
	c->h->counts.subscribers--;
	c->stream = NULL;
	/* Nothing more is asked of a server that ends, whatever the head has promised. */
	c->close |= c->h->draining;
	free(s);
	http_conn_next(c);
}
