#include "base/buf.h"
#include "base/json.h"
#include "comms/envelope.h"
#include "fuzz.h"

/*
 * A frame from anybody.  Its signature hardly ever fits, so whatever decodes is signed
 * by us, too, and must come back the same.
 */

static void
again(struct envelope *v)
{
	static const unsigned char seed[KEY_LEN] = { 7 };
	struct identity *k = identity_of_seed(seed);
	struct buf frame = BUF_INIT;
	struct envelope back;

	CLAIM(json_check(v->json, strlen(v->json), NULL) == 0);
	if (envelope_seal(v, k, &frame, NULL) == 0) {
		CLAIM(frame.n > 4 && frame.n <= FRAME_MAX + 4);
		CLAIM(envelope_open(frame.p + 4, frame.n - 4, &back,
		    NULL) == 0);
		CLAIM(!strcmp(back.id, v->id) && back.kind == v->kind);
		CLAIM(!memcmp(back.to, v->to, KEY_LEN));
		envelope_free(&back);
	}
	buf_free(&frame);
	identity_free(k);
}

/* The bytes as the JSON of a kind. */
static void
as_json(const uint8_t *p, size_t n)
{
	struct envelope v = { .id = "550e8400-e29b-41d4-a716-446655440000" };
	struct jtext whole;

	if (json_parse((const char *)p, n, &whole, NULL) < 0)
		return;
	v.json = xstrndup(whole.p, whole.n);
	again(&v);
	envelope_free(&v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct envelope v;
	struct err e = ERR_NONE;

	if (envelope_open(p, n, &v, &e) == 0)
		again(&v);
	else
		CLAIM(e.code == E_INVALID_PARAMS && *e.text);
	envelope_free(&v);
	as_json(p, n);
	return 0;
}
