/*
 * The CBOR reader and what is made of it, and envelopes: whatever passes the check can
 * be walked, made canonical and turned to JSON; a kind from anybody, well signed, is
 * opened or refused, and what was opened can be sent on.
 */
#include "base/json.h"
#include "comms/cbor.h"
#include "comms/envelope.h"
#include "fuzz.h"

static struct cbor
bytes(const struct buf *b)
{
	return (struct cbor){ (const unsigned char *)b->p, b->n };
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->n == b->n && !memcmp(buf_str(a), buf_str(b), a->n);
}

/* Any bytes: nothing is read outside of them, and there is an end. */
static void
heads(struct cbor c)
{
	unsigned char from[KEY_LEN];
	struct cbor_head h;
	size_t before = c.n + 1;

	envelope_from(c.p, c.n, from, NULL);
	while (c.n && c.n < before) {
		before = c.n;
		cbor_head(&c, &h);
	}
	CLAIM(c.n <= before);
}

/* A map's members are where it is. */
static void
members(struct cbor c)
{
	struct cbor_iter it = cbor_iter(c);
	struct cbor k, v;

	while (cbor_next(&it, &k, &v))
		CLAIM(k.p > c.p && v.p == k.p + k.n && v.n &&
		    v.p + v.n <= c.p + c.n);
}

/* The canonical form is one, and it is the same value. */
static void
canonical(struct cbor c)
{
	struct buf once = BUF_INIT, again = BUF_INIT;
	struct cbor rest = c;

	CLAIM(cbor_item(&rest).n == c.n && rest.n == 0);
	cbor_canonical(c, &once);
	CLAIM(cbor_check(bytes(&once), NULL) == 0);
	cbor_canonical(bytes(&once), &again);
	CLAIM(same(&once, &again));
	buf_free(&once);
	buf_free(&again);
}

/* To JSON and back it is the same, too. */
static void
as_json(struct cbor c)
{
	struct buf json = BUF_INIT, back = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_NONE;
	struct jtext v;

	if (cbor_to_json(c, &json, &e) < 0) {
		CLAIM(e.code == E_INVALID_PARAMS);
	} else {
		CLAIM(json_parse(json.p, json.n, &v, NULL) == 0);
		if (cbor_put_json(&back, v, NULL, &e) == 0) {
			CLAIM(cbor_check(bytes(&back), NULL) == 0);
			cbor_canonical(c, &a);
			cbor_canonical(bytes(&back), &b);
			CLAIM(same(&a, &b));
		}
	}
	buf_free(&json);
	buf_free(&back);
	buf_free(&a);
	buf_free(&b);
}

/* ---- envelopes ---- */

static void
put_member(struct buf *b, const char *key, const void *p, size_t n)
{
	cbor_put_text(b, key, strlen(key));
	cbor_put_bytes(b, p, n);
}

/* The frame of a kind that somebody signed as it is. */
static void
signed_frame(const struct identity *k, struct cbor kind, struct buf *frame)
{
	static const unsigned char id[16] = { 1 };
	unsigned char sig[SIG_LEN];
	struct buf text = BUF_INIT;

	cbor_put_array(&text, 4);
	cbor_put_bytes(&text, id, sizeof id);
	cbor_put_bytes(&text, identity_key(k), KEY_LEN);
	cbor_put_bytes(&text, identity_key(k), KEY_LEN);
	cbor_canonical(kind, &text);
	identity_sign(k, text.p, text.n, sig);
	buf_free(&text);
	cbor_put_map(frame, 5);
	put_member(frame, "id", id, sizeof id);
	put_member(frame, "from", identity_key(k), KEY_LEN);
	put_member(frame, "to", identity_key(k), KEY_LEN);
	cbor_put_text(frame, "kind", 4);
	buf_put(frame, kind.p, kind.n);
	put_member(frame, "sig", sig, sizeof sig);
}

/* What was opened can be sealed; that opens to the same. */
static void
seal_again(const struct identity *k, struct envelope *v)
{
	struct buf frame = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_NONE;
	struct envelope w;

	if (envelope_seal(v, k, &frame, &e) == 0) {
		CLAIM(envelope_open(frame.p + 4, frame.n - 4, &w, NULL) == 0);
		CLAIM(v->kind == w.kind && !strcmp(v->id, w.id));
		CLAIM(envelope_signable(v, &a, NULL) == 0);
		CLAIM(envelope_signable(&w, &b, NULL) == 0 && same(&a, &b));
		envelope_free(&w);
	}
	buf_free(&frame);
	buf_free(&a);
	buf_free(&b);
}

static void
envelope(struct cbor kind)
{
	static const unsigned char seed[KEY_LEN] = { 1 };
	static struct identity *k;
	struct buf frame = BUF_INIT;
	struct err e = ERR_NONE;
	struct envelope v;

	if (!k)
		k = identity_of_seed(seed);
	signed_frame(k, kind, &frame);
	if (envelope_open(frame.p, frame.n, &v, &e) == 0) {
		CLAIM(json_check(v.json, strlen(v.json), NULL) == 0);
		seal_again(k, &v);
		envelope_free(&v);
		frame.p[frame.n - 1 - kind.n % SIG_LEN] ^= 1;
		CLAIM(envelope_open(frame.p, frame.n, &v, &e) < 0);
	}
	CLAIM(e.code == E_INVALID_PARAMS || e.code == E_NONE);
	envelope_free(&v);
	buf_free(&frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cbor c = { data, n };
	struct err e = ERR_NONE;
	struct envelope v;

	heads(c);
	if (envelope_open(data, n, &v, NULL) == 0)
		CLAIM(json_check(v.json, strlen(v.json), NULL) == 0);
	envelope_free(&v);
	if (cbor_check(c, &e) < 0) {
		CLAIM(e.code == E_INVALID_PARAMS && *e.text);
		return 0;
	}
	members(c);
	canonical(c);
	as_json(c);
	if (cbor_kind(c) == CBOR_MAP)
		envelope(c);
	return 0;
}
