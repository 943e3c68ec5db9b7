#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "comms/secure.h"

#define VERSION 1
#define EPHEMERAL_LEN crypto_scalarmult_BYTES
#define HEADER_LEN crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define RECORD_OVER crypto_secretstream_xchacha20poly1305_ABYTES
#define FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

/* Where things are in a hello. */
enum {
	AT_VERSION = SECURE_MAGIC_LEN,
	AT_EPHEMERAL = AT_VERSION + 1,
	AT_CLIENT = AT_EPHEMERAL + EPHEMERAL_LEN,	/* of the client's only */
	AT_SERVER = AT_CLIENT + KEY_LEN,
	CLIENT_SIGNED = AT_SERVER + KEY_LEN,
	CLIENT_HELLO = CLIENT_SIGNED + SIG_LEN,
	SERVER_SIGNED = AT_EPHEMERAL + EPHEMERAL_LEN,
	SERVER_HELLO = SERVER_SIGNED + SIG_LEN
};

/*
 * None begins as the signable bytes of an envelope do (0x84): no signature of one place
 * is good in another.
 */
static const char client_context[] = "rkat secure transport 1: client hello";
static const char server_context[] = "rkat secure transport 1: server hello";
static const char key_context[] = "rkat secure transport 1: keys";

enum state { WANT_HELLO, WANT_HEADER, WANT_RECORD, ENDED, BROKEN };

struct secure {
	bool server;
	const struct secure_server *of;
	enum state state;
	bool sending, proved, said_end;
	unsigned char self[KEY_LEN], peer[KEY_LEN];
	unsigned char *ephemeral;	/* sodium_malloc; gone after the handshake */
	unsigned char receive_key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	/* Both hellos, the client's first. */
	unsigned char hellos[CLIENT_HELLO + SERVER_HELLO];
	crypto_secretstream_xchacha20poly1305_state in, out;
	struct buf wait;		/* the beginning of something */
};

static int
broken(struct secure *s, struct err *e, const char *why)
{
	s->state = BROKEN;
	return err_set(e, E_INVALID_PARAMS, "%s", why);
}

/* ---- the handshake ---- */

static void
put_context(struct buf *b, const char *context, const unsigned char *p,
    size_t n)
{
	buf_puts(b, context);
	buf_put(b, p, n);
}

static void
sign(const struct identity *k, const char *context, unsigned char *hellos,
    size_t n)
{
	struct buf b = BUF_INIT;

	put_context(&b, context, hellos, n);
	identity_sign(k, b.p, b.n, hellos + n);
	buf_free(&b);
}

static bool
signed_well(const unsigned char key[KEY_LEN], const char *context,
    const unsigned char *hellos, size_t n)
{
	struct buf b = BUF_INIT;
	bool good;

	put_context(&b, context, hellos, n);
	good = key_verify(key, b.p, b.n, hellos + n);
	buf_free(&b);
	return good;
}

/* The part that both hellos begin with. */
static void
begin_hello(struct secure *s, unsigned char *hello)
{
	memcpy(hello, SECURE_MAGIC, SECURE_MAGIC_LEN);
	hello[AT_VERSION] = VERSION;
	if (sodium_init() < 0 ||
	    !(s->ephemeral = sodium_malloc(crypto_scalarmult_SCALARBYTES)))
		abort();
	randombytes_buf(s->ephemeral, crypto_scalarmult_SCALARBYTES);
	crypto_scalarmult_base(hello + AT_EPHEMERAL, s->ephemeral);
}

/* Both keys, our own stream's header appended to out.  -1: the point is none. */
static int
derive(struct secure *s, const unsigned char *other, struct buf *out)
{
	unsigned char secret[crypto_scalarmult_BYTES], keys[64];
	unsigned char hash[crypto_hash_sha512_BYTES], header[HEADER_LEN];
	crypto_generichash_state st;
	int rc;

	rc = crypto_scalarmult(secret, s->ephemeral, other);
	sodium_free(s->ephemeral);
	s->ephemeral = NULL;
	crypto_hash_sha512(hash, s->hellos, sizeof s->hellos);
	crypto_generichash_init(&st, secret, sizeof secret, sizeof keys);
	crypto_generichash_update(&st, (const unsigned char *)key_context,
	    sizeof key_context - 1);
	crypto_generichash_update(&st, hash, sizeof hash);
	crypto_generichash_final(&st, keys, sizeof keys);
	memcpy(s->receive_key, s->server ? keys : keys + 32, 32);
	crypto_secretstream_xchacha20poly1305_init_push(&s->out, header,
	    s->server ? keys + 32 : keys);
	if (rc == 0)
		buf_put(out, header, sizeof header);
	sodium_memzero(secret, sizeof secret);
	sodium_memzero(keys, sizeof keys);
	sodium_memzero(&st, sizeof st);
	return rc;
}

struct secure *
secure_connect(const struct identity *self,
    const unsigned char server[KEY_LEN], struct buf *out, struct err *e)
{
	struct secure *s;

	if (!memcmp(identity_key(self), server, KEY_LEN)) {
		err_set(e, E_INVALID_PARAMS, "handshake: with itself");
		return NULL;
	}
	s = xcalloc(1, sizeof *s);
	memcpy(s->self, identity_key(self), KEY_LEN);
	memcpy(s->peer, server, KEY_LEN);
	begin_hello(s, s->hellos);
	memcpy(s->hellos + AT_CLIENT, s->self, KEY_LEN);
	memcpy(s->hellos + AT_SERVER, server, KEY_LEN);
	sign(self, client_context, s->hellos, CLIENT_SIGNED);
	buf_put(out, s->hellos, CLIENT_HELLO);
	return s;
}

struct secure *
secure_accept(const struct secure_server *of)
{
	struct secure *s = xcalloc(1, sizeof *s);

	s->server = true;
	s->of = of;
	return s;
}

void
secure_free(struct secure *s)
{
	if (!s)
		return;
	sodium_free(s->ephemeral);
	if (s->wait.p)
		sodium_memzero(s->wait.p, s->wait.cap);
	buf_free(&s->wait);
	sodium_memzero(s, sizeof *s);
	free(s);
}

/* What is no hello of ours is seen at its first bytes. */
static bool
begins_well(const struct buf *b)
{
	static const unsigned char start[] = { 'r', 'k', 'a', 't', '1',
		VERSION };
	size_t n = b->n < sizeof start ? b->n : sizeof start;

	return !memcmp(buf_str(b), start, n);
}

static int
answer_client(struct secure *s, struct buf *out, struct err *e)
{
	unsigned char *mine = s->hellos + CLIENT_HELLO;
	const struct identity *k;

	memcpy(s->hellos, s->wait.p, CLIENT_HELLO);
	memcpy(s->peer, s->hellos + AT_CLIENT, KEY_LEN);
	memcpy(s->self, s->hellos + AT_SERVER, KEY_LEN);
	if (!s->of->trusted(s->of->arg, s->peer))
		return broken(s, e, "handshake: the client is not trusted");
	if (!signed_well(s->peer, client_context, s->hellos, CLIENT_SIGNED))
		return broken(s, e, "handshake: the client's signature");
	if (!(k = s->of->find(s->of->arg, s->self)))
		return broken(s, e, "handshake: nobody here has that key");
	begin_hello(s, mine);
	sign(k, server_context, s->hellos, CLIENT_HELLO + SERVER_SIGNED);
	buf_put(out, mine, SERVER_HELLO);
	if (derive(s, s->hellos + AT_EPHEMERAL, out) < 0)
		return broken(s, e, "handshake: no key comes of it");
	return 0;
}

static int
check_server(struct secure *s, struct buf *out, struct err *e)
{
	unsigned char *its = s->hellos + CLIENT_HELLO;

	memcpy(its, s->wait.p, SERVER_HELLO);
	if (!signed_well(s->peer, server_context, s->hellos,
	    CLIENT_HELLO + SERVER_SIGNED))
		return broken(s, e, "handshake: the server's signature");
	if (derive(s, its + AT_EPHEMERAL, out) < 0)
		return broken(s, e, "handshake: no key comes of it");
	s->proved = true;
	return 0;
}

static int
take_hello(struct secure *s, struct buf *out, struct err *e)
{
	int rc = s->server ? answer_client(s, out, e) : check_server(s, out,
	    e);

	if (rc == 0) {
		s->sending = true;
		s->state = WANT_HEADER;
	}
	return rc;
}

static int
take_header(struct secure *s, struct err *e)
{
	int rc = crypto_secretstream_xchacha20poly1305_init_pull(&s->in,
	    (const unsigned char *)s->wait.p, s->receive_key);

	sodium_memzero(s->receive_key, sizeof s->receive_key);
	if (rc < 0)
		return broken(s, e, "record: a bad header");
	s->state = WANT_RECORD;
	return 0;
}

/* ---- records ---- */

static size_t
length(const struct buf *b)
{
	const unsigned char *p = (const unsigned char *)b->p;

	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	    p[3];
}

static int
take_record(struct secure *s, struct buf *plain, struct err *e)
{
	size_t n = s->wait.n - 4 - RECORD_OVER;
	unsigned char tag, *to;

	to = (unsigned char *)buf_room(plain, n);
	if (crypto_secretstream_xchacha20poly1305_pull(&s->in, to, NULL, &tag,
	    (const unsigned char *)s->wait.p + 4, s->wait.n - 4, NULL, 0) < 0)
		return broken(s, e, "record: not what was sent");
	plain->n += n;
	buf_end(plain);
	s->proved = true;
	if (tag == FINAL)
		s->state = ENDED;
	return 0;
}

/* How long what we wait for is; 0: too long, or it never began. */
static size_t
wanted(const struct secure *s)
{
	size_t n;

	switch (s->state) {
	case WANT_HELLO:
		return !begins_well(&s->wait) ? 0 : s->server ? CLIENT_HELLO :
		    SERVER_HELLO;
	case WANT_HEADER:
		return HEADER_LEN;
	case WANT_RECORD:
		if (s->wait.n < 4)
			return 4;
		n = length(&s->wait);
		return n < RECORD_OVER || n > SECURE_CHUNK + RECORD_OVER ? 0 :
		    4 + n;
	default:
		return 0;
	}
}

static int
take_whole(struct secure *s, struct buf *plain, struct buf *out,
    struct err *e)
{
	int rc;

	switch (s->state) {
	case WANT_HELLO: rc = take_hello(s, out, e); break;
	case WANT_HEADER: rc = take_header(s, e); break;
	default: rc = take_record(s, plain, e); break;
	}
	buf_trunc(&s->wait, 0);
	return rc;
}

int
secure_take(struct secure *s, const void *p, size_t n, struct buf *plain,
    struct buf *out, struct err *e)
{
	const unsigned char *in = p;
	size_t want, part;

	while (n) {
		if (s->state == ENDED)
			return broken(s, e, "record: one behind the last");
		if (s->state == BROKEN)
			return err_set(e, E_INVALID_PARAMS,
			    "record: it is over");
		/* The first bytes decide whether there is more to wait for. */
		want = s->state == WANT_HELLO && s->wait.n <= AT_VERSION ?
		    s->wait.n + 1 : wanted(s);
		part = want - s->wait.n < n ? want - s->wait.n : n;
		buf_put(&s->wait, in, part);
		in += part;
		n -= part;
		if (!(want = wanted(s)))
			return broken(s, e, s->state == WANT_HELLO ?
			    "handshake: not version 1 of rkats" :
			    "record: no record is that long");
		if (s->wait.n == want && take_whole(s, plain, out, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_record(struct secure *s, const unsigned char *p, size_t n,
    unsigned char tag, struct buf *out, struct err *e)
{
	size_t total = n + RECORD_OVER;
	unsigned char *to;

	if (!s->sending || s->said_end || s->state == BROKEN)
		return err_set(e, E_INVALID_PARAMS,
		    "record: the connection is not open");
	to = (unsigned char *)buf_room(out, 4 + total);
	for (size_t i = 0; i < 4; i++)
		to[i] = (unsigned char)(total >> (24 - 8 * i));
	crypto_secretstream_xchacha20poly1305_push(&s->out, to + 4, NULL, p, n,
	    NULL, 0, tag);
	out->n += 4 + total;
	buf_end(out);
	return 0;
}

int
secure_put(struct secure *s, const void *p, size_t n, struct buf *out,
    struct err *e)
{
	const unsigned char *from = p;

	while (n) {
		size_t part = n < SECURE_CHUNK ? n : SECURE_CHUNK;

		if (put_record(s, from, part, 0, out, e) < 0)
			return -1;
		from += part;
		n -= part;
	}
	return 0;
}

int
secure_end(struct secure *s, struct buf *out, struct err *e)
{
	if (put_record(s, NULL, 0, FINAL, out, e) < 0)
		return -1;
	s->said_end = true;
	return 0;
}

bool
secure_ready(const struct secure *s)
{
	return s->proved && s->sending && s->state != BROKEN;
}

bool
secure_ended(const struct secure *s)
{
	return s->state == ENDED;
}

const unsigned char *
secure_peer(const struct secure *s)
{
	return s->peer;
}

const unsigned char *
secure_self(const struct secure *s)
{
	return s->self;
}
