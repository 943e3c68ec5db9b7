#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/decode.h"
#include "model/fault.h"

/* Chat Completions stream: providers sheet 4.2. */

static void
end_reasoning(struct decode *d)
{
	if (d->reasoning != NO_SLOT)
		decode_reasoning_done(d, JTEXT_NONE, NULL);
}

/*
 * The call that a delta belongs to.  Calls are told apart by index, but some servers
 * give every call index 0 and its own id: another id is another call.
 */
static struct item *
call_of(struct decode *d, struct jtext delta)
{
	struct jtext id = json_get(delta, "id"),
	    name = json_path(delta, "function/name");
	int64_t index = json_get_i64(delta, "index", 0);
	struct item *it = decode_item(d, index);
	bool real = json_is(id, '"') && id.n > 2;
	struct block *b;

	if (it && it->key && real && !json_str_is(id, it->key))
		it = NULL;
	if (!it) {
		it = decode_item_add(d, index);
		if (!it)
			return NULL;
		it->slot = decode_call(d, JTEXT_NONE, JTEXT_NONE);
	}
	if (real && !it->key)
		it->key = json_str(id, NULL);
	b = decode_slot(d, it->slot);
	if (!b->name && json_is(name, '"') && name.n > 2)
		b->name = json_str(name, NULL);
	return it;
}

static int
take_call(struct decode *d, struct jtext delta)
{
	struct jtext args = json_path(delta, "function/arguments");
	struct item *it = call_of(d, delta);

	if (!it)
		return -1;
	if (json_is(args, '{'))	/* an object instead of its text */
		buf_put(&decode_slot(d, it->slot)->args, args.p, args.n);
	else
		decode_args(d, it->slot, args);
	return 0;
}

static int
take_delta(struct decode *d, struct jtext delta)
{
	static const char *const keys[] = { "reasoning_content", "reasoning",
		"thinking" };
	struct jtext content = json_get(delta, "content");
	struct jiter it;

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct jtext v = json_get(delta, keys[i]);

		if (json_is(v, '"')) {
			decode_reasoning(d, v);
			break;
		}
	}
	if (json_is(content, '"') && content.n > 2) {
		end_reasoning(d);
		decode_text(d, content);
	}
	for (it = json_iter(json_get(delta, "tool_calls")); json_next(&it); ) {
		end_reasoning(d);
		if (take_call(d, it.value) < 0)
			return -1;
	}
	return 0;
}

static void
take_finish(struct decode *d, struct jtext reason)
{
	static const struct decode_word stops[] = {
		{ "tool_calls", STOP_TOOL_USE },
		{ "length", STOP_MAX_TOKENS },
		{ "content_filter", STOP_CONTENT_FILTER },
	};

	decode_stop_word(d, reason, stops, COUNT(stops), STOP_END_TURN);
}

/* The last one that is not null wins; llama.cpp has timings where it has no usage. */
static void
take_usage(struct decode *d, struct jtext ev)
{
	struct jtext u = json_get(ev, "usage"), t = json_get(ev, "timings");
	struct usage *to = &d->reply->usage;
	int64_t cached = 0;

	if (json_is(u, '{')) {
		decode_count(json_get(u, "prompt_tokens"), &to->input);
		decode_count(json_get(u, "completion_tokens"), &to->output);
		decode_count(json_path(u,
		    "prompt_tokens_details/cached_tokens"), &to->cache_read);
	} else if (json_is(t, '{') && !to->input) {
		decode_count(json_get(t, "prompt_n"), &to->input);
		decode_count(json_get(t, "cache_n"), &cached);
		to->input += cached;
		decode_count(json_get(t, "predicted_n"), &to->output);
	}
}

int
decode_chat(struct decode *d, struct jtext ev)
{
	struct jtext choices = json_get(ev, "choices"),
	    choice = json_path(choices, "0"), error = fault_find(ev);

	if (error.p && !choices.p) {
		fault_stream(d->me, error);
		return -1;
	}
	take_usage(d, ev);
	if (take_delta(d, json_get(choice, "delta")) < 0)
		return -1;
	take_finish(d, json_get(choice, "finish_reason"));
	return 0;
}

/* Bring the calls into the order of their indexes; arrival decides among equals. */
static void
sort_calls(struct decode *d)
{
	for (size_t i = 1; i < d->n_items; i++) {
		for (size_t k = i; k > 0; k--) {
			struct item *a = &d->items[k - 1], *b = &d->items[k];
			struct block *x, *y, tmp;
			struct item t;
			size_t slot;

			if (a->index <= b->index)
				break;
			x = decode_slot(d, a->slot);
			y = decode_slot(d, b->slot);
			tmp = *x;
			*x = *y;
			*y = tmp;
			slot = a->slot;
			t = *a;
			*a = *b;
			*b = t;
			b->slot = a->slot;
			a->slot = slot;
		}
	}
}

/* All calls count, whatever the finish reason says (defect 6). */
void
decode_chat_end(struct decode *d)
{
	end_reasoning(d);
	if (!d->stopped)
		return;
	for (size_t i = 0; i < d->n_items; i++) {
		struct block *b = decode_slot(d, d->items[i].slot);

		if (!b->id)
			b->id = xstrdup(d->items[i].key);
		decode_call_done(d, d->items[i].slot);
		/* vLLM calls it complete when the token limit cut it. */
		if (b->args_bad && d->max_tokens > 0 &&
		    d->reply->usage.output >= d->max_tokens)
			d->reply->stop = STOP_MAX_TOKENS;
	}
	sort_calls(d);
	if (d->calls && d->reply->stop == STOP_END_TURN)
		d->reply->stop = STOP_TOOL_USE;
}
