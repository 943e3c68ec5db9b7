/*
 * forged: what it costs to refuse a frame of 1 MiB whose signature is not the sender's.
 * Prints, in ms: crypto_sign_verify_detached over as many bytes, the dearest of the
 * shapes that somebody might send, and its name.  -v: all of them, to stderr.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "comms/cbor.h"
#include "comms/envelope.h"

#define TRIES 5
#define ROOM (FRAME_MAX - 1024)		/* for what stands around it */

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* ---- shapes of one big value ---- */

static void
text(struct buf *b)
{
	char *s = xcalloc(1, ROOM);

	memset(s, 'x', ROOM);
	cbor_put_text(b, s, ROOM);
	free(s);
}

static void
numbers(struct buf *b)
{
	cbor_put_array(b, ROOM);
	for (size_t i = 0; i < ROOM; i++)
		buf_putc(b, 1);
}

static void
parts(struct buf *b)
{
	buf_putc(b, 0x7f);
	for (size_t i = 0; i < ROOM / 2; i++)
		cbor_put_text(b, "x", 1);
	buf_putc(b, (char)0xff);
}

static void
maps(struct buf *b)
{
	cbor_put_array(b, ROOM);
	for (size_t i = 0; i < ROOM; i++)
		cbor_put_map(b, 0);
}

/* Every key in one map, in no order. */
static void
keys(struct buf *b)
{
	size_t n = ROOM / 6;

	cbor_put_map(b, n);
	for (size_t i = 0; i < n; i++) {
		char key[8];

		snprintf(key, sizeof key, "%04x",
		    (unsigned)(i * 40503 & 0xffff));
		if (i >> 16)
			snprintf(key, sizeof key, "%x%04x", (unsigned)(i >> 16),
			    (unsigned)(i * 40503 & 0xffff));
		cbor_put_text(b, key, strlen(key));
		buf_putc(b, 0);
	}
}

/* Maps in maps, their keys the wrong way round; at the bottom all the rest. */
static void
deep(struct buf *b)
{
	for (int i = 0; i < CBOR_DEPTH - 6; i++) {
		cbor_put_map(b, 2);
		cbor_put_text(b, "b", 1);
	}
	cbor_put_array(b, ROOM - 4096);
	for (size_t i = 0; i < ROOM - 4096; i++)
		buf_putc(b, 1);
	for (int i = 0; i < CBOR_DEPTH - 6; i++) {
		cbor_put_text(b, "a", 1);
		buf_putc(b, 0);
	}
}

static const struct shape {
	const char *name;
	void (*put)(struct buf *b);
} shapes[] = {
	{ "one text", text }, { "numbers", numbers }, { "a text in parts", parts },
	{ "empty maps", maps }, { "keys", keys }, { "maps in maps", deep },
};

/* A request with that as a parameter, and with a member that nobody knows. */
static void
make(const struct shape *s, const struct identity *from, struct buf *f)
{
	unsigned char zero[SIG_LEN] = { 0 }, sig[SIG_LEN];

	identity_sign(from, "", 0, sig);
	cbor_put_map(f, 5);
	cbor_put_text(f, "kind", 4);
	cbor_put_map(f, 4);
	cbor_put_text(f, "params", 6);
	s->put(f);
	cbor_put_text(f, "intent", 6);
	cbor_put_text(f, "status", 6);
	cbor_put_text(f, "type", 4);
	cbor_put_text(f, "request", 7);
	cbor_put_text(f, "nobody", 6);
	buf_putc(f, 0);
	cbor_put_text(f, "sig", 3);
	cbor_put_bytes(f, sig, sizeof sig);
	cbor_put_text(f, "to", 2);
	cbor_put_bytes(f, zero, KEY_LEN);
	cbor_put_text(f, "from", 4);
	cbor_put_bytes(f, identity_key(from), KEY_LEN);
	cbor_put_text(f, "id", 2);
	cbor_put_bytes(f, zero, 16);
}

/* The best of some tries: the machine has other things to do. */
static double
refuse(const struct buf *f)
{
	unsigned char from[KEY_LEN];
	double best = 1e9;

	for (int i = 0; i < TRIES; i++) {
		double t0 = now_ms(), t;
		struct err e = ERR_NONE;
		struct envelope v;

		if (envelope_from(f->p, f->n, from, &e) < 0 ||
		    envelope_open(f->p, f->n, &v, &e) == 0 ||
		    strncmp(e.text, "signature", 9))
			return -1;
		t = now_ms() - t0;
		best = t < best ? t : best;
	}
	return best;
}

static double
verify(const struct identity *from)
{
	unsigned char sig[SIG_LEN];
	char *s = xcalloc(1, FRAME_MAX);
	double best = 1e9;

	identity_sign(from, "", 0, sig);
	for (int i = 0; i < TRIES; i++) {
		double t0 = now_ms(), t;

		if (key_verify(identity_key(from), s, FRAME_MAX, sig))
			best = -1;
		t = now_ms() - t0;
		best = t < best ? t : best;
	}
	free(s);
	return best;
}

int
main(int argc, char *argv[])
{
	unsigned char seed[KEY_LEN] = "somebody whom all do trust here";
	struct identity *from = identity_of_seed(seed);
	const char *name = "";
	double worst = 0;

	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct buf f = BUF_INIT;
		double t;

		make(&shapes[i], from, &f);
		if ((t = refuse(&f)) < 0)
			return 1;
		if (argc > 1 && !strcmp(argv[1], "-v"))
			fprintf(stderr, "%s: %.1f ms\n", shapes[i].name, t);
		if (t > worst) {
			worst = t;
			name = shapes[i].name;
		}
		buf_free(&f);
	}
	printf("%.1f %.1f %s\n", verify(from), worst, name);
	identity_free(from);
	return 0;
}
