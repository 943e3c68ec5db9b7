#ifndef TOOL_PATH_H
#define TOOL_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Paths that a model names, kept inside the project root: ".." is resolved by text,
 * symlinks by the kernel with openat2(2) RESOLVE_BENEATH, so that neither a link nor
 * a race leads out.  Without openat2 (Linux < 5.6) symlinks are refused.
 */
struct root {
	int fd;
	char *path;		/* canonical */
	char *given;		/* as it was named */
};

struct root *root_open(const char *path, struct err *e);
void root_free(struct root *r);		/* NULL is fine */

/*
 * A model's path -> path below the root without "." and ".." ("." is the root
 * itself), new.  Absolute paths inside the root are fine.  NULL: it leads out.
 */
char *root_relative(const struct root *r, const char *path);
/* Its absolute form, new. */
char *root_absolute(const struct root *r, const char *rel);
/* open(2) below the root; O_CLOEXEC is added.  -1 with errno; root_escaped tells whether it led out. */
int root_openat(const struct root *r, const char *rel, int flags);
bool root_escaped(int error);

/*
 * The directory and last name of *rel, for the *at calls.  With follow a last
 * component that is a symlink is replaced by what it points to, in *rel, too.  With
 * make missing directories are made.  *dir is to be closed, *name is new.  -1 with
 * errno.
 */
int root_place(const struct root *r, char **rel, bool follow, bool make,
    int *dir, char **name);

#endif
