/* JSON text to C values: strings, numbers, booleans, jv trees. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jput.h"
#include "base/json.h"
#include "base/json_text.h"

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
json_cstr(struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);

	if (s && strlen(s) != n) {
		free(s);
		return NULL;
	}
	return s;
}

char *
json_get_str(struct jtext obj, const char *key)
{
	return json_cstr(json_get(obj, key));
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

/* ---- objects with one member changed ---- */

void
json_with(struct buf *out, struct jtext obj, const char *key,
    struct jtext value)
{
	struct jiter it;
	bool put = !value.p;

	jput_open(out, '{');
	for (it = json_iter(obj); json_next(&it); ) {
		bool same = json_str_is(it.key, key);
		struct jtext v = same ? value : it.value;

		if (same && put)
			continue;
		put |= same;
		jput_raw(out, it.key.p, it.key.n);
		buf_putc(out, ':');
		buf_put(out, v.p, v.n);
	}
	if (!put)
		jput_kraw(out, key, value.p, value.n);
	jput_close(out, '}');
}

void
json_set(char **object, const char *key, struct jtext value)
{
	struct buf b = BUF_INIT;

	json_with(&b, json_text(*object), key, value);
	free(*object);
	*object = buf_steal(&b);
}
