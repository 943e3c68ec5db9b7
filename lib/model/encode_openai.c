#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/encode.h"

/* OpenAI Responses: providers sheet 3. */

static void
put_text_item(struct buf *b, const char *role, const char *p, size_t n)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "message");
	jput_kcstr(b, "role", role);
	jput_kstr(b, "content", p, n);
	jput_close(b, '}');
}

static void
put_user_part(struct buf *b, const struct part *p)
{
	jput_open(b, '{');
	if (p->kind == PART_TEXT) {
		jput_kcstr(b, "type", "input_text");
		jput_kstr(b, "text", p->text, p->n);
	} else {
		jput_kcstr(b, "type", "input_image");
		encode_data_uri(b, "image_url", p);
	}
	jput_close(b, '}');
}

static void
put_user(struct buf *b, const struct turn *t)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "message");
	jput_kcstr(b, "role", "user");
	encode_content(b, t->parts, t->n_parts, put_user_part);
	jput_close(b, '}');
}

/* Sheet 3.1, replay: as it came, right in front of the item that it produced. */
static void
put_reasoning(struct encode *en, const struct part *p)
{
	struct jtext id = json_get(p->meta, "id"),
	    secret = json_get(p->meta, "encrypted_content");
	struct buf *b = en->b;

	jput_open(b, '{');
	jput_kcstr(b, "type", "reasoning");
	if (id.p)
		jput_kraw(b, "id", id.p, id.n);
	jput_key(b, "summary");
	jput_open(b, '[');
	if (p->n) {
		jput_open(b, '{');
		jput_kcstr(b, "type", "summary_text");
		jput_kstr(b, "text", p->text, p->n);
		jput_close(b, '}');
	}
	jput_close(b, ']');
	jput_kraw(b, "encrypted_content", secret.p, secret.n);
	jput_close(b, '}');
	en->replayed = true;
}

static void
put_call(struct buf *b, const struct part *p)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "function_call");
	jput_kcstr(b, "call_id", p->id);
	jput_kcstr(b, "name", p->name);
	encode_args(b, p);
	jput_close(b, '}');
}

/* There is no place for the error flag: it goes into the text. */
static void
put_result(struct buf *b, const struct part *p)
{
	size_t n;
	char *s = parts_text(p->parts, p->n_parts, &n);
	struct buf text = BUF_INIT;

	if (p->is_error)
		buf_puts(&text, "Error: ");
	buf_put(&text, s, n);
	jput_open(b, '{');
	jput_kcstr(b, "type", "function_call_output");
	jput_kcstr(b, "call_id", p->id);
	jput_kstr(b, "output", buf_str(&text), text.n);
	jput_close(b, '}');
	buf_free(&text);
	free(s);
}

static void
put_part(struct encode *en, const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
		put_text_item(en->b, "assistant", p->text, p->n);
		break;
	case PART_REASONING:
		put_reasoning(en, p);
		break;
	case PART_CALL:
		put_call(en->b, p);
		break;
	case PART_RESULT:
		put_result(en->b, p);
		break;
	case PART_IMAGE:
	case PART_VIDEO:
		break;	/* only in user turns */
	}
}

static void
put_input(struct encode *en)
{
	const struct transcript *t = &en->t;

	jput_key(en->b, "input");
	jput_open(en->b, '[');
	if (t->system)
		put_text_item(en->b, "system", t->system, strlen(t->system));
	for (size_t i = 0; i < t->n_turns; i++) {
		const struct turn *turn = &t->turns[i];

		if (turn->role == TURN_USER) {
			put_user(en->b, turn);
			continue;
		}
		for (size_t k = 0; k < turn->n_parts; k++)
			put_part(en, &turn->parts[k]);
	}
	jput_close(en->b, ']');
}

static void
put_reasoning_config(struct encode *en)
{
	struct jtext effort = encode_param(en, "reasoning_effort");

	if (!encode_reasons(en->rq->target))
		return;
	encode_kraw(en->b, "include",
	    json_text("[\"reasoning.encrypted_content\"]"));
	jput_key(en->b, "reasoning");
	jput_open(en->b, '{');
	if (effort.p && !json_is(effort, 'n'))
		encode_kraw(en->b, "effort", effort);
	else
		jput_kcstr(en->b, "effort", "medium");
	jput_kcstr(en->b, "summary", "auto");
	jput_close(en->b, '}');
}

static void
put_tools(struct encode *en)
{
	struct jtext search = encode_param(en, "web_search");
	struct buf *b = en->b;

	/* A self-hosted server has no search of its own (sheet 1.2). */
	if (en->rq->target->provider == PROVIDER_SELF_HOSTED)
		search = JTEXT_NONE;
	if (!en->rq->n_tools && !json_is(search, '{'))
		return;
	jput_key(b, "tools");
	jput_open(b, '[');
	for (size_t i = 0; i < en->rq->n_tools; i++) {
		jput_open(b, '{');
		jput_kcstr(b, "type", "function");
		encode_tool(b, &en->rq->tools[i], "parameters");
		/* The default would make every optional parameter required. */
		jput_kbool(b, "strict", false);
		jput_close(b, '}');
	}
	if (json_is(search, '{'))
		encode_raw(b, search);
	jput_close(b, ']');
}

static int
put_format(struct encode *en)
{
	struct output_format f;

	if (!encode_format(en, &f))
		return 0;
	jput_key(en->b, "text");
	jput_open(en->b, '{');
	jput_key(en->b, "format");
	jput_open(en->b, '{');
	jput_kcstr(en->b, "type", "json_schema");
	if (encode_openai_format(en, &f) < 0)
		return -1;
	jput_close(en->b, '}');
	jput_close(en->b, '}');
	return 0;
}

int
encode_responses(struct encode *en)
{
	const struct model_request *rq = en->rq;

	jput_kcstr(en->b, "model", rq->target->wire_id);
	put_input(en);
	jput_ki64(en->b, "max_output_tokens", rq->max_tokens);
	jput_kbool(en->b, "stream", true);
	/* With the encrypted items the server needs no copy to look ids up in. */
	if (en->replayed)
		jput_kbool(en->b, "store", false);
	put_reasoning_config(en);
	if (!isnan(rq->temperature) && encode_takes_temperature(rq->target))
		jput_kf64(en->b, "temperature", rq->temperature);
	put_tools(en);
	/* The cloud answers 400 to these three (sheet 10, defect 4). */
	if (rq->target->provider != PROVIDER_OPENAI) {
		encode_copy(en, "seed", "seed");
		encode_copy(en, "frequency_penalty", "frequency_penalty");
		encode_copy(en, "presence_penalty", "presence_penalty");
	}
	return put_format(en);
}
