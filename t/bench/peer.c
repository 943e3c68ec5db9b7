/*
 * A peer with a key of its own that speaks to an rkat-peerd on the loopback.
 *
 * peer key                       its public key
 * peer accept PORT N KEY...      N messages in turn to the sessions of these keys, 32
 *                                under way at once; prints acknowledged ones a second
 * peer wake LOG N PORT KEY       N messages, each when the turn of the last one has
 *                                ended; LOG is the session's event log.  Prints p50 and
 *                                p99 in ms from there to the first text of the model
 * peer wake LOG N COMMAND...     the same, woken by a command
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/jput.h"
#include "base/util.h"
#include "comms/envelope.h"

#define AT_ONCE 32
#define WAIT_MS 10000

extern char **environ;
static struct identity *self;

static void
fail(const char *what)
{
	fprintf(stderr, "peer: %s: %m\n", what);
	exit(1);
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* A message of 500 bytes to a key. */
static void
make(const char *key, struct buf *frame)
{
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	struct envelope v;
	char body[500];

	memset(&v, 0, sizeof v);
	memset(body, 'x', sizeof body);
	uuid_v7(v.id);
	jput_open(&b, '{');
	jput_kcstr(&b, "type", "message");
	jput_kstr(&b, "body", body, sizeof body);
	jput_close(&b, '}');
	v.json = buf_steal(&b);
	if (key_parse(key, v.to, &e) < 0 ||
	    envelope_seal(&v, self, frame, &e) < 0)
		fail(e.text);
	envelope_free(&v);
}

static int
send_frame(int port, const struct buf *frame)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((in_port_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
	    write(fd, frame->p, frame->n) != (ssize_t)frame->n)
		fail("connect");
	return fd;
}

/* Is it an ACK, by its size? */
static void
take_ack(int fd)
{
	char ack[512];

	if (recv(fd, ack, sizeof ack, 0) < 64)
		fail("not acknowledged");
	close(fd);
}

static void
accept_all(int port, int n, char *keys[], int n_keys)
{
	struct buf *frames = xcalloc((size_t)n, sizeof *frames);
	struct pollfd p[AT_ONCE];
	int sent = 0, got = 0;
	double t0;

	for (int i = 0; i < n; i++)
		make(keys[i % n_keys], &frames[i]);
	for (int i = 0; i < AT_ONCE; i++)
		p[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	t0 = now_ms();
	while (got < n) {
		for (int i = 0; i < AT_ONCE; i++) {
			if (p[i].fd >= 0 && p[i].revents) {
				take_ack(p[i].fd);
				p[i].fd = -1;
				got++;
			}
			if (p[i].fd < 0 && sent < n)
				p[i].fd = send_frame(port, &frames[sent++]);
		}
		if (got < n && poll(p, AT_ONCE, WAIT_MS) <= 0)
			fail("nothing comes back");
	}
	printf("%.0f\n", n * 1e3 / (now_ms() - t0));
	for (int i = 0; i < n; i++)
		buf_free(&frames[i]);
	free(frames);
}

/* ---- how long it takes to wake somebody ---- */

struct log {
	int fd, notify;
	struct buf text;	/* what came since the last turn's end */
};

static void
log_open(struct log *l, const char *path)
{
	*l = (struct log){ .fd = open(path, O_RDONLY | O_CLOEXEC),
	    .notify = inotify_init1(IN_CLOEXEC) };
	if (l->fd < 0 || inotify_add_watch(l->notify, path, IN_MODIFY) < 0)
		fail(path);
	lseek(l->fd, 0, SEEK_END);
}

static void
log_wait(struct log *l, const char *word)
{
	struct pollfd p = { .fd = l->notify, .events = POLLIN };
	char skip[4096];

	for (;;) {
		ssize_t n = read(l->fd, buf_room(&l->text, 65536), 65536);

		l->text.n += n > 0 ? (size_t)n : 0;
		buf_end(&l->text);
		if (strstr(l->text.p, word))
			return;
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail(word);
		if (read(l->notify, skip, sizeof skip) < 0)
			fail("inotify");
	}
}

static pid_t
start(char *const argv[])
{
	posix_spawn_file_actions_t fa;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ))
		fail(argv[0]);
	posix_spawn_file_actions_destroy(&fa);
	return pid;
}

static double
wake(struct log *l, char *argv[])
{
	int port = atoi(argv[0]), fd = -1;
	struct buf frame = BUF_INIT;
	pid_t pid = -1;
	double t0, t1;

	if (port)
		make(argv[1], &frame);
	t0 = now_ms();
	if (port)
		fd = send_frame(port, &frame);
	else
		pid = start(argv);
	log_wait(l, "\"text_delta\"");
	t1 = now_ms();
	log_wait(l, "\"run_completed\"");
	buf_trunc(&l->text, 0);
	if (port)
		take_ack(fd);
	else
		waitpid(pid, NULL, 0);
	buf_free(&frame);
	return t1 - t0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
wake_all(const char *path, int n, char *argv[])
{
	double *ms = xcalloc((size_t)n, sizeof *ms);
	struct timespec pause = { .tv_nsec = 20000000 };
	struct log l;

	log_open(&l, path);
	for (int i = -1; i < n; i++) {	/* one to warm up */
		double t = wake(&l, argv);

		if (i >= 0)
			ms[i] = t;
		nanosleep(&pause, NULL);	/* it goes to sleep again */
	}
	qsort(ms, (size_t)n, sizeof *ms, by_value);
	printf("%.1f %.1f\n", ms[n / 2], ms[n * 99 / 100]);
	free(ms);
}

int
main(int argc, char *argv[])
{
	unsigned char seed[KEY_LEN] = "a peer that is there for benches";
	char text[KEY_TEXT_LEN + 1];

	self = identity_of_seed(seed);
	key_text(identity_key(self), text);
	if (argc == 2 && !strcmp(argv[1], "key"))
		puts(text);
	else if (argc > 4 && !strcmp(argv[1], "accept"))
		accept_all(atoi(argv[2]), atoi(argv[3]), argv + 4, argc - 4);
	else if (argc > 4 && !strcmp(argv[1], "wake"))
		wake_all(argv[2], atoi(argv[3]), argv + 4);
	else
		return 2;
	identity_free(self);
	return 0;
}
