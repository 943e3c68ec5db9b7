#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "store/eventfile.h"
#include "store/eventline.h"
#include "store/events.h"

/*
 * A reader of an event log.  The buffer holds what was read from file offset `off` on;
 * lines in front of `at` were given out.  What is not a whole line yet is read again
 * next time: the writer may take a part back.
 */

#define LINE_MAX_BYTES ((size_t)64 << 20)
#define CHUNK ((size_t)256 << 10)

struct follower {
	char *path;
	int fd, notify, watch;
	bool watch_file;	/* the watch is on the file, not on its directory */
	int64_t after;
	off_t off;
	struct buf b;
	size_t at;
	bool skipping;		/* inside a line that is too long */
};

static void
try_open(struct follower *f)
{
	if (f->fd < 0)
		f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
}

struct follower *
follower_open(const struct realm *r, const char *session, int64_t after,
    struct err *e)
{
	struct follower *f = xcalloc(1, sizeof *f);

	f->path = realm_file(r, "events", session, ".jsonl");
	f->after = after;
	f->fd = f->notify = f->watch = -1;
	try_open(f);
	if (f->fd < 0 && errno != ENOENT) {
		err_sys(e, E_STORAGE_ERROR, "%s", f->path);
		follower_close(f);
		return NULL;
	}
	return f;
}

void
follower_close(struct follower *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->notify >= 0)
		close(f->notify);
	buf_free(&f->b);
	free(f->path);
	free(f);
}

/* ---- waking ---- */

static void
set_watch(struct follower *f)
{
	bool file = f->fd >= 0;
	char *slash = strrchr(f->path, '/');

	if (f->notify < 0 || (f->watch >= 0 && f->watch_file == file))
		return;
	if (f->watch >= 0)
		inotify_rm_watch(f->notify, f->watch);
	if (!file)
		*slash = '\0';
	f->watch = inotify_add_watch(f->notify, f->path,
	    file ? IN_MODIFY : IN_CREATE | IN_MOVED_TO);
	*slash = '/';
	f->watch_file = file;
}

/* Before the last look at the file: what is written after it wakes again. */
static void
drain(struct follower *f)
{
	char events[4096];

	while (f->notify >= 0 && read(f->notify, events, sizeof events) > 0)
		;
}

int
follower_fd(struct follower *f)
{
	if (f->notify < 0)
		f->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	set_watch(f);
	return f->watch >= 0 ? f->notify : -1;
}

/* ---- reading ---- */

/* Drop what was given out, read on behind the rest.  1: got more, 0: end of file. */
static int
fill(struct follower *f, struct err *e)
{
	ssize_t n;

	f->off += (off_t)f->at;
	buf_drop(&f->b, f->at);
	f->at = 0;
	do
		n = pread(f->fd, buf_room(&f->b, CHUNK), CHUNK,
		    f->off + (off_t)f->b.n);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, E_STORAGE_ERROR, "%s", f->path);
	f->b.n += (size_t)n;
	buf_end(&f->b);
	return n > 0;
}

/* The next whole line in the buffer, without its newline. */
static bool
next_line(struct follower *f, struct jtext *line)
{
	const char *p, *nl;
	size_t left = f->b.n - f->at;

	if (!left)
		return false;
	p = f->b.p + f->at;
	nl = memchr(p, '\n', left);
	if (!nl) {
		if (f->skipping || left > LINE_MAX_BYTES) {
			f->skipping = true;
			f->at = f->b.n;
		}
		return false;
	}
	*line = json_slice(p, (size_t)(nl - p));
	f->at += line->n + 1;
	return true;
}

/* One that the caller wants: an envelope behind `after`. */
static bool
wanted(struct follower *f, struct jtext line, int64_t *seq)
{
	if (f->skipping) {
		f->skipping = false;
		return false;
	}
	return eventline_seq(line.p, line.n, seq) && *seq > f->after &&
	    eventfile_line(line, seq);
}

static int
more(struct follower *f, struct err *e)
{
	int rc;

	if (f->fd < 0)
		try_open(f);
	rc = f->fd < 0 ? 0 : fill(f, e);
	if (rc == 0)
		set_watch(f);
	return rc;
}

int
follower_next(struct follower *f, struct jtext *line, int64_t *seq,
    struct err *e)
{
	int64_t n;
	int rc;

	for (bool drained = false;; ) {
		while (next_line(f, line))
			if (wanted(f, *line, &n)) {
				if (seq)
					*seq = n;
				return 1;
			}
		if ((rc = more(f, e)) < 0)
			return -1;
		if (rc > 0)
			continue;
		if (drained) {
			buf_trunc(&f->b, f->at);
			return 0;
		}
		drain(f);
		drained = true;
	}
}
