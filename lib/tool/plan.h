#ifndef TOOL_PLAN_H
#define TOOL_PLAN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "tool/path.h"

/*
 * Private to lib/tool: what a patch will do to the tree.  Files are read once, changed
 * in memory, and written together: every file goes to a temp file beside its place
 * first, then all are exchanged by renames, each of which has an exact inverse, so
 * that a failure puts everything back.
 */
struct plan_file {
	char *rel;		/* below the root, symlinks of the last name resolved */
	bool was, is;		/* there before; there afterwards */
	bool changed;
	struct buf text;
	mode_t mode;		/* 0: as for any new file */
	uid_t uid;
	gid_t gid;
	/* while writing */
	int dir;
	char *name, *temp;
	char *made;		/* topmost directory that was made for it, or NULL */
	bool swapped;		/* temp now holds what was there */
};

struct plan {
	const struct root *root;
	struct plan_file **files;
	size_t n;
};

/* The file as the plan has it so far, loaded at first sight.  NULL: *why (system's words or path errors); *escaped set if it leads out. */
struct plan_file *plan_file(struct plan *p, const char *rel, bool follow,
    struct buf *why, bool *escaped);
/* -1: nothing has changed, *why is "Failed to write file .. " and the like. */
int plan_commit(struct plan *p, struct buf *why);
void plan_free(struct plan *p);

#endif
