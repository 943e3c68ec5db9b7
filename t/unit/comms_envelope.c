#include <stdbool.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/json.h"
#include "comms/cbor.h"
#include "comms/envelope.h"
#include "comms/identity.h"
#include "comms_vectors.h"
#include "test.h"

/* Keys, CBOR and envelopes against the comms sheet; bytes both ways. */

static const unsigned char seed_a[KEY_LEN] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static struct identity *
key_a(void)
{
	return identity_of_seed(seed_a);
}

static struct identity *
key_b(void)
{
	unsigned char seed[KEY_LEN];

	for (unsigned char i = 0; i < KEY_LEN; i++)
		seed[i] = i;
	return identity_of_seed(seed);
}

static void
put_hex(struct buf *b, const char *hex)
{
	size_t n;
	char *to = buf_room(b, strlen(hex) / 2 + 1);

	sodium_hex2bin((unsigned char *)to, strlen(hex) / 2 + 1, hex,
	    strlen(hex), NULL, &n, NULL);
	b->n += n;
	buf_end(b);
}

static bool
is_hex(const struct buf *b, const char *hex)
{
	struct buf want = BUF_INIT;
	bool same;

	put_hex(&want, hex);
	same = want.n == b->n && !memcmp(want.p, b->p, b->n);
	buf_free(&want);
	return same;
}

static void
vector_envelope(const struct vector *t, struct envelope *v)
{
	struct identity *a = key_a(), *b = key_b();

	memset(v, 0, sizeof *v);
	memcpy(v->id, t->id, sizeof v->id);
	memcpy(v->from, identity_key(t->back ? b : a), KEY_LEN);
	memcpy(v->to, identity_key(t->back ? a : b), KEY_LEN);
	v->json = xstrdup(t->json);
	identity_free(a);
	identity_free(b);
}

TEST(keys_read_as_the_sheet_writes_them)
{
	static const struct { unsigned char byte; const char *id; } ids[] = {
		{ 1, "c2a81ee0-aba0-5e8e-a408-d61864a82361" },
		{ 2, "82021521-a26c-5d7c-887f-709e91f55d31" },
		{ 0x2a, "efaa3f87-5c92-5a20-a6c2-14a28d5808ca" },
	};
	unsigned char key[KEY_LEN];
	char text[KEY_TEXT_LEN + 1], id[UUID_LEN + 1];
	struct identity *a = key_a();
	struct buf token = BUF_INIT;

	for (size_t i = 0; i < COUNT(ids); i++) {
		memset(key, ids[i].byte, sizeof key);
		key_peer_id(key, id);
		STR_IS(id, ids[i].id);
	}
	key_text(identity_key(a), text);
	STR_IS(text, "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=");
	key_peer_id(identity_key(a), id);
	STR_IS(id, "dfe0b8e8-09d1-548c-8c1f-3780163cf3db");
	OK(key_parse(text, key, NULL) == 0);
	OK(!memcmp(key, identity_key(a), KEY_LEN));
	identity_bootstrap_token(a, &token);
	STR_IS(token.p, "hRL0h4QaV2et7eYA8jSRTDmiKDdquXx5ilYyB1UtTmY");
	buf_free(&token);
	identity_free(a);
}

TEST(a_key_that_is_none_is_refused_by_name)
{
	static const struct { const char *in, *why; } bad[] = {
		{ "iojj3XQJ8ZX9", "must start with" },
		{ "ED25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
		    "must start with" },
		{ "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w",
		    "base64" },
		{ "ed25519: iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
		    "base64" },
		{ "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83IbASQ\364b1w=",
		    "base64" },
		{ "ed25519:AAECAw==", "expected 32, got 4" },
		{ "ed25519:", "expected 32, got 0" },
	};
	unsigned char key[KEY_LEN];
	struct err e = ERR_NONE;

	for (size_t i = 0; i < COUNT(bad); i++) {
		OK(key_parse(bad[i].in, key, &e) < 0);
		OK(strstr(e.text, bad[i].why));
	}
}

TEST(numbers_have_the_bytes_of_the_sheet)
{
	static const struct { const char *json, *hex; } t[] = {
		{ "23", "17" }, { "24", "1818" }, { "255", "18ff" },
		{ "256", "190100" }, { "65536", "1a00010000" },
		{ "4294967296", "1b0000000100000000" },
		{ "18446744073709551615", "1bffffffffffffffff" },
		{ "-1", "20" }, { "-24", "37" }, { "-25", "3818" },
		{ "-9223372036854775808", "3b7fffffffffffffff" },
		{ "9007199254740993", "1b0020000000000001" },
		{ "0.0", "f90000" }, { "-0.0", "f98000" }, { "-0", "f98000" },
		{ "0.5", "f93800" }, { "1.0", "f93c00" }, { "1.5", "f93e00" },
		{ "0.1", "fb3fb999999999999a" }, { "1e5", "fa47c35000" },
		{ "100000.0", "fa47c35000" }, { "65504.0", "f97bff" },
		{ "3.4028234663852886e38", "fa7f7fffff" },
		{ "1e300", "fb7e37e43c8800759c" },
		{ "5.960464477539063e-8", "f90001" },
		{ "0.00006103515625", "f90400" },
		{ "18446744073709551616", "fa5f800000" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct buf b = BUF_INIT, back = BUF_INIT, again = BUF_INIT;

		OK(cbor_put_json(&b, json_text(t[i].json), NULL, NULL) == 0);
		if (!is_hex(&b, t[i].hex))
			STR_IS(t[i].json, "another form");
		OK(cbor_to_json((struct cbor){ (unsigned char *)b.p, b.n },
		    &back, NULL) == 0);
		OK(cbor_put_json(&again, json_slice(back.p, back.n), NULL,
		    NULL) == 0);
		OK(again.n == b.n && !memcmp(again.p, b.p, b.n));
		buf_free(&b);
		buf_free(&back);
		buf_free(&again);
	}
}

TEST(vectors_come_out_byte_for_byte)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *t = &vectors[i];
		struct identity *k = t->back ? key_b() : key_a();
		struct buf b = BUF_INIT;
		struct err e = ERR_NONE;
		struct envelope v;

		vector_envelope(t, &v);
		OK(envelope_signable(&v, &b, &e) == 0);
		if (!is_hex(&b, t->signable))
			STR_IS(t->name, "signable as in the sheet");
		buf_trunc(&b, 0);
		OK(envelope_seal(&v, k, &b, &e) == 0);
		if (!is_hex(&b, t->frame))
			STR_IS(t->name, "frame as in the sheet");
		buf_free(&b);
		envelope_free(&v);
		identity_free(k);
	}
}

TEST(vectors_are_opened)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *t = &vectors[i];
		struct buf b = BUF_INIT, x = BUF_INIT, y = BUF_INIT;
		struct err e = ERR_NONE;
		struct envelope v;

		put_hex(&b, t->frame);
		if (envelope_open(b.p + 4, b.n - 4, &v, &e) < 0)
			STR_IS(e.text, t->name);
		STR_IS(v.id, t->id);
		OK(cbor_put_json(&x, json_text(v.json), NULL, NULL) == 0);
		OK(cbor_put_json(&y, json_text(t->json), NULL, NULL) == 0);
		OK(x.n == y.n && !memcmp(x.p, y.p, x.n));
		buf_free(&b);
		buf_free(&x);
		buf_free(&y);
		envelope_free(&v);
	}
}

static bool
opens(const struct buf *b)
{
	struct envelope v;
	bool good = envelope_open(b->p + 4, b->n - 4, &v, NULL) == 0;

	envelope_free(&v);
	return good;
}

TEST(the_reference_s_indefinite_maps_are_accepted)
{
	struct buf b = BUF_INIT;

	put_hex(&b, v6_indefinite);
	OK(opens(&b));
	buf_free(&b);
}

TEST(any_flipped_bit_is_refused)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct buf b = BUF_INIT;
		int accepted = 0;

		put_hex(&b, vectors[i].frame);
		for (size_t bit = 32; bit < b.n * 8; bit++) {
			b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
			accepted += opens(&b);
			b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
		}
		OK(accepted == 0);
		OK(opens(&b));
		buf_free(&b);
	}
}

TEST(every_prefix_is_refused)
{
	struct buf b = BUF_INIT;
	size_t whole;

	put_hex(&b, vectors[2].frame);
	whole = b.n;
	for (b.n = 5; b.n < whole; b.n++)
		OK(!opens(&b));
	b.n = whole;
	buf_putc(&b, 0);	/* and something behind it */
	OK(!opens(&b));
	buf_free(&b);
}

/* ---- random envelopes ---- */

static unsigned seed_of = 1;

static unsigned
roll(unsigned n)
{
	seed_of = seed_of * 1103515245u + 12345u;
	return (seed_of >> 16) % n;
}

static void
random_text(struct buf *b)
{
	static const char *const parts[] = { "a", "\\n", "\\\"", "\xc3\xa9",
		"\\u0000", "\xf0\x9f\x90\xa6", "key", " ", "\\ud83d\\ude00" };

	buf_putc(b, '"');
	for (unsigned n = roll(6); n; n--)
		buf_puts(b, parts[roll(COUNT(parts))]);
	buf_putc(b, '"');
}

static void
random_json(struct buf *b, int depth)
{
	static const char *const plain[] = { "null", "true", "false", "0", "-1",
		"9007199254740993", "18446744073709551615", "1.0", "1e5",
		"-0.5", "0.1", "1e300", "-9223372036854775808", "{}", "[]" };
	unsigned n = roll(4), what = roll(depth > 4 ? 2 : 4);

	if (what == 0) {
		buf_puts(b, plain[roll(COUNT(plain))]);
	} else if (what == 1) {
		random_text(b);
	} else if (what == 2) {
		buf_putc(b, '[');
		for (unsigned i = 0; i < n; i++) {
			buf_puts(b, i ? "," : "");
			random_json(b, depth + 1);
		}
		buf_putc(b, ']');
	} else {
		buf_putc(b, '{');
		for (unsigned i = 0; i < n; i++) {
			buf_printf(b, "%s\"%.*s%u\":", i ? "," : "",
			    (int)roll(9), "abcdefgh", i);
			random_json(b, depth + 1);
		}
		buf_putc(b, '}');
	}
}

TEST(random_envelopes_survive_the_way_there_and_back)
{
	struct identity *a = key_a(), *b = key_b();

	for (int i = 0; i < 2000; i++) {
		struct envelope v = { .json = NULL }, w;
		struct buf json = BUF_INIT, frame = BUF_INIT, again = BUF_INIT;
		struct err e = ERR_NONE;

		buf_puts(&json, "{\"type\":\"request\",\"intent\":");
		random_text(&json);
		buf_puts(&json, ",\"params\":");
		random_json(&json, 0);
		buf_puts(&json, "}");
		v.json = buf_steal(&json);
		uuid_v7(v.id);
		memcpy(v.to, identity_key(b), KEY_LEN);
		OK(envelope_seal(&v, a, &frame, &e) == 0);
		OK(envelope_open(frame.p + 4, frame.n - 4, &w, &e) == 0);
		/* What was read says the same when it is sent on. */
		OK(envelope_seal(&w, a, &again, &e) == 0);
		OK(frame.n == again.n && !memcmp(frame.p, again.p, frame.n));
		frame.p[4 + roll((unsigned)frame.n - 4)] ^= (char)(1 << roll(8));
		OK(!opens(&frame));
		buf_free(&frame);
		buf_free(&again);
		envelope_free(&v);
		envelope_free(&w);
	}
	identity_free(a);
	identity_free(b);
}

/* ---- what a receiver must refuse or take ---- */

/* A frame with the kind `sent`, whose signature is over the kind `meant`. */
static bool
opens_signed(const char *sent, const char *meant)
{
	struct identity *a = key_a();
	struct buf kind = BUF_INIT, said = BUF_INIT, sign = BUF_INIT;
	struct buf f = BUF_INIT;
	unsigned char sig[SIG_LEN], id[16] = { 7 };
	unsigned char to[KEY_LEN] = { 9 };
	bool good;

	OK(cbor_put_json(&kind, json_text(sent), NULL, NULL) == 0);
	OK(cbor_put_json(&said, json_text(meant), NULL, NULL) == 0);
	cbor_put_array(&sign, 4);
	cbor_put_bytes(&sign, id, 16);
	cbor_put_bytes(&sign, identity_key(a), KEY_LEN);
	cbor_put_bytes(&sign, to, KEY_LEN);
	cbor_canonical((struct cbor){ (unsigned char *)said.p, said.n },
	    &sign);
	identity_sign(a, sign.p, sign.n, sig);
	buf_put(&f, "\0\0\0\0", 4);
	cbor_put_map(&f, 5);	/* and in another order */
	cbor_put_text(&f, "sig", 3);
	cbor_put_bytes(&f, sig, sizeof sig);
	cbor_put_text(&f, "kind", 4);
	buf_put(&f, kind.p, kind.n);
	cbor_put_text(&f, "to", 2);
	cbor_put_bytes(&f, to, sizeof to);
	cbor_put_text(&f, "from", 4);
	cbor_put_bytes(&f, identity_key(a), KEY_LEN);
	cbor_put_text(&f, "id", 2);
	cbor_put_bytes(&f, id, sizeof id);
	good = opens(&f);
	buf_free(&kind);
	buf_free(&said);
	buf_free(&sign);
	buf_free(&f);
	identity_free(a);
	return good;
}

TEST(unknown_members_are_signed_all_or_none)
{
	static const char plain[] = "{\"type\":\"message\",\"body\":\"x\"}";
	static const char more[] = "{\"type\":\"message\",\"body\":\"x\","
	    "\"later\":[1],\"types\":2}";

	OK(opens_signed(more, more));
	OK(opens_signed(more, plain));
	OK(!opens_signed(plain, more));
	OK(!opens_signed(more, "{\"type\":\"message\",\"body\":\"x\","
	    "\"later\":[1]}"));
}

/* Whoever is not listened to costs no look at the rest. */
TEST(who_sent_it_is_known_before_the_rest_is_looked_at)
{
	struct identity *a = key_a();
	struct buf f = BUF_INIT;
	unsigned char from[KEY_LEN];

	cbor_put_map(&f, 2);
	cbor_put_text(&f, "kind", 4);
	put_hex(&f, "a2616101616102");		/* a key twice */
	cbor_put_text(&f, "from", 4);
	cbor_put_bytes(&f, identity_key(a), KEY_LEN);
	OK(envelope_from(f.p, f.n, from, NULL) == 0);
	OK(!memcmp(from, identity_key(a), KEY_LEN));
	OK(cbor_check((struct cbor){ (unsigned char *)f.p, f.n }, NULL) < 0);
	buf_trunc(&f, f.n - 1);
	OK(envelope_from(f.p, f.n, from, NULL) < 0);
	buf_trunc(&f, 0);
	put_hex(&f, "bb7fffffffffffffff1c");	/* many pairs, but they are none */
	OK(envelope_from(f.p, f.n, from, NULL) < 0);
	buf_free(&f);
	identity_free(a);
}

/* RFC 8949 has no order for this; the sheet's section 5 has. */
TEST(the_canonical_form_is_in_order_on_every_level)
{
	static const struct { const char *in, *out; } t[] = {
		/* {"b": [_ {"z": 1, "a": [_ ]}, {}], "a": {"yy": [{}], "x": {"d": 0, "c": 1}}} */
		{ "a261629fa2617a0161619fffa0ff6161a262797981a06178a2616400616301",
		  "a26161a26178a2616301616400627979" "81a0" "616282a2616180617a01a0" },
		/* Keys and texts in parts, heads that are too long. */
		{ "bf7f61626161ff187f61615800ff", "a2616140" "626261187f" },
		{ "9f1b00000000000000015f4101420203ffff", "820143010203" },
		{ "9fbf61639fbf616201616102ffff616103ffa0ff",
		  "82a2616103616381a2616102616201a0" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;

		put_hex(&in, t[i].in);
		cbor_canonical((struct cbor){ (unsigned char *)in.p, in.n },
		    &out);
		OK(is_hex(&out, t[i].out));
		buf_free(&in);
		buf_free(&out);
	}
}

TEST(cbor_that_is_not_of_the_subset_is_refused)
{
	static const char *const bad[] = {
		"", "c001", "f7", "f97e00", "f97c00", "ff", "5f", "5f4100",
		"5f6161ff", "7f6161", "61ff", "62c328", "a1", "a101", "a16161",
		"a10102", "a2616101616102", "bf6161ff", "bf616101", "bf0102ff",
		"9f", "9bffffffffffffffff", "bbffffffffffffffff", "9a7fffffff01",
		"5bffffffffffffffff00", "0000", "1c", "f818", "fc", "fd", "fe",
		"a27f61616162ff0162616202",
	};
	struct buf deep = BUF_INIT;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct buf b = BUF_INIT;

		put_hex(&b, bad[i]);
		if (cbor_check((struct cbor){ (unsigned char *)buf_str(&b),
		    b.n }, NULL) == 0)
			STR_IS(bad[i], "refused");
		buf_free(&b);
	}
	for (int i = 0; i < 1000000; i++)
		buf_putc(&deep, (char)0x9f);
	OK(cbor_check((struct cbor){ (unsigned char *)deep.p, deep.n },
	    NULL) < 0);
	buf_free(&deep);
}

TEST(what_no_receiver_takes_is_not_sealed)
{
	static const char *const bad[] = {
		"{}", "{\"type\":\"shout\",\"body\":\"x\"}", "{\"type\":\"message\"}",
		"{\"type\":\"message\",\"body\":7}",
		"{\"type\":\"message\",\"body\":\"x\",\"blocks\":[]}",
		"{\"type\":\"message\",\"body\":\"x\",\"extra\":1}",
		"{\"type\":\"message\",\"body\":\"\\ud800\"}",
		"{\"type\":\"message\",\"body\":\"x\",\"handling_mode\":\"now\"}",
		"{\"type\":\"request\",\"intent\":\"x\"}",
		"{\"type\":\"request\",\"intent\":\"x\",\"params\":{\"a\":1,\"a\":2}}",
		"{\"type\":\"request\",\"intent\":\"x\",\"params\":1e400}",
		"{\"type\":\"response\",\"in_reply_to\":\"x\",\"status\":"
		    "\"completed\",\"result\":1}",
		"{\"type\":\"ack\"}",
	};
	struct identity *a = key_a();

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct envelope v = { .json = xstrdup(bad[i]) };
		struct buf b = BUF_INIT;

		uuid_v7(v.id);
		if (envelope_seal(&v, a, &b, NULL) == 0)
			STR_IS(bad[i], "refused");
		OK(b.n == 0);
		buf_free(&b);
		envelope_free(&v);
	}
	identity_free(a);
}

TEST(a_frame_over_the_limit_is_not_sealed)
{
	struct identity *a = key_a();
	struct envelope v = { .json = NULL };
	struct buf json = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_NONE;

	buf_puts(&json, "{\"type\":\"message\",\"body\":\"");
	for (int i = 0; i < FRAME_MAX; i++)
		buf_putc(&json, 'x');
	buf_puts(&json, "\"}");
	v.json = buf_steal(&json);
	uuid_v7(v.id);
	OK(envelope_seal(&v, a, &b, &e) < 0);
	OK(strstr(e.text, "message too large"));
	OK(b.n == 0);
	buf_free(&b);
	envelope_free(&v);
	identity_free(a);
}

TEST(an_ack_fits_its_envelope_only)
{
	struct identity *a = key_a(), *b = key_b();
	struct buf frame = BUF_INIT;
	struct envelope v, ack, other;

	vector_envelope(&vectors[0], &v);
	OK(envelope_ack(&v, b, &frame, NULL) == 0);
	OK(envelope_open(frame.p + 4, frame.n - 4, &ack, NULL) == 0);
	OK(envelope_acks(&ack, &v));
	vector_envelope(&vectors[1], &other);
	OK(!envelope_acks(&ack, &other));
	memcpy(v.to, identity_key(a), KEY_LEN);
	OK(!envelope_acks(&ack, &v));
	buf_free(&frame);
	envelope_free(&v);
	envelope_free(&ack);
	envelope_free(&other);
	identity_free(a);
	identity_free(b);
}
