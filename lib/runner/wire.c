#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "runner/wire.h"

#define READ_SIZE 65536

struct wire {
	struct wire_hooks hooks;
	struct event *reader, *writer;
	struct event *leaver;		/* of a pipe that goes out, or NULL */
	int in_fd, out_fd;		/* -1: closed */
	struct buf in, out;
	size_t scanned;			/* of in: no newline before */
	size_t sent;			/* of out */
	uint64_t written;
	size_t line_max, high;
	bool skip;			/* inside a line that is too long */
	bool waits;			/* for room: the writer is added */
	bool stopped, paused, broken;
	bool held;			/* lines of in wait for the end of a pause */
	int depth;			/* callbacks under way */
	bool freed;			/* by one of them */
};

/* ---- life ---- */

static void
destroy(struct wire *w)
{
	event_free(w->reader);
	event_free(w->writer);
	if (w->leaver)
		event_free(w->leaver);
	if (w->out_fd >= 0 && w->out_fd != w->in_fd)
		close(w->out_fd);
	close(w->in_fd);
	buf_free(&w->in);
	buf_free(&w->out);
	free(w);
}

static void
enter(struct wire *w)
{
	w->depth++;
}

/* False: the wire is gone. */
static bool
leave(struct wire *w)
{
	if (--w->depth > 0 || !w->freed)
		return !w->freed;
	destroy(w);
	return false;
}

void
wire_free(struct wire *w)
{
	if (!w)
		return;
	event_del(w->reader);
	event_del(w->writer);
	if (w->leaver)
		event_del(w->leaver);
	w->freed = w->stopped = w->broken = true;
	if (w->depth == 0)
		destroy(w);
}

/* ---- in ---- */

static void
one_line(struct wire *w, const char *p, size_t n)
{
	while (n && isspace((unsigned char)*p))
		p++, n--;
	while (n && isspace((unsigned char)p[n - 1]))
		n--;
	if (n && !w->skip && !w->freed) {
		if (n > w->line_max)
			w->hooks.too_long(w->hooks.arg);
		else
			w->hooks.line(w->hooks.arg, p, n);
	}
	w->skip = false;
}

static void
take_lines(struct wire *w)
{
	size_t off = 0;
	char *nl;

	while (!w->freed && !w->paused && (nl = memchr(w->in.p + w->scanned,
	    '\n', w->in.n - w->scanned))) {
		one_line(w, w->in.p + off, (size_t)(nl - w->in.p) - off);
		off = w->scanned = (size_t)(nl - w->in.p) + 1;
	}
	buf_drop(&w->in, off);
	w->held = w->paused && w->in.n;
	w->scanned = w->held ? 0 : w->in.n;
	if (w->in.n <= w->line_max || w->freed || w->held)
		return;
	if (!w->skip)
		w->hooks.too_long(w->hooks.arg);
	w->skip = true;
	buf_trunc(&w->in, 0);
	w->scanned = 0;
}

void
wire_stop(struct wire *w)
{
	w->stopped = true;
	event_del(w->reader);
}

static void
input_ended(struct wire *w)
{
	wire_stop(w);
	if (w->in.n)		/* a last line without its end */
		one_line(w, w->in.p, w->in.n);
	if (!w->freed)
		w->hooks.ended(w->hooks.arg, false);
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	struct wire *w = arg;
	ssize_t n;

	(void)what;
	enter(w);
	if (w->held)
		take_lines(w);
	if (w->freed || w->held || w->stopped) {
		leave(w);
		return;
	}
	n = read(fd, buf_room(&w->in, READ_SIZE), READ_SIZE);
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		leave(w);
		return;
	}
	if (n > 0) {
		w->in.n += (size_t)n;
		buf_end(&w->in);
		take_lines(w);
	} else {
		input_ended(w);
	}
	leave(w);
}

/* ---- out ---- */

size_t
wire_backlog(const struct wire *w)
{
	return w->out.n - w->sent;
}

uint64_t
wire_written(const struct wire *w)
{
	return w->written;
}

/* Nothing is read while too much waits: who does not listen is not heard. */
static void
balance(struct wire *w)
{
	bool pause = w->high && wire_backlog(w) >
	    (w->paused ? w->high / 2 : w->high);

	if (pause == w->paused || w->stopped)
		return;
	w->paused = pause;
	if (pause) {
		event_del(w->reader);
		return;
	}
	event_add(w->reader, NULL);
	if (w->held)
		event_active(w->reader, EV_READ, 0);
}

static void
writer_stop(struct wire *w)
{
	event_del(w->writer);
	w->waits = false;
}

static void
broke(struct wire *w)
{
	w->broken = true;
	writer_stop(w);
	if (w->leaver)
		event_del(w->leaver);
	buf_trunc(&w->out, w->sent = 0);
	w->hooks.ended(w->hooks.arg, true);
}

/* What there is after a write waits for the next turn of the loop: others have theirs. */
static void
wait_for_room(struct wire *w)
{
	if (w->waits)
		return;
	event_del(w->writer);
	event_add(w->writer, NULL);
	w->waits = true;
}

static void
wrote(struct wire *w, size_t n)
{
	w->sent += n;
	w->written += n;
	if (w->sent > READ_SIZE && w->sent > w->out.n / 2) {
		buf_drop(&w->out, w->sent);
		w->sent = 0;
	}
	balance(w);
	if (!wire_backlog(w)) {
		buf_trunc(&w->out, w->sent = 0);
		writer_stop(w);
		if (w->hooks.flushed)
			w->hooks.flushed(w->hooks.arg);
	}
	if (wire_backlog(w) && !w->freed)
		wait_for_room(w);
}

static void
writable(evutil_socket_t fd, short what, void *arg)
{
	struct wire *w = arg;
	ssize_t n = write(fd, w->out.p + w->sent, wire_backlog(w));

	(void)what;
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		wait_for_room(w);
		return;
	}
	enter(w);
	if (n < 0)
		broke(w);
	else
		wrote(w, (size_t)n);
	leave(w);
}

/* Nothing can be read from this end of a pipe: its reader has left. */
static void
reader_left(evutil_socket_t fd, short what, void *arg)
{
	struct wire *w = arg;

	(void)fd;
	(void)what;
	enter(w);
	broke(w);
	leave(w);
}

void
wire_put(struct wire *w, const char *p, size_t n)
{
	if (w->broken || w->out_fd < 0 || !n)
		return;
	/* Once for all that this turn of the loop puts; most often there is room. */
	if (!wire_backlog(w))
		event_active(w->writer, EV_WRITE, 0);
	buf_put(&w->out, p, n);
	balance(w);
}

void
wire_hang_up(struct wire *w)
{
	if (w->out_fd < 0)
		return;
	writer_stop(w);
	if (w->leaver)
		event_del(w->leaver);
	if (w->out_fd == w->in_fd)
		shutdown(w->out_fd, SHUT_WR);
	else
		close(w->out_fd);
	w->out_fd = -1;
	buf_trunc(&w->out, w->sent = 0);
}

/* One that can only be written. */
static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

struct wire *
wire_new(struct event_base *base, int in, int out, size_t line_max,
    size_t high, const struct wire_hooks *hooks)
{
	struct wire *w = xcalloc(1, sizeof *w);

	*w = (struct wire){ .hooks = *hooks, .in_fd = in, .out_fd = out,
	    .line_max = line_max, .high = high };
	w->reader = event_new(base, in, EV_READ | EV_PERSIST, readable, w);
	w->writer = event_new(base, out, EV_WRITE | EV_PERSIST, writable, w);
	event_add(w->reader, NULL);
	if (is_pipe(out)) {
		w->leaver = event_new(base, out, EV_READ | EV_PERSIST,
		    reader_left, w);
		event_add(w->leaver, NULL);
	}
	return w;
}
