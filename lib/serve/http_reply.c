#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "base/fs.h"
#include "base/jput.h"
#include "serve/http_impl.h"

/* Answers, and the line of the access log about each. */

static const struct reason {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
	{ 204, "No Content" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
	{ 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
	{ 409, "Conflict" }, { 410, "Gone" }, { 413, "Content Too Large" },
	{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 499, "Client Closed Request" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
};

static const char *
reason(int status)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

/* ---- the access log ---- */

#define LOGGED_MAX 1024		/* bytes of a path or an id */

static void
put_text(struct buf *b, const char *key, const char *s)
{
	if (s)
		jput_kstr(b, key, s, utf8_cut(s, strlen(s), LOGGED_MAX));
}

void
http_log(struct http_req *r)
{
	struct http_conn *c = r->c;
	struct buf b = BUF_INIT;

	if (c->h->o.access_fd < 0)
		return;
	jput_open(&b, '{');
	jput_ktime(&b, "time", time_ms());
	jput_kcstr(&b, "remote", c->remote);
	put_text(&b, "method", r->head.method);
	put_text(&b, "path", r->head.path);	/* a query may hold secrets */
	jput_ki64(&b, "status", r->status);
	jput_ki64(&b, "bytes", (int64_t)r->bytes);
	jput_ki64(&b, "ms", time_mono_ms() - r->since);
	put_text(&b, "request_id",
	    http_head_get(&r->head, "x-meerkat-request-id"));
	if (r->cut_off)
		jput_kbool(&b, "cut_off", true);
	jput_close(&b, '}');
	buf_putc(&b, '\n');
	/* One write: lines of others who have this file open do not mix with it. */
	if (write(c->h->o.access_fd, b.p, b.n) < 0)
		debug("access log: %m");
	buf_free(&b);
}

/* ---- answers ---- */

void
http_req_free(struct http_req *r)
{
	if (r->running)
		r->c->h->counts.in_flight--;
	for (size_t i = 0; i < r->n_segments; i++)
		free(r->segments[i]);
	for (size_t i = 0; i < r->n_query; i++) {
		free(r->query[i].key);
		free(r->query[i].value);
	}
	free(r->query);
	http_head_free(&r->head);
	buf_free(&r->body);
	buf_free(&r->headers);
	free(r);
}

void
http_add_header(struct http_req *r, const char *name, const char *value)
{
	buf_puts(&r->headers, name);
	buf_puts(&r->headers, ": ");
	for (; *value; value++)		/* no line of its own making */
		if ((unsigned char)*value >= ' ' && *value != 127)
			buf_putc(&r->headers, *value);
	buf_puts(&r->headers, "\r\n");
}

static const char *
date(struct http *h)
{
	time_t now = time(NULL);
	struct tm tm;

	if (h->now != now) {
		h->now = now;
		gmtime_r(&now, &tm);
		strftime(h->date, sizeof h->date, "%a, %d %b %Y %H:%M:%S GMT",
		    &tm);
	}
	return h->date;
}

void
http_put_head(struct http_req *r, int status, const char *type,
    int64_t length, struct buf *b)
{
	struct http_conn *c = r->c;

	if (r->head.path)
		http_cors(r);
	if (length < 0 && r->head.one_zero)
		c->close = true;
	buf_printf(b, "HTTP/1.1 %d %s\r\ndate: %s\r\n", status, reason(status),
	    date(c->h));
	if (type)
		buf_printf(b, "content-type: %s\r\n", type);
	if (length >= 0 && status != 204)
		buf_printf(b, "content-length: %lld\r\n", (long long)length);
	else if (length < 0 && !r->head.one_zero)
		buf_puts(b, "transfer-encoding: chunked\r\n");
	if (http_conn_closes(c))
		buf_puts(b, "connection: close\r\n");
	else if (r->head.one_zero)
		buf_puts(b, "connection: keep-alive\r\n");
	buf_put(b, buf_str(&r->headers), r->headers.n);
	buf_puts(b, "\r\n");
}

void
http_answered(struct http_req *r, int status)
{
	struct http_counts *n = &r->c->h->counts;

	r->status = status;
	n->by_class[status / 100]++;
	if (r->running)
		n->in_flight--;
	r->running = false;
}

void
http_send(struct http_req *r, const struct buf *b)
{
	r->c->h->counts.bytes_out += b->n;
	bufferevent_write(r->c->bev, b->p, b->n);
}

void
http_reply(struct http_req *r, int status, const char *type, const char *p,
    size_t n)
{
	struct http_conn *c = r->c;
	struct buf b = BUF_INIT;

	http_put_head(r, status, type, (int64_t)n, &b);
	if (n && !(r->head.method && !strcmp(r->head.method, "HEAD"))) {
		buf_put(&b, p, n);
		r->bytes = n;
	}
	http_answered(r, status);
	http_send(r, &b);
	http_log(r);
	buf_free(&b);
	http_conn_next(c);
}

void
http_reply_json(struct http_req *r, int status, const char *p, size_t n)
{
	http_reply(r, status, "application/json", p, n);
}

void
http_reply_text(struct http_req *r, int status, const char *text)
{
	http_reply(r, status, "text/plain; charset=utf-8", text, strlen(text));
}

void
http_fail(struct http_req *r, int status, const char *code, const char *text,
    struct jtext details)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "error", text);
	if (code)
		jput_kcstr(&b, "code", code);
	if (details.p)
		jput_kraw(&b, "details", details.p, details.n);
	jput_close(&b, '}');
	http_reply_json(r, status, b.p, b.n);
	buf_free(&b);
}

void
http_refuse(struct http_req *r, int status, const char *why)
{
	r->c->close = true;
	r->c->h->counts.refused++;
	http_reply_text(r, status, why);
}
