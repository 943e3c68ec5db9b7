#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/after.h"
#include "base/util.h"
#include "sim/http_conn.h"

struct evbuffer *
conn_out(struct conn *c)
{
	return bufferevent_get_output(c->bev);
}

void
conn_timer(struct conn *c, int64_t ms)
{
	event_after(c->timer, ms);
}

static const char *
reason(int status)
{
	static const struct { int status; const char *text; } reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 413, "Content Too Large" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

void
reply_begin(struct conn *c, int status, const char *fields)
{
	c->state = S_REPLY;
	buf_trunc(&c->head, 0);
	buf_printf(&c->head, "HTTP/1.1 %d %s\r\n%s", status, reason(status),
	    fields);
	if (c->rq.close)
		buf_puts(&c->head, "connection: close\r\n");
}

static void
send_buf(struct conn *c, struct buf *b)
{
	evbuffer_add(conn_out(c), buf_str(b), b->n);
	buf_free(b);
}

/* The reply is complete: next request, or close. */
void
reply_finished(struct conn *c)
{
	if (c->body.free)
		c->body.free(c->body.arg);
	c->body = (struct body){ .arg = NULL };
	c->gone = NULL;
	c->begun = false;
	c->state = c->rq.close ? S_CLOSING : S_HEAD;
	http_request_free(&c->rq);
	if (c->state == S_HEAD)
		conn_timer(c, KEEPALIVE_MS);
}

static void
end_body(struct conn *c, enum ending end)
{
	switch (end) {
	case END_CLEAN:
		if (c->chunked)
			evbuffer_add(conn_out(c), "0\r\n\r\n", 5);
		reply_finished(c);
		break;
	case END_DROP:
		c->state = S_CLOSING;
		break;
	case END_RESET:
		c->state = S_RESETTING;
		break;
	case END_HANG:
		c->state = S_HANG;
		break;
	}
}

static void
put_piece(struct conn *c, const void *p, size_t n)
{
	if (!n)
		return;
	if (c->chunked)
		evbuffer_add_printf(conn_out(c), "%zx\r\n", n);
	evbuffer_add(conn_out(c), p, n);
	if (c->chunked)
		evbuffer_add(conn_out(c), "\r\n", 2);
}

/* Pull the body while the client keeps up and no delay is due. */
void
reply_pump(struct conn *c)
{
	enum ending end = END_CLEAN;
	bool more = true;

	while (c->state == S_REPLY && evbuffer_get_length(conn_out(c)) < OUT_LOW) {
		struct buf b = BUF_INIT;

		buf_put(&b, buf_str(&c->piece), c->piece.n);
		buf_trunc(&c->piece, 0);
		c->wait = 0;
		while (b.n < PIECE &&
		    (more = c->body.next(c->body.arg, &c->piece, &c->wait, &end))) {
			if (c->wait)
				break;
			buf_put(&b, buf_str(&c->piece), c->piece.n);
			buf_trunc(&c->piece, 0);
		}
		put_piece(c, buf_str(&b), b.n);
		buf_free(&b);
		if (!more) {
			end_body(c, end);
			return;
		}
		if (c->wait) {
			conn_timer(c, c->wait);
			return;
		}
	}
}

/* Send the head now, or after its delay. */
static void
send_head(struct conn *c, int64_t delay_ms)
{
	event_del(c->timer);
	if (delay_ms > 0) {
		conn_timer(c, delay_ms);
		return;
	}
	send_buf(c, &c->head);
	if (c->body.next)
		reply_pump(c);
	else
		reply_finished(c);
}

void
reply_resume(struct conn *c)
{
	send_head(c, 0);
}

void
http_reply(struct conn *c, int status, const char *fields, const void *p,
    size_t n, int64_t delay_ms)
{
	bool bodiless = !strcmp(c->rq.method, "HEAD");

	reply_begin(c, status, fields);
	buf_printf(&c->head, "content-length: %zu\r\n\r\n", n);
	if (!bodiless)
		buf_put(&c->head, p, n);
	send_head(c, delay_ms);
	conn_work(c);
}

static void
begin_chunks(struct conn *c, int status, const char *fields)
{
	c->chunked = !c->rq.http10;
	reply_begin(c, status, fields);
	buf_puts(&c->head, c->chunked ?
	    "transfer-encoding: chunked\r\n\r\n" : "\r\n");
}

void
http_stream(struct conn *c, int status, const char *fields, int64_t delay_ms,
    const struct body *b)
{
	c->body = *b;
	begin_chunks(c, status, fields);
	send_head(c, delay_ms);
	conn_work(c);
}

void
http_start(struct conn *c, int status, const char *fields)
{
	begin_chunks(c, status, fields);
	event_del(c->timer);
	send_buf(c, &c->head);
}

void
http_write(struct conn *c, const void *p, size_t n)
{
	put_piece(c, p, n);
}

void
http_end(struct conn *c, enum ending end)
{
	c->gone = NULL;
	end_body(c, end);
	conn_work(c);
	conn_settle(c);
}

void
http_on_gone(struct conn *c, void (*gone)(void *arg), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}
