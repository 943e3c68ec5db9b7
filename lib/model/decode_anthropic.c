#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/decode.h"
#include "model/fault.h"

/* Anthropic Messages stream: providers sheet 2.4 to 2.6. */

/* Kinds of content blocks; what a server tool does is not for us (defect 16). */
enum { OTHER, TEXT, THINKING, TOOL_USE, COMPACTION };

static void
read_usage(struct decode *d, struct jtext u)
{
	struct usage *to = &d->reply->usage;

	decode_count(json_get(u, "input_tokens"), &to->input);
	decode_count(json_get(u, "output_tokens"), &to->output);
	decode_count(json_get(u, "cache_creation_input_tokens"),
	    &to->cache_creation);
	decode_count(json_get(u, "cache_read_input_tokens"), &to->cache_read);
}

static char *
meta(const char *provider, const char *key, struct jtext value)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "provider", provider);
	jput_kraw(&b, key, value.p, value.n);
	jput_close(&b, '}');
	return buf_steal(&b);
}

static void
keep_signature(struct item *it, struct jtext s)
{
	if (!json_is(s, '"') || s.n <= 2)
		return;
	free(it->signature);
	it->signature = xstrndup(s.p, s.n);
}

static int
block_start(struct decode *d, struct jtext ev)
{
	struct jtext block = json_get(ev, "content_block"),
	    type = json_get(block, "type");
	struct item *it = decode_item_add(d, json_get_i64(ev, "index", 0));

	if (!it)
		return -1;
	if (json_str_is(type, "text")) {
		it->kind = TEXT;
		decode_text(d, json_get(block, "text"));
	} else if (json_str_is(type, "thinking")) {
		it->kind = THINKING;
		it->slot = d->reasoning = decode_open(d, BLOCK_REASONING);
		keep_signature(it, json_get(block, "signature"));
		decode_reasoning(d, json_get(block, "thinking"));
	} else if (json_str_is(type, "redacted_thinking")) {
		d->reasoning = NO_SLOT;
		decode_reasoning_done(d, JTEXT_NONE,
		    meta("anthropic_redacted", "data",
		    json_get(block, "data")));
	} else if (json_str_is(type, "tool_use")) {
		it->kind = TOOL_USE;
		it->slot = decode_call(d, json_get(block, "id"),
		    json_get(block, "name"));
	} else if (json_str_is(type, "compaction")) {
		it->kind = COMPACTION;
	}
	return 0;
}

/* content null is a compaction that failed. */
static void
compaction(struct decode *d, struct jtext delta)
{
	struct jtext content = json_get(delta, "content"),
	    secret = json_get(delta, "encrypted_content");
	struct buf b = BUF_INIT;

	if (!json_is(content, '"'))
		return;
	jput_open(&b, '{');
	jput_kcstr(&b, "provider", "anthropic_compaction");
	jput_kraw(&b, "content", content.p, content.n);
	if (json_is(secret, '"'))
		jput_kraw(&b, "encrypted_content", secret.p, secret.n);
	jput_close(&b, '}');
	d->reasoning = NO_SLOT;
	decode_reasoning_done(d, JTEXT_NONE, buf_steal(&b));
}

static int
block_delta(struct decode *d, struct jtext ev)
{
	struct jtext delta = json_get(ev, "delta"),
	    type = json_get(delta, "type");
	struct item *it = decode_item(d, json_get_i64(ev, "index", 0));

	if (!it)
		return 0;
	if (json_str_is(type, "text_delta")) {
		decode_text(d, json_get(delta, "text"));
	} else if (json_str_is(type, "thinking_delta")) {
		if (it->kind == THINKING)
			d->reasoning = it->slot;
		decode_reasoning(d, json_get(delta, "thinking"));
	} else if (json_str_is(type, "signature_delta")) {
		keep_signature(it, json_get(delta, "signature"));
	} else if (json_str_is(type, "input_json_delta")) {
		if (it->kind == TOOL_USE)
			decode_args(d, it->slot,
			    json_get(delta, "partial_json"));
	} else if (json_str_is(type, "compaction_delta")) {
		compaction(d, delta);
	}
	return 0;
}

static int
block_stop(struct decode *d, struct jtext ev)
{
	struct item *it = decode_item(d, json_get_i64(ev, "index", 0));

	if (!it || it->closed)
		return 0;
	it->closed = true;
	if (it->kind == TOOL_USE) {
		decode_call_done(d, it->slot);
	} else if (it->kind == THINKING) {
		d->reasoning = it->slot;
		decode_reasoning_done(d, JTEXT_NONE, it->signature ?
		    meta("anthropic", "signature",
		    json_text(it->signature)) : NULL);
	}
	return 0;
}

static int
message_start(struct decode *d, struct jtext ev)
{
	read_usage(d, json_path(ev, "message/usage"));
	return 0;
}

static int
message_delta(struct decode *d, struct jtext ev)
{
	static const struct decode_word stops[] = {
		{ "tool_use", STOP_TOOL_USE },
		{ "max_tokens", STOP_MAX_TOKENS },
		{ "model_context_window_exceeded", STOP_MAX_TOKENS },
		{ "stop_sequence", STOP_STOP_SEQUENCE },
		{ "refusal", STOP_CONTENT_FILTER },
		{ "content_filter", STOP_CONTENT_FILTER },
	};

	/* Cumulative: what is present replaces what we had (sheet 2.5). */
	read_usage(d, json_get(ev, "usage"));
	decode_stop_word(d, json_path(ev, "delta/stop_reason"), stops,
	    COUNT(stops), STOP_END_TURN);
	return 0;
}

static int
message_stop(struct decode *d, struct jtext ev)
{
	(void)ev;
	if (!d->stopped)
		decode_stop(d, STOP_END_TURN);
	d->ended = true;
	return 0;
}

int
decode_anthropic(struct decode *d, struct jtext ev)
{
	static const struct decode_kind kinds[] = {
		{ "content_block_delta", block_delta },
		{ "content_block_start", block_start },
		{ "content_block_stop", block_stop },
		{ "message_start", message_start },
		{ "message_delta", message_delta },
		{ "message_stop", message_stop },
		{ "error", decode_failed },
	};

	return decode_by_type(d, ev, kinds, COUNT(kinds));
}
