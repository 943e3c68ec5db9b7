#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "tool/files.h"

#define MOST_BYTES (256 << 10)
/* How far lines are counted behind the part that is shown. */
#define COUNT_BYTES (256 << 20)

enum answer
open_failed(const struct query *q, int error, struct buf *out)
{
	if (root_escaped(error)) {
		buf_puts(out, "path escapes project root (symlink detected)");
		return ANSWER_BAD;
	}
	buf_printf(out, "cannot read '%s': %s", q->path ? q->path : ".",
	    strerror(error));
	return ANSWER_FAILED;
}

struct reader {
	const struct query *q;
	struct buf *out;
	int64_t line;		/* the one that the next byte belongs to */
	int64_t bytes;		/* read */
	int64_t shown;		/* last line put out */
	bool full, mid_line;	/* byte limit hit; inside the last line */
	bool more;		/* something behind what is shown */
	bool partial;		/* the last byte read was not a newline */
};

/* Show what of p belongs to the wanted lines. */
static void
take(struct reader *r, const char *p, size_t n)
{
	int64_t last = r->q->offset - 1 + r->q->limit;

	while (n > 0) {
		const char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) + 1 : n, room;

		r->partial = !nl;
		if (r->line > last || r->full) {
			r->more = true;
		} else if (r->line >= r->q->offset) {
			room = MOST_BYTES - r->out->n;
			if (len > room) {
				r->full = r->more = true;
				r->mid_line = true;
				room = utf8_cut(p, len, room);
			} else {
				room = len;
			}
			buf_put(r->out, p, room);
			r->shown = r->line;
		}
		r->line += nl != NULL;
		p += len;
		n -= len;
	}
}

static void
put_summary(struct reader *r, bool counted)
{
	int64_t lines = r->line - !r->partial;
	bool odd = !utf8_valid(buf_str(r->out), r->out->n);

	if (!r->more && r->q->offset == 1 && !odd)
		return;
	if (r->out->n && r->out->p[r->out->n - 1] != '\n')
		buf_putc(r->out, '\n');
	buf_printf(r->out, "[lines %" PRId64 "-%" PRId64 " of %s%" PRId64,
	    r->q->offset, r->shown, counted ? "" : "more than ", lines);
	if (r->mid_line)
		buf_printf(r->out, "; line %" PRId64 " is cut: 256 KiB is the "
		    "limit", r->shown);
	if (odd)
		buf_puts(r->out, "; not UTF-8: such bytes show as U+FFFD");
	if (r->shown < lines)
		buf_printf(r->out, "; go on with offset %" PRId64, r->shown + 1);
	buf_puts(r->out, "]\n");
}

static enum answer
read_lines(const struct query *q, int fd, struct buf *out)
{
	struct reader r = { .q = q, .out = out, .line = 1 };
	static char chunk[1 << 16];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
		const char *nul;

		if (n < 0)
			continue;
		if (r.bytes < BINARY_PROBE && (nul = memchr(chunk, 0, (size_t)n))) {
			buf_trunc(out, 0);
			buf_printf(out, "'%s' is a binary file (a NUL byte at "
			    "offset %td); use view_image for images, or the shell",
			    q->path, nul - chunk + (ptrdiff_t)r.bytes);
			return ANSWER_FAILED;
		}
		r.bytes += n;
		take(&r, chunk, (size_t)n);
		if (r.more && r.bytes > COUNT_BYTES)
			break;
	}
	if (n < 0)
		return open_failed(q, errno, out);
	if (!r.bytes)
		buf_puts(out, "[the file is empty]\n");
	else if (r.shown)
		put_summary(&r, n == 0);
	else
		buf_printf(out, "offset %" PRId64 " is behind the end: '%s' has "
		    "%" PRId64 " lines", q->offset, q->path,
		    r.line - !r.partial);
	return r.shown || !r.bytes ? ANSWER_TEXT : ANSWER_BAD;
}

enum answer
read_work(const struct query *q, struct buf *out)
{
	enum answer a;
	struct stat st;
	int fd;

	fd = root_openat(q->root, q->rel, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return open_failed(q, errno, out);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		a = read_lines(q, fd, out);
	} else {
		buf_printf(out, "'%s' is %s", q->path, S_ISDIR(st.st_mode) ?
		    "a directory: see list_files" : "not a regular file");
		a = ANSWER_FAILED;
	}
	close(fd);
	return a;
}
