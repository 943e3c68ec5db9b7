#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/toml_read.h"

/*
 * Strings, booleans, numbers and dates of TOML 1.0.0.
 */

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
hex_value(char c)
{
	if (digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- strings ---- */

static void
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* The digits behind \u or \U. */
static int
read_unicode(struct toml_reader *r, struct buf *b, int digits)
{
	const char *from = r->p - 2;
	uint32_t c = 0;

	while (digits--) {
		int v = r->p < r->end ? hex_value(*r->p) : -1;

		if (v < 0)
			return toml_fail(r, from, "bad \\u escape");
		c = c << 4 | (uint32_t)v;
		r->p++;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return toml_fail(r, from, "not a Unicode character");
	put_utf8(b, c);
	return 0;
}

static int
read_escape(struct toml_reader *r, struct buf *b)
{
	static const char names[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
	const char *which;
	char c;

	r->p++;
	if (r->p == r->end)
		return toml_fail(r, r->p, "unfinished string");
	c = *r->p++;
	if (c == 'u' || c == 'U')
		return read_unicode(r, b, c == 'u' ? 4 : 8);
	if (!c || !(which = strchr(names, c)))
		return toml_fail(r, r->p - 2, "unknown escape");
	buf_putc(b, means[which - names]);
	return 0;
}

/* A backslash at the end of a line: it and all white space up to the next text go away. */
static bool
skip_line_end(struct toml_reader *r)
{
	const char *s = r->p + 1;

	while (s < r->end && (*s == ' ' || *s == '\t'))
		s++;
	if (s + 1 < r->end && *s == '\r' && s[1] == '\n')
		s++;
	if (s == r->end || *s != '\n')
		return false;
	while (s < r->end && (*s == ' ' || *s == '\t' || *s == '\n' ||
	    (*s == '\r' && s + 1 < r->end && s[1] == '\n')))
		s++;
	r->p = s;
	return true;
}

/* One newline at the cursor (CR LF becomes LF); 0 if there is none. */
static size_t
newline(const struct toml_reader *r)
{
	if (*r->p == '\n')
		return 1;
	return *r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n' ? 2 : 0;
}

static size_t
quotes(const struct toml_reader *r, char quote)
{
	size_t n = 0;

	while (r->p + n < r->end && r->p[n] == quote)
		n++;
	return n;
}

static int
read_char(struct toml_reader *r, struct buf *b)
{
	unsigned char c = (unsigned char)*r->p;

	if ((c < ' ' && c != '\t') || c == 0x7f)
		return toml_fail(r, r->p, "control character in a string");
	buf_putc(b, *r->p++);
	return 0;
}

/* Behind the three opening quotes. */
static int
read_long(struct toml_reader *r, struct buf *b, char quote)
{
	size_t n;

	if (r->p < r->end)
		r->p += newline(r);
	while (r->p < r->end) {
		if (*r->p == quote) {
			n = quotes(r, quote);
			n = n > 5 ? 5 : n;
			r->p += n;
			for (size_t i = n >= 3 ? 3 : 0; i < n; i++)
				buf_putc(b, quote);
			if (n >= 3)
				return 0;
		} else if (*r->p == '\\' && quote == '"') {
			if (!skip_line_end(r) && read_escape(r, b) < 0)
				return -1;
		} else if ((n = newline(r))) {
			buf_putc(b, '\n');
			r->p += n;
		} else if (read_char(r, b) < 0) {
			return -1;
		}
	}
	return toml_fail(r, r->p, "unfinished string");
}

int
toml_read_string(struct toml_reader *r, struct buf *b, bool multiline)
{
	const char *from = r->p;
	char quote = *r->p;

	if (quotes(r, quote) >= 3) {
		if (!multiline)
			return toml_fail(r, from,
			    "a key cannot be a multi-line string");
		r->p += 3;
		return read_long(r, b, quote);
	}
	r->p++;
	while (r->p < r->end && !newline(r)) {
		if (*r->p == quote) {
			r->p++;
			return 0;
		}
		if (*r->p == '\\' && quote == '"') {
			if (read_escape(r, b) < 0)
				return -1;
		} else if (read_char(r, b) < 0) {
			return -1;
		}
	}
	return toml_fail(r, from, "unfinished string");
}

/* ---- numbers ---- */

/* Digits of a base from s with single underscores between them; returns behind them, NULL if malformed or none. */
static const char *
copy_digits(const char *s, int base, struct buf *b)
{
	bool last_digit = false;

	for (;; s++) {
		int v = hex_value(*s);

		if (v >= 0 && v < base) {
			buf_putc(b, *s);
			last_digit = true;
		} else if (*s == '_' && last_digit) {
			last_digit = false;
		} else {
			return last_digit ? s : NULL;
		}
	}
}

static bool
integer(const char *s, int base, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, base);
	return !*end && !errno;
}

static bool
prefixed(const char *token, struct toml *t)
{
	int base = token[1] == 'x' ? 16 : token[1] == 'o' ? 8 : 2;
	struct buf b = BUF_INIT;
	const char *end = copy_digits(token + 2, base, &b);
	bool ok = end && !*end && integer(buf_str(&b), base, &t->i);

	buf_free(&b);
	t->kind = TOML_INTEGER;
	return ok;
}

/* Decimal integer or float: sign, digits without leading zero, fraction, exponent. */
static bool
decimal(const char *token, struct toml *t)
{
	struct buf b = BUF_INIT;
	const char *s = token;
	bool ok = false;

	if (*s == '+' || *s == '-')
		buf_putc(&b, *s++);
	if (*s == '0' && (digit(s[1]) || s[1] == '_'))
		goto done;
	if (!(s = copy_digits(s, 10, &b)))
		goto done;
	if (!*s) {
		t->kind = TOML_INTEGER;
		ok = integer(buf_str(&b), 10, &t->i);
		goto done;
	}
	if (*s == '.') {
		buf_putc(&b, *s++);
		if (!(s = copy_digits(s, 10, &b)))
			goto done;
	}
	if (*s == 'e' || *s == 'E') {
		buf_putc(&b, *s++);
		if (*s == '+' || *s == '-')
			buf_putc(&b, *s++);
		if (!(s = copy_digits(s, 10, &b)))
			goto done;
	}
	t->kind = TOML_FLOAT;
	t->f = strtod(buf_str(&b), NULL);
	ok = !*s;
done:
	buf_free(&b);
	return ok;
}

static bool
special(const char *token, struct toml *t)
{
	bool sign = *token == '+' || *token == '-';
	const char *word = token + sign;

	t->kind = TOML_FLOAT;
	if (!strcmp(word, "inf"))
		t->f = INFINITY;
	else if (!strcmp(word, "nan"))
		t->f = (double)NAN;
	else
		return false;
	if (*token == '-')
		t->f = -t->f;
	return true;
}

/* ---- dates (RFC 3339, seconds required) ---- */

/* n digits at *s between lo and hi; moves *s. */
static bool
field(const char **s, int n, int lo, int hi, int *out)
{
	*out = 0;
	while (n--) {
		if (!digit(**s))
			return false;
		*out = 10 * *out + (*(*s)++ - '0');
	}
	return *out >= lo && *out <= hi;
}

static bool
skip(const char **s, const char *set)
{
	if (!**s || !strchr(set, **s))
		return false;
	++*s;
	return true;
}

static bool
date(const char **s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
	    31 };
	int y, m, d;

	if (!field(s, 4, 0, 9999, &y) || !skip(s, "-") ||
	    !field(s, 2, 1, 12, &m) || !skip(s, "-") ||
	    !field(s, 2, 1, 31, &d))
		return false;
	if (m == 2 && y % 4 == 0 && (y % 100 || y % 400 == 0))
		return d <= 29;
	return d <= days[m - 1];
}

static bool
clock_time(const char **s)
{
	int v;

	if (!field(s, 2, 0, 23, &v) || !skip(s, ":") ||
	    !field(s, 2, 0, 59, &v) || !skip(s, ":") ||
	    !field(s, 2, 0, 60, &v))
		return false;
	if (!skip(s, "."))
		return true;
	if (!digit(**s))
		return false;
	while (digit(**s))
		++*s;
	return true;
}

static bool
offset(const char **s)
{
	int v;

	if (skip(s, "Zz"))
		return true;
	return skip(s, "+-") && field(s, 2, 0, 23, &v) && skip(s, ":") &&
	    field(s, 2, 0, 59, &v);
}

static bool
temporal(const char *token, struct toml *t)
{
	const char *s = token;

	t->s_len = strlen(token);
	t->s = xstrndup(token, t->s_len);
	if (token[2] == ':') {
		t->kind = TOML_LOCAL_TIME;
		return clock_time(&s) && !*s;
	}
	if (!date(&s))
		return false;
	t->kind = TOML_LOCAL_DATE;
	if (!*s)
		return true;
	if (!skip(&s, "Tt ") || !clock_time(&s))
		return false;
	t->kind = TOML_LOCAL_DATETIME;
	if (!*s)
		return true;
	t->kind = TOML_OFFSET_DATETIME;
	return offset(&s) && !*s;
}

/* ---- which of them it is ---- */

static bool
token_char(char c)
{
	return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c && strchr("+-_.:", c));
}

/* The run of characters that a scalar can have; a date may have one space before its time. */
static char *
read_token(struct toml_reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && token_char(*r->p))
		r->p++;
	if (r->p - from == 10 && from[4] == '-' && r->end - r->p > 3 &&
	    *r->p == ' ' && digit(r->p[1]) && digit(r->p[2]) && r->p[3] == ':')
		for (r->p++; r->p < r->end && token_char(*r->p); )
			r->p++;
	return xstrndup(from, (size_t)(r->p - from));
}

static bool
is_temporal(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return (n == 4 && s[4] == '-') || (n == 2 && s[2] == ':');
}

struct toml *
toml_read_scalar(struct toml_reader *r)
{
	const char *from = r->p;
	char *token = read_token(r);
	struct toml *t = toml_new(TOML_BOOL);
	const char *kind = "value";
	bool ok;

	if (!strcmp(token, "true") || !strcmp(token, "false")) {
		t->b = *token == 't';
		ok = true;
	} else if (is_temporal(token)) {
		kind = "date or time";
		ok = temporal(token, t);
	} else if (*token == '0' && token[1] && strchr("xob", token[1])) {
		kind = "integer";
		ok = prefixed(token, t);
	} else if (digit(*token) || (*token && strchr("+-", *token) &&
	    digit(token[1]))) {
		kind = "number";
		ok = decimal(token, t);
	} else {
		ok = special(token, t);
	}
	if (!ok) {
		if (*token)
			toml_fail(r, from, "not a %s: %.40s", kind, token);
		else
			toml_fail(r, from, "expected a value");
		toml_free(t);
		t = NULL;
	}
	free(token);
	return t;
}
