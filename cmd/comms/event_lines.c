#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jput.h"
#include "comms/event.h"
#include "store/db.h"

/* Many events, as lines of standard input. */

#define LINE_LIMIT ((size_t)16 << 20)

struct stream {
	struct cmd *c;
	const char *session;
	const struct event *as;
	int64_t batch;
	struct buf in, out;	/* lines to come, receipts of this batch */
	bool eof, too_long;	/* too_long: of the line to come the beginning is gone */
	int64_t line, refused;
};

/* ---- a line ---- */

struct line {
	struct event ev;
	char *type, *key;
};

/* {"type"?,"key"?,"payload"} and nothing besides, else it is the payload. */
static bool
is_wrapped(struct jtext v)
{
	struct jiter it = json_iter(v);

	if (!json_is(v, '{') || !json_get(v, "payload").p)
		return false;
	while (json_next(&it))
		if (!json_str_is(it.key, "payload") &&
		    !json_str_is(it.key, "type") && !json_str_is(it.key, "key"))
			return false;
	return true;
}

static int
take_word(struct jtext v, const char *key, char **out, struct err *e)
{
	struct jtext s = json_get(v, key);

	if (!s.p || json_is(s, 'n'))
		return 0;
	*out = json_get_str(v, key);
	return *out && **out ? 0 : err_set(e, E_INVALID_PARAMS,
	    "/%s: want a string", key);
}

static int
parse_line(const struct stream *s, const char *p, size_t n, struct line *l,
    struct err *e)
{
	struct jtext v;

	l->ev = *s->as;
	if (s->too_long)
		return err_set(e, E_INVALID_PARAMS, "more than %zu bytes",
		    LINE_LIMIT);
	if (json_parse(p, n, &v, e) < 0)
		return -1;
	l->ev.payload = v;
	if (!is_wrapped(v))
		return 0;
	if (take_word(v, "type", &l->type, e) < 0 ||
	    take_word(v, "key", &l->key, e) < 0)
		return -1;
	l->ev.type = l->type;
	l->ev.key = l->key;
	l->ev.payload = json_get(v, "payload");
	return 0;
}

/* A bad line is told and left out; -1 when nothing can be admitted any more. */
static int
take_line(struct stream *s, const char *p, size_t n)
{
	struct line l = { .type = NULL };
	struct err why = ERR_NONE;
	bool seen;
	int rc = 0;

	jput_open(&s->out, '{');
	jput_ki64(&s->out, "line", s->line);
	if (parse_line(s, p, n, &l, &why) < 0) {
		s->refused++;
		jput_kcstr(&s->out, "status", "rejected");
		jput_kcstr(&s->out, "error", why.text);
	} else {
		rc = event_admit(s->c, s->session, &l.ev, &s->out, &seen);
	}
	jput_close(&s->out, '}');
	buf_putc(&s->out, '\n');
	s->too_long = false;
	free(l.type);
	free(l.key);
	return rc;
}

/* ---- a batch ---- */

/* Lines that are there, up to a batch; how many bytes of the input they are. */
static int
take_lines(struct stream *s, size_t *at)
{
	int rc = 0;

	*at = 0;
	for (int64_t n = 0; rc == 0 && n < s->batch &&
	    (*at < s->in.n || s->too_long); ) {
		const char *p = s->in.p + *at;
		const char *nl = memchr(p, '\n', s->in.n - *at);
		size_t len = nl ? (size_t)(nl - p) : s->in.n - *at;

		if (!nl && !s->eof)
			break;
		*at += len + (nl != NULL);
		s->line++;
		if (!s->too_long && strspn(p, " \t\r") >= len)
			continue;
		n++;
		rc = take_line(s, p, len);
	}
	return rc;
}

static int
admit_batch(struct stream *s)
{
	struct cmd *c = s->c;
	int64_t first = s->line + 1;
	size_t at;

	if (db_begin(c->db, &c->e) < 0)
		return -1;
	if (take_lines(s, &at) < 0) {
		db_rollback(c->db);
		return err_wrap(&c->e, "stdin: nothing is admitted from line "
		    "%lld on", (long long)first);
	}
	if (db_commit(c->db, &c->e) < 0)
		return -1;
	buf_drop(&s->in, at);
	event_ring(c, s->session);
	if (cmd_write(c, &s->out) < 0)
		return -1;
	buf_trunc(&s->out, 0);
	return 0;
}

/* ---- all of them ---- */

static int
read_more(struct stream *s)
{
	ssize_t n = read(STDIN_FILENO, buf_room(&s->in, 65536), 65536);

	if (n < 0 && errno != EINTR)
		return err_sys(&s->c->e, E_FAILED, "stdin");
	if (n == 0)
		s->eof = true;
	if (n > 0)
		s->in.n += (size_t)n;
	buf_end(&s->in);
	if (s->in.n > LINE_LIMIT && !memchr(s->in.p, '\n', s->in.n)) {
		s->too_long = true;
		buf_trunc(&s->in, 0);
	}
	return 0;
}

static int
admit_all(struct stream *s)
{
	bool whole;
	int rc = 0;

	while (rc == 0 && (!s->eof || s->in.n || s->too_long)) {
		whole = s->in.n && memchr(s->in.p, '\n', s->in.n);
		if (!whole && !s->eof)
			rc = read_more(s);
		else
			rc = admit_batch(s);
	}
	return rc;
}

int
event_lines(struct cmd *c, const char *session, const struct event *as,
    int64_t batch)
{
	struct stream s = { .c = c, .session = session, .as = as,
	    .batch = batch };
	int rc = admit_all(&s);

	if (rc == 0 && s.refused) {
		warn("%lld of %lld lines were refused: see their receipts",
		    (long long)s.refused, (long long)s.line);
		rc = STATUS_SOME_LINES;
	}
	buf_free(&s.in);
	buf_free(&s.out);
	return rc;
}
