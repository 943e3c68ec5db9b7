#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "turn/pattern.h"

static void
tame(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			p[i] = ' ';
}

void
put_cut(struct buf *b, const char *p, size_t n, size_t max)
{
	size_t keep = n > max ? utf8_cut(p, n, max) : n, at = b->n;

	buf_put(b, p, keep);
	tame(b->p + at, b->n - at);
	if (keep < n)
		buf_puts(b, "...");
}

static void
put_value(struct buf *b, struct jtext v, size_t max)
{
	struct buf raw = BUF_INIT;
	size_t n;
	char *s = json_str(v, &n);

	if (s) {
		put_cut(b, s, n, max);
	} else if (v.p) {
		jput_compact(&raw, v.p, v.n);
		put_cut(b, raw.p, raw.n, max);
	}
	free(s);
	buf_free(&raw);
}

static void
put_camel(struct buf *b, struct jtext v)
{
	char *s = json_str(v, NULL);
	bool up = true;

	for (char *p = s; p && *p; p++) {
		bool word_end = *p == '_';

		if (up && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		if (!word_end)
			put_cut(b, p, 1, 1);
		up = word_end;
	}
	free(s);
}

static void
put_list(struct buf *b, struct jtext v)
{
	struct jiter it = json_iter(v);

	for (const char *sep = ""; json_next(&it); sep = ", ") {
		buf_puts(b, sep);
		put_value(b, it.value, NO_LIMIT);
	}
}

static int64_t
tokens(struct jtext ev)
{
	struct jtext usage = json_get(ev, "usage");

	return json_get_i64(usage, "input_tokens", 0) +
	    json_get_i64(usage, "output_tokens", 0);
}

static const char *
style(char c)
{
	static const char letters[] = "BDIRGYM.";
	static const char *const codes[] = {
		"\033[1m", "\033[2m", "\033[3m", "\033[31m", "\033[32m",
		"\033[33m", "\033[35m", "\033[0m",
	};
	const char *at = strchr(letters, c);

	return at && c ? codes[at - letters] : NULL;
}

/* "?name:yes:no" */
static void
put_choice(struct buf *b, char *spec, struct jtext ev)
{
	char *save, *name = strtok_r(spec, ":", &save);
	char *yes = strtok_r(NULL, ":", &save), *no = strtok_r(NULL, ":", &save);

	buf_puts(b, json_get_bool(ev, name, false) ? yes : no);
}

/* One {spec}; it may be written into. */
static void
put_spec(struct buf *b, char *spec, struct jtext ev, bool ansi)
{
	size_t n = strcspn(spec, "^%+,:");
	char how = spec[n];
	const char *code = spec[1] ? NULL : style(spec[0]);
	double part = 0;
	struct jtext v;

	if (code) {
		if (ansi)
			buf_puts(b, code);
		return;
	}
	if (*spec == '?') {
		put_choice(b, spec + 1, ev);
		return;
	}
	if (!strcmp(spec, "tokens")) {
		buf_printf(b, "%" PRId64, tokens(ev));
		return;
	}
	spec[n] = '\0';
	v = json_path(ev, spec);
	switch (how) {
	case '^': put_camel(b, v); break;
	case ',': put_list(b, v); break;
	case '%':
		json_f64(v, &part);
		buf_printf(b, "%.0f%%", part * 100);
		break;
	case '+':
		buf_printf(b, "%" PRId64, json_get_i64(ev, spec, 0) + 1);
		break;
	case ':': put_value(b, v, strtoul(spec + n + 1, NULL, 10)); break;
	default: put_value(b, v, NO_LIMIT);
	}
}

void
pattern_put(struct buf *b, const char *p, struct jtext ev, bool ansi)
{
	char spec[80];

	for (; *p; p++) {
		size_t n;

		if (*p != '{') {
			buf_putc(b, *p);
			continue;
		}
		n = strcspn(++p, "}");
		snprintf(spec, sizeof spec, "%.*s", (int)n, p);
		put_spec(b, spec, ev, ansi);
		p += n;
	}
}
