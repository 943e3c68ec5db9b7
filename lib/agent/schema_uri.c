/*
 * References to URIs: RFC 3986, section 5.2.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/schema_impl.h"

/* A URI in its parts (RFC 3986, appendix B); p NULL: the part is absent. */
struct part {
	const char *p;
	size_t n;
};

struct uri {
	struct part scheme, authority, path, query;
};

static bool
scheme_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

static struct part
take(const char **p, size_t n)
{
	struct part x = { *p, n };

	*p += n;
	return x;
}

static struct uri
split(const char *s)
{
	struct uri u = { .scheme.p = NULL };
	size_t n = 0;

	while (scheme_char(s[n]))
		n++;
	if (n && s[n] == ':') {
		u.scheme = take(&s, n);
		s++;
	}
	if (s[0] == '/' && s[1] == '/') {
		s += 2;
		u.authority = take(&s, strcspn(s, "/?#"));
	}
	u.path = take(&s, strcspn(s, "?#"));
	if (*s == '?') {
		s++;
		u.query = take(&s, strcspn(s, "#"));
	}
	return u;
}

/* Cut the last segment: what stands behind the last '/' at or after `from`, and that '/'. */
static void
drop_segment(struct buf *b, size_t from)
{
	size_t n = b->n;

	while (n > from && b->p[n - 1] != '/')
		n--;
	buf_trunc(b, n > from ? n - 1 : from);
}

static bool
starts(const char *p, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - p) >= n && !memcmp(p, with, n);
}

static bool
is(const char *p, const char *end, const char *what)
{
	return (size_t)(end - p) == strlen(what) && starts(p, end, what);
}

/* 5.2.4 */
static void
put_without_dots(struct buf *b, const char *p, size_t n)
{
	const char *end = p + n;
	size_t from = b->n;

	while (p < end) {
		if (starts(p, end, "../")) {
			p += 3;
		} else if (starts(p, end, "./") || starts(p, end, "/./")) {
			p += 2;
		} else if (is(p, end, "/.")) {
			buf_putc(b, '/');
			p = end;
		} else if (starts(p, end, "/../")) {
			drop_segment(b, from);
			p += 3;
		} else if (is(p, end, "/..")) {
			drop_segment(b, from);
			buf_putc(b, '/');
			p = end;
		} else if (is(p, end, ".") || is(p, end, "..")) {
			p = end;
		} else {
			do
				buf_putc(b, *p++);
			while (p < end && *p != '/');
		}
	}
}

/* 5.2.3: the reference's path in the base's directory. */
static void
merge(struct buf *b, const struct uri *base, const struct uri *ref)
{
	struct buf path = BUF_INIT;
	size_t n = base->path.n;

	if (base->authority.p && !n) {
		buf_putc(&path, '/');
	} else {
		while (n && base->path.p[n - 1] != '/')
			n--;
		buf_put(&path, base->path.p, n);
	}
	buf_put(&path, ref->path.p, ref->path.n);
	put_without_dots(b, buf_str(&path), path.n);
	buf_free(&path);
}

static void
put_front(struct buf *b, struct part scheme, struct part authority)
{
	if (scheme.p) {
		buf_put(b, scheme.p, scheme.n);
		buf_putc(b, ':');
	}
	if (authority.p) {
		buf_puts(b, "//");
		buf_put(b, authority.p, authority.n);
	}
}

/* 5.2.2 without the fragment. */
char *
uri_resolve(const char *base_text, const char *ref_text)
{
	struct uri base = split(base_text), ref = split(ref_text);
	struct part query = ref.query;
	struct buf b = BUF_INIT;

	if (ref.scheme.p || ref.authority.p) {
		put_front(&b, ref.scheme.p ? ref.scheme : base.scheme,
		    ref.authority);
		put_without_dots(&b, ref.path.p, ref.path.n);
	} else {
		put_front(&b, base.scheme, base.authority);
		if (!ref.path.n) {
			buf_put(&b, base.path.p, base.path.n);
			if (!query.p)
				query = base.query;
		} else if (*ref.path.p == '/') {
			put_without_dots(&b, ref.path.p, ref.path.n);
		} else {
			merge(&b, &base, &ref);
		}
	}
	if (query.p) {
		buf_putc(&b, '?');
		buf_put(&b, query.p, query.n);
	}
	return buf_steal(&b);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

char *
uri_fragment(const char *ref, size_t *n)
{
	const char *p = strchr(ref, '#');
	struct buf b = BUF_INIT;

	for (p = p ? p + 1 : ""; *p; p++)
		if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			buf_putc(&b, (char)(hex(p[1]) << 4 | hex(p[2])));
			p += 2;
		} else {
			buf_putc(&b, *p);
		}
	*n = b.n;
	return buf_steal(&b);
}
