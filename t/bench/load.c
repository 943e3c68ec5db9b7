/*
 * load KIND ADDR CONNS SECONDS TEXT [COMMAND...]: so many connections, each with one
 * request under way, for some seconds.  Prints "PER_SECOND P50_ms P99_ms FAILED".
 *
 *	http	GET TEXT, keep-alive
 *	line	the line TEXT, answered by a line
 *	turns	JSON-RPC: each connection makes a session, then turns with prompt TEXT
 *	worker	the same turns from rkat-turn --worker (COMMAND; ADDR is not used)
 *	sse	GET TEXT; counts events, which somebody else makes
 *
 * ADDR is HOST:PORT, or the path of a Unix socket.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/util.h"

#define WARM_S 0.3		/* what happens before is not counted */
#define SESSION_TURNS 16	/* then a new one: transcripts stay short */

struct load;
struct conn;

struct kind {
	const char *name;
	void (*open)(struct conn *c);	/* what a new connection says first */
	void (*read)(struct conn *c, struct evbuffer *in);
};

struct load {
	struct event_base *base;
	const struct kind *kind;
	const char *text, *host;
	struct sockaddr_storage sa;
	int sa_len;
	double start, end;
	double *ms;		/* of each request */
	size_t n, room, failed;
};

struct conn {
	struct load *l;
	struct bufferevent *bev;
	char session[UUID_LEN + 1];
	int turns;		/* of the session */
	double sent;
	size_t body;		/* of the answer, still to come */
	bool in_body;
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
count(struct load *l, double ms)
{
	if (now() < l->start)
		return;
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 65536;
		l->ms = xrealloc(l->ms, l->room * sizeof *l->ms);
	}
	l->ms[l->n++] = ms;
}

static void
ask(struct conn *c, const char *fmt, ...)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	va_list ap;

	va_start(ap, fmt);
	evbuffer_add_vprintf(out, fmt, ap);
	va_end(ap);
	c->sent = now();
}

static void
answered(struct conn *c, bool ok)
{
	count(c->l, (now() - c->sent) * 1e3);
	c->l->failed += !ok;
}

/* ---- HTTP ---- */

static void
http_ask(struct conn *c)
{
	ask(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", c->l->text, c->l->host);
}

/* Answers with a Content-Length, which is all that is asked for. */
static void
http_read(struct conn *c, struct evbuffer *in)
{
	size_t n;
	char *line;

	while (!c->in_body && (line = evbuffer_readln(in, &n,
	    EVBUFFER_EOL_CRLF))) {
		if (!strncmp(line, "HTTP/1.1 ", 9))
			c->l->failed += line[9] != '2';
		else if (!strncasecmp(line, "content-length:", 15))
			c->body = strtoul(line + 15, NULL, 10);
		c->in_body = !n;
		free(line);
	}
	if (!c->in_body || evbuffer_get_length(in) < c->body)
		return;
	evbuffer_drain(in, c->body);
	c->in_body = false;
	answered(c, true);
	http_ask(c);
}

static void
sse_read(struct conn *c, struct evbuffer *in)
{
	size_t n;
	char *line;

	while ((line = evbuffer_readln(in, &n, EVBUFFER_EOL_CRLF))) {
		if (!strncmp(line, "data:", 5))
			count(c->l, 0);
		free(line);
	}
}

/* ---- lines ---- */

static void
line_ask(struct conn *c)
{
	ask(c, "%s\n", c->l->text);
}

static void
line_read(struct conn *c, struct evbuffer *in)
{
	char *line;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF))) {
		answered(c, !strstr(line, "\"error\":{"));
		free(line);
		line_ask(c);
	}
}

static void
turns_open(struct conn *c)
{
	ask(c, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"session/create\","
	    "\"params\":{\"initial_turn\":\"deferred\",\"prompt\":\"hi\"}}\n");
}

static void
worker_open(struct conn *c)
{
	ask(c, "{\"id\":0,\"op\":\"create\"}\n");
}

static void
turn_ask(struct conn *c)
{
	if (c->l->host)
		ask(c, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"turn/start\","
		    "\"params\":{\"session_id\":\"%s\",\"prompt\":\"%s\"}}\n",
		    c->session, c->l->text);
	else
		ask(c, "{\"id\":1,\"op\":\"run\",\"session\":\"%s\","
		    "\"prompt\":\"%s\"}\n", c->session, c->l->text);
}

/* An answer, and no event. */
static void
turn_answered(struct conn *c, const char *line)
{
	const char *id = strstr(line, "\"session_id\":\"");

	if (*c->session) {
		answered(c, strstr(line, "\"result\":") != NULL);
	} else if (!id) {
		fprintf(stderr, "load: %s\n", line);
		exit(1);
	} else {
		memcpy(c->session, id + 14, UUID_LEN);
		c->turns = 0;
	}
	if (c->turns++ < SESSION_TURNS) {
		turn_ask(c);
		return;
	}
	*c->session = '\0';
	c->l->kind->open(c);
}

static void
turns_read(struct conn *c, struct evbuffer *in)
{
	char *line;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF))) {
		if (strncmp(line, "{\"jsonrpc\":\"2.0\",\"method\"", 25) &&
		    strncmp(line, "{\"id\":1,\"event\"", 15))
			turn_answered(c, line);
		free(line);
	}
}

static const struct kind kinds[] = {
	{ "http", http_ask, http_read },
	{ "sse", http_ask, sse_read },
	{ "line", line_ask, line_read },
	{ "turns", turns_open, turns_read },
	{ "worker", worker_open, turns_read },
};

/* ---- connections ---- */

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	c->l->kind->read(c, bufferevent_get_input(bev));
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_CONNECTED)
		return;
	fprintf(stderr, "load: a connection ended: %s\n", what &
	    BEV_EVENT_ERROR ? strerror(EVUTIL_SOCKET_ERROR()) : "closed");
	c->l->failed++;
	bufferevent_disable(bev, EV_READ | EV_WRITE);
}

/* A worker's end of a pair of sockets. */
static int
start_worker(char **argv)
{
	struct proc_spec spec = { .argv = argv, .err = STDERR_FILENO };
	struct err e = ERR_NONE;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	spec.in = spec.out = fds[1];
	if (proc_spawn(&spec, &pid, &e) < 0)
		exit(err_report(prog, &e));
	close(fds[1]);
	evutil_make_socket_nonblocking(fds[0]);
	return fds[0];
}

static void
connect_one(struct load *l, char **argv)
{
	struct conn *c = xcalloc(1, sizeof *c);
	int fd = *argv ? start_worker(argv) : -1;

	c->l = l;
	c->bev = bufferevent_socket_new(l->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (fd < 0 && bufferevent_socket_connect(c->bev,
	    (struct sockaddr *)&l->sa, l->sa_len) < 0) {
		fprintf(stderr, "load: cannot connect\n");
		exit(1);
	}
	l->kind->open(c);
}

static void
address(struct load *l, const char *where)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&l->sa;

	l->sa_len = sizeof l->sa;
	if (*where == '/') {
		l->host = "localhost";
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof un->sun_path, "%s", where);
		l->sa_len = sizeof *un;
	} else if (evutil_parse_sockaddr_port(where,
	    (struct sockaddr *)&l->sa, &l->sa_len) == 0) {
		l->host = where;
	}
}

/* ---- the numbers ---- */

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void
measure(struct load *l, double seconds)
{
	struct timeval tv = { .tv_sec = (time_t)(seconds + WARM_S),
	    .tv_usec = (suseconds_t)((seconds + WARM_S) * 1e6) % 1000000 };
	struct event *timer = evtimer_new(l->base, on_time, l->base);
	double t;

	l->start = now() + WARM_S;
	event_add(timer, &tv);
	event_base_dispatch(l->base);
	t = now() - l->start;
	if (l->n)
		qsort(l->ms, l->n, sizeof *l->ms, by_value);
	printf("%.0f %.2f %.2f %zu\n", (double)l->n / t,
	    l->n ? l->ms[l->n / 2] : 0, l->n ? l->ms[l->n * 99 / 100] : 0,
	    l->failed);
	event_free(timer);
}

int
main(int argc, char *argv[])
{
	struct load l = { .base = event_base_new() };
	struct rlimit rl;

	prog = "load";
	for (size_t i = 0; argc > 5 && i < COUNT(kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			l.kind = &kinds[i];
	if (!l.kind) {
		fprintf(stderr, "usage: load http|sse|line|turns|worker "
		    "ADDR CONNS SECONDS TEXT [COMMAND...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	address(&l, argv[2]);
	l.text = argv[5];
	for (int i = atoi(argv[3]); i > 0; i--)
		connect_one(&l, argv + 6);
	measure(&l, atof(argv[4]));
	proc_end_all();
	return 0;
}
