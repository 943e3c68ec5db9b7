#include <math.h>

#include "fuzz.h"
#include "model/decode.h"
#include "model/sse.h"

/*
 * First byte: the wire.  The rest is a provider's stream: the decoder must give a
 * reply that every encoder takes, or say why not.  If it is a JSON array it is also a
 * transcript.
 */
struct rig {
	struct sse sse;
	struct decode d;
	struct model_reply reply;
	struct model_error me;
};

static int
on_event(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	r->d.at = r->sse.event_at;
	return decode_event(&r->d, p, n);
}

static void
on_text(void *arg, const char *p, size_t n)
{
	(void)arg;
	CLAIM(utf8_valid(p, n));
}

static struct model_target
target(enum wire wire)
{
	static const enum provider providers[] = {
		[WIRE_ANTHROPIC] = PROVIDER_ANTHROPIC,
		[WIRE_RESPONSES] = PROVIDER_OPENAI,
		[WIRE_CHAT] = PROVIDER_SELF_HOSTED,
		[WIRE_GEMINI] = PROVIDER_GEMINI };

	return (struct model_target){ .provider = providers[wire],
	    .id = (char *)"m", .wire_id = (char *)"m",
	    .base_url = (char *)"http://127.0.0.1",
	    .chat_style = wire == WIRE_CHAT };
}

static void
encode_all(const struct jtext *messages, size_t n)
{
	for (int w = WIRE_ANTHROPIC; w <= WIRE_GEMINI; w++) {
		struct model_target t = target((enum wire)w);
		struct model_request rq = { .target = &t,
		    .messages = messages, .n_messages = n, .max_tokens = 100,
		    .temperature = NAN, .cache = true };
		struct err e = ERR_NONE;
		struct buf body = BUF_INIT;

		if (model_encode(&rq, &body, &e) == 0)
			CLAIM(json_check(body.p, body.n, NULL) == 0);
		else
			CLAIM(*e.text);
		buf_free(&body);
	}
}

static void
decode(enum wire wire, const char *p, size_t n)
{
	struct model_target t = target(wire);
	struct jtext messages[2] = {
		json_text("{\"role\":\"user\",\"content\":\"x\"}") };
	struct model_request rq = { .target = &t, .messages = messages,
	    .n_messages = 1, .max_tokens = 50 };
	struct rig r = { .sse = { .event = on_event } };
	struct model_watch w = { on_text, on_text, on_text, &r };
	struct buf out = BUF_INIT;
	int rc;

	r.sse.arg = &r;
	r.me.retry_after_ms = -1;
	decode_init(&r.d, &rq, &r.reply, &r.me, &w);
	rc = sse_feed(&r.sse, p, n, NULL);
	if (rc == 0)
		rc = sse_end(&r.sse, NULL);
	if (rc == 0)
		rc = decode_end(&r.d);
	decode_free(&r.d);
	if (rc < 0)
		CLAIM(r.me.fault == FAULT_NONE || *r.me.text);
	model_reply_emit(&r.reply, &out);
	CLAIM(json_check(out.p, out.n, NULL) == 0);
	messages[1] = json_slice(out.p, out.n);
	encode_all(messages, 2);
	buf_free(&out);
	model_reply_free(&r.reply);
	sse_free(&r.sse);
}

static void
transcript(struct jtext all)
{
	struct jtext messages[32];
	struct jiter it = json_iter(all);
	size_t n = 0;

	while (n < 32 && json_next(&it))
		messages[n++] = it.value;
	encode_all(messages, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct jtext v;

	if (!n)
		return 0;
	decode((enum wire)(*data & 3), p + 1, n - 1);
	if (json_parse(p, n, &v, NULL) == 0 && json_is(v, '['))
		transcript(v);
	return 0;
}
