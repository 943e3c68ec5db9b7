/*
 * deliver PORT SEED-FILE RECEIVER-KEY N: the bound of the outbox, N sealed messages to a
 * listener of rkat-peerd, one connection and one ACK after the other, and nothing else.
 * Prints how many a second.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "comms/envelope.h"

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
deliver(const struct sockaddr_in *to, const struct buf *frame)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char ack[1024];
	ssize_t n, got = 0;

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
		fail("connect");
	if (write(fd, frame->p, frame->n) != (ssize_t)frame->n)
		fail("write");
	while ((n = read(fd, ack, sizeof ack)) > 0)
		got += n;
	if (got < 100) {
		fputs("no ACK\n", stderr);
		exit(1);
	}
	close(fd);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct buf seed = BUF_INIT, *frames;
	struct envelope v = { .json = NULL };
	struct identity *k;
	long n, start;

	if (argc != 5 || fs_read(argv[2], KEY_LEN, &seed, NULL) < 0 ||
	    key_parse(argv[3], v.to, NULL) < 0)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	n = atol(argv[4]);
	k = identity_of_seed((const unsigned char *)seed.p);
	frames = xcalloc((size_t)n, sizeof *frames);
	for (long i = 0; i < n; i++) {
		uuid_v7(v.id);
		v.json = xasprintf("{\"type\":\"message\",\"body\":\"m%ld\"}",
		    i);
		if (envelope_seal(&v, k, &frames[i], NULL) < 0)
			return 1;
		envelope_free(&v);
	}
	start = (long)time_mono_ms();
	for (long i = 0; i < n; i++) {
		deliver(&to, &frames[i]);
		buf_free(&frames[i]);
	}
	printf("%ld\n", n * 1000 / ((long)time_mono_ms() - start + 1));
	free(frames);
	buf_free(&seed);
	identity_free(k);
	return 0;
}
