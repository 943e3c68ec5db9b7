#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "base/json.h"

/* A comma is due unless the buf is empty or ends in something that opens a place. */
static void
comma(struct buf *b)
{
	if (b->n && !strchr("{[:,\n", b->p[b->n - 1]))
		buf_putc(b, ',');
}

void
jput_open(struct buf *b, char bracket)
{
	comma(b);
	buf_putc(b, bracket);
}

void
jput_close(struct buf *b, char bracket)
{
	buf_putc(b, bracket);
}

static void
put_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"': buf_puts(b, "\\\""); break;
	case '\\': buf_puts(b, "\\\\"); break;
	case '\b': buf_puts(b, "\\b"); break;
	case '\f': buf_puts(b, "\\f"); break;
	case '\n': buf_puts(b, "\\n"); break;
	case '\r': buf_puts(b, "\\r"); break;
	case '\t': buf_puts(b, "\\t"); break;
	default: buf_printf(b, "\\u%04x", c);
	}
}

static bool
plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != 0x7f;
}

static void
put_quoted(struct buf *b, const char *s, size_t n)
{
	size_t i = 0, run;

	buf_putc(b, '"');
	while (i < n) {
		for (run = i; run < n && plain((unsigned char)s[run]); run++)
			;
		buf_put(b, s + i, run - i);
		i = run;
		if (i >= n)
			break;
		if ((unsigned char)s[i] < 0x80) {
			put_escaped(b, (unsigned char)s[i++]);
			continue;
		}
		run = utf8_next(s + i, n - i);
		if (run) {
			buf_put(b, s + i, run);
			i += run;
		} else {
			buf_puts(b, "\xef\xbf\xbd");
			i++;
		}
	}
	buf_putc(b, '"');
}

void
jput_str(struct buf *b, const char *s, size_t n)
{
	comma(b);
	put_quoted(b, s, n);
}

void
jput_key(struct buf *b, const char *key)
{
	comma(b);
	put_quoted(b, key, strlen(key));
	buf_putc(b, ':');
}

void
jput_cstr(struct buf *b, const char *s)
{
	if (s)
		jput_str(b, s, strlen(s));
	else
		jput_null(b);
}

void
jput_i64(struct buf *b, int64_t v)
{
	comma(b);
	buf_printf(b, "%" PRId64, v);
}

void
jput_f64(struct buf *b, double v)
{
	char text[40];

	if (!isfinite(v)) {
		jput_null(b);
		return;
	}
	comma(b);
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_puts(b, text);
	if (!strpbrk(text, ".e"))
		buf_puts(b, ".0");
}

void
jput_bool(struct buf *b, bool v)
{
	comma(b);
	buf_puts(b, v ? "true" : "false");
}

void
jput_null(struct buf *b)
{
	comma(b);
	buf_puts(b, "null");
}

void
jput_raw(struct buf *b, const char *p, size_t n)
{
	if (!p || !n) {
		jput_null(b);
		return;
	}
	comma(b);
	buf_put(b, p, n);
}

void
jput_jv(struct buf *b, jv v)
{
	jv s = jv_dump_string(v, JV_PRINT_SORTED);

	jput_raw(b, jv_string_value(s), (size_t)jv_string_length_bytes(jv_copy(s)));
	jv_free(s);
}

void
jput_kstr(struct buf *b, const char *key, const char *s, size_t n)
{
	jput_key(b, key);
	jput_str(b, s, n);
}

void
jput_kcstr(struct buf *b, const char *key, const char *s)
{
	jput_key(b, key);
	jput_cstr(b, s);
}

void
jput_ki64(struct buf *b, const char *key, int64_t v)
{
	jput_key(b, key);
	jput_i64(b, v);
}

void
jput_kf64(struct buf *b, const char *key, double v)
{
	jput_key(b, key);
	jput_f64(b, v);
}

void
jput_kbool(struct buf *b, const char *key, bool v)
{
	jput_key(b, key);
	jput_bool(b, v);
}

void
jput_knull(struct buf *b, const char *key)
{
	jput_key(b, key);
	jput_null(b);
}

void
jput_ktime(struct buf *b, const char *key, int64_t ms)
{
	char text[32];

	time_rfc3339(ms, text);
	jput_kcstr(b, key, text);
}

void
jput_kraw(struct buf *b, const char *key, const char *p, size_t n)
{
	jput_key(b, key);
	jput_raw(b, p, n);
}

/* ---- layout of text that is already JSON ---- */

/* Copy the string token at *i; leaves *i behind it. */
static void
copy_string(struct buf *b, const char *p, size_t n, size_t *i)
{
	size_t from = (*i)++;

	while (*i < n && p[*i] != '"')
		*i += p[*i] == '\\' ? 2 : 1;
	*i = *i < n ? *i + 1 : n;
	buf_put(b, p + from, *i - from);
}

void
jput_compact(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; ) {
		if (p[i] == '"')
			copy_string(b, p, n, &i);
		else if (strchr(" \t\r\n", p[i]) && p[i])
			i++;
		else
			buf_putc(b, p[i++]);
	}
}

/* What is deeper is not moved further: a million levels must not cost a terabyte of spaces. */
#define INDENT_MAX 100

static void
newline(struct buf *b, size_t depth)
{
	buf_putc(b, '\n');
	for (size_t i = 0; i < depth && i < INDENT_MAX; i++)
		buf_puts(b, "  ");
}

static size_t
skip_space(const char *p, size_t n, size_t i)
{
	while (i < n && strchr(" \t\r\n", p[i]) && p[i])
		i++;
	return i;
}

void
jput_pretty(struct buf *b, const char *p, size_t n)
{
	size_t depth = 0;

	for (size_t i = skip_space(p, n, 0); i < n; i = skip_space(p, n, i)) {
		char c = p[i];

		if (c == '"') {
			copy_string(b, p, n, &i);
			continue;
		}
		i++;
		if (c == '{' || c == '[') {
			size_t next = skip_space(p, n, i);

			buf_putc(b, c);
			if (next < n && (p[next] == '}' || p[next] == ']')) {
				buf_putc(b, p[next]);
				i = next + 1;
			} else {
				newline(b, ++depth);
			}
		} else if (c == '}' || c == ']') {
			newline(b, depth ? --depth : 0);
			buf_putc(b, c);
		} else if (c == ',') {
			buf_putc(b, c);
			newline(b, depth);
		} else {
			buf_putc(b, c);
			if (c == ':')
				buf_putc(b, ' ');
		}
	}
}
