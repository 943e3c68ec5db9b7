#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "sim/sim.h"

bool
header_is_secret(const char *name)
{
	static const char *const names[] = { "authorization", "x-api-key",
	    "x-goog-api-key", "api-key", "cookie", "proxy-authorization",
	    "set-cookie" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

void
put_query(struct buf *b, const char *query)
{
	size_t n, from = b->n;

	for (; *query; query += n + (query[n] == '&')) {
		n = strcspn(query, "&");
		if (!strncmp(query, "key=", 4))
			continue;
		if (b->n > from)
			buf_putc(b, '&');
		buf_put(b, query, n);
	}
}

static void
put_headers(struct buf *b, const struct http_request *http)
{
	jput_key(b, "headers");
	jput_open(b, '{');
	for (size_t i = 0; i < http->n_headers; i++)
		jput_kcstr(b, http->headers[i].name,
		    header_is_secret(http->headers[i].name) ? "[redacted]" :
		    http->headers[i].value);
	jput_close(b, '}');
}

/* JSON stays JSON on one line; anything else becomes a string. */
static void
put_body(struct buf *b, const struct http_request *http)
{
	jput_key(b, "body");
	if (json_check(buf_str(&http->body), http->body.n, NULL) == 0)
		jput_compact(b, http->body.p, http->body.n);
	else if (http->body.n)
		jput_str(b, http->body.p, http->body.n);
	else
		jput_null(b);
}

void
log_request(const struct sim *s, const struct request *rq, int64_t rule)
{
	struct buf b = BUF_INIT, query = BUF_INIT;

	if (s->log < 0)
		return;
	put_query(&query, rq->http->query);
	jput_open(&b, '{');
	jput_ki64(&b, "n", rq->n);
	jput_kcstr(&b, "format", format_names[rq->format]);
	jput_kcstr(&b, "method", rq->http->method);
	jput_kcstr(&b, "path", rq->http->path);
	jput_kstr(&b, "query", buf_str(&query), query.n);
	jput_kcstr(&b, "model", rq->model);
	if (rule)
		jput_ki64(&b, "rule", rule);
	else
		jput_knull(&b, "rule");
	put_headers(&b, rq->http);
	put_body(&b, rq->http);
	jput_close(&b, '}');
	buf_putc(&b, '\n');
	if (fs_write_all(s->log, b.p, b.n) < 0)
		warn("log: %s", strerror(errno));
	buf_free(&b);
	buf_free(&query);
}
