#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tool/patch.h"

/*
 * Where a chunk belongs in a file and what the file becomes.  Lines that the patch
 * only shows keep the file's own bytes, so that a loose match changes nothing else.
 */

struct text {
	struct jtext *lines;
	size_t n;
	bool crlf;		/* the first line ends so: added ones do, too */
};

/* One replacement: lines [at, at + take) of the file by the chunk's. */
struct edit {
	size_t at, take, order;
	const struct patch_line *lines;
	size_t n;
};

static void
split(struct text *t, const struct buf *b)
{
	const char *s = buf_str(b), *end = s + b->n;
	size_t cap = 0;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *stop = nl ? nl : end;

		if (t->n == cap) {
			cap = cap ? 2 * cap : 256;
			t->lines = xrealloc(t->lines, cap * sizeof *t->lines);
		}
		t->lines[t->n++] = json_slice(s, (size_t)(stop - s));
		s = stop + 1;
	}
	t->crlf = t->n && t->lines[0].n &&
	    t->lines[0].p[t->lines[0].n - 1] == '\r';
}

/* ---- three ways to be equal ---- */

static struct jtext
trim(struct jtext t, bool front)
{
	while (front && t.n && strchr(" \t\r\v\f", *t.p)) {
		t.p++;
		t.n--;
	}
	while (t.n && strchr(" \t\r\v\f", t.p[t.n - 1]))
		t.n--;
	return t;
}

/* The next character with typographic ones made plain (the sheet's table). */
static uint32_t
plain_next(struct jtext *t)
{
	const unsigned char *u = (const unsigned char *)t->p;
	size_t len = utf8_next(t->p, t->n);
	uint32_t c = *u;

	if (len == 2)
		c = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	else if (len == 3)
		c = (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	else
		len = 1;
	t->p += len;
	t->n -= len;
	if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212)
		return '-';
	if (c >= 0x2018 && c <= 0x201b)
		return '\'';
	if (c >= 0x201c && c <= 0x201f)
		return '"';
	if (c == 0xa0 || (c >= 0x2002 && c <= 0x200a) || c == 0x202f ||
	    c == 0x205f || c == 0x3000)
		return ' ';
	return c;
}

static bool
same(struct jtext a, struct jtext b, int pass)
{
	if (pass > 0) {
		a = trim(a, pass > 1);
		b = trim(b, pass > 1);
	}
	if (pass < 2)
		return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
	while (a.n && b.n)
		if (plain_next(&a) != plain_next(&b))
			return false;
	return !a.n && !b.n;
}

/* ---- finding ---- */

/* Do the chunk's old lines stand at line at? */
static bool
fits(const struct text *t, size_t at, const struct patch_line *l, size_t n,
    int pass)
{
	for (size_t i = 0; i < n; i++) {
		if (l[i].kind == '+')
			continue;
		if (at >= t->n || !same(t->lines[at++], l[i].text, pass))
			return false;
	}
	return true;
}

static size_t
old_lines(const struct patch_line *l, size_t n)
{
	size_t old = 0;

	for (size_t i = 0; i < n; i++)
		old += l[i].kind != '+';
	return old;
}

/* First place at or behind from (with eof: the only one, at the end). */
static bool
seek(const struct text *t, size_t from, const struct patch_line *l, size_t n,
    bool eof, size_t *at)
{
	size_t old = old_lines(l, n);

	if (old > t->n)
		return false;
	if (eof && t->n - old > from)
		from = t->n - old;
	for (int pass = 0; pass < 3; pass++)
		for (size_t i = from; i + old <= t->n; i++)
			if (fits(t, i, l, n, pass)) {
				*at = i;
				return true;
			}
	return false;
}

/* Without a last old line that is empty: models end a chunk with one too many. */
static bool
shorten(const struct chunk *c, struct patch_line **lines, size_t *n)
{
	size_t last = c->n;

	while (last > 0 && c->lines[last - 1].kind == '+')
		last--;
	if (!last || c->lines[last - 1].text.n)
		return false;
	*n = c->n - 1;
	*lines = xmalloc(c->n * sizeof **lines);
	memcpy(*lines, c->lines, (last - 1) * sizeof **lines);
	memcpy(*lines + last - 1, c->lines + last, (c->n - last) *
	    sizeof **lines);
	return true;
}

static int
not_found(const struct hunk *h, const struct chunk *c, struct buf *why)
{
	buf_printf(why, "Failed to find expected lines in %s:", h->path);
	for (size_t i = 0; i < c->n; i++)
		if (c->lines[i].kind != '+') {
			buf_putc(why, '\n');
			buf_put(why, c->lines[i].text.p, c->lines[i].text.n);
		}
	return -1;
}

/* Find one chunk; *cursor moves behind it.  *own is to be freed. */
static int
place(const struct text *t, const struct hunk *h, const struct chunk *c,
    size_t *cursor, struct edit *ed, struct patch_line **own, struct buf *why)
{
	struct patch_line head = { ' ', c->context };

	if (c->context.p) {
		if (!seek(t, *cursor, &head, 1, false, cursor)) {
			buf_printf(why, "Failed to find context '%.*s' in %s",
			    (int)c->context.n, c->context.p, h->path);
			return -1;
		}
		++*cursor;
	}
	*ed = (struct edit){ .lines = c->lines, .n = c->n,
	    .take = old_lines(c->lines, c->n) };
	if (!ed->take) {
		ed->at = c->context.p && !c->eof ? *cursor : t->n;
		return 0;
	}
	if (!seek(t, *cursor, c->lines, c->n, c->eof, &ed->at)) {
		if (!shorten(c, own, &ed->n) ||
		    !seek(t, *cursor, *own, ed->n, c->eof, &ed->at))
			return not_found(h, c, why);
		ed->lines = *own;
		ed->take--;
	}
	*cursor = ed->at + ed->take;
	return 0;
}

/* ---- the new text ---- */

static void
put_line(struct buf *b, struct jtext line, bool cr)
{
	buf_put(b, line.p, line.n);
	buf_puts(b, cr ? "\r\n" : "\n");
}

static void
put_edit(const struct text *t, const struct edit *ed, struct buf *b)
{
	size_t at = ed->at;

	for (size_t i = 0; i < ed->n; i++)
		if (ed->lines[i].kind == '+')
			put_line(b, ed->lines[i].text, t->crlf);
		else if (ed->lines[i].kind == ' ')
			put_line(b, t->lines[at++], false);
		else
			at++;
}

static int
by_place(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int
find_edits(const struct text *t, const struct hunk *h, struct edit *edits,
    struct patch_line **own, struct buf *why)
{
	size_t cursor = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (place(t, h, &h->chunks[i], &cursor, &edits[i], &own[i],
		    why) < 0)
			return -1;
		edits[i].order = i;
	}
	return 0;
}

int
patch_text(const struct hunk *h, const struct buf *old, struct buf *new_text,
    struct buf *why)
{
	struct edit *edits = xcalloc(h->n + 1, sizeof *edits);
	struct patch_line **own = xcalloc(h->n + 1, sizeof *own);
	struct text t = { .n = 0 };
	bool open_end = false;
	size_t at = 0;
	int rc;

	split(&t, old);
	rc = find_edits(&t, h, edits, own, why);
	if (rc == 0) {
		qsort(edits, h->n, sizeof *edits, by_place);
		for (size_t i = 0; i < h->n; i++) {
			while (at < edits[i].at)
				put_line(new_text, t.lines[at++], false);
			put_edit(&t, &edits[i], new_text);
			at = edits[i].at + edits[i].take;
			open_end = open_end || h->chunks[i].eof;
		}
		while (at < t.n)
			put_line(new_text, t.lines[at++], false);
	}
	if (open_end && new_text->n)
		buf_trunc(new_text, new_text->n -
		    (new_text->n > 1 && new_text->p[new_text->n - 2] == '\r' ?
		    2 : 1));
	for (size_t i = 0; i < h->n; i++)
		free(own[i]);
	free(own);
	free(edits);
	free(t.lines);
	return rc;
}
