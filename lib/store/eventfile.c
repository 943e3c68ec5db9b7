#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/eventfile.h"
#include "store/eventline.h"

#define CHUNK ((size_t)64 << 10)
#define LINE_MAX_BYTES ((size_t)64 << 20)

char *
eventfile_path(const struct realm *r, const char *session)
{
	return realm_file(r, "events", session, ".jsonl");
}

int
eventfile_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

bool
eventfile_line(struct jtext line, int64_t *seq)
{
	return eventline_seq(line.p, line.n, seq) &&
	    json_check(line.p, line.n, NULL) == 0 &&
	    json_is(json_get(line, "payload"), '{');
}

/* ---- reading ---- */

/* Up to n bytes behind what is in b.  Less only at the end of the file; -1: errno. */
static ssize_t
append(int fd, off_t at, struct buf *b, size_t n)
{
	ssize_t got;

	do
		got = pread(fd, buf_room(b, n), n, at + (off_t)b->n);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		b->n += (size_t)got;
	buf_end(b);
	return got;
}

int
eventfile_read(int fd, off_t at, struct buf *b)
{
	size_t want = CHUNK, seen = 0;
	ssize_t got;
	char *nl;

	for (;;) {
		got = append(fd, at, b, want);
		if (got < 0)
			return -1;
		nl = memrchr(b->p + seen, '\n', b->n - seen);
		if (nl) {
			buf_trunc(b, (size_t)(nl - b->p) + 1);
			return 1;
		}
		/* More than a line may have: no envelope, nor will the rest look like one. */
		if (b->n >= LINE_MAX_BYTES)
			return 1;
		if ((size_t)got < want) {
			buf_trunc(b, 0);
			return 0;
		}
		want = seen = b->n;
	}
}

/* ---- places ---- */

/* The last newline before `end`: the place behind it, 0 if there is none. */
static off_t
line_start(int fd, off_t end)
{
	struct buf b = BUF_INIT;
	off_t at = end;
	char *nl = NULL;

	while (!nl && at > 0) {
		size_t n = at < (off_t)CHUNK ? (size_t)at : CHUNK;

		at -= (off_t)n;
		buf_trunc(&b, 0);
		if (append(fd, at, &b, n) != (ssize_t)n)
			break;
		nl = memrchr(b.p, '\n', b.n);
		if (nl)
			at += nl - b.p + 1;
	}
	buf_free(&b);
	return nl ? at : 0;
}

static off_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_size;
}

off_t
eventfile_end(int fd)
{
	return line_start(fd, size_of(fd));
}

/* seq of the line at this place, as far as its head says. */
static bool
seq_at(int fd, off_t at, int64_t *seq)
{
	char head[512];
	ssize_t n = pread(fd, head, sizeof head, at);

	return n > 0 && eventline_seq(head, (size_t)n, seq);
}

int64_t
eventfile_seq(int fd)
{
	off_t end = eventfile_end(fd);
	int64_t seq = 0;

	while (end > 0) {
		end = line_start(fd, end - 1);
		if (seq_at(fd, end, &seq))
			return seq;
	}
	return 0;
}

/*
 * Halve: lo only moves to lines that are not wanted, so a line that tells nothing makes
 * it longer, never wrong.
 */
off_t
eventfile_find(int fd, int64_t after)
{
	off_t lo = 0, hi = eventfile_end(fd);

	while (after > 0 && hi - lo > (off_t)CHUNK) {
		off_t at = line_start(fd, lo + (hi - lo) / 2);
		int64_t seq;

		if (at <= lo || !seq_at(fd, at, &seq))
			break;
		if (seq <= after)
			lo = at;
		else
			hi = at;
	}
	return lo;
}
