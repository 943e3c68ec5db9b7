#include <stdlib.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/util.h"
#include "comms/secure.h"
#include "test.h"

/* The encrypted transport: two ends that talk through buffers. */

struct pair {
	struct identity *a, *b;		/* the client's, the server's */
	unsigned char trusts[KEY_LEN];
	int asked, found;
	struct secure_server of;
	struct secure *client, *server;
	struct buf up, down;		/* on the wire */
	struct buf at_client, at_server;	/* plaintext that arrived */
};

static struct identity *
key_of(unsigned char c)
{
	unsigned char seed[KEY_LEN];

	memset(seed, c, sizeof seed);
	return identity_of_seed(seed);
}

static const struct identity *
find(void *arg, const unsigned char key[KEY_LEN])
{
	struct pair *p = arg;

	p->found++;
	return memcmp(key, identity_key(p->b), KEY_LEN) ? NULL : p->b;
}

static bool
trusted(void *arg, const unsigned char key[KEY_LEN])
{
	struct pair *p = arg;

	p->asked++;
	return !memcmp(key, p->trusts, KEY_LEN);
}

static void
begin(struct pair *p)
{
	memset(p, 0, sizeof *p);
	p->a = key_of(1);
	p->b = key_of(2);
	memcpy(p->trusts, identity_key(p->a), KEY_LEN);
	p->of = (struct secure_server){ find, trusted, p };
	p->client = secure_connect(p->a, identity_key(p->b), &p->up, NULL);
	p->server = secure_accept(&p->of);
}

static void
end(struct pair *p)
{
	secure_free(p->client);
	secure_free(p->server);
	identity_free(p->a);
	identity_free(p->b);
	buf_free(&p->up);
	buf_free(&p->down);
	buf_free(&p->at_client);
	buf_free(&p->at_server);
}

static int
to_server(struct pair *p, struct err *e)
{
	int rc = secure_take(p->server, p->up.p, p->up.n, &p->at_server,
	    &p->down, e);

	buf_trunc(&p->up, 0);
	return rc;
}

static int
to_client(struct pair *p, struct err *e)
{
	int rc = secure_take(p->client, p->down.p, p->down.n, &p->at_client,
	    &p->up, e);

	buf_trunc(&p->down, 0);
	return rc;
}

static void
greet(struct pair *p)
{
	begin(p);
	OK(to_server(p, NULL) == 0);
	OK(to_client(p, NULL) == 0);
	OK(to_server(p, NULL) == 0);
}

TEST(both_ends_know_each_other_and_talk)
{
	struct pair p;

	begin(&p);
	OK(!secure_ready(p.client) && !secure_ready(p.server));
	OK(to_server(&p, NULL) == 0);
	OK(to_client(&p, NULL) == 0);
	OK(secure_ready(p.client));
	OK(!secure_ready(p.server));	/* a hello can be an old one */
	OK(secure_put(p.client, "one", 3, &p.up, NULL) == 0);
	OK(secure_put(p.client, "two", 3, &p.up, NULL) == 0);
	OK(to_server(&p, NULL) == 0);
	OK(secure_ready(p.server));
	STR_IS(p.at_server.p, "onetwo");
	OK(!memcmp(secure_peer(p.server), identity_key(p.a), KEY_LEN));
	OK(!memcmp(secure_self(p.server), identity_key(p.b), KEY_LEN));
	OK(secure_put(p.server, "three", 5, &p.down, NULL) == 0);
	OK(to_client(&p, NULL) == 0);
	STR_IS(p.at_client.p, "three");
	end(&p);
}

TEST(an_end_is_said_and_nothing_comes_behind_it)
{
	struct pair p;
	struct err e = ERR_NONE;

	greet(&p);
	OK(secure_end(p.client, &p.up, NULL) == 0);
	OK(secure_put(p.client, "x", 1, &p.up, NULL) < 0);
	OK(!secure_ended(p.server));
	OK(to_server(&p, NULL) == 0);
	OK(secure_ended(p.server));
	buf_puts(&p.up, "more");
	OK(to_server(&p, &e) < 0);
	OK(strstr(e.text, "behind the last"));
	end(&p);
}

TEST(what_is_long_takes_several_records)
{
	size_t n = 3 * SECURE_CHUNK + 7;
	char *text = xmalloc(n);
	struct pair p;

	randombytes_buf(text, n);
	greet(&p);
	OK(secure_put(p.client, text, n, &p.up, NULL) == 0);
	OK(p.up.n == n + 4 * (4 + 17));
	OK(!memmem(p.up.p, p.up.n, text, 32));
	OK(to_server(&p, NULL) == 0);
	OK(p.at_server.n == n && !memcmp(p.at_server.p, text, n));
	free(text);
	end(&p);
}

TEST(bytes_may_come_one_by_one)
{
	struct pair p;
	struct buf up = BUF_INIT, down = BUF_INIT;

	begin(&p);
	for (int round = 0; round < 2; round++) {
		if (round == 1)
			secure_put(p.client, "hello", 5, &p.up, NULL);
		buf_put(&up, buf_str(&p.up), p.up.n);
		buf_trunc(&p.up, 0);
		for (size_t i = 0; i < up.n; i++)
			OK(secure_take(p.server, up.p + i, 1, &p.at_server,
			    &p.down, NULL) == 0);
		buf_put(&down, buf_str(&p.down), p.down.n);
		buf_trunc(&p.down, 0);
		for (size_t i = 0; i < down.n; i++)
			OK(secure_take(p.client, down.p + i, 1, &p.at_client,
			    &p.up, NULL) == 0);
		buf_trunc(&up, 0);
		buf_trunc(&down, 0);
	}
	STR_IS(p.at_server.p, "hello");
	buf_free(&up);
	buf_free(&down);
	end(&p);
}

TEST(who_is_not_trusted_costs_no_computing)
{
	struct pair p;
	struct err e = ERR_NONE;

	begin(&p);
	p.trusts[0] ^= 1;
	OK(to_server(&p, &e) < 0);
	OK(strstr(e.text, "not trusted"));
	OK(p.asked == 1 && p.found == 0 && p.down.n == 0);
	OK(secure_take(p.server, "x", 1, &p.at_server, &p.down, &e) < 0);
	end(&p);
}

TEST(a_server_with_another_key_is_not_believed)
{
	struct identity *other = key_of(3);
	struct pair p;
	struct err e = ERR_NONE;

	/* Somebody else in its place: it has not the key to sign with. */
	begin(&p);
	identity_free(p.b);
	p.b = key_of(3);
	OK(to_server(&p, &e) < 0);
	OK(strstr(e.text, "nobody here has that key"));
	end(&p);

	/* It answers for the key all the same. */
	begin(&p);
	secure_free(p.client);
	buf_trunc(&p.up, 0);
	p.client = secure_connect(p.a, identity_key(other), &p.up, NULL);
	memcpy(p.up.p + 6 + 32 + 32, identity_key(p.b), KEY_LEN);
	OK(to_server(&p, &e) < 0);
	OK(strstr(e.text, "the client's signature"));
	end(&p);
	identity_free(other);
}

TEST(an_old_hello_opens_nothing)
{
	struct pair p, q;
	struct buf hello = BUF_INIT, records = BUF_INIT;
	struct err e = ERR_NONE;

	begin(&p);
	buf_put(&hello, p.up.p, p.up.n);
	to_server(&p, NULL);
	to_client(&p, NULL);
	secure_put(p.client, "pay", 3, &p.up, NULL);
	buf_put(&records, p.up.p, p.up.n);
	OK(to_server(&p, NULL) == 0);
	STR_IS(p.at_server.p, "pay");

	begin(&q);
	OK(secure_take(q.server, hello.p, hello.n, &q.at_server, &q.down,
	    NULL) == 0);
	OK(secure_take(q.server, records.p, records.n, &q.at_server, &q.down,
	    &e) < 0);
	OK(q.at_server.n == 0 && !secure_ready(q.server));
	end(&p);
	end(&q);
	buf_free(&hello);
	buf_free(&records);
}

TEST(an_old_answer_is_not_believed)
{
	struct pair p, q;
	struct buf answer = BUF_INIT;
	struct err e = ERR_NONE;

	begin(&p);
	to_server(&p, NULL);
	buf_put(&answer, p.down.p, p.down.n);
	begin(&q);
	OK(secure_take(q.client, answer.p, answer.n, &q.at_client, &q.up,
	    &e) < 0);
	OK(strstr(e.text, "the server's signature"));
	end(&p);
	end(&q);
	buf_free(&answer);
}

/* One bit of what goes over the wire, up or down; nothing of it may arrive. */
static void
flip(size_t at, int bit, bool down)
{
	struct pair p;
	struct buf *wire;
	bool refused = false;

	begin(&p);
	if (!down && at < p.up.n) {
		p.up.p[at] ^= (char)(1 << bit);
		refused = to_server(&p, NULL) < 0;
		OK(refused || !p.at_server.n);
		end(&p);
		return;
	}
	if (!down)
		at -= p.up.n;
	to_server(&p, NULL);
	wire = &p.down;
	if (!down) {
		to_client(&p, NULL);
		secure_put(p.client, "abc", 3, &p.up, NULL);
		wire = &p.up;
	}
	if (at < wire->n) {
		wire->p[at] ^= (char)(1 << bit);
		if (down)
			refused = to_client(&p, NULL) < 0 || (
			    secure_put(p.server, "abc", 3, &p.down, NULL) == 0
			    && to_client(&p, NULL) < 0);
		else
			to_server(&p, NULL);
		OK(!down || refused);
		OK(p.at_server.n == 0 && p.at_client.n == 0);
	}
	end(&p);
}

TEST(any_flipped_bit_is_refused)
{
	/* 166 bytes of hello, 24 of header, a record; down 102 and 24. */
	for (size_t at = 0; at < 166 + 24 + 4 + 3 + 17; at++)
		flip(at, (int)at % 8, false);
	for (size_t at = 0; at < 102 + 24; at++)
		flip(at, (int)at % 8, true);
}

TEST(records_out_of_order_missing_or_twice_are_refused)
{
	struct buf r[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	static const int orders[][2] = { { 1, 0 }, { 0, 2 }, { 0, 0 },
		{ 2, 2 } };
	struct pair p;

	for (size_t i = 0; i < COUNT(orders); i++) {
		bool refused = false;

		greet(&p);
		for (int k = 0; k < 3; k++) {
			buf_trunc(&r[k], 0);
			secure_put(p.client, "abc", 3, &r[k], NULL);
		}
		for (int k = 0; k < 2 && !refused; k++)
			refused = secure_take(p.server, r[orders[i][k]].p,
			    r[orders[i][k]].n, &p.at_server, &p.down,
			    NULL) < 0;
		OK(refused);
		end(&p);
	}
	for (int k = 0; k < 3; k++)
		buf_free(&r[k]);
}

TEST(a_cut_record_yields_nothing_and_no_end)
{
	struct pair p;

	greet(&p);
	secure_put(p.client, "abc", 3, &p.up, NULL);
	buf_trunc(&p.up, p.up.n - 1);
	OK(to_server(&p, NULL) == 0);
	OK(p.at_server.n == 0 && !secure_ended(p.server));
	end(&p);
}

TEST(a_length_that_no_record_has_is_refused_at_once)
{
	static const char *const lengths[] = { "\0\1\0\x12", "\xff\xff\xff\xff",
		"\0\0\0\x10", "\0\0\0\0" };

	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct pair p;
		struct err e = ERR_NONE;

		greet(&p);
		buf_put(&p.up, lengths[i], 4);
		OK(to_server(&p, &e) < 0);
		OK(strstr(e.text, "no record is that long"));
		end(&p);
	}
}

TEST(what_is_no_hello_is_seen_at_its_first_bytes)
{
	static const char *const bad[] = { "GET / HTTP/1.1", "{", "rkat2",
		"rkat1\2" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pair p;
		struct err e = ERR_NONE;

		begin(&p);
		buf_trunc(&p.up, 0);
		buf_puts(&p.up, bad[i]);
		OK(to_server(&p, &e) < 0);
		OK(strstr(e.text, "not version 1"));
		OK(p.asked == 0);
		end(&p);
	}
}

TEST(a_point_of_small_order_gives_no_key)
{
	static const unsigned char zero[32];
	unsigned char key[KEY_LEN];
	struct identity *evil = key_of(9);
	struct pair p;
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;

	/* Signed well, by one who is trusted. */
	begin(&p);
	memcpy(p.trusts, identity_key(evil), KEY_LEN);
	memcpy(key, identity_key(evil), KEY_LEN);
	memcpy(p.up.p + 6, zero, 32);
	memcpy(p.up.p + 6 + 32, key, KEY_LEN);
	buf_puts(&b, "rkat secure transport 1: client hello");
	buf_put(&b, p.up.p, 102);
	identity_sign(evil, b.p, b.n, (unsigned char *)p.up.p + 102);
	OK(to_server(&p, &e) < 0);
	OK(strstr(e.text, "no key"));
	buf_free(&b);
	identity_free(evil);
	end(&p);
}

TEST(nobody_connects_to_himself)
{
	struct identity *a = key_of(1);
	struct buf out = BUF_INIT;

	OK(!secure_connect(a, identity_key(a), &out, NULL) && out.n == 0);
	identity_free(a);
}
