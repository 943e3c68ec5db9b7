#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "sim/base64.h"
#include "sim/record.h"

/* What the recorder writes down. */

bool
header_starts(const char *line, const char *with)
{
	return strncasecmp(line, with, strlen(with)) == 0;
}

static void
put_events(struct buf *b, const struct buf *body)
{
	const char *p = buf_str(body), *end = p + body->n;

	jput_key(b, "events");
	jput_open(b, '[');
	while (p < end) {
		const char *lf = memmem(p, (size_t)(end - p), "\n\n", 2);
		const char *crlf = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
		const char *stop = end;

		if (lf)
			stop = lf + 2;
		if (crlf && (!lf || crlf < lf))
			stop = crlf + 4;
		jput_str(b, p, (size_t)(stop - p));
		p = stop;
	}
	jput_close(b, ']');
}

static void
put_response(struct buf *b, const struct answered *a)
{
	struct buf base64 = BUF_INIT;
	const char *p = buf_str(&a->fields), *colon, *eol;

	jput_open(b, '{');
	jput_ki64(b, "status", a->status);
	jput_key(b, "headers");
	jput_open(b, '{');
	if (a->type)
		jput_kcstr(b, "content-type", a->type);
	for (; (eol = strstr(p, "\r\n")); p = eol + 2) {
		char *name;

		colon = strstr(p, ": ");
		name = xstrndup(p, (size_t)(colon - p));
		jput_kstr(b, name, colon + 2, (size_t)(eol - colon - 2));
		free(name);
	}
	jput_close(b, '}');
	if (!utf8_valid(buf_str(&a->body), a->body.n)) {
		base64_put(&base64, buf_str(&a->body), a->body.n);
		jput_kcstr(b, "base64", buf_str(&base64));
		buf_free(&base64);
	} else if (a->type && header_starts(a->type, "text/event-stream")) {
		put_events(b, &a->body);
	} else {
		jput_kstr(b, "body", buf_str(&a->body), a->body.n);
	}
	if (a->truncated)
		jput_kbool(b, "truncated", true);
	jput_close(b, '}');
}

static void
put_request(struct buf *b, const struct http_request *http)
{
	char *target = request_target(http);

	jput_open(b, '{');
	jput_kcstr(b, "method", http->method);
	jput_kcstr(b, "path", target);
	jput_key(b, "body");
	if (json_check(buf_str(&http->body), http->body.n, NULL) == 0)
		jput_raw(b, http->body.p, http->body.n);
	else
		jput_str(b, buf_str(&http->body), http->body.n);
	jput_close(b, '}');
	free(target);
}

/* A server may quote the key in an error. */
static void
take_out(struct buf *b, const char *secret)
{
	static const char instead[] = "[redacted]";
	struct buf clean = BUF_INIT;
	size_t n = strlen(secret);
	const char *p = buf_str(b), *end = p + b->n, *at;

	if (n < 6)
		return;
	while ((at = memmem(p, (size_t)(end - p), secret, n))) {
		buf_put(&clean, p, (size_t)(at - p));
		buf_puts(&clean, instead);
		p = at + n;
	}
	buf_put(&clean, p, (size_t)(end - p));
	buf_free(b);
	*b = clean;
}

static void
take_out_keys(struct buf *b, const struct http_request *http)
{
	const char *v, *query = http->query;
	size_t n;

	for (size_t i = 0; i < http->n_headers; i++) {
		if (!header_is_secret(http->headers[i].name))
			continue;
		v = http->headers[i].value;
		take_out(b, header_starts(v, "Bearer ") ? v + 7 : v);
	}
	for (; *query; query += n + (query[n] == '&')) {
		n = strcspn(query, "&");
		if (header_starts(query, "key=")) {
			char *key = xstrndup(query + 4, n - 4);

			take_out(b, key);
			free(key);
		}
	}
}

int
exchange_save(const char *path, const struct http_request *http,
    const struct answered *a, struct err *e)
{
	struct buf b = BUF_INIT, pretty = BUF_INIT;
	int rc;

	jput_open(&b, '{');
	jput_key(&b, "request");
	put_request(&b, http);
	jput_key(&b, "response");
	put_response(&b, a);
	jput_close(&b, '}');
	take_out_keys(&b, http);
	jput_pretty(&pretty, b.p, b.n);
	buf_putc(&pretty, '\n');
	rc = fs_write_atomic(path, pretty.p, pretty.n, 0600, e);
	buf_free(&b);
	buf_free(&pretty);
	return rc;
}
