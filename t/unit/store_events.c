#include <fcntl.h>
#include <poll.h>

#include "store/events.h"
#include "test.h"
#include "store.h"

static void
put(struct eventlog *l, const char *payload)
{
	eventlog_put(l, payload, strlen(payload));
}

static char *
log_path(struct place *p)
{
	return realm_file(&p->r, "events", p->s.id, ".jsonl");
}

static void
append_raw(struct place *p, const char *s, size_t n)
{
	char *path = log_path(p);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

	OK(fd >= 0 && write(fd, s, n) == (ssize_t)n);
	close(fd);
	free(path);
}

static void
append_text(struct place *p, const char *s)
{
	append_raw(p, s, strlen(s));
}

static void
tap(void *arg, const char *line, size_t n, struct jtext payload)
{
	struct buf *b = arg;

	OK(n > 0 && line[n - 1] == '\n');
	buf_put(b, payload.p, payload.n);
}

TEST(lines_have_the_envelope_of_the_sheet)
{
	struct buf seen = BUF_INIT, file = BUF_INIT;
	struct eventlog *l;
	struct jtext v;
	struct place p;
	char *path, *s;

	place_open(&p);
	l = eventlog_open(&p.r, p.s.id, NULL);
	eventlog_tap(l, tap, &seen);
	put(l, "{\"type\":\"text_delta\",\n \"delta\":\"a b\\n\"}");
	put(l, "{\"n\":1e400}");
	OK(eventlog_seq(l) == 2);
	eventlog_close(l);
	STR_IS(seen.p, "{\"type\":\"text_delta\",\"delta\":\"a b\\n\"}"
	    "{\"n\":1e400}");
	path = log_path(&p);
	OK(fs_read(path, 1 << 20, &file, NULL) == 0);
	OK(json_parse(file.p, (size_t)(strchr(file.p, '\n') - file.p), &v,
	    NULL) == 0);
	OK(json_count(v) == 5);
	s = json_get_str(v, "event_id");
	OK(s && uuid_valid(s));
	free(s);
	s = json_get_str(v, "source_id");
	OK(s && !strncmp(s, "session:", 8) && !strcmp(s + 8, p.s.id));
	free(s);
	OK(json_get_i64(v, "seq", 0) == 1);
	OK(json_get_i64(v, "timestamp_ms", 0) > 1700000000000);
	free(path);
	buf_free(&seen);
	buf_free(&file);
	place_close(&p);
}

static int64_t
seq_after_open(struct place *p)
{
	struct eventlog *l = eventlog_open(&p->r, p->s.id, NULL);
	int64_t seq = eventlog_seq(l);

	eventlog_close(l);
	return seq;
}

TEST(a_torn_tail_is_cut_and_seq_goes_on)
{
	static const char zeros[4096];
	struct eventlog *l;
	struct place p;
	char *big = xmalloc(3 << 20);

	memset(big, 'x', 3 << 20);
	memcpy(big, "{\"type\":\"", 9);
	memcpy(big + (3 << 20) - 3, "\"}", 3);
	place_open(&p);
	OK(seq_after_open(&p) == 0);
	l = eventlog_open(&p.r, p.s.id, NULL);
	put(l, "{\"type\":\"run_started\"}");
	put(l, big);
	eventlog_close(l);
	OK(seq_after_open(&p) == 2);
	append_text(&p, "{\"event_id\":\"0193");
	OK(seq_after_open(&p) == 2);
	append_raw(&p, zeros, sizeof zeros);
	OK(seq_after_open(&p) == 2);
	append_text(&p, "garbage\n\n");
	OK(seq_after_open(&p) == 2);
	l = eventlog_open(&p.r, p.s.id, NULL);
	put(l, "{\"type\":\"turn_started\"}");
	OK(eventlog_seq(l) == 3);
	eventlog_close(l);
	free(big);
	place_close(&p);
}

TEST(the_last_lifecycle_event_is_found_from_the_end)
{
	struct eventlog *l;
	struct place p;
	char type[32];

	place_open(&p);
	l = eventlog_open(&p.r, p.s.id, NULL);
	eventlog_last_lifecycle(l, type);
	STR_IS(type, "");
	put(l, "{\"type\":\"run_started\"}");
	put(l, "{\"type\":\"text_delta\",\"delta\":\"{\\\"type\\\":\\\"run_failed\\\"}\"}");
	put(l, "{\"delta\":\"run_completed\",\"x\":\"run_failed\",\"type\":\"y\"}");
	eventlog_last_lifecycle(l, type);
	STR_IS(type, "run_started");
	put(l, "{\"session_id\":\"s\",\"type\":\"run_completed\"}");
	put(l, "{\"type\":\"turn_started\"}");
	eventlog_last_lifecycle(l, type);
	STR_IS(type, "run_completed");
	eventlog_close(l);
	place_close(&p);
}

static bool
readable(int fd)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };

	return poll(&f, 1, 0) == 1;
}

TEST(a_follower_waits_for_the_file_and_wakes)
{
	struct follower *f;
	struct eventlog *l;
	struct jtext line;
	struct place p;
	int64_t seq;
	int fd;

	place_open(&p);
	f = follower_open(&p.r, p.s.id, 0, NULL);
	OK(follower_next(f, &line, &seq, NULL) == 0);
	fd = follower_fd(f);
	OK(fd >= 0 && !readable(fd));
	l = eventlog_open(&p.r, p.s.id, NULL);
	OK(readable(fd));
	OK(follower_next(f, &line, &seq, NULL) == 0);
	OK(!readable(follower_fd(f)));
	put(l, "{\"type\":\"a\"}");
	OK(readable(follower_fd(f)));
	put(l, "{\"type\":\"b\"}");
	OK(follower_next(f, &line, &seq, NULL) == 1 && seq == 1);
	OK(json_str_is(json_path(line, "payload/type"), "a"));
	OK(follower_next(f, &line, &seq, NULL) == 1 && seq == 2);
	OK(follower_next(f, &line, &seq, NULL) == 0);
	OK(!readable(follower_fd(f)));
	follower_close(f);
	f = follower_open(&p.r, p.s.id, 1, NULL);
	OK(follower_next(f, &line, &seq, NULL) == 1 && seq == 2);
	follower_close(f);
	eventlog_close(l);
	place_close(&p);
}

TEST(a_follower_takes_whole_envelopes_only)
{
	struct follower *f;
	struct eventlog *l;
	struct jtext line;
	struct place p;
	int64_t seq;

	place_open(&p);
	append_text(&p, "junk\n{}\n[1]\n\n");
	append_text(&p, "{\"event_id\":\"x\",\"seq\":1,\"payload\":{}\n");
	append_text(&p, "{\"event_id\":\"x\",\"seq\":1,\"payload\":3}\n");
	f = follower_open(&p.r, p.s.id, 0, NULL);
	OK(follower_next(f, &line, &seq, NULL) == 0);
	append_text(&p, "{\"event_id\":\"to");
	OK(follower_next(f, &line, &seq, NULL) == 0);
	l = eventlog_open(&p.r, p.s.id, NULL);	/* takes the torn part away */
	put(l, "{\"type\":\"whole\"}");
	OK(follower_next(f, &line, &seq, NULL) == 1);
	OK(json_str_is(json_path(line, "payload/type"), "whole"));
	OK(follower_next(f, &line, &seq, NULL) == 0);
	eventlog_close(l);
	follower_close(f);
	place_close(&p);
}
