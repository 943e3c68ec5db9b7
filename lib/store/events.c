#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jput.h"
#include "base/util.h"
#include "store/eventline.h"
#include "store/events.h"

/* The writer of a session's event log. */

struct eventlog {
	int fd;
	char *path, *session;
	int64_t seq;
	bool warned;
	void (*tap)(void *arg, const char *line, size_t n, struct jtext payload);
	void *arg;
};

/* ---- the envelope ---- */

static void
envelope(struct buf *b, const char *session, int64_t seq)
{
	char id[UUID_LEN + 1];

	uuid_v7(id);
	buf_printf(b, "{\"event_id\":\"%s\",\"source_id\":\"session:%s\","
	    "\"seq\":%" PRId64 ",\"timestamp_ms\":%" PRId64 ",\"payload\":",
	    id, session, seq, time_ms());
}

/* Only the head is looked at: the rest of a line may be megabytes. */
bool
eventline_seq(const char *p, size_t n, int64_t *seq)
{
	static const char head[] = "{\"event_id\":\"", key[] = ",\"seq\":";
	const char *end = p + (n < 512 ? n : 512), *at;

	if (n < sizeof head - 1 || memcmp(p, head, sizeof head - 1) ||
	    !(at = memmem(p, (size_t)(end - p), key, sizeof key - 1)))
		return false;
	at += sizeof key - 1;
	for (*seq = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		if (*seq > INT64_MAX / 10 - 1)
			return false;
		*seq = *seq * 10 + (*at - '0');
	}
	return at < end && *at == ',' && *seq > 0;
}

/* ---- looking backwards through the file ---- */

struct view {
	const char *p;
	size_t n;
};

/* The whole file as memory: only the pages that are touched are read. */
static int
view_open(int fd, struct view *v)
{
	struct stat st;

	v->p = NULL;
	v->n = 0;
	if (fstat(fd, &st) < 0)
		return -1;
	if (st.st_size == 0)
		return 0;
	v->n = (size_t)st.st_size;
	v->p = mmap(NULL, v->n, PROT_READ, MAP_SHARED, fd, 0);
	if (v->p == MAP_FAILED) {
		v->p = NULL;
		return -1;
	}
	return 0;
}

static void
view_close(struct view *v)
{
	if (v->p)
		munmap((void *)(uintptr_t)v->p, v->n);
}

/* The last line that ends at or before *end, which moves to its start. */
static bool
line_before(const struct view *v, size_t *end, struct jtext *line)
{
	const char *nl;
	size_t start;

	if (*end == 0)
		return false;
	nl = memrchr(v->p, '\n', *end - 1);
	start = nl ? (size_t)(nl - v->p) + 1 : 0;
	*line = json_slice(v->p + start, *end - 1 - start);
	*end = start;
	return true;
}

/* How much of the file is whole lines. */
static size_t
whole(const struct view *v)
{
	const char *nl = v->n ? memrchr(v->p, '\n', v->n) : NULL;

	return nl ? (size_t)(nl - v->p) + 1 : 0;
}

/* Cut what a crash left behind the last newline; find where seq stands. */
static int
recover(struct eventlog *l, struct err *e)
{
	struct jtext line;
	struct view v;
	size_t end, keep;
	int rc = 0;

	if (view_open(l->fd, &v) < 0)
		return err_sys(e, E_STORAGE_ERROR, "%s", l->path);
	end = keep = whole(&v);
	while (line_before(&v, &end, &line) &&
	    !eventline_seq(line.p, line.n, &l->seq))
		l->seq = 0;
	if (keep < v.n && ftruncate(l->fd, (off_t)keep) < 0)
		rc = err_sys(e, E_STORAGE_ERROR, "%s", l->path);
	view_close(&v);
	return rc;
}

static bool
lifecycle(struct jtext line, char type[32])
{
	static const char *const names[] = { "run_started", "run_completed",
	    "run_failed" };
	struct jtext t;

	if (!memmem(line.p, line.n, "\"run_", 5) ||
	    json_check(line.p, line.n, NULL) < 0)
		return false;
	t = json_path(line, "payload/type");
	for (size_t i = 0; i < COUNT(names); i++)
		if (json_str_is(t, names[i])) {
			strcpy(type, names[i]);
			return true;
		}
	return false;
}

void
eventlog_last_lifecycle(const struct eventlog *l, char type[32])
{
	struct jtext line;
	struct view v;
	size_t end;

	*type = '\0';
	if (view_open(l->fd, &v) < 0)
		return;
	end = whole(&v);
	while (line_before(&v, &end, &line) && !lifecycle(line, type))
		;
	view_close(&v);
}

/* ---- open, write ---- */

struct eventlog *
eventlog_open(const struct realm *r, const char *session, struct err *e)
{
	struct eventlog *l = xcalloc(1, sizeof *l);

	l->path = realm_file(r, "events", session, ".jsonl");
	l->session = xstrdup(session);
	l->fd = open(l->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (l->fd < 0)
		err_sys(e, E_STORAGE_ERROR, "%s", l->path);
	else if (recover(l, e) == 0)
		return l;
	eventlog_close(l);
	return NULL;
}

void
eventlog_close(struct eventlog *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->session);
	free(l);
}

void
eventlog_tap(struct eventlog *l,
    void (*cb)(void *arg, const char *line, size_t n, struct jtext payload),
    void *arg)
{
	l->tap = cb;
	l->arg = arg;
}

/* A part of a line must not stay: the next line would be glued to it. */
static void
append(struct eventlog *l, const char *line, size_t n)
{
	off_t size = lseek(l->fd, 0, SEEK_END);
	ssize_t put;

	crash_point("event.before");
	do
		put = write(l->fd, line, n);
	while (put < 0 && errno == EINTR);
	crash_point("event.after");
	if (put == (ssize_t)n)
		return;
	if (put >= 0)
		errno = ENOSPC;
	if (!l->warned)
		warn("%s: %s: events are not recorded", l->path,
		    strerror(errno));
	l->warned = true;
	if (put > 0 && ftruncate(l->fd, size) < 0)
		warn("%s: %s", l->path, strerror(errno));
}

void
eventlog_put(struct eventlog *l, const char *payload, size_t n)
{
	struct buf b = BUF_INIT;
	size_t at;

	envelope(&b, l->session, ++l->seq);
	at = b.n;
	if (memchr(payload, '\n', n))	/* raw arguments may be pretty-printed */
		jput_compact(&b, payload, n);
	else
		buf_put(&b, payload, n);
	n = b.n - at;
	buf_puts(&b, "}\n");
	append(l, b.p, b.n);
	if (l->tap)
		l->tap(l->arg, b.p, b.n, json_slice(b.p + at, n));
	buf_free(&b);
}

int64_t
eventlog_seq(const struct eventlog *l)
{
	return l->seq;
}
