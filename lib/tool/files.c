#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "tool/builtin.h"
#include "tool/capture.h"
#include "tool/files.h"

/* The walk stops itself before that; this is for one regular expression or disk that does not. */
#define LIMIT_MS (WALK_MS + 2000)
#define ANSWER_BYTES (4 << 20)

#define READ_LINES 2000
#define LIST_ENTRIES 1000
#define SEARCH_MATCHES 200

static void
query_free(struct query *q)
{
	free(q->path);
	free(q->rel);
	free(q->pattern);
	free(q->text);
	free(q);
}

/* In the child: the kind of answer, then its text. */
static int
work(void *arg)
{
	const struct query *q = arg;
	struct buf out = BUF_INIT;
	char kind = (char)q->work(q, &out);
	int rc;

	rc = fs_write_all(STDOUT_FILENO, &kind, 1) < 0 ||
	    fs_write_all(STDOUT_FILENO, buf_str(&out), out.n) < 0;
	buf_free(&out);
	return rc;
}

static void
answered(void *arg, struct capture *cap)
{
	struct call *c = arg;
	const char *p = buf_str(&cap->out.b);
	size_t n = cap->out.b.n;

	if (cap->timed_out)
		call_failed(c, "stopped after %d s; ask for less",
		    LIMIT_MS / 1000);
	else if (cap->status || !n)
		call_failed(c, "the file worker died");
	else if (*p == ANSWER_TEXT)
		call_text(c, p + 1, n - 1);
	else if (*p == ANSWER_BAD)
		call_bad(c, "%s", p + 1);
	else
		call_failed(c, "%s", p + 1);
	capture_free(cap);
	call_done(c);
}

/* Takes q.  Its rel is made from its path. */
static void
ask(struct call *c, struct query *q)
{
	struct proc_spec spec = { .run = work, .arg = q };
	struct err e = ERR_NONE;

	q->root = c->t->root;
	if (!c->r.is_error) {
		q->rel = root_relative(q->root, q->path ? q->path : ".");
		if (!q->rel)
			call_bad(c, "path '%s' escapes the project root", q->path);
	}
	if (!c->r.is_error) {
		c->state = capture_start(c->t, &spec, LIMIT_MS, ANSWER_BYTES,
		    answered, c, &e);
		if (!c->state)
			call_failed(c, "%s", e.text);
	}
	query_free(q);
	if (c->r.is_error)
		call_done(c);
}

static void
give_up(struct call *c)
{
	capture_abandon(c->state);
}

static struct query *
query_new(enum answer (*fn)(const struct query *, struct buf *))
{
	struct query *q = xcalloc(1, sizeof *q);

	q->work = fn;
	return q;
}

/* More than max is max. */
static int64_t
limit(struct call *c, int64_t max)
{
	int64_t n = arg_i64(c, "limit", 1, INT64_MAX, max);

	return n < max ? n : max;
}

static void
read_file(struct call *c)
{
	struct query *q = query_new(read_work);

	q->path = arg_str(c, "path");
	q->offset = arg_i64(c, "offset", 1, INT64_MAX, 1);
	q->limit = limit(c, READ_LINES);
	ask(c, q);
}

static void
list_files(struct call *c)
{
	struct query *q = query_new(list_work);

	q->path = arg_opt_str(c, "path");
	q->pattern = arg_opt_str(c, "pattern");
	/* Who gives a pattern looks for something; who does not looks around. */
	q->depth = arg_i64(c, "depth", 1, INT64_MAX,
	    q->pattern ? WALK_DEPTH : 1);
	q->limit = limit(c, LIST_ENTRIES);
	ask(c, q);
}

static void
search_files(struct call *c)
{
	struct query *q = query_new(search_work);

	q->text = arg_str(c, "query");
	q->regex = arg_bool(c, "regex", false);
	q->path = arg_opt_str(c, "path");
	q->pattern = arg_opt_str(c, "pattern");
	q->depth = WALK_DEPTH;
	q->limit = limit(c, SEARCH_MATCHES);
	if (q->text && !*q->text)
		call_bad(c, "'query': want something to look for");
	ask(c, q);
}

#define TEXT(s) { s, sizeof s - 1 }
#define LIMIT "\"limit\":{\"type\":[\"integer\",\"null\"],\"minimum\":1," \
    "\"description\":\"At most so many\"}"
#define WHERE(s) "\"path\":{\"type\":[\"string\",\"null\"],\"description\":" \
    "\"" s ", relative to the project root; default: the root\"}"
#define PATTERN "\"pattern\":{\"type\":[\"string\",\"null\"],\"description\":" \
    "\"Glob on the name, or with a / in it on the path below: *.c, src/**/*.h\"}"

const struct builtin file_tools[] = {
	{ .def = { "read_file",
	    "Read a text file of the project: at most 2000 lines and 256 KiB at "
	    "a time; the last line says what was cut and how to go on.",
	    TEXT("{\"type\":\"object\",\"properties\":{"
	    "\"path\":{\"type\":\"string\",\"description\":"
	    "\"The file, relative to the project root\"},"
	    "\"offset\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,"
	    "\"description\":\"First line, from 1\"}," LIMIT "},"
	    "\"required\":[\"path\"]}") },
	    .start = read_file, .cancel = give_up },
	{ .def = { "list_files",
	    "List a directory of the project, sorted; directories end in /. With "
	    "a pattern the whole tree below is looked through. At most 1000 "
	    "entries.",
	    TEXT("{\"type\":\"object\",\"properties\":{"
	    WHERE("The directory") "," PATTERN ","
	    "\"depth\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,"
	    "\"description\":\"Levels to go down; default 1, with a pattern all\"},"
	    LIMIT "},\"required\":[]}") },
	    .start = list_files, .cancel = give_up },
	{ .def = { "search_files",
	    "Look for text in the files of the project; gives file:line:text, "
	    "at most 200 matches. Binary files and .git are skipped.",
	    TEXT("{\"type\":\"object\",\"properties\":{"
	    "\"query\":{\"type\":\"string\",\"description\":\"What to look for\"},"
	    "\"regex\":{\"type\":\"boolean\",\"default\":false,\"description\":"
	    "\"The query is a regular expression (extended, with \\\\d \\\\w \\\\b and the like)\"},"
	    WHERE("A directory or file") "," PATTERN "," LIMIT "},"
	    "\"required\":[\"query\"]}") },
	    .start = search_files, .cancel = give_up },
	{ .def = { .name = NULL } }
};
