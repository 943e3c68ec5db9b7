#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Files.  Every descriptor is O_CLOEXEC.  Paths are NUL terminated and may be
 * relative to the working directory.
 */

/* Whole file into b (appended).  More than max bytes is an error.  NOT_FOUND if it does not exist. */
int fs_read(const char *path, size_t max, struct buf *b, struct err *e);
/* fd to EOF; same limit.  Waits if it does not block. */
int fs_read_fd(int fd, size_t max, struct buf *b, struct err *e);
/*
 * Replace path durably: temp file beside it (mode), write, fsync, rename, fsync of the
 * directory.  After any failure the old file is untouched and no temp file is left.
 */
int fs_write_atomic(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e);
/* mkdir -p; existing directories are fine, new ones are on disk when it returns. */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);
/* Remove a file tree; what does not exist is fine. */
int fs_remove_tree(const char *path, struct err *e);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
bool fs_same(int fd, const char *path);	/* is it the file of that name? */
/* Everything, also after EINTR, EAGAIN and short writes.  -1 with errno. */
int fs_write_all(int fd, const void *p, size_t n);
/* "a/b" joined with one slash; new. */
char *fs_join(const char *dir, const char *name);

#endif
