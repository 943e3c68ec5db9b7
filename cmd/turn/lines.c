#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "comms/send.h"
#include "store/db.h"
#include "store/inputs.h"
#include "turn/lines.h"
#include "turn/signals.h"
#include "turn/stdin.h"

/* So many may wait for a run; then the writer does. */
#define WAITING_MAX 256

static int
admit(struct lines *l, const char *p, size_t n, struct err *e)
{
	struct buf body = BUF_INIT;
	struct input in = {
		.session = l->t->session,
		.kind = (char []){ "external_event" },
		.source = (char []){ "stdin" },
		.mode = (char []){ "queue" },
		.wake = l->wake,
	};
	bool seen;
	int rc = 0;

	buf_puts(&body, "{\"body\":");
	if (stdin_line(p, n, l->json, &body)) {
		buf_putc(&body, '}');
		in.body = body.p;
		if ((rc = inputs_admit(l->t->db, &in, &seen, e)) == 0)
			l->waiting++;
	}
	buf_free(&body);
	return rc;
}

/* One transaction for all whole lines that are there; last: the end is a line, too. */
static void
admit_all(struct lines *l, bool last)
{
	struct err e = ERR_NONE;
	size_t off = 0;
	char *nl;

	if (db_begin(l->t->db, &e) < 0) {
		warn("standard input: %s", e.text);
		return;
	}
	while (off < l->b.n && ((nl = memchr(l->b.p + off, '\n',
	    l->b.n - off)) || last)) {
		size_t n = (nl ? (size_t)(nl - l->b.p) : l->b.n) - off;

		if (!l->skip && admit(l, l->b.p + off, n, &e) < 0)
			warn("standard input: %s", e.text);
		l->skip = false;
		off += n + (nl != NULL);
	}
	if (db_commit(l->t->db, &e) < 0)
		warn("standard input: %s", e.text);
	if (l->wake)
		comms_ring(l->t->db);
	buf_drop(&l->b, off);
	if (l->b.n > LINE_MAX_BYTES) {
		if (!l->skip)
			warn("standard input: a line of more than %zu KiB is "
			    "skipped", LINE_MAX_BYTES >> 10);
		l->skip = true;
		buf_trunc(&l->b, 0);
	}
}

static void
ended(struct lines *l)
{
	l->eof = true;
	loop_unwatch(l->watch);
	l->watch = NULL;
}

static void
readable(void *arg, int fd, short revents)
{
	struct lines *l = arg;
	ssize_t n = read(fd, buf_room(&l->b, 65536), 65536);

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		warn("standard input: %s", strerror(errno));
	if (n <= 0) {
		ended(l);
		admit_all(l, true);
		return;
	}
	l->b.n += (size_t)n;
	buf_end(&l->b);
	admit_all(l, false);
	if (l->waiting >= WAITING_MAX)
		loop_set(l->watch, 0);
}

void
lines_start(struct lines *l, struct front *t, bool json, bool wake)
{
	*l = (struct lines){ .t = t, .json = json, .wake = wake };
	l->watch = loop_watch(t->loop, STDIN_FILENO, POLLIN, readable, l);
}

static void
go_on(struct lines *l)
{
	l->waiting = 0;
	if (l->watch)
		loop_set(l->watch, POLLIN);
}

void
lines_look(struct lines *l)
{
	if (l->waiting >= WAITING_MAX && !front_has_input(l->t))
		go_on(l);
}

bool
lines_wait(struct lines *l)
{
	for (;;) {
		if (signal_caught() || l->t->out.error)
			return false;
		if (front_has_input(l->t)) {
			go_on(l);
			return true;
		}
		if (l->eof)
			return false;
		/* Others may queue input, too. */
		loop_once(l->t->loop, 1000);
	}
}

void
lines_stop(struct lines *l)
{
	loop_unwatch(l->watch);
	buf_free(&l->b);
}
