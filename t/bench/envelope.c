/*
 * envelope SECONDS: messages of 500 bytes.  Prints five numbers a second, on one core:
 * bare crypto_sign_verify_detached, envelope_open, bare crypto_sign_detached,
 * envelope_seal, and envelopes opened, trusted and admitted, 64 a commit.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/arrivals.h"
#include "store/db.h"
#include "store/sessions.h"

#define BODY 500
#define BATCH 64
#define ROUNDS 10

static char dir[] = "/tmp/rkat-bench.XXXXXX";
static struct identity *mine, *theirs;

static void
fail(const char *what)
{
	fprintf(stderr, "envelope: %s\n", what);
	exit(1);
}

static double
now(void)
{
	return (double)time_mono_ms() / 1e3;
}

/* A message from them to us, with an id of its own. */
static void
make(struct envelope *v)
{
	struct buf b = BUF_INIT;
	char body[BODY];

	memset(body, 'x', sizeof body);
	memset(v, 0, sizeof *v);
	uuid_v7(v->id);
	memcpy(v->to, identity_key(mine), KEY_LEN);
	jput_open(&b, '{');
	jput_kcstr(&b, "type", "message");
	jput_kstr(&b, "body", body, sizeof body);
	jput_close(&b, '}');
	v->json = buf_steal(&b);
}

static void
seal(struct envelope *v, struct buf *frame)
{
	struct err e = ERR_NONE;

	if (envelope_seal(v, theirs, frame, &e) < 0)
		fail(e.text);
}

static void
open_frame(const struct buf *frame, struct envelope *v)
{
	struct err e = ERR_NONE;

	if (envelope_open(frame->p + 4, frame->n - 4, v, &e) < 0)
		fail(e.text);
}

/* ---- what is measured: one call each ---- */

struct sample {
	struct envelope v;
	struct buf frame, text;		/* text: what is signed */
	unsigned char sig[SIG_LEN], key[KEY_LEN];
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
};

static void
do_verify(struct sample *s)
{
	if (crypto_sign_verify_detached(s->sig, (unsigned char *)s->text.p,
	    s->text.n, s->key) < 0)
		fail("verify");
}

static void
do_sign(struct sample *s)
{
	unsigned char sig[SIG_LEN];

	crypto_sign_detached(sig, NULL, (unsigned char *)s->text.p, s->text.n,
	    s->secret);
}

static void
do_open(struct sample *s)
{
	struct envelope v;

	open_frame(&s->frame, &v);
	envelope_free(&v);
}

static void
do_seal(struct sample *s)
{
	struct buf frame = BUF_INIT;

	seal(&s->v, &frame);
	buf_free(&frame);
}

static double
rate(void (*one)(struct sample *), struct sample *s, double seconds)
{
	double t0 = now(), t;
	int n = 0;

	do {
		for (int i = 0; i < 100; i++)
			one(s);
		n += 100;
	} while ((t = now()) < t0 + seconds);
	return n / (t - t0);
}

/* ---- with trust and the database ---- */

struct desk {
	struct realm realm;
	struct db *db;
	struct session session;
	struct trust trust;
};

static void
desk_open(struct desk *d)
{
	struct realm_opts o = { .realm = "bench", .state_root = dir };
	struct peer p = { .name = (char []){ "them" },
	    .address = (char []){ "tcp://127.0.0.1:4200" } };
	struct err e = ERR_NONE;

	memset(d, 0, sizeof *d);
	memcpy(p.key, identity_key(theirs), KEY_LEN);
	if (realm_resolve(&o, &d->realm, &e) < 0 ||
	    realm_create(&d->realm, &e) < 0 ||
	    !(d->db = db_open(&d->realm, &e)) ||
	    trust_add(&d->realm, &p, &e) < 0 ||
	    trust_load(&d->realm, &d->trust, &e) < 0)
		fail(e.text);
}

/* The queue of one session is bounded, so each batch is for a new one. */
static void
new_session(struct desk *d)
{
	struct err e = ERR_NONE;

	session_free(&d->session);
	memset(&d->session, 0, sizeof d->session);
	if (session_create(d->db, &d->session, &e) < 0 ||
	    comms_enable(d->db, d->session.id, "us", JTEXT_NONE, true, NULL,
	    NULL, &e) < 0)
		fail(e.text);
}

static void
desk_close(struct desk *d)
{
	session_free(&d->session);
	trust_free(&d->trust);
	db_close(d->db);
	realm_free(&d->realm);
	fs_remove_tree(dir, NULL);
}

static void
take(struct desk *d, const struct buf *frame)
{
	char key[KEY_TEXT_LEN + 1];
	struct err e = ERR_NONE;
	const struct peer *p;
	struct envelope v;
	struct arrival a;
	bool seen;

	open_frame(frame, &v);
	if (!(p = trust_by_key(&d->trust, v.from)))
		fail("trust");
	key_text(v.from, key);
	a = (struct arrival){ .id = v.id, .session = d->session.id,
	    .from = p->name, .from_key = key, .channel = (char []){ "tcp" },
	    .json = v.json };
	if (arrival_admit(d->db, &a, &seen, &e) < 0 || seen)
		fail(e.text);
	free(a.input);
	envelope_free(&v);
}

static double
admit(double seconds)
{
	struct buf frames[BATCH] = { BUF_INIT };
	double spent = 0, t0;
	struct err e = ERR_NONE;
	struct desk d;
	int n = 0;

	desk_open(&d);
	for (; spent < seconds; n += BATCH) {
		new_session(&d);
		for (int i = 0; i < BATCH; i++) {
			struct envelope v;

			make(&v);
			buf_trunc(&frames[i], 0);
			seal(&v, &frames[i]);
			envelope_free(&v);
		}
		t0 = now();
		if (db_begin(d.db, &e) < 0)
			fail(e.text);
		for (int i = 0; i < BATCH; i++)
			take(&d, &frames[i]);
		if (db_commit(d.db, &e) < 0)
			fail(e.text);
		spent += now() - t0;
	}
	for (int i = 0; i < BATCH; i++)
		buf_free(&frames[i]);
	desk_close(&d);
	return n / spent;
}

int
main(int argc, char *argv[])
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	unsigned char seed[KEY_LEN];
	void (*const all[])(struct sample *) = { do_verify, do_open, do_sign,
	    do_seal };
	struct err e = ERR_NONE;
	struct sample s = { .text = BUF_INIT };
	double sum[COUNT(all)] = { 0 };

	memset(seed, 1, sizeof seed);
	if (sodium_init() < 0 || !mkdtemp(dir))
		fail("cannot begin");
	theirs = identity_of_seed(seed);
	crypto_sign_seed_keypair(s.key, s.secret, seed);
	seed[0] = 2;
	mine = identity_of_seed(seed);
	make(&s.v);
	seal(&s.v, &s.frame);
	if (envelope_signable(&s.v, &s.text, &e) < 0)
		fail(e.text);
	identity_sign(theirs, s.text.p, s.text.n, s.sig);
	/* Turn about, so that a slow moment of the machine hits all. */
	for (int i = 0; i < ROUNDS; i++)
		for (size_t k = 0; k < COUNT(all); k++)
			sum[k] += rate(all[k], &s, seconds / ROUNDS);
	for (size_t k = 0; k < COUNT(all); k++)
		printf("%.0f ", sum[k] / ROUNDS);
	printf("%.0f\n", admit(seconds));
	envelope_free(&s.v);
	buf_free(&s.frame);
	buf_free(&s.text);
	identity_free(mine);
	identity_free(theirs);
	return 0;
}
