#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tool/policy.h"

/* How many plain globs the braces of one may stand for. */
#define MAX_BRACES 1024

bool
policy_parse(const char *s, enum policy_mode *m)
{
	static const char *const names[] = {
		[POLICY_UNRESTRICTED] = "unrestricted",
		[POLICY_ALLOW] = "allow_list", [POLICY_DENY] = "deny_list",
	};

	for (int i = POLICY_UNRESTRICTED; i <= POLICY_DENY; i++)
		if (!strcmp(s, names[i])) {
			*m = (enum policy_mode)i;
			return true;
		}
	return false;
}

/* ---- globs ---- */

/* Code point at s and its length; a stray byte counts as itself. */
static uint32_t
decode(const char *s, size_t n, size_t *len)
{
	const unsigned char *u = (const unsigned char *)s;

	*len = utf8_next(s, n);
	switch (*len) {
	case 2: return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3: return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	case 4: return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 |
		    (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
	default: *len = 1; return u[0];
	}
}

/* Length of the bracket expression at g, 0 if it does not close. */
static size_t
class_len(const char *g)
{
	size_t i = 1;

	if (g[i] == '!' || g[i] == '^')
		i++;
	if (g[i] == ']')
		i++;
	while (g[i] && g[i] != ']')
		i++;
	return g[i] ? i + 1 : 0;
}

static bool
in_class(const char *g, size_t n, uint32_t c)
{
	bool negated = g[1] == '!' || g[1] == '^', in = false;
	const char *p = g + 1 + negated, *end = g + n - 1;

	while (p < end) {
		size_t len;
		uint32_t lo = decode(p, (size_t)(end - p), &len), hi = lo;

		p += len;
		if (p + 1 < end && *p == '-') {
			hi = decode(p + 1, (size_t)(end - p - 1), &len);
			p += 1 + len;
		}
		in = in || (c >= lo && c <= hi);
	}
	return in != negated;
}

/*
 * Which ends of s[0..i) the glob so far can match: one row of flags per token, so
 * that no pattern costs more than its length times that of s.
 */
struct row {
	const char *s;
	size_t n;
	char *at;		/* n + 1 flags */
	bool path;
};

static void
star(struct row *r, bool cross)
{
	for (size_t i = 1; i <= r->n; i++)
		if (r->at[i - 1] && (cross || r->s[i - 1] != '/'))
			r->at[i] = 1;
}

/* "**" and a slash: any number of whole directories. */
static void
star_dirs(struct row *r)
{
	bool open = false;

	for (size_t i = 0; i <= r->n; i++) {
		if (open && r->s[i - 1] == '/')
			r->at[i] = 1;
		open = open || r->at[i];
	}
}

/* One character that must fit: a literal, ? or a class. */
static void
step(struct row *r, const char *g, size_t n)
{
	size_t len, want;
	uint32_t lit = *g == '\\' && n > 1 ? decode(g + 1, n - 1, &want) :
	    decode(g, n, &want);
	bool class = *g == '[' && n > 1, any = *g == '?';

	/* From the end, so that a flag moves once. */
	for (size_t i = r->n + 1; i-- > 0; ) {
		uint32_t c;
		bool fits;

		if (!r->at[i])
			continue;
		r->at[i] = 0;
		if (i == r->n)
			continue;
		c = decode(r->s + i, r->n - i, &len);
		fits = any || class ? !(r->path && c == '/') : c == lit;
		if (class)
			fits = fits && in_class(g, n, c);
		if (fits)
			r->at[i + len] = 1;
	}
}

static bool
match_plain(const char *g, const char *s, bool path)
{
	struct row r = { .s = s, .n = strlen(s), .path = path };
	bool yes;

	r.at = xcalloc(r.n + 1, 1);
	r.at[0] = 1;
	while (*g) {
		size_t n = 1;

		if (path && !strncmp(g, "**/", 3)) {
			star_dirs(&r);
			n = 3;
		} else if (*g == '*') {
			n = strspn(g, "*");
			star(&r, !path || n > 1);
		} else {
			size_t skip = *g == '\\' && g[1];

			decode(g + skip, strlen(g + skip), &n);
			n += skip;
			if (*g == '[' && class_len(g))
				n = class_len(g);
			step(&r, g, n);
		}
		g += n;
	}
	yes = r.at[r.n];
	free(r.at);
	return yes;
}

/* Skip one glob token of the brace scan. */
static size_t
token_len(const char *g)
{
	if (*g == '\\' && g[1])
		return 2;
	if (*g == '[' && class_len(g))
		return class_len(g);
	return 1;
}

/* The brace at g: offset of its end, 0 if it does not close. */
static size_t
brace_end(const char *g)
{
	int depth = 0;

	for (size_t i = 0; g[i]; i += token_len(g + i)) {
		if (g[i] == '{')
			depth++;
		else if (g[i] == '}' && --depth == 0)
			return i;
	}
	return 0;
}

static bool
match(const char *glob, const char *s, bool path, int *budget)
{
	size_t open = 0, close = 0, from, i;
	int depth = 0;
	bool yes = false;

	if (--*budget < 0)
		return false;
	for (; glob[open]; open += token_len(glob + open))
		if (glob[open] == '{' && (close = brace_end(glob + open)))
			break;
	if (!glob[open])
		return match_plain(glob, s, path);
	close += open;
	for (i = from = open + 1; i <= close && !yes; i += token_len(glob + i)) {
		char c = glob[i];

		if ((c == ',' && depth == 0) || i == close) {
			char *one = xasprintf("%.*s%.*s%s", (int)open, glob,
			    (int)(i - from), glob + from, glob + close + 1);

			yes = match(one, s, path, budget);
			free(one);
			from = i + 1;
		}
		depth += (c == '{') - (c == '}');
	}
	return yes;
}

bool
glob_match(const char *glob, const char *s, bool path)
{
	int budget = MAX_BRACES;

	return match(glob, s, path, &budget);
}

/* ---- the canonical command ---- */

static void
put_word(struct buf *out, const struct buf *word)
{
	bool plain = word->n > 0;

	for (size_t i = 0; i < word->n; i++) {
		unsigned char c = (unsigned char)word->p[i];

		if (!isalnum(c) && !(c && strchr("@%+=:,./-_", c)))
			plain = false;
	}
	if (out->n)
		buf_putc(out, ' ');
	if (plain) {
		buf_put(out, word->p, word->n);
		return;
	}
	buf_putc(out, '\'');
	for (size_t i = 0; i < word->n; i++) {
		if (word->p[i] == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, word->p[i]);
	}
	buf_putc(out, '\'');
}

/* A backslash in or outside double quotes; false at the end of the text. */
static bool
take_escape(const char **p, struct buf *word, bool quoted)
{
	char c = *++*p;

	if (!c)
		return false;
	if (c != '\n') {
		if (quoted && !strchr("$`\"\\", c))
			buf_putc(word, '\\');
		buf_putc(word, c);
	}
	++*p;
	return true;
}

/* One quoted part; *p is at the quote and ends behind its partner. */
static bool
take_quoted(const char **p, struct buf *word)
{
	char quote = *(*p)++;

	while (**p && **p != quote) {
		if (quote == '"' && **p == '\\') {
			if (!take_escape(p, word, true))
				return false;
		} else {
			buf_putc(word, *(*p)++);
		}
	}
	if (!**p)
		return false;
	++*p;
	return true;
}

static bool
take_word(const char **p, struct buf *word)
{
	bool good = true;

	while (good && **p && !strchr(" \t\n\r", **p)) {
		if (**p == '\'' || **p == '"')
			good = take_quoted(p, word);
		else if (**p == '\\')
			good = take_escape(p, word, false);
		else
			buf_putc(word, *(*p)++);
	}
	return good;
}

bool
policy_canonical(const char *command, struct buf *out)
{
	struct buf word = BUF_INIT;
	const char *p = command;
	bool good = true;

	while (good && *(p += strspn(p, " \t\n\r"))) {
		if (*p == '#') {
			p += strcspn(p, "\n");
			continue;
		}
		buf_trunc(&word, 0);
		good = take_word(&p, &word);
		if (good)
			put_word(out, &word);
	}
	buf_free(&word);
	return good;
}

bool
policy_allows(enum policy_mode m, struct jtext patterns, const char *command,
    struct buf *why)
{
	struct buf canon = BUF_INIT;
	bool hit = false, yes = true;

	if (m == POLICY_UNRESTRICTED)
		return true;
	if (!policy_canonical(command, &canon)) {
		buf_puts(why, "IO error: Malformed shell command: unclosed quotes"
		    " or invalid escape sequences");
		yes = false;
		goto done;
	}
	if (!canon.n)
		goto done;
	for (struct jiter it = json_iter(patterns); json_next(&it) && !hit; ) {
		char *glob = json_str(it.value, NULL);

		hit = glob && glob_match(glob, canon.p, false);
		free(glob);
	}
	yes = hit == (m == POLICY_ALLOW);
	if (!yes)
		buf_printf(why, "Security policy violation: Command '%s' %s",
		    canon.p, hit ? "matches a denied pattern" :
		    "does not match any allowed patterns");
done:
	buf_free(&canon);
	return yes;
}
