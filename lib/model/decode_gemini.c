#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/decode.h"
#include "model/fault.h"

/* Gemini stream: providers sheet 5.2 and 5.3. */

static void
end_reasoning(struct decode *d)
{
	if (d->reasoning != NO_SLOT)
		decode_reasoning_done(d, JTEXT_NONE, NULL);
}

static char *
meta(struct jtext signature)
{
	struct buf b = BUF_INIT;

	if (!json_is(signature, '"'))
		return NULL;
	jput_open(&b, '{');
	jput_kcstr(&b, "provider", "gemini");
	jput_kraw(&b, "thoughtSignature", signature.p, signature.n);
	jput_close(&b, '}');
	return buf_steal(&b);
}

/* Signed text is a block of its own, also when it is empty: it must go back as it came. */
static void
take_text(struct decode *d, struct jtext text, struct jtext signature)
{
	char *m = meta(signature);
	size_t slot;

	if (!m) {
		if (json_is(text, '"') && text.n > 2) {
			end_reasoning(d);
			decode_text(d, text);
		}
		return;
	}
	end_reasoning(d);
	slot = decode_open(d, BLOCK_TEXT);
	decode_text(d, text);
	decode_slot(d, slot)->meta = m;
}

static void
take_call(struct decode *d, struct jtext call, struct jtext signature)
{
	struct jtext args = json_get(call, "args");
	struct block *b;
	size_t slot;

	end_reasoning(d);
	slot = decode_call(d, json_get(call, "id"), json_get(call, "name"));
	b = decode_slot(d, slot);
	if (!b->id || !*b->id) {
		free(b->id);
		b->id = xasprintf("fc_%" PRId64 "_%zu", d->turn, d->calls - 1);
	}
	b->meta = meta(signature);
	if (args.p)
		buf_put(&b->args, args.p, args.n);
	decode_call_done(d, slot);
}

static void
take_part(struct decode *d, struct jtext part)
{
	struct jtext text = json_get(part, "text"),
	    call = json_get(part, "functionCall"),
	    signature = json_get(part, "thoughtSignature");

	if (json_is(call, '{'))
		take_call(d, call, signature);
	else if (json_get_bool(part, "thought", false))
		decode_reasoning(d, text);
	else if (json_is(text, '"'))
		take_text(d, text, signature);
}

static void
take_usage(struct decode *d, struct jtext u)
{
	int64_t prompt = 0, tool = 0, said = 0, thought = 0;

	if (!json_is(u, '{'))
		return;
	decode_count(json_get(u, "promptTokenCount"), &prompt);
	decode_count(json_get(u, "toolUsePromptTokenCount"), &tool);
	decode_count(json_get(u, "candidatesTokenCount"), &said);
	decode_count(json_get(u, "thoughtsTokenCount"), &thought);
	decode_count(json_get(u, "cachedContentTokenCount"),
	    &d->reply->usage.cache_read);
	d->reply->usage.input = prompt + tool;
	d->reply->usage.output = said + thought;
}

static int
take_finish(struct decode *d, struct jtext reason)
{
	static const struct decode_word stops[] = {
		{ "MAX_TOKENS", STOP_MAX_TOKENS },
		{ "SAFETY", STOP_CONTENT_FILTER },
		{ "RECITATION", STOP_CONTENT_FILTER },
		{ "BLOCKLIST", STOP_CONTENT_FILTER },
		{ "PROHIBITED_CONTENT", STOP_CONTENT_FILTER },
		{ "SPII", STOP_CONTENT_FILTER },
		{ "IMAGE_SAFETY", STOP_CONTENT_FILTER },
		{ "IMAGE_PROHIBITED_CONTENT", STOP_CONTENT_FILTER },
		{ "IMAGE_RECITATION", STOP_CONTENT_FILTER },
		{ "LANGUAGE", STOP_CONTENT_FILTER },
		{ "TOOL_CALL", STOP_TOOL_USE },
		{ "FUNCTION_CALL", STOP_TOOL_USE },
	};
	/* The model stumbled; asking once more often helps. */
	static const char *const again[] = { "MALFORMED_FUNCTION_CALL",
		"UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS" };

	for (size_t i = 0; i < COUNT(again); i++) {
		if (!json_str_is(reason, again[i]))
			continue;
		fault_set(d->me, FAULT_SERVER_ERROR, "500 - %s", again[i]);
		d->me->max_retries = 1;
		return -1;
	}
	decode_stop_word(d, reason, stops, COUNT(stops), d->calls ?
	    STOP_TOOL_USE : STOP_END_TURN);
	return 0;
}

int
decode_gemini(struct decode *d, struct jtext ev)
{
	struct jtext error = fault_find(ev),
	    candidate = json_path(ev, "candidates/0"),
	    blocked = json_path(ev, "promptFeedback/blockReason");
	struct jiter it;
	char *why;

	if (error.p) {
		fault_stream(d->me, error);
		return -1;
	}
	if (!candidate.p && json_is(blocked, '"')) {
		why = json_str(blocked, NULL);
		fault_set(d->me, FAULT_CONTENT_FILTERED, "%s", why);
		free(why);
		return -1;
	}
	for (it = json_iter(json_path(candidate, "content/parts"));
	    json_next(&it); )
		take_part(d, it.value);
	take_usage(d, json_get(ev, "usageMetadata"));
	return take_finish(d, json_get(candidate, "finishReason"));
}

void
decode_gemini_end(struct decode *d)
{
	end_reasoning(d);
}
