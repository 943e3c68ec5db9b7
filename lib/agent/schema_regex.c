/*
 * ECMA 262 patterns (section 22.2, Unicode mode) for Oniguruma.  What the two read
 * differently is rewritten: anchors, the dot, \d \w \s (ASCII or the standard's list),
 * code point escapes, property names, brackets inside of classes.
 */
#include <stdlib.h>
#include <string.h>

#include <oniguruma.h>

#include "agent/schema_regex.h"
#include "base/json.h"
#include "base/util.h"

/* Oniguruma counts a retry for every step back; this is some milliseconds. */
#define RETRY_MAX 200000ul
#define STACK_MAX 100000u
#define PATTERN_MAX 65536

struct regex {
	regex_t *re;
	OnigMatchParam *limits;
};

/* Not const only because onig_new takes it so. */
static OnigSyntaxType ecma = {
	.op = ONIG_SYN_OP_DOT_ANYCHAR | ONIG_SYN_OP_ASTERISK_ZERO_INF |
	    ONIG_SYN_OP_PLUS_ONE_INF | ONIG_SYN_OP_QMARK_ZERO_ONE |
	    ONIG_SYN_OP_BRACE_INTERVAL | ONIG_SYN_OP_VBAR_ALT |
	    ONIG_SYN_OP_LPAREN_SUBEXP | ONIG_SYN_OP_ESC_AZ_BUF_ANCHOR |
	    ONIG_SYN_OP_DECIMAL_BACKREF | ONIG_SYN_OP_BRACKET_CC |
	    ONIG_SYN_OP_ESC_B_WORD_BOUND | ONIG_SYN_OP_QMARK_NON_GREEDY |
	    ONIG_SYN_OP_ESC_X_BRACE_HEX8,
	.op2 = ONIG_SYN_OP2_QMARK_GROUP_EFFECT | ONIG_SYN_OP2_CCLASS_SET_OP |
	    ONIG_SYN_OP2_QMARK_LT_NAMED_GROUP |
	    ONIG_SYN_OP2_ESC_K_NAMED_BACKREF |
	    ONIG_SYN_OP2_ESC_P_BRACE_CHAR_PROPERTY,
	.behavior = ONIG_SYN_CONTEXT_INDEP_REPEAT_OPS |
	    ONIG_SYN_CONTEXT_INVALID_REPEAT_OPS |
	    ONIG_SYN_ALLOW_INVALID_INTERVAL |
	    ONIG_SYN_BACKSLASH_ESCAPE_IN_CC |
	    ONIG_SYN_ALLOW_DOUBLE_RANGE_OP_IN_CC |
	    ONIG_SYN_DIFFERENT_LEN_ALT_LOOK_BEHIND |
	    ONIG_SYN_VARIABLE_LEN_LOOK_BEHIND,
	.options = ONIG_OPTION_CAPTURE_GROUP | ONIG_OPTION_WORD_IS_ASCII,
	.meta_char_table = { '\\', ONIG_INEFFECTIVE_META_CHAR,
	    ONIG_INEFFECTIVE_META_CHAR, ONIG_INEFFECTIVE_META_CHAR,
	    ONIG_INEFFECTIVE_META_CHAR, ONIG_INEFFECTIVE_META_CHAR },
};

/* ---- translation ---- */

struct scan {
	const char *p, *end;
	struct buf *out;
	struct err *e;
	bool class;		/* inside of [...] */
	int repeats;		/* "*", "+", "?" side by side: "a+?" is 2 */
};

static const char space[] = "\\x{9}-\\x{d} \\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";

static const struct {
	char letter;
	const char *set;
} sets[] = {
	{ 'd', "0-9" },
	{ 'w', "0-9A-Z_a-z" },
	{ 's', space },
};

static const struct {
	char letter;
	unsigned code;
} controls[] = {
	{ 't', '\t' }, { 'n', '\n' }, { 'v', '\v' }, { 'f', '\f' }, { 'r', '\r' },
};

static int
no(struct scan *s, const char *what)
{
	return err_set(s->e, E_INVALID_PARAMS, "%s", what);
}

static void
put_code(struct scan *s, unsigned code)
{
	buf_printf(s->out, "\\x{%x}", code);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* Exactly n hex digits at s->p; moves behind them. */
static bool
take_hex(struct scan *s, int n, unsigned *code)
{
	*code = 0;
	if (s->end - s->p < n)
		return false;
	for (int i = 0; i < n; i++) {
		int v = hex_value(s->p[i]);

		if (v < 0)
			return false;
		*code = *code << 4 | (unsigned)v;
	}
	s->p += n;
	return true;
}

/* Behind "\u": XXXX, a surrogate pair of those, or {X...}. */
static int
unicode_escape(struct scan *s)
{
	unsigned code = 0, low;

	if (s->p < s->end && *s->p == '{') {
		int n = 0, v;

		for (s->p++; s->p < s->end && (v = hex_value(*s->p)) >= 0;
		    s->p++, n++)
			if ((code = code << 4 | (unsigned)v) > 0x10ffff)
				return no(s, "\\u{...} is beyond Unicode");
		if (!n || s->p >= s->end || *s->p++ != '}')
			return no(s, "unfinished \\u{...}");
	} else if (!take_hex(s, 4, &code)) {
		return no(s, "\\u wants four hex digits");
	}
	if (code >= 0xd800 && code <= 0xdbff && s->end - s->p >= 6 &&
	    s->p[0] == '\\' && s->p[1] == 'u') {
		s->p += 2;
		if (!take_hex(s, 4, &low) || low < 0xdc00 || low > 0xdfff)
			return no(s, "half of a surrogate pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (code >= 0xd800 && code <= 0xdfff)
		return no(s, "half of a surrogate pair");
	put_code(s, code);
	return 0;
}

/* Behind "\p" or "\P": {Name} or {Kind=Name}; Oniguruma knows the plain names. */
static int
property(struct scan *s, char letter)
{
	static const char *const kinds[] = { "gc=", "General_Category=", "sc=",
		"Script=", "scx=", "Script_Extensions=" };
	const char *close;

	if (s->p >= s->end || *s->p != '{' ||
	    !(close = memchr(s->p, '}', (size_t)(s->end - s->p))))
		return no(s, "\\p wants {Name}");
	s->p++;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t n = strlen(kinds[i]);

		if ((size_t)(close - s->p) > n && !memcmp(s->p, kinds[i], n)) {
			s->p += n;
			break;
		}
	}
	buf_printf(s->out, "\\%c{", letter);
	buf_put(s->out, s->p, (size_t)(close + 1 - s->p));
	s->p = close + 1;
	return 0;
}

static bool
char_set(struct scan *s, char letter)
{
	for (size_t i = 0; i < COUNT(sets); i++)
		if (sets[i].letter == (letter | 0x20)) {
			bool bare = s->class && letter >= 'a';

			buf_printf(s->out, "%s%s%s%s", bare ? "" : "[",
			    letter >= 'a' ? "" : "^", sets[i].set,
			    bare ? "" : "]");
			return true;
		}
	return false;
}

/* "\1".."\9": a group seen so far or to come; Oniguruma checks the number. */
static int
back_reference(struct scan *s, char first)
{
	if (s->class)
		return no(s, "a back reference inside of [...]");
	buf_printf(s->out, "(?:\\%c", first);
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		buf_putc(s->out, *s->p++);
	buf_putc(s->out, ')');
	return 0;
}

/* Behind a backslash, a letter that is none of the sets. */
static int
letter_escape(struct scan *s, char c)
{
	unsigned code;

	for (size_t i = 0; i < COUNT(controls); i++)
		if (controls[i].letter == c) {
			put_code(s, controls[i].code);
			return 0;
		}
	switch (c) {
	case 'u':
		return unicode_escape(s);
	case 'x':
		if (!take_hex(s, 2, &code))
			return no(s, "\\x wants two hex digits");
		put_code(s, code);
		return 0;
	case 'c':
		if (s->p >= s->end || (*s->p | 0x20) < 'a' ||
		    (*s->p | 0x20) > 'z')
			return no(s, "\\c wants a letter");
		put_code(s, (unsigned char)*s->p++ & 31u);
		return 0;
	case 'p': case 'P':
		return property(s, c);
	case 'b': case 'B': case 'k':
		if (s->class && c == 'b') {
			put_code(s, '\b');
			return 0;
		}
		if (s->class)
			break;
		buf_printf(s->out, "\\%c", c);
		return 0;
	default:
		break;
	}
	return err_set(s->e, E_INVALID_PARAMS, "\\%c is not in ECMA 262", c);
}

/* Behind a backslash. */
static int
escape(struct scan *s)
{
	char c;

	if (s->p >= s->end)
		return no(s, "ends in a backslash");
	c = *s->p++;
	if (char_set(s, c))
		return 0;
	if (c >= '1' && c <= '9')
		return back_reference(s, c);
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return letter_escape(s, c);
	if ((unsigned char)c >= 0x80) {
		buf_putc(s->out, c);	/* a character stands for itself */
		return 0;
	}
	put_code(s, c == '0' ? 0 : (unsigned char)c);
	return 0;
}

/* Is this "\d", "\p" and the like?  A "-" before or behind one is no range. */
static bool
is_set(const struct scan *s, const char *p)
{
	return s->end - p >= 2 && p[0] == '\\' &&
	    memchr("dDwWsSpP", p[1], 8) != NULL;
}

static int
class_char(struct scan *s, char c)
{
	switch (c) {
	case '\\': {
		bool set = is_set(s, s->p - 1);

		if (escape(s) < 0)
			return -1;
		if (set && s->p < s->end && *s->p == '-') {
			s->p++;
			buf_puts(s->out, "\\-");
		}
		return 0;
	}
	case '[': case '&':
		put_code(s, (unsigned char)c);
		return 0;
	case '-':
		buf_puts(s->out, is_set(s, s->p) ? "\\-" : "-");
		return 0;
	case ']':
		s->class = false;
		break;
	}
	buf_putc(s->out, c);
	return 0;
}

/* Behind "[". */
static void
open_class(struct scan *s)
{
	bool negated = s->p < s->end && *s->p == '^';

	s->p += negated;
	if (s->p < s->end && *s->p == ']') {	/* nothing, or anything */
		s->p++;
		buf_puts(s->out, negated ? "[\\x{0}-\\x{10ffff}]" : "(?!)");
		return;
	}
	buf_puts(s->out, negated ? "[^" : "[");
	s->class = true;
}

/* Behind "(": only the groups that ECMA 262 has. */
static int
open_group(struct scan *s)
{
	static const char *const kinds[] = { ":", "=", "!", "<=", "<!" };
	const char *close;

	buf_putc(s->out, '(');
	if (s->p >= s->end || *s->p != '?')
		return 0;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t n = strlen(kinds[i]);

		if ((size_t)(s->end - s->p) > n &&
		    !memcmp(s->p + 1, kinds[i], n)) {
			buf_put(s->out, s->p, n + 1);
			s->p += n + 1;
			return 0;
		}
	}
	close = memchr(s->p, '>', (size_t)(s->end - s->p));
	if (s->end - s->p < 2 || s->p[1] != '<' || !close)
		return no(s, "a group (?... that is not in ECMA 262");
	buf_put(s->out, s->p, (size_t)(close + 1 - s->p));
	s->p = close + 1;
	return 0;
}

/* The standard has no "a++"; others mean something else by it. */
static int
repeat(struct scan *s, char c)
{
	if (s->repeats++ && (c != '?' || s->repeats > 2))
		return no(s, "nothing to repeat");
	buf_putc(s->out, c);
	return 0;
}

static int
plain_char(struct scan *s, char c)
{
	if (c == '*' || c == '+' || c == '?')
		return repeat(s, c);
	s->repeats = 0;
	switch (c) {
	case '\\': return escape(s);
	case '(': return open_group(s);
	case '[': open_class(s); return 0;
	case '^': buf_puts(s->out, "\\A"); return 0;
	case '$': buf_puts(s->out, "\\z"); return 0;
	case '.': buf_puts(s->out, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]"); return 0;
	default: buf_putc(s->out, c); return 0;
	}
}

int
regex_translate(const char *p, size_t n, struct buf *out, struct err *e)
{
	struct scan s = { .p = p, .end = p + n, .out = out, .e = e };

	while (s.p < s.end) {
		char c = *s.p++;

		if ((s.class ? class_char(&s, c) : plain_char(&s, c)) < 0)
			return -1;
	}
	return s.class ? no(&s, "unfinished [...]") : 0;
}

/* ---- matching ---- */

struct regex *
regex_new(const char *p, size_t n, struct err *e)
{
	UChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
	struct buf b = BUF_INIT;
	struct regex *re = NULL;
	OnigErrorInfo info;
	int rc;

	if (n > PATTERN_MAX) {
		err_set(e, E_INVALID_PARAMS, "longer than %d bytes",
		    PATTERN_MAX);
		goto done;
	}
	if (regex_translate(p, n, &b, e) < 0)
		goto done;
	re = xcalloc(1, sizeof *re);
	rc = onig_new(&re->re, (const UChar *)buf_str(&b),
	    (const UChar *)buf_str(&b) + b.n, ONIG_OPTION_NONE,
	    ONIG_ENCODING_UTF8, &ecma, &info);
	if (rc != ONIG_NORMAL) {
		onig_error_code_to_str(why, rc, &info);
		err_set(e, E_INVALID_PARAMS, "%s", (const char *)why);
		free(re);
		re = NULL;
		goto done;
	}
	re->limits = onig_new_match_param();
	onig_initialize_match_param(re->limits);
	onig_set_retry_limit_in_search_of_match_param(re->limits, RETRY_MAX);
	onig_set_retry_limit_in_match_of_match_param(re->limits, RETRY_MAX);
	onig_set_match_stack_limit_size_of_match_param(re->limits, STACK_MAX);
done:
	buf_free(&b);
	return re;
}

void
regex_free(struct regex *re)
{
	if (!re)
		return;
	onig_free_match_param(re->limits);
	onig_free(re->re);
	free(re);
}

int
regex_search(const struct regex *re, const char *p, size_t n)
{
	const UChar *s = (const UChar *)p;
	int at = onig_search_with_param(re->re, s, s + n, s, s + n, NULL,
	    ONIG_OPTION_NONE, re->limits);

	return at >= 0 ? 1 : at == ONIG_MISMATCH ? 0 : -1;
}
