#include <string.h>

#include "model/sse.h"

static int
dispatch(struct sse *s)
{
	int rc;

	if (!s->pending)
		return 0;
	s->pending = false;
	s->events++;
	rc = s->event(s->arg, buf_str(&s->data), s->data.n);
	buf_trunc(&s->data, 0);
	return rc;
}

static int
too_long(struct err *e)
{
	return err_set(e, E_PROVIDER_ERROR, "one event is longer than %u MiB",
	    SSE_EVENT_MAX >> 20);
}

/* Text that is no SSE field; the other fields of the standard carry nothing for us. */
static void
keep_stray(struct sse *s, const char *p, size_t n)
{
	static const char *const known[] = { "event", "id", "retry" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t k = strlen(known[i]);

		if (n >= k && !memcmp(p, known[i], k) &&
		    (n == k || p[k] == ':'))
			return;
	}
	if (s->stray.n + n < SSE_STRAY_MAX) {
		buf_put(&s->stray, p, n);
		buf_putc(&s->stray, '\n');
	}
}

/* One line without its newline. */
static int
take_line(struct sse *s, const char *p, size_t n, struct err *e)
{
	if (n && p[n - 1] == '\r')
		n--;
	if (!n)
		return dispatch(s);
	if (*p == ':')
		return 0;
	if (n < 4 || memcmp(p, "data", 4) || (n > 4 && p[4] != ':')) {
		keep_stray(s, p, n);
		return 0;
	}
	p += n > 4 ? 5 : 4;
	n -= n > 4 ? 5 : 4;
	if (n && *p == ' ') {
		p++;
		n--;
	}
	if (s->data.n + n > SSE_EVENT_MAX)
		return too_long(e);
	if (s->pending)
		buf_putc(&s->data, '\n');
	else
		s->event_at = s->offset;
	buf_put(&s->data, p, n);
	s->pending = true;
	return 0;
}

/* The stream may start with a byte order mark, which may come in pieces. */
static void
skip_bom(struct sse *s)
{
	static const char bom[] = "\xef\xbb\xbf";

	if (s->started)
		return;
	s->started = true;
	if (s->line.n >= 3 && !memcmp(s->line.p, bom, 3))
		buf_drop(&s->line, 3);
}

int
sse_feed(struct sse *s, const char *p, size_t n, struct err *e)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t k = nl ? (size_t)(nl - p) : n;
		int64_t whole = (int64_t)(s->line.n + k + 1);
		int rc;

		if (s->line.n + k > SSE_EVENT_MAX)
			return too_long(e);
		if (!nl) {
			buf_put(&s->line, p, k);
			return 0;
		}
		if (s->line.n || !s->started) {
			buf_put(&s->line, p, k);
			skip_bom(s);
			rc = take_line(s, buf_str(&s->line), s->line.n, e);
			buf_trunc(&s->line, 0);
		} else {
			rc = take_line(s, p, k, e);
		}
		if (rc < 0)
			return -1;
		s->offset += whole;
		p += k + 1;
		n -= k + 1;
	}
	return 0;
}

int
sse_end(struct sse *s, struct err *e)
{
	int rc = 0;

	skip_bom(s);
	if (s->line.n)
		rc = take_line(s, s->line.p, s->line.n, e);
	buf_trunc(&s->line, 0);
	return rc < 0 ? -1 : dispatch(s);
}

void
sse_free(struct sse *s)
{
	buf_free(&s->line);
	buf_free(&s->data);
	buf_free(&s->stray);
}
