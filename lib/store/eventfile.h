#ifndef STORE_EVENTFILE_H
#define STORE_EVENTFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"
#include "store/realm.h"

/*
 * An event log's file by places (offsets at the start of a line) instead of buffers:
 * for a process that watches many.  Nothing here waits.
 */

/* A descriptor to read from, or -1 and errno. */
int eventfile_open(const char *path);
char *eventfile_path(const struct realm *r, const char *session);
/* The place behind the last whole line. */
off_t eventfile_end(int fd);
/* A place with no line whose seq is over `after` before it, at most a few reads from the first. */
off_t eventfile_find(int fd, int64_t after);
/* seq of the last whole line that has one; 0: none. */
int64_t eventfile_seq(int fd);
/*
 * Put whole lines from `at` on into an empty buf: about 64 KiB, or one longer line.
 * 1: some; 0: no whole line is there; -1: errno.
 */
int eventfile_read(int fd, off_t at, struct buf *b);
/* An envelope as our writer makes it?  Foreign bytes pass here or not at all. */
bool eventfile_line(struct jtext line, int64_t *seq);

#endif
