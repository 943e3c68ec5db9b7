#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/encode.h"
#include "model/lower.h"

/* Anthropic Messages: providers sheet 2. */

static void
beta(struct encode *en, const char *name)
{
	size_t n = strlen(en->betas);

	snprintf(en->betas + n, sizeof en->betas - n, "%s%s", n ? "," : "",
	    name);
}

/* Sheet 2.2: everything up to here may be served from the cache. */
static void
mark(struct buf *b)
{
	encode_kraw(b, "cache_control",
	    json_text("{\"type\":\"ephemeral\"}"));
}

/* ---- messages ---- */

static void
put_part(struct buf *b, const struct part *p, bool marked)
{
	jput_open(b, '{');
	if (p->kind == PART_TEXT) {
		jput_kcstr(b, "type", "text");
		jput_kstr(b, "text", p->text, p->n);
	} else {
		jput_kcstr(b, "type", "image");
		jput_key(b, "source");
		jput_open(b, '{');
		jput_kcstr(b, "type", "base64");
		jput_kcstr(b, "media_type", p->media);
		jput_kstr(b, "data", p->text, p->n);
		jput_close(b, '}');
	}
	if (marked)
		mark(b);
	jput_close(b, '}');
}

static void
put_user(struct buf *b, const struct turn *t, bool marked)
{
	struct part all = { .kind = PART_TEXT };

	if (parts_have(t->parts, t->n_parts, PART_IMAGE)) {
		jput_key(b, "content");
		jput_open(b, '[');
		for (size_t i = 0; i < t->n_parts; i++)
			put_part(b, &t->parts[i],
			    marked && i + 1 == t->n_parts);
		jput_close(b, ']');
	} else if (marked) {
		all.text = parts_text(t->parts, t->n_parts, &all.n);
		jput_key(b, "content");
		jput_open(b, '[');
		put_part(b, &all, true);
		jput_close(b, ']');
		free(all.text);
	} else {
		encode_ktext(b, "content", t->parts, t->n_parts);
	}
}

static void
put_result(struct buf *b, const struct part *r, bool marked)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "tool_result");
	jput_kcstr(b, "tool_use_id", r->id);
	if (parts_have(r->parts, r->n_parts, PART_IMAGE)) {
		jput_key(b, "content");
		jput_open(b, '[');
		for (size_t i = 0; i < r->n_parts; i++)
			put_part(b, &r->parts[i], false);
		jput_close(b, ']');
	} else if (r->is_error && !r->n_parts) {
		/* The API refuses an error that says nothing. */
		jput_kcstr(b, "content", "(no output)");
	} else {
		encode_ktext(b, "content", r->parts, r->n_parts);
	}
	jput_kbool(b, "is_error", r->is_error);
	if (marked)
		mark(b);
	jput_close(b, '}');
}

/* The meta's member under the wire's name, verbatim. */
static void
put_meta(struct buf *b, const struct part *p, const char *member)
{
	jput_kraw(b, member, json_get(p->meta, member).p,
	    json_get(p->meta, member).n);
}

static void
put_reasoning(struct buf *b, const struct part *p)
{
	if (part_meta_is(p, "anthropic_redacted")) {
		jput_kcstr(b, "type", "redacted_thinking");
		put_meta(b, p, "data");
	} else if (part_meta_is(p, "anthropic_compaction")) {
		jput_kcstr(b, "type", "compaction");
		put_meta(b, p, "content");
		if (json_get(p->meta, "encrypted_content").p)
			put_meta(b, p, "encrypted_content");
	} else {
		jput_kcstr(b, "type", "thinking");
		jput_kstr(b, "thinking", p->text, p->n);
		put_meta(b, p, "signature");
	}
}

static void
put_said(struct buf *b, const struct part *p)
{
	jput_open(b, '{');
	if (p->kind == PART_TEXT) {
		jput_kcstr(b, "type", "text");
		jput_kstr(b, "text", p->text, p->n);
	} else if (p->kind == PART_REASONING) {
		put_reasoning(b, p);
	} else {
		jput_kcstr(b, "type", "tool_use");
		jput_kcstr(b, "id", p->id);
		jput_kcstr(b, "name", p->name);
		encode_kraw(b, "input", json_text(p->args));
	}
	jput_close(b, '}');
}

static void
put_turn(struct buf *b, const struct turn *t, bool marked)
{
	jput_open(b, '{');
	jput_kcstr(b, "role", t->role == TURN_ASSISTANT ? "assistant" : "user");
	if (t->role == TURN_USER) {
		put_user(b, t, marked);
	} else {
		jput_key(b, "content");
		jput_open(b, '[');
		for (size_t i = 0; i < t->n_parts; i++) {
			if (t->role == TURN_ASSISTANT)
				put_said(b, &t->parts[i]);
			else
				put_result(b, &t->parts[i],
				    marked && i + 1 == t->n_parts);
		}
		jput_close(b, ']');
	}
	jput_close(b, '}');
}

static void
put_messages(struct encode *en)
{
	size_t last = en->t.n_turns;

	while (last-- > 0)
		if (en->t.turns[last].role != TURN_ASSISTANT)
			break;
	jput_key(en->b, "messages");
	jput_open(en->b, '[');
	for (size_t i = 0; i < en->t.n_turns; i++)
		put_turn(en->b, &en->t.turns[i], en->rq->cache && i == last);
	jput_close(en->b, ']');
}

static bool
has_compaction(const struct transcript *t)
{
	for (size_t i = 0; i < t->n_turns; i++)
		for (size_t k = 0; k < t->turns[i].n_parts; k++)
			if (part_meta_is(&t->turns[i].parts[k],
			    "anthropic_compaction"))
				return true;
	return false;
}

/* ---- tools and settings ---- */

static void
put_system(struct encode *en)
{
	struct part p = { .kind = PART_TEXT, .text = en->t.system };

	if (!p.text)
		return;
	if (!en->rq->cache) {
		jput_kcstr(en->b, "system", p.text);
		return;
	}
	p.n = strlen(p.text);
	jput_key(en->b, "system");
	jput_open(en->b, '[');
	put_part(en->b, &p, true);
	jput_close(en->b, ']');
}

static bool
was_named(const struct transcript *t, const struct part *end, const char *name)
{
	for (size_t i = 0; i < t->n_turns; i++)
		for (size_t k = 0; k < t->turns[i].n_parts; k++) {
			const struct part *p = &t->turns[i].parts[k];

			if (p == end)
				return false;
			if (p->kind == PART_CALL && !strcmp(p->name, name))
				return true;
		}
	return false;
}

/*
 * A history with tool calls wants tools, also in a request that offers none (summary,
 * extraction): some servers refuse it, and models answer it with nothing.  So what was
 * called is named, and may not be called.
 */
static void
put_past_tools(struct encode *en)
{
	const struct transcript *t = &en->t;
	struct buf *b = en->b;
	bool open = false;

	for (size_t i = 0; i < t->n_turns; i++)
		for (size_t k = 0; k < t->turns[i].n_parts; k++) {
			const struct part *p = &t->turns[i].parts[k];

			if (p->kind != PART_CALL || was_named(t, p, p->name))
				continue;
			if (!open) {
				jput_key(b, "tools");
				jput_open(b, '[');
				open = true;
			}
			jput_open(b, '{');
			jput_kcstr(b, "name", p->name);
			jput_kcstr(b, "description", "Not available now.");
			encode_schema(b, "input_schema", JTEXT_NONE);
			jput_close(b, '}');
		}
	if (!open)
		return;
	jput_close(b, ']');
	jput_kraw(b, "tool_choice", "{\"type\":\"none\"}", 15);
}

static void
put_tools(struct encode *en)
{
	struct jtext search = encode_param(en, "web_search");
	struct buf *b = en->b;

	if (!en->rq->n_tools && !json_is(search, '{')) {
		put_past_tools(en);
		return;
	}
	jput_key(b, "tools");
	jput_open(b, '[');
	for (size_t i = 0; i < en->rq->n_tools; i++) {
		jput_open(b, '{');
		encode_tool(b, &en->rq->tools[i], "input_schema");
		if (en->rq->cache && i + 1 == en->rq->n_tools)
			mark(b);
		jput_close(b, '}');
	}
	if (json_is(search, '{'))
		encode_raw(b, search);
	jput_close(b, ']');
}

/* Sheet 2.3; true if thinking is on. */
static bool
put_thinking(struct encode *en)
{
	struct jtext thinking = encode_param(en, "thinking"), budget;

	if (json_str_is(json_get(thinking, "type"), "adaptive")) {
		encode_kraw(en->b, "thinking",
	    json_text("{\"type\":\"adaptive\"}"));
		return true;
	}
	budget = json_is(thinking, '{') ? json_get(thinking, "budget_tokens") :
	    encode_param(en, "thinking_budget");
	if (!json_is(budget, '0'))
		return false;
	jput_key(en->b, "thinking");
	jput_open(en->b, '{');
	jput_kcstr(en->b, "type", "enabled");
	encode_kraw(en->b, "budget_tokens", budget);
	jput_close(en->b, '}');
	beta(en, "interleaved-thinking-2025-05-14");
	return true;
}

/* A number, or a string of digits. */
static void
put_top_k(struct encode *en)
{
	struct jtext v = encode_param(en, "top_k");
	char *s = json_str(v, NULL), *end;

	if (json_is(v, '0')) {
		encode_kraw(en->b, "top_k", v);
	} else if (s && *s >= '0' && *s <= '9') {
		long long k = strtoll(s, &end, 10);

		if (!*end)
			jput_ki64(en->b, "top_k", k);
	}
	free(s);
}

static int
put_output_config(struct encode *en)
{
	struct jtext effort = encode_param(en, "effort");
	struct output_format f;
	bool format = encode_format(en, &f);
	struct buf schema = BUF_INIT;

	if (!format && !json_is(effort, '"'))
		return 0;
	if (format && lower_closed(f.schema, &schema, en->e) < 0) {
		buf_free(&schema);
		return -1;
	}
	jput_key(en->b, "output_config");
	jput_open(en->b, '{');
	if (json_is(effort, '"'))
		encode_kraw(en->b, "effort", effort);
	if (format) {
		jput_key(en->b, "format");
		jput_open(en->b, '{');
		jput_kcstr(en->b, "type", "json_schema");
		encode_kraw(en->b, "schema", json_slice(schema.p, schema.n));
		jput_close(en->b, '}');
		beta(en, "structured-outputs-2025-11-13");
	}
	jput_close(en->b, '}');
	buf_free(&schema);
	return 0;
}

/* The user's keys; a bare number as trigger becomes the typed object (sheet 11). */
static void
put_edit(struct buf *b, struct jtext keys)
{
	struct jiter it;

	jput_open(b, '{');
	if (!json_get(keys, "type").p)
		jput_kcstr(b, "type", "compact_20260112");
	for (it = json_iter(keys); it.object && json_next(&it); ) {
		jput_raw(b, it.key.p, it.key.n);
		buf_putc(b, ':');
		if (!json_str_is(it.key, "trigger") ||
		    !json_is(it.value, '0')) {
			encode_raw(b, it.value);
			continue;
		}
		jput_open(b, '{');
		jput_kcstr(b, "type", "input_tokens");
		encode_kraw(b, "value", it.value);
		jput_close(b, '}');
	}
	jput_close(b, '}');
}

static void
put_compaction(struct encode *en)
{
	struct jtext v = encode_param(en, "compaction");
	bool edit = json_str_is(v, "auto") || json_is(v, '{');

	if (edit) {
		jput_key(en->b, "context_management");
		jput_open(en->b, '{');
		jput_key(en->b, "edits");
		jput_open(en->b, '[');
		put_edit(en->b, v);
		jput_close(en->b, ']');
		jput_close(en->b, '}');
	}
	if (edit || has_compaction(&en->t))
		beta(en, "compact-2026-01-12");
}

int
encode_anthropic(struct encode *en)
{
	const struct model_request *rq = en->rq;
	struct buf *b = en->b;
	bool fixed;	/* how tokens are drawn is not ours to say */

	jput_kcstr(b, "model", rq->target->wire_id);
	jput_ki64(b, "max_tokens", rq->max_tokens);
	jput_kbool(b, "stream", true);
	put_system(en);
	put_messages(en);
	put_tools(en);
	/* With thinking, and with newer models, the API takes no other temperature than 1 and no top_k. */
	fixed = put_thinking(en) || !encode_takes_temperature(rq->target);
	if (!isnan(rq->temperature) && !(fixed && rq->temperature != 1))
		jput_kf64(b, "temperature", rq->temperature);
	if (!fixed)
		put_top_k(en);
	if (put_output_config(en) < 0)
		return -1;
	encode_copy(en, "inference_geo", "inference_geo");
	if (json_str_is(encode_param(en, "context"), "1m"))
		beta(en, "context-1m-2025-08-07");
	put_compaction(en);
	return 0;
}
