/*
 * The strict JSON scanner: RFC 8259.  Nesting is kept as one bit per level, so depth
 * costs heap (1/8 byte), never stack.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_text.h"

struct scan {
	const char *start, *p, *end;
	const char *why;
	unsigned char *bits;	/* 1 = object, level by level */
	size_t depth, cap;	/* levels */
};

static int
bad(struct scan *s, const char *why)
{
	s->why = why;
	return -1;
}

static void
push(struct scan *s, bool object)
{
	size_t byte = s->depth / 8;
	unsigned char bit = (unsigned char)(1u << (s->depth % 8));

	if (byte >= s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->bits = xrealloc(s->bits, s->cap);
	}
	if (object)
		s->bits[byte] |= bit;
	else
		s->bits[byte] &= (unsigned char)~bit;
	s->depth++;
}

static bool
in_object(const struct scan *s)
{
	return s->bits[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

static int
scan_escape(struct scan *s)
{
	if (s->p >= s->end)
		return bad(s, "unfinished escape");
	if (strchr("\"\\/bfnrt", *s->p) && *s->p) {
		s->p++;
		return 0;
	}
	if (*s->p != 'u')
		return bad(s, "unknown escape");
	for (int i = 1; i <= 4; i++)
		if (s->end - s->p <= i || !is_hex(s->p[i]))
			return bad(s, "bad \\u escape");
	s->p += 5;
	return 0;
}

static int
scan_string(struct scan *s)
{
	if (s->p >= s->end || *s->p != '"')
		return bad(s, "want a string");
	s->p++;
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p;
		size_t len;

		if (c == '"') {
			s->p++;
			return 0;
		}
		if (c == '\\') {
			s->p++;
			if (scan_escape(s) < 0)
				return -1;
		} else if (c < 0x20) {
			return bad(s, "raw control character in a string");
		} else if (c < 0x80) {
			s->p++;
		} else {
			len = utf8_next(s->p, (size_t)(s->end - s->p));
			if (!len)
				return bad(s, "not UTF-8");
			s->p += len;
		}
	}
	return bad(s, "unfinished string");
}

static int
scan_digits(struct scan *s)
{
	if (s->p >= s->end || !is_digit(*s->p))
		return bad(s, "want a digit");
	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return 0;
}

static int
scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (scan_digits(s) < 0)
		return -1;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (scan_digits(s) < 0)
			return -1;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (scan_digits(s) < 0)
			return -1;
	}
	return 0;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n))
		return bad(s, "unknown word");
	s->p += n;
	return 0;
}

/* A value that is neither object nor array. */
static int
scan_scalar(struct scan *s)
{
	switch (*s->p) {
	case '"': return scan_string(s);
	case 't': return scan_word(s, "true");
	case 'f': return scan_word(s, "false");
	case 'n': return scan_word(s, "null");
	default:
		if (*s->p == '-' || is_digit(*s->p))
			return scan_number(s);
		return bad(s, "want a value");
	}
}

static int
scan_key(struct scan *s)
{
	s->p = skip_ws(s->p, s->end);
	if (scan_string(s) < 0)
		return -1;
	s->p = skip_ws(s->p, s->end);
	if (s->p >= s->end || *s->p != ':')
		return bad(s, "want ':'");
	s->p++;
	return 0;
}

/* Behind a value: close what ends here.  1: another value follows, 0: the outermost value is complete. */
static int
scan_after(struct scan *s)
{
	while (s->depth > 0) {
		bool object = in_object(s);

		s->p = skip_ws(s->p, s->end);
		if (s->p >= s->end)
			return bad(s, "unfinished");
		if (*s->p == ',') {
			s->p++;
			if (object && scan_key(s) < 0)
				return -1;
			return 1;
		}
		if (*s->p != (object ? '}' : ']'))
			return bad(s, object ? "want ',' or '}'" :
			    "want ',' or ']'");
		s->p++;
		s->depth--;
	}
	return 0;
}

/* Open brackets up to a scalar or an empty container.  1: a value is complete, 0: another must follow. */
static int
scan_open(struct scan *s)
{
	bool object = *s->p == '{';

	s->p++;
	push(s, object);
	s->p = skip_ws(s->p, s->end);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		s->depth--;
		return 1;
	}
	if (object && scan_key(s) < 0)
		return -1;
	return 0;
}

static int
scan_value(struct scan *s)
{
	int more;

	for (;;) {
		s->p = skip_ws(s->p, s->end);
		if (s->p >= s->end)
			return bad(s, "unfinished");
		if (*s->p == '{' || *s->p == '[') {
			if ((more = scan_open(s)) < 0)
				return -1;
			if (!more)
				continue;
		} else if (scan_scalar(s) < 0) {
			return -1;
		}
		if ((more = scan_after(s)) <= 0)
			return more;
	}
}

int
json_parse(const char *p, size_t n, struct jtext *v, struct err *e)
{
	struct scan s = { .start = p, .p = p, .end = p ? p + n : p };
	const char *first;
	int rc = -1;

	*v = JTEXT_NONE;
	if (!p || !n) {
		s.why = "empty";
		goto done;
	}
	first = skip_ws(s.p, s.end);
	if (scan_value(&s) < 0)
		goto done;
	*v = json_slice(first, (size_t)(s.p - first));
	s.p = skip_ws(s.p, s.end);
	if (s.p != s.end) {
		s.why = "more after the value";
		*v = JTEXT_NONE;
		goto done;
	}
	rc = 0;
done:
	free(s.bits);
	if (rc < 0)
		err_set(e, E_INVALID_PARAMS, "not JSON: %s at byte %zu", s.why,
		    p ? (size_t)(s.p - s.start) : 0);
	return rc;
}

int
json_check(const char *p, size_t n, struct err *e)
{
	struct jtext v;

	return json_parse(p, n, &v, e);
}
