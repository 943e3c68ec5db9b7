#include <fcntl.h>

#include <event2/event.h>

#include "serve/feed.h"
#include "store/events.h"
#include "test.h"
#include "store.h"

struct rig {
	struct place p;
	struct event_base *base;
	struct feeds *s;
	struct eventlog *l;
};

/* One who reads: what it got, and when it is full. */
struct reader {
	struct feed *f;
	struct buf got;		/* "1 2 3 " */
	size_t bytes;
	int room;		/* lines that it takes; -1: all */
	bool leaves;		/* closes its feed when it is full */
};

static bool
on_line(void *arg, int64_t seq, const char *p, size_t n)
{
	struct reader *r = arg;

	OK(n > 2 && p[0] == '{' && p[n - 1] == '}');
	r->bytes += n;
	buf_printf(&r->got, "%lld ", (long long)seq);
	if (r->room < 0 || --r->room > 0)
		return true;
	if (r->leaves)
		feed_close(r->f);
	return false;
}

static void
read_from(struct rig *g, struct reader *r, int64_t after)
{
	struct err e = ERR_NONE;
	const struct feed_hooks hooks = { on_line, r };

	buf_trunc(&r->got, 0);
	if (r->room == 0)
		r->room = -1;
	r->f = feed_open(g->s, g->p.s.id, after, &hooks, &e);
	OK(r->f != NULL);
}

static void
rig_open(struct rig *g)
{
	place_open(&g->p);
	g->base = event_base_new();
	g->s = feeds_new(g->base, &g->p.r);
	g->l = NULL;
}

static void
rig_close(struct rig *g)
{
	feeds_free(g->s);
	event_base_free(g->base);
	eventlog_close(g->l);
	place_close(&g->p);
}

static void
put(struct rig *g, int n)
{
	static const char payload[] = "{\"type\":\"text_delta\",\"delta\":\"x\"}";

	if (!g->l)
		g->l = eventlog_open(&g->p.r, g->p.s.id, NULL);
	while (n--)
		eventlog_put(g->l, payload, sizeof payload - 1);
}

/* Until nothing is left to do; a few turns of the loop, each of which does not wait. */
static void
settle(struct rig *g)
{
	for (int i = 0; i < 200; i++)
		event_base_loop(g->base, EVLOOP_NONBLOCK);
}

static void
raw(struct rig *g, int flags, const char *s)
{
	char *path = realm_file(&g->p.r, "events", g->p.s.id, ".jsonl");
	int fd = open(path, O_WRONLY | flags, 0600);

	OK(fd >= 0 && write(fd, s, strlen(s)) == (ssize_t)strlen(s));
	close(fd);
	free(path);
}

TEST(a_feed_of_a_file_that_comes_later_gets_all_of_it)
{
	struct reader r = { 0 };
	struct rig g;

	rig_open(&g);
	read_from(&g, &r, -1);
	settle(&g);
	STR_IS(buf_str(&r.got), "");
	put(&g, 2);
	settle(&g);
	STR_IS(r.got.p, "1 2 ");
	put(&g, 1);
	settle(&g);
	STR_IS(r.got.p, "1 2 3 ");
	feed_close(r.f);
	put(&g, 1);
	settle(&g);
	STR_IS(r.got.p, "1 2 3 ");
	buf_free(&r.got);
	rig_close(&g);
}

TEST(feeds_begin_where_they_are_told)
{
	struct reader now = { 0 }, all = { 0 }, two = { 0 }, far = { 0 };
	struct rig g;

	rig_open(&g);
	put(&g, 3);
	read_from(&g, &now, -1);
	read_from(&g, &all, 0);
	read_from(&g, &two, 2);
	read_from(&g, &far, 400);	/* of another log, or of one that was restored */
	put(&g, 1);
	settle(&g);
	put(&g, 1);
	settle(&g);
	STR_IS(buf_str(&now.got), "4 5 ");
	STR_IS(buf_str(&all.got), "1 2 3 4 5 ");
	STR_IS(buf_str(&two.got), "3 4 5 ");
	STR_IS(buf_str(&far.got), "4 5 ");
	buf_free(&now.got);
	buf_free(&all.got);
	buf_free(&two.got);
	buf_free(&far.got);
	rig_close(&g);
}

/* In a file of many chunks, every place is found. */
TEST(a_place_in_a_long_log_is_found)
{
	static const int64_t places[] = { 0, 1, 777, 2999, 4999, 5000 };
	struct rig g;

	rig_open(&g);
	put(&g, 5000);
	for (size_t i = 0; i < COUNT(places); i++) {
		struct reader r = { .room = 1 };
		struct buf want = BUF_INIT;

		read_from(&g, &r, places[i]);
		settle(&g);
		if (places[i] < 5000)
			buf_printf(&want, "%lld ", (long long)places[i] + 1);
		STR_IS(buf_str(&r.got), buf_str(&want));
		feed_close(r.f);
		buf_free(&want);
		buf_free(&r.got);
	}
	rig_close(&g);
}

TEST(a_full_reader_is_asked_again_and_misses_nothing)
{
	struct reader slow = { .room = 2 }, live = { 0 };
	struct rig g;

	rig_open(&g);
	read_from(&g, &slow, -1);
	read_from(&g, &live, -1);
	put(&g, 5);
	settle(&g);
	STR_IS(slow.got.p, "1 2 ");
	STR_IS(live.got.p, "1 2 3 4 5 ");
	slow.room = 2;
	feed_resume(slow.f);
	put(&g, 1);
	settle(&g);
	STR_IS(slow.got.p, "1 2 3 4 ");
	slow.room = -1;
	feed_resume(slow.f);
	feed_resume(slow.f);
	settle(&g);
	put(&g, 1);
	settle(&g);
	STR_IS(slow.got.p, "1 2 3 4 5 6 7 ");
	STR_IS(live.got.p, "1 2 3 4 5 6 7 ");
	buf_free(&slow.got);
	buf_free(&live.got);
	rig_close(&g);
}

TEST(a_feed_may_close_itself_from_its_line)
{
	struct reader a = { .room = 2, .leaves = true }, b = { 0 },
	    c = { .room = 1, .leaves = true };
	struct rig g;

	rig_open(&g);
	put(&g, 3);
	read_from(&g, &a, 0);
	read_from(&g, &b, 0);
	read_from(&g, &c, -1);
	put(&g, 1);
	settle(&g);
	STR_IS(a.got.p, "1 2 ");
	STR_IS(b.got.p, "1 2 3 4 ");
	STR_IS(c.got.p, "4 ");
	feed_close(b.f);
	buf_free(&a.got);
	buf_free(&b.got);
	buf_free(&c.got);
	rig_close(&g);
}

TEST(torn_lines_and_foreign_bytes_are_not_given_out)
{
	struct reader r = { 0 };
	struct rig g;

	rig_open(&g);
	put(&g, 1);
	read_from(&g, &r, 0);
	eventlog_close(g.l);
	g.l = NULL;
	raw(&g, O_APPEND, "\n{}\n[]\n{\"event_id\":\"x\",\"seq\":2,\"payload\":3}\n"
	    "{\"event_id\":\"x\",\"seq\":2,\"payload\":{}\n{\"event_id\":\"to");
	settle(&g);
	STR_IS(r.got.p, "1 ");
	put(&g, 2);	/* takes the torn part back */
	settle(&g);
	STR_IS(r.got.p, "1 3 4 ");
	buf_free(&r.got);
	rig_close(&g);
}

TEST(a_log_that_was_emptied_or_replaced_goes_on)
{
	struct reader r = { 0 };
	struct rig g;
	char *path;

	rig_open(&g);
	path = realm_file(&g.p.r, "events", g.p.s.id, ".jsonl");
	put(&g, 3);
	read_from(&g, &r, 2);
	settle(&g);
	STR_IS(r.got.p, "3 ");
	OK(truncate(path, 0) == 0);
	put(&g, 1);
	settle(&g);
	STR_IS(r.got.p, "3 4 ");
	OK(unlink(path) == 0);
	settle(&g);
	eventlog_close(g.l);
	g.l = NULL;
	put(&g, 2);
	settle(&g);
	STR_IS(r.got.p, "3 4 1 2 ");
	free(path);
	buf_free(&r.got);
	rig_close(&g);
}

TEST(a_pump_gives_out_what_is_there_without_the_loop)
{
	struct reader r = { 0 }, later = { 0 };
	struct rig g;

	rig_open(&g);
	feeds_pump(g.s, g.p.s.id);
	read_from(&g, &r, -1);
	put(&g, 3);
	feeds_pump(g.s, g.p.s.id);
	STR_IS(buf_str(&r.got), "1 2 3 ");
	read_from(&g, &later, 1);
	feeds_pump(g.s, g.p.s.id);
	STR_IS(buf_str(&later.got), "2 3 ");
	settle(&g);
	STR_IS(buf_str(&r.got), "1 2 3 ");
	buf_free(&r.got);
	buf_free(&later.got);
	rig_close(&g);
}

/* 200 readers: one read of the file for all, and none when nothing comes. */
static long
reads(void)
{
	long n = -1;
	char line[128];
	FILE *f = fopen("/proc/self/io", "re");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "syscr: %ld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

TEST(readers_of_one_session_share_its_reads)
{
	static struct reader r[200];
	struct rig g;
	long before;

	rig_open(&g);
	put(&g, 1);
	for (size_t i = 0; i < COUNT(r); i++)
		read_from(&g, &r[i], -1);
	settle(&g);
	before = reads();
	for (int i = 0; i < 20; i++) {
		put(&g, 1);
		settle(&g);
	}
	OK(before < 0 || reads() - before < 20 * 6);
	for (size_t i = 0; i < COUNT(r); i++) {
		STR_IS(r[i].got.p, "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
		    "19 20 21 ");
		buf_free(&r[i].got);
	}
	rig_close(&g);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	int *ticks = arg;

	(void)fd;
	(void)what;
	++*ticks;
}

TEST(a_reader_far_behind_does_not_keep_the_loop)
{
	static const struct timeval now = { 0, 0 };
	struct reader r = { 0 };
	struct event *tick;
	struct rig g;
	int ticks = 0;

	rig_open(&g);
	put(&g, 60000);		/* 12 MB */
	read_from(&g, &r, 0);
	tick = event_new(g.base, -1, EV_PERSIST, on_tick, &ticks);
	event_add(tick, &now);
	while (r.bytes < 60000 && ticks == 0)
		event_base_loop(g.base, EVLOOP_ONCE);
	event_base_loop(g.base, EVLOOP_ONCE);
	OK(r.bytes < 9 << 20);
	event_free(tick);
	settle(&g);
	OK(r.got.n > 6 && !strcmp(r.got.p + r.got.n - 6, "60000 "));
	buf_free(&r.got);
	rig_close(&g);
}
