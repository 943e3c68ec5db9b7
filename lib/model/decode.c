#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/decode.h"
#include "model/fault.h"

void
decode_init(struct decode *d, const struct model_request *rq,
    struct model_reply *reply, struct model_error *me,
    const struct model_watch *w)
{
	*d = (struct decode){ .wire = wire_of(rq->target), .reply = reply,
	    .me = me, .w = w, .reasoning = NO_SLOT,
	    .max_tokens = rq->max_tokens };
	for (size_t i = 0; i < rq->n_messages; i++) {
		struct jtext role = json_get(rq->messages[i], "role");

		d->turn += json_str_is(role, "block_assistant") ||
		    json_str_is(role, "assistant");
	}
	*reply = (struct model_reply){ .usage = USAGE_NONE };
}
/* ---- items ---- */

struct item *
decode_item(struct decode *d, int64_t index)
{
	for (size_t i = d->n_items; i-- > 0; )
		if (d->items[i].index == index)
			return &d->items[i];
	return NULL;
}

struct item *
decode_item_by_key(struct decode *d, struct jtext key)
{
	if (!json_is(key, '"'))
		return NULL;
	for (size_t i = d->n_items; i-- > 0; )
		if (d->items[i].key && json_str_is(key, d->items[i].key))
			return &d->items[i];
	return NULL;
}

struct item *
decode_item_add(struct decode *d, int64_t index)
{
	if (d->n_items == ITEMS_MAX) {
		fault_set(d->me, FAULT_PARSE, "more than %d items in one "
		    "reply", ITEMS_MAX);
		return NULL;
	}
	d->items = xrealloc(d->items, (d->n_items + 1) * sizeof *d->items);
	d->items[d->n_items] = (struct item){ .index = index,
	    .slot = NO_SLOT };
	return &d->items[d->n_items++];
}

/* ---- slots ---- */

struct block *
decode_slot(struct decode *d, size_t slot)
{
	return &d->reply->blocks[slot];
}

size_t
decode_open(struct decode *d, enum block_kind kind)
{
	struct model_reply *r = d->reply;

	r->blocks = xrealloc(r->blocks,
	    (r->n_blocks + 1) * sizeof *r->blocks);
	r->blocks[r->n_blocks] = (struct block){ .kind = kind,
	    .done = kind == BLOCK_TEXT };
	return r->n_blocks++;
}

/* The text block that is written to: the last slot, unless it is closed by a meta. */
static struct block *
text_block(struct decode *d)
{
	struct model_reply *r = d->reply;
	struct block *last = r->n_blocks ? &r->blocks[r->n_blocks - 1] : NULL;

	if (!last || last->kind != BLOCK_TEXT || last->meta)
		last = decode_slot(d, decode_open(d, BLOCK_TEXT));
	return last;
}

void
decode_tell(struct decode *d)
{
	const struct model_watch *w = d->w;

	if (!d->untold.n)
		return;
	if (d->untold_reasoning && w && w->reasoning)
		w->reasoning(w->arg, d->untold.p, d->untold.n);
	if (!d->untold_reasoning && w && w->text)
		w->text(w->arg, d->untold.p, d->untold.n);
	buf_trunc(&d->untold, 0);
}

static void
untold(struct decode *d, bool reasoning, const char *p, size_t n)
{
	if (reasoning != d->untold_reasoning)
		decode_tell(d);
	d->untold_reasoning = reasoning;
	buf_put(&d->untold, p, n);
}

void
decode_text(struct decode *d, struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);

	if (s && n) {
		d->said = true;
		d->content += n;
		buf_put(&text_block(d)->text, s, n);
		untold(d, false, s, n);
	}
	free(s);
}

void
decode_reasoning(struct decode *d, struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);

	if (s && n) {
		d->content += n;
		if (d->reasoning == NO_SLOT)
			d->reasoning = decode_open(d, BLOCK_REASONING);
		buf_put(&decode_slot(d, d->reasoning)->text, s, n);
		untold(d, true, s, n);
	}
	free(s);
}

void
decode_reasoning_done(struct decode *d, struct jtext text, char *meta)
{
	struct block *b;
	size_t n;
	char *s;

	if (d->reasoning == NO_SLOT) {
		d->reasoning = decode_open(d, BLOCK_REASONING);
		s = json_str(text, &n);
		if (s)
			buf_put(&decode_slot(d, d->reasoning)->text, s, n);
		free(s);
	}
	b = decode_slot(d, d->reasoning);
	d->reasoning = NO_SLOT;
	b->meta = meta;
	b->done = true;
	decode_tell(d);
	if (d->w && d->w->reasoning_done)
		d->w->reasoning_done(d->w->arg, buf_str(&b->text), b->text.n);
}

size_t
decode_call(struct decode *d, struct jtext id, struct jtext name)
{
	size_t slot = decode_open(d, BLOCK_TOOL_USE);
	struct block *b = decode_slot(d, slot);

	b->id = json_str(id, NULL);
	b->name = json_str(name, NULL);
	d->calls++;
	return slot;
}

void
decode_args(struct decode *d, size_t slot, struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);

	if (s) {
		d->content += n;
		buf_put(&decode_slot(d, slot)->args, s, n);
	}
	free(s);
}

void
decode_call_done(struct decode *d, size_t slot)
{
	struct block *b = decode_slot(d, slot);
	struct jtext v;

	b->done = true;
	if (!b->id)
		b->id = xstrdup("");
	if (!b->name)
		b->name = xstrdup("");
	if (!b->args.n) {
		buf_puts(&b->args, "{}");
	} else if (json_parse(b->args.p, b->args.n, &v, NULL) < 0) {
		b->args_bad = true;
	} else if (json_is(v, 'n')) {
		buf_trunc(&b->args, 0);
		buf_puts(&b->args, "{}");
	}
}

void
decode_stop(struct decode *d, enum stop_reason stop)
{
	d->reply->stop = stop;
	d->stopped = true;
}

void
decode_stop_word(struct decode *d, struct jtext reason,
    const struct decode_word *words, size_t n, enum stop_reason otherwise)
{
	enum stop_reason stop = otherwise;

	if (!json_is(reason, '"'))
		return;
	for (size_t i = 0; i < n; i++)
		if (json_str_is(reason, words[i].name))
			stop = words[i].stop;
	decode_stop(d, stop);
}

void
decode_count(struct jtext v, int64_t *to)
{
	int64_t n;

	/* More is no count of tokens, and sums must not overflow. */
	if (json_i64(v, &n) && n >= 0 && n <= (int64_t)1 << 53)
		*to = n;
}

int
decode_failed(struct decode *d, struct jtext ev)
{
	fault_stream(d->me, fault_find(ev));
	return -1;
}

int
decode_by_type(struct decode *d, struct jtext ev,
    const struct decode_kind *kinds, size_t n)
{
	struct jtext type = json_get(ev, "type");

	for (size_t i = 0; i < n; i++)
		if (json_str_is(type, kinds[i].type))
			return kinds[i].take(d, ev);
	if (!type.p && json_get(ev, "error").p)
		return decode_failed(d, ev);
	return 0;
}

/* ---- events ---- */

/* Where and how it went wrong, with the first bytes as they came (made printable). */
static int
bad_json(struct decode *d, const char *p, size_t n, const struct err *why)
{
	return fault_set(d->me, FAULT_PARSE, "the event at byte %" PRId64
	    ": %s; it starts with: %.*s", d->at, why->text,
	    (int)(n < 100 ? n : 100), p);
}

int
decode_event(struct decode *d, const char *p, size_t n)
{
	static int (*const decoders[])(struct decode *, struct jtext) = {
		[WIRE_ANTHROPIC] = decode_anthropic,
		[WIRE_RESPONSES] = decode_responses,
		[WIRE_CHAT] = decode_chat,
		[WIRE_GEMINI] = decode_gemini,
	};
	struct err why = ERR_NONE;
	struct jtext ev;

	if (d->ended)
		return 0;
	if (n == 6 && !memcmp(p, "[DONE]", 6)) {
		/* Only chat streams end with it; elsewhere it says nothing. */
		if (d->wire == WIRE_CHAT)
			d->ended = true;
		return 0;
	}
	if (json_parse(p, n, &ev, &why) < 0)
		return bad_json(d, p, n, &why);
	if (!json_is(ev, '{') && !json_is(ev, '['))
		return 0;
	return decoders[d->wire](d, ev);
}

/* ---- the end ---- */

static void
block_free(struct block *b)
{
	buf_free(&b->text);
	buf_free(&b->args);
	free(b->id);
	free(b->name);
	free(b->meta);
}

/* A call that the token limit cut is not a call (sheet 1.6). */
static bool
wanted(const struct model_reply *r, const struct block *b)
{
	if (!b->done)
		return false;
	if (b->kind != BLOCK_TOOL_USE)
		return b->text.n || b->meta;
	return !(b->args_bad && r->stop == STOP_MAX_TOKENS);
}

static void
drop_unwanted(struct model_reply *r)
{
	size_t k = 0;

	for (size_t i = 0; i < r->n_blocks; i++) {
		if (wanted(r, &r->blocks[i]))
			r->blocks[k++] = r->blocks[i];
		else
			block_free(&r->blocks[i]);
	}
	r->n_blocks = k;
}

int
decode_end(struct decode *d)
{
	if (d->wire == WIRE_CHAT)
		decode_chat_end(d);
	if (d->wire == WIRE_GEMINI)
		decode_gemini_end(d);
	decode_tell(d);
	if (!d->stopped)
		return fault_set(d->me, FAULT_INCOMPLETE,
		    "the stream ended before the model was done");
	return 0;
}

void
decode_free(struct decode *d)
{
	for (size_t i = 0; i < d->n_items; i++) {
		free(d->items[i].key);
		free(d->items[i].signature);
	}
	free(d->items);
	d->items = NULL;
	d->n_items = 0;
	decode_tell(d);
	buf_free(&d->untold);
	drop_unwanted(d->reply);
}

void
model_reply_free(struct model_reply *r)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		block_free(&r->blocks[i]);
	free(r->blocks);
	r->blocks = NULL;
	r->n_blocks = 0;
}
