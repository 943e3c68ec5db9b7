#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jput.h"
#include "model/encode.h"
#include "model/lower.h"

/* Gemini streamGenerateContent: providers sheet 5. */

/* The vendor's escape for calls that another provider made (sheet 5.1). */
#define SKIP_SIGNATURE "skip_thought_signature_validator"

static void
put_text_part(struct buf *b, const char *p, size_t n)
{
	jput_open(b, '{');
	jput_kstr(b, "text", p, n);
	jput_close(b, '}');
}

static void
put_inline(struct buf *b, const struct part *p)
{
	jput_open(b, '{');
	jput_key(b, "inlineData");
	jput_open(b, '{');
	jput_kcstr(b, "mimeType", p->media);
	jput_kstr(b, "data", p->text, p->n);
	jput_close(b, '}');
	jput_close(b, '}');
}

static void
put_user(struct buf *b, const struct turn *t)
{
	bool media = parts_have(t->parts, t->n_parts, PART_IMAGE) ||
	    parts_have(t->parts, t->n_parts, PART_VIDEO);
	size_t n;
	char *s;

	if (!media) {
		s = parts_text(t->parts, t->n_parts, &n);
		put_text_part(b, s, n);
		free(s);
		return;
	}
	for (size_t i = 0; i < t->n_parts; i++) {
		if (t->parts[i].kind == PART_TEXT)
			put_text_part(b, t->parts[i].text, t->parts[i].n);
		else
			put_inline(b, &t->parts[i]);
	}
}

/* The signature is the call's sibling, never inside it. */
static void
put_signature(struct buf *b, const struct part *p, bool need)
{
	struct jtext s = json_get(p->meta, "thoughtSignature");

	if (part_meta_is(p, "gemini") && json_is(s, '"'))
		jput_kraw(b, "thoughtSignature", s.p, s.n);
	else if (need)
		jput_kcstr(b, "thoughtSignature", SKIP_SIGNATURE);
}

static void
put_model(struct encode *en, const struct turn *t)
{
	const char *id = en->rq->target->wire_id;
	bool need = !strncasecmp(id, "gemini-3", 8) ||
	    !strncasecmp(id, "models/gemini-3", 15);
	struct buf *b = en->b;

	for (size_t i = 0; i < t->n_parts; i++) {
		const struct part *p = &t->parts[i];

		jput_open(b, '{');
		if (p->kind == PART_TEXT) {
			jput_kstr(b, "text", p->text, p->n);
			put_signature(b, p, false);
		} else {
			jput_key(b, "functionCall");
			jput_open(b, '{');
			jput_kcstr(b, "name", p->name);
			encode_kraw(b, "args", json_text(p->args));
			jput_close(b, '}');
			put_signature(b, p, need);
			need = false;	/* the first of a step carries it */
		}
		jput_close(b, '}');
	}
}

static void
put_results(struct buf *b, const struct turn *t)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct part *r = &t->parts[i];

		jput_open(b, '{');
		jput_key(b, "functionResponse");
		jput_open(b, '{');
		jput_kcstr(b, "name", r->name);
		jput_key(b, "response");
		jput_open(b, '{');
		encode_ktext(b, "content", r->parts, r->n_parts);
		jput_kbool(b, "error", r->is_error);
		jput_close(b, '}');
		jput_close(b, '}');
		jput_close(b, '}');
	}
	/* Pictures behind all responses: nothing may stand between those. */
	for (size_t i = 0; i < t->n_parts; i++)
		for (size_t k = 0; k < t->parts[i].n_parts; k++)
			if (t->parts[i].parts[k].kind == PART_IMAGE)
				put_inline(b, &t->parts[i].parts[k]);
}

static void
put_contents(struct encode *en)
{
	struct buf *b = en->b;

	jput_key(b, "contents");
	jput_open(b, '[');
	for (size_t i = 0; i < en->t.n_turns; i++) {
		const struct turn *t = &en->t.turns[i];

		jput_open(b, '{');
		jput_kcstr(b, "role",
		    t->role == TURN_ASSISTANT ? "model" : "user");
		jput_key(b, "parts");
		jput_open(b, '[');
		if (t->role == TURN_USER)
			put_user(b, t);
		else if (t->role == TURN_ASSISTANT)
			put_model(en, t);
		else
			put_results(b, t);
		jput_close(b, ']');
		jput_close(b, '}');
	}
	jput_close(b, ']');
}

static void
put_thinking(struct encode *en)
{
	static const struct { const char *param, *key; } names[] = {
		{ "include_thoughts", "includeThoughts" },
		{ "thinking_level", "thinkingLevel" },
	};
	struct jtext flat = encode_param(en, "thinking_budget"),
	    thinking = encode_param(en, "thinking"), v;
	struct buf b = BUF_INIT;

	v = flat.p ? flat : json_get(thinking, "thinking_budget");
	jput_open(&b, '{');
	if (v.p && !json_is(v, 'n'))
		encode_kraw(&b, "thinkingBudget", v);
	for (size_t i = 0; i < COUNT(names); i++) {
		v = json_get(thinking, names[i].param);
		if (v.p && !json_is(v, 'n'))
			encode_kraw(&b, names[i].key, v);
	}
	if (b.n > 1) {
		jput_close(&b, '}');
		jput_kraw(en->b, "thinkingConfig", b.p, b.n);
	}
	buf_free(&b);
}

static void
put_generation(struct encode *en)
{
	struct output_format f;
	struct buf *b = en->b;

	jput_key(b, "generationConfig");
	jput_open(b, '{');
	jput_ki64(b, "maxOutputTokens", en->rq->max_tokens);
	if (!isnan(en->rq->temperature) &&
	    encode_takes_temperature(en->rq->target))
		jput_kf64(b, "temperature", en->rq->temperature);
	encode_copy(en, "top_k", "topK");
	encode_copy(en, "top_p", "topP");
	put_thinking(en);
	if (encode_format(en, &f)) {
		jput_kcstr(b, "responseMimeType", "application/json");
		encode_kraw(b, "responseJsonSchema", f.schema);
	}
	jput_close(b, '}');
}

static int
put_function(struct encode *en, const struct tool_def *t)
{
	struct buf schema = BUF_INIT;
	struct jtext props;
	char *name = wire_name(t->name);
	int rc = 0;

	jput_open(en->b, '{');
	jput_kcstr(en->b, "name", name);
	jput_kcstr(en->b, "description", t->description ? t->description : "");
	if (json_is(t->schema, '{')) {
		rc = lower_parameters(t->schema, &schema, en->e);
		if (rc < 0)
			err_wrap(en->e, "tool %s", t->name);
	}
	/* An object without properties is refused: then there are no parameters. */
	props = json_get(json_slice(schema.p, schema.n), "properties");
	if (rc == 0 && json_count(props))
		encode_schema(en->b, "parameters",
		    json_slice(schema.p, schema.n));
	jput_close(en->b, '}');
	buf_free(&schema);
	free(name);
	return rc;
}

static int
put_tools(struct encode *en)
{
	struct jtext search = encode_param(en, "google_search");
	const struct model_request *rq = en->rq;
	struct buf *b = en->b;

	if (!rq->n_tools && !json_is(search, '{'))
		return 0;
	jput_key(b, "tools");
	jput_open(b, '[');
	jput_open(b, '{');
	if (!rq->n_tools) {
		encode_kraw(b, "google_search", search);
	} else {
		/* The API refuses search beside functions (sheet 10, defect 8). */
		jput_key(b, "functionDeclarations");
		jput_open(b, '[');
		for (size_t i = 0; i < rq->n_tools; i++)
			if (put_function(en, &rq->tools[i]) < 0)
				return -1;
		jput_close(b, ']');
	}
	jput_close(b, '}');
	jput_close(b, ']');
	return 0;
}

int
encode_gemini(struct encode *en)
{
	struct buf *b = en->b;

	if (en->t.system) {
		jput_key(b, "systemInstruction");
		jput_open(b, '{');
		jput_key(b, "parts");
		jput_open(b, '[');
		put_text_part(b, en->t.system, strlen(en->t.system));
		jput_close(b, ']');
		jput_close(b, '}');
	}
	put_contents(en);
	put_generation(en);
	return put_tools(en);
}
