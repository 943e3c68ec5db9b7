#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jput.h"
#include "base/json.h"
#include "base/line.h"
#include "base/util.h"
#include "turn/signals.h"
#include "turn/stdin.h"

#define FIRST_BYTE_MS 3000	/* design rule 11 */
#define GAP_MS 10000

bool
stdin_mode_parse(const char *s, enum stdin_mode *m)
{
	static const char *const names[] = { "auto", "blob", "lines", "off" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(s, names[i])) {
			*m = (enum stdin_mode)i;
			return true;
		}
	return false;
}

/* ---- reading ---- */

/* Wait for fd: 1 readable, 0 too late, -1 with errno (EINTR: a signal asked to stop). */
static int
wait_readable(int fd, int64_t ms)
{
	int64_t until = time_mono_ms() + ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = ms < 0 ? -1 : until - time_mono_ms();
		int rc;

		if (signal_caught()) {
			errno = EINTR;
			return -1;
		}
		rc = poll(&p, 1, left < 0 ? ms < 0 ? -1 : 0 : (int)left);
		if (rc >= 0)
			return rc;
		if (errno != EINTR)
			return -1;
	}
}

static int
interrupted(struct err *e)
{
	return err_set(e, E_REQUEST_CANCELLED,
	    "interrupted while reading standard input");
}

enum reading { READ_END, READ_SILENT, READ_FAILED, READ_STOPPED };

static enum reading
unreadable(struct err *e)
{
	err_set(e, E_INVALID_PARAMS, "%s", strerror(errno));
	return READ_FAILED;
}

static enum reading
stopped(struct err *e)
{
	interrupted(e);
	return READ_STOPPED;
}

/*
 * To the end of fd.  first and gap: how long to wait for the first byte and between
 * bytes in ms, -1 without limit.
 */
static enum reading
read_all(int fd, int64_t first, int64_t gap, struct buf *b, struct err *e)
{
	bool told = false;

	for (;;) {
		int64_t limit = b->n ? gap : first;
		int rc = wait_readable(fd, limit < 0 && !told ?
		    FIRST_BYTE_MS : limit);
		ssize_t n;

		if (rc < 0)
			return errno == EINTR ? stopped(e) : unreadable(e);
		if (rc == 0 && limit >= 0)
			return READ_SILENT;
		if (rc == 0) {
			warn("waiting for the end of standard input");
			told = true;
			continue;
		}
		n = read(fd, buf_room(b, 65536), 65536);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return unreadable(e);
		b->n += (size_t)n;
		buf_end(b);
		if (b->n > STDIN_MAX) {
			err_set(e, E_INVALID_PARAMS, "standard input: more "
			    "than %zu MiB; put it into a file and let the "
			    "agent read it", STDIN_MAX >> 20);
			return READ_STOPPED;
		}
		if (n == 0)
			return READ_END;
	}
}

static int
want_utf8(const struct buf *b, struct err *e)
{
	size_t good = utf8_prefix(buf_str(b), b->n);

	if (good == b->n)
		return 0;
	return err_set(e, E_INVALID_PARAMS,
	    "standard input: not UTF-8 text (byte %zu)", good);
}

static void
say_silent(const struct buf *b)
{
	if (b->n)
		warn("standard input stayed open and fell silent after %zu "
		    "bytes: going on with these (--stdin blob waits for the "
		    "end)", b->n);
	else
		warn("standard input is open but nothing came: going on "
		    "without it (--stdin blob waits, --stdin off never reads)");
}

int
stdin_compose(enum stdin_mode m, int fd, const char *prompt,
    struct buf *out, struct err *e)
{
	bool asked = m == STDIN_BLOB;
	struct buf b = BUF_INIT;
	const char *p;
	size_t n;
	enum reading got;
	int rc = -1;

	if ((m != STDIN_AUTO && m != STDIN_BLOB) || isatty(fd)) {
		buf_puts(out, prompt);
		return 0;
	}
	got = read_all(fd, asked ? -1 : FIRST_BYTE_MS, asked ? -1 : GAP_MS, &b,
	    e);
	if (got == READ_STOPPED)
		goto done;
	if (got == READ_FAILED) {
		warn("Warning: failed to read stdin: %s", e->text);
		*e = (struct err)ERR_NONE;
		buf_trunc(&b, 0);
	}
	if (got == READ_SILENT) {
		say_silent(&b);
		buf_trunc(&b, utf8_prefix(buf_str(&b), b.n));
	}
	if (want_utf8(&b, e) < 0)
		goto done;
	p = buf_str(&b);
	n = b.n;
	line_trim(&p, &n);
	if (n) {
		buf_puts(out, "<stdin>\n");
		buf_put(out, p, n);
		buf_puts(out, "\n</stdin>\n\n");
	}
	buf_puts(out, prompt);
	rc = 0;
done:
	buf_free(&b);
	return rc;
}

int
stdin_prompt(int fd, struct buf *out, struct err *e)
{
	struct buf b = BUF_INIT;
	const char *p;
	size_t n;
	int rc = -1;

	switch (read_all(fd, -1, -1, &b, e)) {
	case READ_FAILED: err_wrap(e, "standard input"); goto done;
	case READ_STOPPED: goto done;
	default: break;
	}
	if (want_utf8(&b, e) < 0)
		goto done;
	p = buf_str(&b);
	n = b.n;
	line_trim(&p, &n);
	buf_put(out, p, n);
	rc = n ? 0 : err_set(e, E_INVALID_PARAMS,
	    "the prompt `-`: standard input is empty");
done:
	buf_free(&b);
	return rc;
}

int
stdin_first_line(int fd, char *line, size_t size, struct err *e)
{
	size_t n = 0;
	char c = '\0';

	while (c != '\n') {
		ssize_t got;

		if (wait_readable(fd, -1) < 0)
			return errno == EINTR ? interrupted(e) :
			    err_sys(e, E_INVALID_PARAMS, "standard input");
		got = read(fd, &c, 1);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return err_sys(e, E_INVALID_PARAMS, "standard input");
		if (got == 0)
			break;
		if (n + 1 >= size)
			return err_set(e, E_INVALID_PARAMS, "standard input: "
			    "the first line is no session id");
		line[n++] = c;
	}
	while (n > 0 && strchr(" \t\r\n", line[n - 1]))
		n--;
	line[n] = '\0';
	return n ? 0 : err_set(e, E_INVALID_PARAMS, "the session `-`: no id on "
	    "the first line of standard input");
}

/* ---- lines ---- */

bool
stdin_line(const char *p, size_t n, bool json, struct buf *body)
{
	struct buf text = BUF_INIT;
	struct jtext v;

	if (n && p[n - 1] == '\r')
		n--;
	if (!json) {
		if (n)
			jput_str(body, p, n);
		return n > 0;
	}
	line_trim(&p, &n);
	if (!n)
		return false;
	line_text(p, n, &text);
	if (text.n && json_parse(text.p, text.n, &v, NULL) == 0)
		jput_compact(body, v.p, v.n);
	else if (text.n)
		jput_str(body, text.p, text.n);
	n = text.n;
	buf_free(&text);
	return n > 0;
}
