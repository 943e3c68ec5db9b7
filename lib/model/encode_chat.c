#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/encode.h"

/* OpenAI-compatible Chat Completions: providers sheet 4. */

static void
put_text(struct buf *b, const char *role, const char *p, size_t n)
{
	jput_open(b, '{');
	jput_kcstr(b, "role", role);
	jput_kstr(b, "content", p, n);
	jput_close(b, '}');
}

static void
put_user_part(struct buf *b, const struct part *p)
{
	jput_open(b, '{');
	if (p->kind == PART_TEXT) {
		jput_kcstr(b, "type", "text");
		jput_kstr(b, "text", p->text, p->n);
	} else {
		jput_kcstr(b, "type", "image_url");
		jput_key(b, "image_url");
		jput_open(b, '{');
		encode_data_uri(b, "url", p);
		jput_close(b, '}');
	}
	jput_close(b, '}');
}

static void
put_user(struct buf *b, const struct turn *t)
{
	jput_open(b, '{');
	jput_kcstr(b, "role", "user");
	encode_content(b, t->parts, t->n_parts, put_user_part);
	jput_close(b, '}');
}

static void
put_calls(struct buf *b, const struct turn *t)
{
	jput_key(b, "tool_calls");
	jput_open(b, '[');
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct part *p = &t->parts[i];

		if (p->kind != PART_CALL)
			continue;
		jput_open(b, '{');
		jput_kcstr(b, "id", p->id);
		jput_kcstr(b, "type", "function");
		jput_key(b, "function");
		jput_open(b, '{');
		jput_kcstr(b, "name", p->name);
		encode_args(b, p);
		jput_close(b, '}');
		jput_close(b, '}');
	}
	jput_close(b, ']');
}

static void
put_assistant(struct buf *b, const struct turn *t)
{
	bool calls = parts_have(t->parts, t->n_parts, PART_CALL);
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind != PART_TEXT)
			continue;
		if (text.n)
			buf_putc(&text, '\n');
		buf_put(&text, t->parts[i].text, t->parts[i].n);
	}
	jput_open(b, '{');
	jput_kcstr(b, "role", "assistant");
	if (text.n || !calls)
		jput_kstr(b, "content", buf_str(&text), text.n);
	else
		jput_knull(b, "content");
	/* Strict servers refuse an empty list. */
	if (calls)
		put_calls(b, t);
	jput_close(b, '}');
	buf_free(&text);
}

static void
put_results(struct buf *b, const struct turn *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct part *p = &t->parts[i];

		jput_open(b, '{');
		jput_kcstr(b, "role", "tool");
		jput_kcstr(b, "tool_call_id", p->id);
		encode_ktext(b, "content", p->parts, p->n_parts);
		jput_close(b, '}');
	}
}

static void
put_messages(struct encode *en)
{
	const struct transcript *t = &en->t;

	jput_key(en->b, "messages");
	jput_open(en->b, '[');
	if (t->system)
		put_text(en->b, "system", t->system, strlen(t->system));
	for (size_t i = 0; i < t->n_turns; i++) {
		if (t->turns[i].role == TURN_USER)
			put_user(en->b, &t->turns[i]);
		else if (t->turns[i].role == TURN_ASSISTANT)
			put_assistant(en->b, &t->turns[i]);
		else
			put_results(en->b, &t->turns[i]);
	}
	jput_close(en->b, ']');
}

static void
put_tools(struct encode *en)
{
	struct buf *b = en->b;

	if (!en->rq->n_tools)
		return;
	jput_key(b, "tools");
	jput_open(b, '[');
	for (size_t i = 0; i < en->rq->n_tools; i++) {
		jput_open(b, '{');
		jput_kcstr(b, "type", "function");
		jput_key(b, "function");
		jput_open(b, '{');
		encode_tool(b, &en->rq->tools[i], "parameters");
		jput_close(b, '}');
		jput_close(b, '}');
	}
	jput_close(b, ']');
}

/*
 * reasoning_effort is sent by its own name and inside the reasoning object: servers
 * read one or the other.
 */
static void
put_reasoning(struct encode *en)
{
	struct jtext reasoning = encode_param(en, "reasoning"),
	    effort = encode_param(en, "reasoning_effort");
	bool has_effort = effort.p && !json_is(effort, 'n');
	struct buf *b = en->b;
	struct jiter it;

	if (!en->rq->target->profile.reasoning)
		return;
	if (json_is(reasoning, '{') || has_effort) {
		jput_key(b, "reasoning");
		jput_open(b, '{');
		for (it = json_iter(reasoning); it.object && json_next(&it); ) {
			if (has_effort && json_str_is(it.key, "effort"))
				continue;
			jput_raw(b, it.key.p, it.key.n);
			buf_putc(b, ':');
			encode_raw(b, it.value);
		}
		if (has_effort)
			encode_kraw(b, "effort", effort);
		jput_close(b, '}');
	}
	encode_copy(en, "reasoning_effort", "reasoning_effort");
	if (!en->rq->target->profile.thinking)
		return;
	encode_copy(en, "chat_template_kwargs", "chat_template_kwargs");
	encode_copy(en, "thinking", "thinking");
}

static int
put_format(struct encode *en)
{
	struct output_format f;

	if (!encode_format(en, &f))
		return 0;
	jput_key(en->b, "response_format");
	jput_open(en->b, '{');
	jput_kcstr(en->b, "type", "json_schema");
	jput_key(en->b, "json_schema");
	jput_open(en->b, '{');
	if (encode_openai_format(en, &f) < 0)
		return -1;
	jput_close(en->b, '}');
	jput_close(en->b, '}');
	return 0;
}

int
encode_chat(struct encode *en)
{
	const struct model_request *rq = en->rq;
	struct buf *b = en->b;

	jput_kcstr(b, "model", rq->target->wire_id);
	put_messages(en);
	jput_kbool(b, "stream", true);
	encode_kraw(b, "stream_options",
	    json_text("{\"include_usage\":true}"));
	/* Ollama reads only the second, vLLM both (sheet 4.1). */
	jput_ki64(b, "max_completion_tokens", rq->max_tokens);
	jput_ki64(b, "max_tokens", rq->max_tokens);
	if (!isnan(rq->temperature) && encode_takes_temperature(rq->target))
		jput_kf64(b, "temperature", rq->temperature);
	put_tools(en);
	put_reasoning(en);
	return put_format(en);
}
