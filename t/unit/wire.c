/* Lines over a pair of sockets, the other end held by the test. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "runner/wire.h"
#include "test.h"

struct rig {
	struct event_base *base;
	struct wire *wire;
	int peer;
	struct buf said;	/* lines that came in, and what else happened */
	int refills;		/* that flushed still asks for */
};

static void
on_line(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	buf_put(&r->said, p, n);
	buf_putc(&r->said, ';');
	wire_put(r->wire, "one ", 4);
	wire_put(r->wire, "answer\n", 7);
}

static void
on_ended(void *arg, bool broken)
{
	struct rig *r = arg;

	buf_puts(&r->said, broken ? "broken;" : "ended;");
}

static void
on_flushed(void *arg)
{
	struct rig *r = arg;

	buf_puts(&r->said, "flushed;");
	if (r->refills-- > 0)
		wire_put(r->wire, "more\n", 5);
}

/* out: where it writes, -1 for the socket that it reads. */
static void
rig_open_to(struct rig *r, int out)
{
	const struct wire_hooks hooks = { .line = on_line,
	    .ended = on_ended, .flushed = on_flushed, .arg = r };
	int fds[2];

	*r = (struct rig){ .base = event_base_new() };
	OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == 0);
	r->peer = fds[1];
	if (out < 0)
		out = fds[0];
	r->wire = wire_new(r->base, fds[0], out, 1000, 0, &hooks);
	signal(SIGPIPE, SIG_IGN);
}

static void
rig_open(struct rig *r)
{
	rig_open_to(r, -1);
}

static void
rig_close(struct rig *r)
{
	wire_free(r->wire);
	event_base_free(r->base);
	buf_free(&r->said);
	if (r->peer >= 0)
		close(r->peer);
}

static void
turn(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

TEST(an_answer_goes_out_as_one_in_the_turn_that_made_it)
{
	char got[64] = "";
	struct rig r;

	rig_open(&r);
	OK(write(r.peer, " hello \n", 8) == 8);
	turn(&r);
	STR_IS(r.said.p, "hello;flushed;");
	OK(read(r.peer, got, sizeof got) == 11);
	STR_IS(got, "one answer\n");
	OK(wire_written(r.wire) == 11 && wire_backlog(r.wire) == 0);
	rig_close(&r);
}

TEST(a_reader_of_a_pipe_that_leaves_is_missed_at_once)
{
	struct rig r;
	int fds[2];

	OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
	rig_open_to(&r, fds[1]);
	wire_put(r.wire, "some\n", 5);
	turn(&r);
	STR_IS(r.said.p, "flushed;");
	turn(&r);
	STR_IS(r.said.p, "flushed;");
	close(fds[0]);
	turn(&r);
	turn(&r);
	STR_IS(r.said.p, "flushed;broken;");
	wire_put(r.wire, "more\n", 5);
	OK(wire_backlog(r.wire) == 0);
	rig_close(&r);
}

TEST(what_has_no_room_waits_for_it)
{
	size_t n = (size_t)4 << 20, got = 0;
	char *text = calloc(1, n), part[65536];
	struct rig r;
	ssize_t k;

	rig_open(&r);
	wire_put(r.wire, text, n);
	turn(&r);
	OK(wire_backlog(r.wire) > 0 && wire_backlog(r.wire) < n);
	for (int i = 0; i < 10000 && wire_backlog(r.wire); i++) {
		turn(&r);
		while ((k = read(r.peer, part, sizeof part)) > 0)
			got += (size_t)k;
	}
	while ((k = read(r.peer, part, sizeof part)) > 0)
		got += (size_t)k;
	OK(got == n && wire_written(r.wire) == n);
	STR_IS(r.said.p, "flushed;");
	turn(&r);
	STR_IS(r.said.p, "flushed;");
	rig_close(&r);
	free(text);
}

TEST(who_always_has_more_leaves_others_their_turn)
{
	struct rig r;

	rig_open(&r);
	r.refills = 2;
	wire_put(r.wire, "first\n", 6);
	turn(&r);
	STR_IS(r.said.p, "flushed;");
	turn(&r);
	STR_IS(r.said.p, "flushed;flushed;");
	turn(&r);
	turn(&r);
	STR_IS(r.said.p, "flushed;flushed;flushed;");
	rig_close(&r);
}

TEST(a_gone_reader_is_told_once)
{
	struct rig r;

	rig_open(&r);
	close(r.peer);
	r.peer = -1;
	wire_put(r.wire, "x\n", 2);
	turn(&r);
	wire_put(r.wire, "y\n", 2);
	turn(&r);
	OK(r.said.p && strstr(r.said.p, "broken;") &&
	    !strstr(strstr(r.said.p, "broken;") + 1, "broken;"));
	OK(wire_backlog(r.wire) == 0);
	rig_close(&r);
}
