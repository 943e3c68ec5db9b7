/*
 * The strict JSON scanner and the slices behind it.  RFC 8259; nesting is kept as
 * one bit per level, so depth costs heap (1/8 byte), never stack.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* ---- UTF-8 ---- */

/* Length of the character at p (n > 0 bytes there), 0 if it is not valid or not whole. */
static size_t
utf8_len(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		unsigned char lo = p[0] == 0xe0 ? 0xa0 : 0x80;
		unsigned char hi = p[0] == 0xed ? 0x9f : 0xbf;

		return n >= 3 && p[1] >= lo && p[1] <= hi &&
		    (p[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		unsigned char lo = p[0] == 0xf0 ? 0x90 : 0x80;
		unsigned char hi = p[0] == 0xf4 ? 0x8f : 0xbf;

		return n >= 4 && p[1] >= lo && p[1] <= hi &&
		    (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
	}
	return 0;
}

size_t
utf8_prefix(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0, len;

	while (i < n && (len = utf8_len(p + i, n - i)) > 0)
		i += len;
	return i;
}

size_t
utf8_next(const char *p, size_t n)
{
	return n ? utf8_len((const unsigned char *)p, n) : 0;
}

bool
utf8_valid(const char *p, size_t n)
{
	return utf8_prefix(p, n) == n;
}

size_t
utf8_cut(const char *p, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)p[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* ---- the scanner ---- */

struct scan {
	const char *start, *p, *end;
	const char *why;
	unsigned char *bits;	/* 1 = object, level by level */
	size_t depth, cap;	/* levels */
};

static bool
is_ws(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *
skip_ws(const char *p, const char *end)
{
	while (p < end && is_ws(*p))
		p++;
	return p;
}

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
			len = utf8_len((const unsigned char *)s->p,
			    (size_t)(s->end - s->p));
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

/* ---- slices ---- */

struct jtext
json_text(const char *s)
{
	return s ? json_slice(s, strlen(s)) : JTEXT_NONE;
}

char
json_kind(struct jtext v)
{
	const char *p;

	if (!v.p)
		return 0;
	p = skip_ws(v.p, v.p + v.n);
	if (p == v.p + v.n)
		return 0;
	switch (*p) {
	case '{': case '[': case '"': case 'n': return *p;
	case 't': case 'f': return 't';
	default: return *p == '-' || is_digit(*p) ? '0' : 0;
	}
}

/* End of the string token at p ('"'), or end. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return end;
}

/* End of the value at p, by brackets and quotes only. */
static const char *
value_end(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		char c = *p;

		if (c == '"') {
			p = string_end(p, end);
		} else if (c == '{' || c == '[') {
			depth++;
			p++;
			continue;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return p;
			depth--;
			p++;
		} else if (depth) {
			p++;
			continue;
		} else if (c == ',' || c == ':' || is_ws(c)) {
			return p;
		} else {
			while (p < end && !strchr(",:]} \t\r\n", *p))
				p++;
		}
		if (!depth)
			return p;
	}
	return end;
}

struct jiter
json_iter(struct jtext v)
{
	struct jiter it = { .p = NULL };
	char kind = json_kind(v);

	if (kind != '{' && kind != '[')
		return it;
	it.end = v.p + v.n;
	it.p = skip_ws(v.p, it.end) + 1;
	it.object = kind == '{';
	return it;
}

bool
json_next(struct jiter *it)
{
	const char *p = it->p, *q;

	if (!p)
		return false;
	while (p < it->end && (is_ws(*p) || *p == ','))
		p++;
	if (p >= it->end || *p == '}' || *p == ']')
		goto over;
	if (it->object) {
		if (*p != '"')
			goto over;
		q = string_end(p, it->end);
		it->key = json_slice(p, (size_t)(q - p));
		p = skip_ws(q, it->end);
		if (p >= it->end || *p != ':')
			goto over;
		p = skip_ws(p + 1, it->end);
	}
	q = value_end(p, it->end);
	if (q == p)
		goto over;
	it->value = json_slice(p, (size_t)(q - p));
	it->p = q;
	return true;
over:
	it->p = NULL;
	return false;
}

size_t
json_count(struct jtext v)
{
	struct jiter it = json_iter(v);
	size_t n = 0;

	while (json_next(&it))
		n++;
	return n;
}

bool
json_str_is(struct jtext v, const char *s)
{
	size_t n = strlen(s);
	bool same;
	char *d;
	size_t dn;

	if (json_kind(v) != '"' || v.n < 2)
		return false;
	if (!memchr(v.p, '\\', v.n) && *v.p == '"')
		return v.n == n + 2 && !memcmp(v.p + 1, s, n);
	d = json_str(v, &dn);
	same = dn == n && !memcmp(d, s, n);
	free(d);
	return same;
}

struct jtext
json_get(struct jtext obj, const char *key)
{
	struct jtext found = JTEXT_NONE;
	struct jiter it = json_iter(obj);

	if (!it.object)
		return found;
	while (json_next(&it))
		if (json_str_is(it.key, key))
			found = it.value;
	return found;
}

static struct jtext
json_at(struct jtext arr, size_t i)
{
	struct jiter it = json_iter(arr);

	while (json_next(&it))
		if (i-- == 0)
			return it.value;
	return JTEXT_NONE;
}

struct jtext
json_path(struct jtext v, const char *path)
{
	char name[256];

	while (*path && v.p) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof name)
			return JTEXT_NONE;
		memcpy(name, path, n);
		name[n] = '\0';
		if (json_kind(v) == '[' && is_digit(*name))
			v = json_at(v, strtoul(name, NULL, 10));
		else
			v = json_get(v, name);
		path += n;
		if (*path == '/')
			path++;
	}
	return v;
}

static unsigned
hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (unsigned)(is_digit(c) ? c - '0' :
		    (c | 0x20) - 'a' + 10);
	}
	return v;
}

static size_t
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The \uXXXX at p (behind the u); moves *p behind it and behind its low surrogate. */
static unsigned
unescape_u(const char **p, const char *end)
{
	unsigned c, low;

	for (int i = 0; i < 4; i++)
		if (end - *p <= i || !is_hex((*p)[i])) {
			*p = end;
			return 0xfffd;
		}
	c = hex4(*p);
	*p += 4;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c >= 0xdc00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
	    !is_hex((*p)[2]) || !is_hex((*p)[3]) || !is_hex((*p)[4]) ||
	    !is_hex((*p)[5]))
		return 0xfffd;
	low = hex4(*p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

bool
json_str_whole(struct jtext v)
{
	const char *p = v.p, *end = v.p + v.n;

	while ((p = memchr(p, '\\', (size_t)(end - p)))) {
		p += 2;
		if (end - p < 4 || p[-1] != 'u')
			continue;
		if ((p[0] == 'd' || p[0] == 'D') && p[1] >= '8' &&
		    unescape_u(&p, end) == 0xfffd)
			return false;
	}
	return true;
}

char *
json_str(struct jtext v, size_t *n)
{
	const char *p, *end;
	char *s, *to;

	if (n)
		*n = 0;
	if (json_kind(v) != '"')
		return NULL;
	p = skip_ws(v.p, v.p + v.n);
	end = string_end(p, v.p + v.n);
	if (end > p + 1 && end[-1] == '"')
		end--;
	p++;
	s = to = xmalloc((size_t)(end - p) + 4);
	while (p < end) {
		if (*p != '\\' || p + 1 >= end) {
			*to++ = *p++;
			continue;
		}
		p++;
		switch (*p++) {
		case 'b': *to++ = '\b'; break;
		case 'f': *to++ = '\f'; break;
		case 'n': *to++ = '\n'; break;
		case 'r': *to++ = '\r'; break;
		case 't': *to++ = '\t'; break;
		case 'u': to += put_utf8(to, unescape_u(&p, end)); break;
		default: *to++ = p[-1];
		}
	}
	*to = '\0';
	if (n)
		*n = (size_t)(to - s);
	return s;
}

char *
json_get_str(struct jtext obj, const char *key)
{
	size_t n;
	char *s = json_str(json_get(obj, key), &n);

	if (s && strlen(s) != n) {
		free(s);
		return NULL;
	}
	return s;
}

/* The number's text as a C string in `to`; false if v is none or too long to be exact. */
static bool
number_text(struct jtext v, char *to, size_t cap)
{
	const char *p;
	size_t n;

	if (json_kind(v) != '0')
		return false;
	p = skip_ws(v.p, v.p + v.n);
	n = (size_t)(value_end(p, v.p + v.n) - p);
	if (n >= cap)
		return false;
	memcpy(to, p, n);
	to[n] = '\0';
	return true;
}

bool
json_i64(struct jtext v, int64_t *out)
{
	char text[64], *end;
	double d;
	long long ll;

	if (!number_text(v, text, sizeof text))
		return false;
	errno = 0;
	ll = strtoll(text, &end, 10);
	if (!*end) {
		if (errno)
			return false;
		*out = ll;
		return true;
	}
	/* 1.0 and 1e3 are integers too, as far as a double holds them exactly. */
	d = strtod(text, &end);
	if (*end || !(fabs(d) <= 9007199254740992.0) || d != floor(d))
		return false;
	*out = (int64_t)d;
	return true;
}

bool
json_f64(struct jtext v, double *out)
{
	char text[512], *end;

	if (!number_text(v, text, sizeof text))
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

bool
json_bool(struct jtext v, bool *out)
{
	if (json_kind(v) != 't')
		return false;
	*out = *skip_ws(v.p, v.p + v.n) == 't';
	return true;
}

int64_t
json_get_i64(struct jtext obj, const char *key, int64_t otherwise)
{
	int64_t v;

	return json_i64(json_get(obj, key), &v) ? v : otherwise;
}

bool
json_get_bool(struct jtext obj, const char *key, bool otherwise)
{
	bool v;

	return json_bool(json_get(obj, key), &v) ? v : otherwise;
}

/* libjq recurses per level, so what nests deeper is refused here. */
#define JV_DEPTH_MAX 250

static bool
too_deep(struct jtext v)
{
	size_t depth = 0;

	for (const char *p = v.p, *end = v.p + v.n; p < end; p++) {
		if (*p == '"')
			p = string_end(p, end) - 1;
		else if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		if (depth > JV_DEPTH_MAX)
			return true;
	}
	return false;
}

jv
json_jv(struct jtext v)
{
	if (!v.p || v.n > INT32_MAX || json_check(v.p, v.n, NULL) < 0 ||
	    too_deep(v))
		return jv_invalid();
	return jv_parse_sized(v.p, (int)v.n);
}
