/*
 * JSON lines against JSON Schemas, by the validator that the agent uses.
 *
 *	schema_check -s SCHEMA [-m MEMBER] FILE...
 *		each line of the files (what a crash cut off has no newline and does not
 *		count), or that member of it
 *	schema_check
 *		lines of stdin: SCHEMA, a tab, JSON
 *
 * SCHEMA is FILE, FILE#POINTER (a reference into that document), or FILE!NAME for a
 * file that is a collection of documents.  What does not fit is told; the status is 1.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/schema.h"
#include "base/fs.h"
#include "base/util.h"

#define SIZE_MAX_FILE ((size_t)1 << 30)
#define TOLD_MAX 20

struct doc {
	char *path;
	struct buf text;
	struct doc *next;
};
struct known {
	char *name;
	char *root;		/* the text that was compiled, if it is made up */
	struct schema *schema;
	struct known *next;
};

static struct doc *docs;
static struct known *knowns;
static size_t wrong;

static void
fail(const char *what, const struct err *e)
{
	fprintf(stderr, "schema_check: %s: %s\n", what, e->text);
	exit(2);
}

static struct jtext
load(const char *path)
{
	struct err e = ERR_NONE;
	struct jtext text;
	struct doc *d;

	for (d = docs; d && strcmp(d->path, path); d = d->next)
		;
	if (!d) {
		d = xcalloc(1, sizeof *d);
		d->path = xstrdup(path);
		d->next = docs;
		docs = d;
		if (fs_read(path, SIZE_MAX_FILE, &d->text, &e) < 0)
			fail(path, &e);
	}
	if (json_parse(d->text.p, d->text.n, &text, &e) < 0)
		fail(path, &e);
	return text;
}

static bool
fetch(void *arg, const char *uri, struct jtext *doc)
{
	(void)arg;
	if (strncmp(uri, "file://", 7))
		return false;
	*doc = load(uri + 7);
	return true;
}

/* "file.json!Name" is compiled as it stands, all else by a reference to it. */
static struct schema *
compile(struct known *k)
{
	char *path = xstrdup(k->name), *bang = strchr(path, '!');
	struct err e = ERR_NONE;
	struct jtext text;

	if (bang) {
		*bang = '\0';
		text = json_get(load(path), bang + 1);
	} else {
		k->root = xasprintf("{\"$ref\":\"file://%s\"}", path);
		text = json_text(k->root);
	}
	if (!(k->schema = schema_new(text, fetch, NULL, &e)))
		fail(k->name, &e);
	free(path);
	return k->schema;
}

static const struct schema *
find(const char *name)
{
	struct known *k;

	for (k = knowns; k; k = k->next)
		if (!strcmp(k->name, name))
			return k->schema;
	k = xcalloc(1, sizeof *k);
	k->name = xstrdup(name);
	k->next = knowns;
	knowns = k;
	return compile(k);
}

static void
check(const char *where, size_t line, const char *schema, const char *member,
    const char *p, size_t n)
{
	struct err e = ERR_NONE;
	struct jtext v;

	if (json_parse(p, n, &v, &e) == 0 &&
	    schema_check(find(schema), member ? json_get(v, member) : v,
	    &e) == 0)
		return;
	if (wrong++ < TOLD_MAX)
		printf("# %s:%zu: not of %s: %s\n# %.*s\n", where, line, schema,
		    e.text, (int)(n < 300 ? n : 300), p);
}

static void
check_file(const char *path, const char *schema, const char *member)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	size_t line = 0;
	char *p, *nl;

	if (fs_read(path, SIZE_MAX_FILE, &b, &e) < 0)
		fail(path, &e);
	for (p = b.p; b.n && (nl = memchr(p, '\n', b.n - (size_t)(p - b.p)));
	    p = nl + 1)
		check(path, ++line, schema, member, p, (size_t)(nl - p));
	buf_free(&b);
}

static void
check_stdin(void)
{
	char *line = NULL, *tab;
	size_t size = 0, no = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		if (!(tab = memchr(line, '\t', (size_t)n))) {
			fprintf(stderr, "schema_check: no tab: %s\n", line);
			exit(2);
		}
		*tab = '\0';
		check("-", ++no, line, NULL, tab + 1,
		    (size_t)(line + n - tab - 1));
	}
	free(line);
}

static void
clean(void)
{
	for (struct known *k = knowns, *next; k; k = next) {
		next = k->next;
		schema_free(k->schema);
		free(k->root);
		free(k->name);
		free(k);
	}
	for (struct doc *d = docs, *next; d; d = next) {
		next = d->next;
		buf_free(&d->text);
		free(d->path);
		free(d);
	}
}

int
main(int argc, char *argv[])
{
	const char *schema = NULL, *member = NULL;
	int c;

	while ((c = getopt(argc, argv, "s:m:")) != -1)
		switch (c) {
		case 's': schema = optarg; break;
		case 'm': member = optarg; break;
		default: return 2;
		}
	if (schema) {
		find(schema);
		for (int i = optind; i < argc; i++)
			check_file(argv[i], schema, member);
	} else {
		check_stdin();
	}
	clean();
	if (wrong > TOLD_MAX)
		printf("# and %zu more\n", wrong - TOLD_MAX);
	return wrong > 0;
}
