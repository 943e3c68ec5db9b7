/*
 * An HTTP hook.  It runs in a child of its own, like a command: the time limit and
 * the user's Ctrl-C then work alike for both, and this can simply block.
 */
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "agent/hooks_impl.h"
#include "base/fs.h"
#include "base/util.h"

struct body {
	struct buf b;
	int64_t max;
	bool over;
};

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct body *body = arg;

	(void)size;
	buf_put(&body->b, p, n);
	body->over = body->b.n > (size_t)body->max;
	return body->over ? 0 : n;	/* 0 ends the transfer */
}

/* Say why on stderr; the exit status. */
static int
fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
fail(const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	(void)fs_write_all(STDERR_FILENO, b.p, b.n);
	buf_free(&b);
	return 1;
}

static struct curl_slist *
header_list(const struct hook *h)
{
	struct curl_slist *list = NULL;
	bool type = false;

	for (char **s = h->headers; *s; s++) {
		list = curl_slist_append(list, *s);
		type |= !strncasecmp(*s, "content-type:", 13);
	}
	if (!type)
		list = curl_slist_append(list,
		    "content-type: application/json");
	return list;
}

static int
answer(CURL *c, CURLcode rc, const struct body *body)
{
	long status = 0;

	if (body->over)
		return fail("HTTP hook response exceeds max size: %zu > %lld",
		    body->b.n, (long long)body->max);
	if (rc != CURLE_OK)
		return fail("HTTP hook failed: %s", curl_easy_strerror(rc));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return fail("HTTP hook returned %ld: %s", status,
		    buf_str(&body->b));
	return fs_write_all(STDOUT_FILENO, buf_str(&body->b), body->b.n) < 0;
}

int
hook_http(const struct hook *hook, struct jtext in, int64_t max)
{
	struct body body = { .max = max };
	struct curl_slist *headers = header_list(hook);
	CURL *c = curl_easy_init();
	int rc;

	if (!c)
		return fail("HTTP hook failed: no HTTP client");
	curl_easy_setopt(c, CURLOPT_URL, hook->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)in.n);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, in.p);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, hook->method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &body);
	rc = answer(c, curl_easy_perform(c), &body);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	buf_free(&body.b);
	return rc;
}
