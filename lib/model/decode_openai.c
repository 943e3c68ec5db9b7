#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/decode.h"
#include "model/fault.h"

/* OpenAI Responses stream: providers sheet 3.2 and 3.3. */

enum { OTHER, MESSAGE, REASONING, CALL };

/* Deltas name their item by item_id; emulators sometimes only by call_id or place. */
static struct item *
item_of(struct decode *d, struct jtext ev)
{
	struct item *it = decode_item_by_key(d, json_get(ev, "item_id"));
	int64_t index;

	if (!it && json_is(json_get(ev, "call_id"), '"')) {
		for (size_t i = 0; i < d->n_items; i++) {
			const struct item *k = &d->items[i];
			const char *id = k->kind == CALL ?
			    decode_slot(d, k->slot)->id : NULL;

			if (id && json_str_is(json_get(ev, "call_id"), id))
				return &d->items[i];
		}
	}
	if (!it && json_i64(json_get(ev, "output_index"), &index))
		it = decode_item(d, index);
	return it;
}

static struct item *
add_item(struct decode *d, struct jtext item, int64_t index)
{
	struct jtext type = json_get(item, "type");
	struct item *it = decode_item_add(d, index);

	if (!it)
		return NULL;
	it->key = json_get_str(item, "id");
	it->part = -1;
	if (json_str_is(type, "function_call")) {
		it->kind = CALL;
		it->slot = decode_call(d, json_get(item, "call_id"),
		    json_get(item, "name"));
	} else if (json_str_is(type, "reasoning")) {
		it->kind = REASONING;
	} else if (json_str_is(type, "message")) {
		it->kind = MESSAGE;
	}
	return it;
}

static int
item_added(struct decode *d, struct jtext ev)
{
	return add_item(d, json_get(ev, "item"),
	    json_get_i64(ev, "output_index", -1)) ? 0 : -1;
}

/* ---- deltas ---- */

static int
text_delta(struct decode *d, struct jtext ev)
{
	decode_text(d, json_get(ev, "delta"));
	return 0;
}

static int
refusal_delta(struct decode *d, struct jtext ev)
{
	d->refused = true;
	return text_delta(d, ev);
}

static int
reasoning_delta(struct decode *d, struct jtext ev)
{
	struct item *it = item_of(d, ev);
	int64_t part = json_get_i64(ev, "summary_index", 0);

	if (it && it->kind == REASONING) {
		if (it->slot == NO_SLOT) {
			d->reasoning = NO_SLOT;
		} else {
			d->reasoning = it->slot;
			if (part > it->part)
				decode_reasoning(d, json_text("\"\\n\""));
		}
		it->part = part;
	}
	decode_reasoning(d, json_get(ev, "delta"));
	if (it && it->kind == REASONING)
		it->slot = d->reasoning;
	return 0;
}

static int
args_delta(struct decode *d, struct jtext ev)
{
	struct item *it = item_of(d, ev);

	if (it && it->kind == CALL && !it->closed)
		decode_args(d, it->slot, json_get(ev, "delta"));
	return 0;
}

static void
set_args(struct decode *d, struct item *it, struct jtext args)
{
	if (!json_is(args, '"'))
		return;
	buf_trunc(&decode_slot(d, it->slot)->args, 0);
	decode_args(d, it->slot, args);
}

static int
args_done(struct decode *d, struct jtext ev)
{
	struct item *it = item_of(d, ev);

	if (it && it->kind == CALL && !it->closed)
		set_args(d, it, json_get(ev, "arguments"));
	return 0;
}

/* ---- whole items ---- */

/* The summary parts as one string token. */
static char *
summary(struct jtext item)
{
	struct buf text = BUF_INIT, token = BUF_INIT;
	struct jiter it;
	size_t n;
	char *s;

	for (it = json_iter(json_get(item, "summary")); json_next(&it); ) {
		s = json_str(json_get(it.value, "text"), &n);
		if (s) {
			if (text.n)
				buf_putc(&text, '\n');
			buf_put(&text, s, n);
		}
		free(s);
	}
	jput_str(&token, buf_str(&text), text.n);
	buf_free(&text);
	return buf_steal(&token);
}

static void
close_reasoning(struct decode *d, struct item *it, struct jtext item)
{
	struct jtext id = json_get(item, "id"),
	    secret = json_get(item, "encrypted_content");
	struct buf meta = BUF_INIT;
	char *text = summary(item);

	if (json_is(id, '"')) {
		jput_open(&meta, '{');
		jput_kcstr(&meta, "provider", "open_ai");
		jput_kraw(&meta, "id", id.p, id.n);
		if (json_is(secret, '"'))
			jput_kraw(&meta, "encrypted_content", secret.p,
			    secret.n);
		jput_close(&meta, '}');
	}
	d->reasoning = it->slot;
	decode_reasoning_done(d, json_text(text),
	    meta.n ? buf_steal(&meta) : NULL);
	free(text);
}

/* Text of a message that was never streamed. */
static void
unsaid_text(struct decode *d, struct jtext item)
{
	struct jiter it;

	for (it = json_iter(json_get(item, "content")); json_next(&it); ) {
		if (json_str_is(json_get(it.value, "type"), "refusal"))
			d->refused = true;
		decode_text(d, json_get(it.value, "text"));
		decode_text(d, json_get(it.value, "refusal"));
	}
}

static void
close_item(struct decode *d, struct item *it, struct jtext item)
{
	struct block *b;

	if (it->closed)
		return;
	it->closed = true;
	if (it->kind == REASONING) {
		close_reasoning(d, it, item);
	} else if (it->kind == CALL) {
		b = decode_slot(d, it->slot);
		if (!b->id)
			b->id = json_get_str(item, "call_id");
		if (!b->name)
			b->name = json_get_str(item, "name");
		set_args(d, it, json_get(item, "arguments"));
		decode_call_done(d, it->slot);
	}
}

static int
item_done(struct decode *d, struct jtext ev)
{
	struct jtext item = json_get(ev, "item");
	int64_t index = json_get_i64(ev, "output_index", -1);
	struct item *it = decode_item_by_key(d, json_get(item, "id"));

	if (!it && index >= 0)
		it = decode_item(d, index);
	if (!it && !(it = add_item(d, item, index)))
		return -1;
	close_item(d, it, item);
	return 0;
}

/* ---- the end ---- */

static void
read_usage(struct decode *d, struct jtext u)
{
	struct usage *to = &d->reply->usage;

	decode_count(json_get(u, "input_tokens"), &to->input);
	decode_count(json_get(u, "output_tokens"), &to->output);
	decode_count(json_path(u, "input_tokens_details/cached_tokens"),
	    &to->cache_read);
	decode_count(json_path(u, "input_tokens_details/cache_write_tokens"),
	    &to->cache_creation);
}

/* An item of the final list, unless the stream brought it already. */
static int
final_item(struct decode *d, struct jtext item, int64_t index, bool said)
{
	struct jtext call_id = json_get(item, "call_id");
	struct item *it = decode_item_by_key(d, json_get(item, "id"));

	for (size_t i = 0; !it && call_id.p && i < d->n_items; i++) {
		struct item *k = &d->items[i];

		if (k->kind == CALL && decode_slot(d, k->slot)->id &&
		    json_str_is(call_id, decode_slot(d, k->slot)->id))
			it = k;
	}
	if (!it && !(it = add_item(d, item, index)))
		return -1;
	if (it->kind == MESSAGE && !said)
		unsaid_text(d, item);
	close_item(d, it, item);
	return 0;
}

static enum stop_reason
stop_of(const struct decode *d, struct jtext response)
{
	struct jtext status = json_get(response, "status"),
	    why = json_path(response, "incomplete_details/reason");

	if (json_str_is(status, "incomplete"))
		return json_str_is(why, "content_filter") ?
		    STOP_CONTENT_FILTER : STOP_MAX_TOKENS;
	if (json_str_is(status, "cancelled"))
		return STOP_CANCELLED;
	if (d->calls)
		return STOP_TOOL_USE;
	return d->refused ? STOP_CONTENT_FILTER : STOP_END_TURN;
}

static int
failed(struct decode *d, struct jtext ev)
{
	struct jtext e = json_path(ev, "response/error");

	fault_stream(d->me, json_is(e, '{') ? e : fault_find(ev));
	return -1;
}

static int
finished(struct decode *d, struct jtext ev)
{
	struct jtext response = json_get(ev, "response");
	bool said = d->said;
	int64_t index = 0;
	struct jiter it;

	if (json_str_is(json_get(response, "status"), "failed"))
		return failed(d, ev);
	for (it = json_iter(json_get(response, "output")); json_next(&it); )
		if (final_item(d, it.value, index++, said) < 0)
			return -1;
	read_usage(d, json_get(response, "usage"));
	decode_stop(d, stop_of(d, response));
	/* The word is in the event's name, too. */
	if (json_str_is(json_get(ev, "type"), "response.incomplete") &&
	    d->reply->stop != STOP_CONTENT_FILTER)
		d->reply->stop = STOP_MAX_TOKENS;
	d->ended = true;
	return 0;
}

int
decode_responses(struct decode *d, struct jtext ev)
{
	static const struct decode_kind kinds[] = {
		{ "response.output_text.delta", text_delta },
		{ "response.refusal.delta", refusal_delta },
		{ "response.reasoning_summary_text.delta", reasoning_delta },
		{ "response.reasoning_text.delta", reasoning_delta },
		{ "response.function_call_arguments.delta", args_delta },
		{ "response.function_call_arguments.done", args_done },
		{ "response.output_item.added", item_added },
		{ "response.output_item.done", item_done },
		{ "response.completed", finished },
		{ "response.incomplete", finished },
		{ "response.failed", failed },
		{ "error", decode_failed },
	};

	return decode_by_type(d, ev, kinds, COUNT(kinds));
}
