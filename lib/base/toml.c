#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/toml_read.h"

/*
 * The document level of TOML 1.0.0: key/value lines, dotted keys, table headers,
 * arrays, inline tables.  What makes it strict is that a table remembers how it came
 * to be, because that decides who may still add to it.
 */
enum {
	BY_HEADER = 1,		/* [a] */
	BY_DOTS = 2,		/* a.b = ... made a */
	BY_VALUE = 4,		/* inline table or array: closed */
	BY_ELEMENT = 8		/* [[a]]: the array, and each table in it */
};				/* 0: on the way to a header, [a.b] made a */

int
toml_fail(struct toml_reader *r, const char *at, const char *fmt, ...)
{
	size_t line = 1, col = 1;
	char why[256];
	va_list ap;

	for (const char *s = r->start; s < at; s++) {
		if (*s == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)*s & 0xc0) != 0x80) {
			col++;
		}
	}
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return err_set(r->e, E_INVALID_PARAMS, "line %zu, column %zu: %s", line,
	    col, why);
}

/* ---- white space, comments, ends of lines ---- */

static bool
at(const struct toml_reader *r, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(r->end - r->p) >= n && !memcmp(r->p, s, n);
}

static void
skip_blanks(struct toml_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

static int
skip_comment(struct toml_reader *r)
{
	if (!at(r, "#"))
		return 0;
	while (r->p < r->end && *r->p != '\n' && !at(r, "\r\n")) {
		unsigned char c = (unsigned char)*r->p;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return toml_fail(r, r->p,
			    "control character in a comment");
		r->p++;
	}
	return 0;
}

/* Blanks, a comment, and the end of the line or document. */
static int
end_of_line(struct toml_reader *r)
{
	skip_blanks(r);
	if (skip_comment(r) < 0)
		return -1;
	if (at(r, "\r\n"))
		r->p += 2;
	else if (at(r, "\n"))
		r->p++;
	else if (r->p < r->end)
		return toml_fail(r, r->p, "unexpected text");
	return 0;
}

/* Any number of blanks, comments and newlines: inside arrays. */
static int
skip_lines(struct toml_reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (skip_comment(r) < 0)
			return -1;
		if (at(r, "\r\n"))
			r->p += 2;
		else if (at(r, "\n"))
			r->p++;
		else
			return 0;
	}
}

/* ---- keys ---- */

static bool
bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int
read_simple_key(struct toml_reader *r, struct buf *key)
{
	const char *from = r->p;

	buf_trunc(key, 0);
	if (at(r, "\"") || at(r, "'"))
		return toml_read_string(r, key, false);
	while (r->p < r->end && bare(*r->p))
		r->p++;
	if (r->p == from)
		return toml_fail(r, r->p, "expected a key");
	buf_put(key, from, (size_t)(r->p - from));
	return 0;
}

/* After a simple key: is there a dot and so another one? */
static bool
more_key(struct toml_reader *r)
{
	skip_blanks(r);
	if (!at(r, "."))
		return false;
	r->p++;
	skip_blanks(r);
	return true;
}

static int
deeper(struct toml_reader *r, size_t *depth)
{
	if (++*depth > TOML_DEPTH)
		return toml_fail(r, r->p, "nested deeper than %d levels",
		    TOML_DEPTH);
	return 0;
}

/* ---- values ---- */

static struct toml *read_value(struct toml_reader *r, size_t depth);

/* `key = value` into table; dotted keys make tables on their way. */
static int
read_pair(struct toml_reader *r, struct toml *table, size_t depth)
{
	struct buf key = BUF_INIT;
	struct toml *t;
	const char *from;
	int rc = -1;

	for (;;) {
		from = r->p;
		if (read_simple_key(r, &key) < 0)
			goto done;
		if (!more_key(r))
			break;
		if (deeper(r, &depth) < 0)
			goto done;
		t = toml_member(r, table, &key);
		if (!t) {
			t = toml_new(TOML_TABLE);
			t->how = BY_DOTS;
			toml_add(r, table, &key, t);
		} else if (t->kind != TOML_TABLE || t->how != BY_DOTS) {
			toml_fail(r, from, "'%s' is already defined",
			    buf_str(&key));
			goto done;
		}
		table = t;
	}
	if (toml_member(r, table, &key)) {
		toml_fail(r, from, "'%s' is already defined", buf_str(&key));
		goto done;
	}
	if (!at(r, "=")) {
		toml_fail(r, r->p, "expected '=' behind the key '%s'",
		    buf_str(&key));
		goto done;
	}
	r->p++;
	skip_blanks(r);
	if (!(t = read_value(r, depth)))
		goto done;
	toml_add(r, table, &key, t);
	rc = 0;
done:
	buf_free(&key);
	return rc;
}

static int
read_array(struct toml_reader *r, struct toml *t, size_t depth)
{
	r->p++;
	for (;;) {
		struct toml *v;

		if (skip_lines(r) < 0)
			return -1;
		if (at(r, "]"))
			break;
		if (!(v = read_value(r, depth)))
			return -1;
		toml_push(t, v);
		if (skip_lines(r) < 0)
			return -1;
		if (at(r, "]"))
			break;
		if (!at(r, ","))
			return toml_fail(r, r->p, "expected ',' or ']'");
		r->p++;
	}
	r->p++;
	return 0;
}

/* One line, no comma behind the last pair. */
static int
read_inline(struct toml_reader *r, struct toml *t, size_t depth)
{
	r->p++;
	skip_blanks(r);
	if (at(r, "}")) {
		r->p++;
		return 0;
	}
	for (;;) {
		skip_blanks(r);
		if (read_pair(r, t, depth) < 0)
			return -1;
		skip_blanks(r);
		if (at(r, "}"))
			break;
		if (!at(r, ","))
			return toml_fail(r, r->p, "expected ',' or '}'");
		r->p++;
	}
	r->p++;
	return 0;
}

static struct toml *
read_value(struct toml_reader *r, size_t depth)
{
	struct toml *t = NULL;
	struct buf b = BUF_INIT;
	int rc;

	if (at(r, "\"") || at(r, "'")) {
		t = toml_new(TOML_STRING);
		rc = toml_read_string(r, &b, true);
		t->s_len = b.n;
		t->s = buf_steal(&b);
	} else if (at(r, "[") || at(r, "{")) {
		bool array = *r->p == '[';

		t = toml_new(array ? TOML_ARRAY : TOML_TABLE);
		t->how = BY_VALUE;
		if ((rc = deeper(r, &depth)) == 0)
			rc = array ? read_array(r, t, depth) :
			    read_inline(r, t, depth);
	} else {
		t = toml_read_scalar(r);
		rc = t ? 0 : -1;
	}
	if (rc < 0) {
		toml_free(t);
		return NULL;
	}
	return t;
}

/* ---- headers ---- */

/* The table that a part of a header before its last one means; NULL: it cannot be entered. */
static struct toml *
enter(struct toml_reader *r, struct toml *table, const struct buf *key,
    size_t *depth)
{
	struct toml *t = toml_member(r, table, key);

	if (!t) {
		t = toml_new(TOML_TABLE);
		toml_add(r, table, key, t);
	} else if (t->kind == TOML_ARRAY && t->how == BY_ELEMENT) {
		++*depth;
		t = t->kids[t->n - 1];
	}
	return t->kind == TOML_TABLE && t->how != BY_VALUE ? t : NULL;
}

/* The last part of [header]: a table that no header or dotted key made yet. */
static struct toml *
define_table(struct toml_reader *r, struct toml *table, const struct buf *key)
{
	struct toml *t = toml_member(r, table, key);

	if (!t) {
		t = toml_new(TOML_TABLE);
		toml_add(r, table, key, t);
	}
	if (t->kind != TOML_TABLE || t->how)
		return NULL;
	t->how = BY_HEADER;
	return t;
}

/* The last part of [[header]]: a new table at the end of the array. */
static struct toml *
define_element(struct toml_reader *r, struct toml *table,
    const struct buf *key)
{
	struct toml *t = toml_member(r, table, key), *kid;

	if (!t) {
		t = toml_new(TOML_ARRAY);
		t->how = BY_ELEMENT;
		toml_add(r, table, key, t);
	}
	if (t->kind != TOML_ARRAY || t->how != BY_ELEMENT)
		return NULL;
	kid = toml_new(TOML_TABLE);
	kid->how = BY_ELEMENT;
	toml_push(t, kid);
	return kid;
}

static struct toml *
read_header(struct toml_reader *r, struct toml *root, size_t *depth)
{
	struct buf key = BUF_INIT;
	struct toml *t = root;
	const char *from;
	bool element;

	r->p++;
	element = at(r, "[");
	r->p += element;
	*depth = element;
	skip_blanks(r);
	for (;;) {
		from = r->p;
		if (read_simple_key(r, &key) < 0 || deeper(r, depth) < 0)
			goto fail;
		if (!more_key(r))
			break;
		if (!(t = enter(r, t, &key, depth)))
			goto defined;
	}
	if (!at(r, element ? "]]" : "]")) {
		toml_fail(r, r->p, "expected '%s'", element ? "]]" : "]");
		goto fail;
	}
	r->p += element ? 2 : 1;
	t = element ? define_element(r, t, &key) : define_table(r, t, &key);
	if (!t)
		goto defined;
	buf_free(&key);
	return t;
defined:
	toml_fail(r, from, "'%s' is already defined", buf_str(&key));
fail:
	buf_free(&key);
	return NULL;
}

static int
read_document(struct toml_reader *r, struct toml *root)
{
	struct toml *table = root;
	size_t depth = 0;

	if (at(r, "\xef\xbb\xbf"))
		r->p += 3;
	for (;;) {
		if (skip_lines(r) < 0)
			return -1;
		if (r->p == r->end)
			return 0;
		if (at(r, "[")) {
			if (!(table = read_header(r, root, &depth)))
				return -1;
		} else if (read_pair(r, table, depth) < 0) {
			return -1;
		}
		if (end_of_line(r) < 0)
			return -1;
	}
}

struct toml *
toml_parse(const char *p, size_t n, struct err *e)
{
	struct toml_reader r = { .start = p, .p = p, .end = p + n, .e = e };
	struct toml *root = toml_new(TOML_TABLE);
	size_t good = utf8_prefix(p, n);
	int rc;

	rc = good < n ? toml_fail(&r, p + good, "not UTF-8") :
	    read_document(&r, root);
	free(r.slots);
	free(r.owners);
	if (rc < 0) {
		toml_free(root);
		return NULL;
	}
	return root;
}
