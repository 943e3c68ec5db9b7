#include <stdlib.h>
#include <string.h>

#include "tool/patch.h"

#define VALID_HEADERS "Valid hunk headers: '*** Add File: {path}', " \
    "'*** Delete File: {path}', '*** Update File: {path}'"

struct parser {
	struct jtext *lines;
	size_t n, at;
	struct buf *why;
};

static struct jtext
trim(struct jtext t)
{
	while (t.n && strchr(" \t\r\n\v\f", *t.p)) {
		t.p++;
		t.n--;
	}
	while (t.n && strchr(" \t\r\n\v\f", t.p[t.n - 1]))
		t.n--;
	return t;
}

static bool
starts(struct jtext t, const char *s)
{
	return t.n >= strlen(s) && !memcmp(t.p, s, strlen(s));
}

static bool
is(struct jtext t, const char *s)
{
	return t.n == strlen(s) && starts(t, s);
}

/* What is behind a header's words, trimmed, new. */
static char *
rest(struct jtext t, const char *header)
{
	t = trim(json_slice(t.p + strlen(header), t.n - strlen(header)));
	return xstrndup(t.p, t.n);
}

static int
fail(struct parser *p, size_t line, const char *message, struct jtext about,
    const char *more)
{
	buf_printf(p->why, "invalid hunk at line %zu, %s", line + 1, message);
	if (about.p)
		buf_printf(p->why, "'%.*s'%s", (int)about.n, about.p, more);
	return -1;
}

/* Lines end in \n or \r\n. */
static void
split(struct parser *p, struct jtext t)
{
	size_t cap = 0;

	for (const char *s = t.p, *end = t.p + t.n; s <= end; ) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((nl ? nl : end) - s);

		if (p->n == cap) {
			cap = cap ? 2 * cap : 64;
			p->lines = xrealloc(p->lines, cap * sizeof *p->lines);
		}
		p->lines[p->n++] = json_slice(s,
		    nl && len && s[len - 1] == '\r' ? len - 1 : len);
		s += len + 1;
	}
}

static void
add_line(struct chunk *c, char kind, struct jtext text)
{
	/* Room in powers of two. */
	if (!(c->n & (c->n - 1)))
		c->lines = xrealloc(c->lines,
		    (c->n ? 2 * c->n : 1) * sizeof *c->lines);
	c->lines[c->n++] = (struct patch_line){ kind, text };
}

static int
parse_chunk(struct parser *p, struct chunk *c, bool first)
{
	struct jtext line = p->lines[p->at];
	size_t start = p->at;

	if (is(line, "@@")) {
		p->at++;
	} else if (starts(line, "@@ ")) {
		c->context = json_slice(line.p + 3, line.n - 3);
		p->at++;
	} else if (!first) {
		return fail(p, p->at, "Expected update hunk to start with a @@ "
		    "context marker, got: ", line, "");
	}
	for (; p->at < p->n; p->at++) {
		line = p->lines[p->at];
		if (!line.n)
			add_line(c, ' ', line);
		else if (strchr(" -+", *line.p))
			add_line(c, *line.p, json_slice(line.p + 1, line.n - 1));
		else
			break;
	}
	if (p->at < p->n && c->n && is(line, "*** End of File")) {
		c->eof = true;
		p->at++;
	}
	if (c->n)
		return 0;
	if (p->at < p->n && !starts(p->lines[p->at], "***"))
		return fail(p, p->at, "Unexpected line found in update hunk: ",
		    line, ". Every line should start with ' ' (context line), "
		    "'+' (added line), or '-' (removed line)");
	return fail(p, start, "Update hunk does not contain any lines",
	    JTEXT_NONE, "");
}

static int
parse_update(struct parser *p, struct hunk *h)
{
	size_t start = p->at - 1;

	if (p->at < p->n && starts(p->lines[p->at], "*** Move to: "))
		h->move = rest(p->lines[p->at++], "*** Move to: ");
	while (p->at < p->n) {
		struct chunk *c;

		if (!trim(p->lines[p->at]).n) {
			p->at++;
			continue;
		}
		if (starts(p->lines[p->at], "***"))
			break;
		h->chunks = xrealloc(h->chunks, (h->n + 1) * sizeof *h->chunks);
		c = &h->chunks[h->n++];
		*c = (struct chunk){ .n = 0 };
		if (parse_chunk(p, c, h->n == 1) < 0)
			return -1;
	}
	if (h->n)
		return 0;
	buf_printf(p->why, "invalid hunk at line %zu, Update file hunk for path "
	    "'%s' is empty", start + 1, h->path);
	return -1;
}

static int
parse_hunk(struct parser *p, struct hunk *h)
{
	struct jtext line = trim(p->lines[p->at++]);

	if (starts(line, "*** Add File: ")) {
		h->kind = HUNK_ADD;
		h->path = rest(line, "*** Add File: ");
		for (; p->at < p->n && starts(p->lines[p->at], "+"); p->at++) {
			buf_put(&h->content, p->lines[p->at].p + 1,
			    p->lines[p->at].n - 1);
			buf_putc(&h->content, '\n');
		}
		return 0;
	}
	if (starts(line, "*** Delete File: ")) {
		h->kind = HUNK_DELETE;
		h->path = rest(line, "*** Delete File: ");
		return 0;
	}
	if (starts(line, "*** Update File: ")) {
		h->kind = HUNK_UPDATE;
		h->path = rest(line, "*** Update File: ");
		return parse_update(p, h);
	}
	return fail(p, p->at - 1, "", line,
	    " is not a valid hunk header. " VALID_HEADERS);
}

int
patch_parse(const char *text, struct patch *patch, struct buf *why)
{
	struct parser p = { .why = why };
	int rc = -1;

	*patch = (struct patch){ .n = 0 };
	split(&p, trim(json_text(text)));
	if (!is(trim(p.lines[0]), "*** Begin Patch")) {
		buf_puts(why, "invalid patch: The first line of the patch must "
		    "be '*** Begin Patch'");
		goto done;
	}
	if (!is(trim(p.lines[p.n - 1]), "*** End Patch")) {
		buf_puts(why, "invalid patch: The last line of the patch must "
		    "be '*** End Patch'");
		goto done;
	}
	p.n--;
	for (p.at = 1; p.at < p.n; ) {
		struct hunk *h;

		if (!trim(p.lines[p.at]).n) {
			p.at++;
			continue;
		}
		patch->hunks = xrealloc(patch->hunks,
		    (patch->n + 1) * sizeof *patch->hunks);
		h = &patch->hunks[patch->n++];
		*h = (struct hunk){ .path = NULL };
		if (parse_hunk(&p, h) < 0)
			goto done;
	}
	rc = 0;
done:
	free(p.lines);
	return rc;
}

void
patch_free(struct patch *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct hunk *h = &p->hunks[i];

		for (size_t k = 0; k < h->n; k++)
			free(h->chunks[k].lines);
		free(h->chunks);
		free(h->path);
		free(h->move);
		buf_free(&h->content);
	}
	free(p->hunks);
	*p = (struct patch){ .n = 0 };
}
