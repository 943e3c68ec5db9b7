#include <stdlib.h>

#include "model/transcript_impl.h"

enum wire
wire_of(const struct model_target *t)
{
	if (t->provider == PROVIDER_ANTHROPIC)
		return WIRE_ANTHROPIC;
	if (t->provider == PROVIDER_GEMINI)
		return WIRE_GEMINI;
	return t->chat_style ? WIRE_CHAT : WIRE_RESPONSES;
}

/* ---- assistant blocks ---- */

/*
 * The arguments as an object, which Anthropic and Gemini insist on.  Bad arguments
 * were stored as a string: show the model what it had written.
 */
static char *
object_args(struct jtext args)
{
	if (json_is(args, '{'))
		return xstrndup(args.p, args.n);
	if (!args.p || json_is(args, 'n'))
		return xstrdup("{}");
	return xasprintf("{\"invalid_arguments\":%.*s}", (int)args.n, args.p);
}

static void
add_call(struct turn *t, struct jtext call)
{
	struct part *p = transcript_part(&t->parts, &t->n_parts, PART_CALL);
	char *name = json_get_str(call, "name");

	p->id = json_get_str(call, "id");
	if (!p->id)
		p->id = xstrdup("");
	p->name = wire_name(name ? name : "");
	p->args = object_args(json_get(call, "args"));
	p->meta = json_get(call, "meta");
	free(name);
}

/* Does this provider take that reasoning back?  Only with what it gave to prove it. */
static bool
replayed(const struct reader *r, const struct part *p)
{
	static const struct {
		enum wire wire;
		const char *provider, *proof;
	} metas[] = {
		{ WIRE_ANTHROPIC, "anthropic", "signature" },
		{ WIRE_ANTHROPIC, "anthropic_redacted", "data" },
		{ WIRE_ANTHROPIC, "anthropic_compaction", "content" },
		{ WIRE_RESPONSES, "open_ai", "encrypted_content" },
	};

	for (size_t i = 0; i < COUNT(metas); i++)
		if (metas[i].wire == r->wire &&
		    part_meta_is(p, metas[i].provider) &&
		    json_is(json_get(p->meta, metas[i].proof), '"'))
			return r->wire != WIRE_RESPONSES || r->replay;
	return false;
}

static void
add_block(struct reader *r, struct turn *t, struct jtext block)
{
	struct jtext type = json_get(block, "block_type"),
	    data = json_get(block, "data");
	struct part p = { .meta = json_get(data, "meta") };
	bool signed_;

	if (json_str_is(type, "tool_use")) {
		add_call(t, data);
		return;
	}
	p.text = json_str(json_get(data, "text"), &p.n);
	if (!p.text)
		p.text = xstrdup("");
	if (json_str_is(type, "text")) {
		/* Gemini signs empty text, too (sheet 5.1). */
		signed_ = r->wire == WIRE_GEMINI && part_meta_is(&p, "gemini");
		p.kind = PART_TEXT;
		if (!signed_ && !transcript_sayable(r, p.text, p.n))
			goto skip;
	} else if (json_str_is(type, "reasoning")) {
		p.kind = PART_REASONING;
		if (!replayed(r, &p))
			goto skip;
	} else {
		goto skip;
	}
	*transcript_part(&t->parts, &t->n_parts, p.kind) = p;
	return;
skip:
	free(p.text);
}

/*
 * Reasoning at the end belongs to something that never came: Responses misses the
 * "required following item", Anthropic refuses thinking as the last block.
 */
static void
trim_reasoning(struct turn *t)
{
	while (t->n_parts) {
		const struct part *p = &t->parts[t->n_parts - 1];

		if (p->kind != PART_REASONING ||
		    part_meta_is(p, "anthropic_compaction"))
			return;
		transcript_drop(t, t->n_parts - 1);
	}
}

/* ---- messages ---- */

struct turn *
transcript_turn(struct transcript *t, enum turn_role role)
{
	t->turns = xrealloc(t->turns, (t->n_turns + 1) * sizeof *t->turns);
	t->turns[t->n_turns] = (struct turn){ .role = role };
	return &t->turns[t->n_turns++];
}

void
transcript_turn_free(struct turn *t)
{
	for (size_t i = 0; i < t->n_parts; i++)
		transcript_part_free(&t->parts[i]);
	free(t->parts);
}

static void
turn_drop_empty(struct transcript *t)
{
	if (t->n_turns && !t->turns[t->n_turns - 1].n_parts)
		transcript_turn_free(&t->turns[--t->n_turns]);
}

static void
read_system(struct reader *r, struct jtext m)
{
	size_t n;
	char *s = json_str(json_get(m, "content"), &n);

	if (s && n) {
		if (r->system.n)
			buf_puts(&r->system, "\n\n");
		buf_put(&r->system, s, n);
	}
	free(s);
}

/* Agent sheet 2.3. */
static void
read_notice(struct reader *r, struct jtext m)
{
	static const struct { const char *kind, *prefix; } notices[] = {
		{ "mcp_pending", "[SYSTEM NOTICE][MCP_PENDING]" },
		{ "background_job", "[SYSTEM NOTICE][BG_JOB]" },
		{ "tool_scope", "[SYSTEM NOTICE][TOOL_SCOPE]" },
		{ "tool_scope_warning", "[SYSTEM NOTICE][TOOL_SCOPE][WARNING]" },
	};
	const char *prefix = "[SYSTEM NOTICE]";
	struct turn *t = transcript_turn(r->t, TURN_USER);
	struct buf b = BUF_INIT;
	size_t n = 0;
	char *body = json_str(json_get(m, "body"), &n);

	for (size_t i = 0; i < COUNT(notices); i++)
		if (json_str_is(json_get(m, "kind"), notices[i].kind))
			prefix = notices[i].prefix;
	buf_printf(&b, "%s ", prefix);
	if (body)
		buf_put(&b, body, n);
	free(body);
	n = b.n;
	transcript_text(r, &t->parts, &t->n_parts, buf_steal(&b), n);
}

static void
read_user(struct reader *r, struct jtext m)
{
	struct turn *t = transcript_turn(r->t, TURN_USER);

	transcript_content(r, &t->parts, &t->n_parts, json_get(m, "content"));
}

static void
read_assistant(struct reader *r, struct jtext m)
{
	struct turn *t = transcript_turn(r->t, TURN_ASSISTANT);
	struct jiter it;

	for (it = json_iter(json_get(m, "blocks")); json_next(&it); )
		add_block(r, t, it.value);
	trim_reasoning(t);
}

/* The older flat form: text, then calls. */
static void
read_legacy(struct reader *r, struct jtext m)
{
	struct turn *t = transcript_turn(r->t, TURN_ASSISTANT);
	struct jiter it;

	transcript_content(r, &t->parts, &t->n_parts, json_get(m, "content"));
	for (it = json_iter(json_get(m, "tool_calls")); json_next(&it); )
		add_call(t, it.value);
}

static void
read_results(struct reader *r, struct jtext m)
{
	struct turn *t = transcript_turn(r->t, TURN_RESULTS);
	struct jiter it;

	for (it = json_iter(json_get(m, "results")); json_next(&it); ) {
		struct part *p = transcript_part(&t->parts, &t->n_parts,
		    PART_RESULT);

		p->id = json_get_str(it.value, "tool_use_id");
		if (!p->id)
			p->id = xstrdup("");
		p->is_error = json_get_bool(it.value, "is_error", false);
		transcript_content(r, &p->parts, &p->n_parts,
		    json_get(it.value, "content"));
	}
}

static void
read_message(struct reader *r, struct jtext m)
{
	static const struct {
		const char *role;
		void (*read)(struct reader *, struct jtext);
	} roles[] = {
		{ "user", read_user },
		{ "block_assistant", read_assistant },
		{ "tool_results", read_results },
		{ "system", read_system },
		{ "system_notice", read_notice },
		{ "assistant", read_legacy },
	};
	struct jtext role = json_get(m, "role");

	for (size_t i = 0; i < COUNT(roles); i++) {
		if (json_str_is(role, roles[i].role)) {
			roles[i].read(r, m);
			break;
		}
	}
	turn_drop_empty(r->t);
}

/* ---- the whole ---- */

/* Providers sheet 1.5: refused before any I/O, except in chat style, which projects. */
static int
check_results(const struct reader *r)
{
	static const char *const names[] = {
		[WIRE_ANTHROPIC] = "Anthropic", [WIRE_RESPONSES] = "OpenAI",
		[WIRE_GEMINI] = "Gemini",
	};
	struct jiter it, in;

	for (size_t i = 0; i < r->rq->n_messages && r->wire != WIRE_CHAT; i++)
		for (it = json_iter(json_get(r->rq->messages[i], "results"));
		    json_next(&it); ) {
			in = json_iter(json_get(it.value, "content"));
			while (json_next(&in))
				if (json_str_is(json_get(in.value, "type"),
				    "video"))
					return err_set(r->e, E_INVALID_PARAMS,
					    "video blocks are not supported in"
					    " %s tool results", names[r->wire]);
		}
	return 0;
}

/* The cloud encrypted it, so only the cloud can read it: off elsewhere unless asked for. */
static bool
wants_replay(const struct model_request *rq, int flags)
{
	return !(flags & TRANSCRIPT_NO_REPLAY) &&
	    json_get_bool(rq->params, "replay_reasoning",
	    rq->target->provider == PROVIDER_OPENAI);
}

int
transcript_read(struct transcript *t, const struct model_request *rq,
    int flags, struct err *e)
{
	struct reader r = { .rq = rq, .wire = wire_of(rq->target), .t = t,
	    .replay = wants_replay(rq, flags), .e = e };

	*t = (struct transcript){ 0 };
	if (check_results(&r) < 0)
		return -1;
	for (size_t i = 0; i < rq->n_messages; i++)
		read_message(&r, rq->messages[i]);
	transcript_repair(&r);
	if (rq->system_extra && *rq->system_extra)
		buf_printf(&r.system, "%s%s", r.system.n ? "\n\n" : "",
		    rq->system_extra);
	if (r.system.n)
		t->system = buf_steal(&r.system);
	if (t->n_turns)
		return 0;
	transcript_free(t);
	return err_set(e, E_INVALID_PARAMS,
	    "nothing to send: the transcript has no message for the model");
}

void
transcript_free(struct transcript *t)
{
	for (size_t i = 0; i < t->n_turns; i++)
		transcript_turn_free(&t->turns[i]);
	free(t->turns);
	free(t->system);
	*t = (struct transcript){ 0 };
}
