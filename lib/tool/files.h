#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "tool/path.h"

/*
 * Private to lib/tool: the file tools look at the tree in a child of their own, so
 * that a slow disk, a huge tree or a hard regular expression never holds the loop.
 */
enum answer { ANSWER_TEXT = 't', ANSWER_BAD = 'b', ANSWER_FAILED = 'f' };

/* What a file tool was asked. */
struct query {
	const struct root *root;
	char *path;		/* as given */
	char *rel;		/* below the root */
	char *pattern;		/* glob or NULL */
	char *text;		/* search_files */
	bool regex;
	int64_t offset, limit, depth;
	/* Runs in the child; appends the answer. */
	enum answer (*work)(const struct query *q, struct buf *out);
};

enum answer read_work(const struct query *q, struct buf *out);
enum answer list_work(const struct query *q, struct buf *out);
enum answer search_work(const struct query *q, struct buf *out);

/* "path escapes .." or "cannot read ..", from errno. */
enum answer open_failed(const struct query *q, int error, struct buf *out);

/*
 * Walk the tree below q->rel: names in order, directories before what is in them,
 * never through a symlink, not into .git, 64 levels at most.  visit gets each entry
 * and path relative to the root; false stops.  The pattern is applied to files and
 * directories before visit: to the name, or with a '/' in it to the path below rel.
 */
struct walk {
	const struct query *q;
	bool (*visit)(struct walk *w, int dir, const char *name,
	    const char *path, bool is_dir);
	int64_t deadline;	/* monotonic ms */
	bool late;		/* stopped by it */
	void *arg;
};
/* 0, or -1 with errno: rel cannot be opened as a directory. */
int walk_tree(struct walk *w);

#define WALK_MS 10000
#define WALK_DEPTH 64
#define BINARY_PROBE 8192

#endif
