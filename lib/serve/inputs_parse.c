#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "serve/inputs_impl.h"

/* The contract's Input: agent sheet section 17.1. */

/* What a member must be. */
enum kind { TEXT, ID, FLAG, WHOLE, OBJECT, BLOCKS, TEXTS, MODE, ANY };

struct member {
	const char *path;
	enum kind kind;
	bool needed;
};

static const struct member header[] = {
	{ "header/id", ID, true },
	{ "header/timestamp", TEXT, true },
	{ "header/source", OBJECT, true },
	{ "header/source/type", TEXT, true },
	{ "header/durability", TEXT, true },
	{ "header/visibility", OBJECT, true },
	{ "header/visibility/transcript_eligible", FLAG, true },
	{ "header/visibility/operator_eligible", FLAG, true },
	{ "header/idempotency_key", TEXT, false },
	{ "header/supersession_key", TEXT, false },
	{ "header/correlation_id", TEXT, false },
	{ NULL, ANY, false }
};

#define TURN_METADATA \
	{ "blocks", BLOCKS, false }, \
	{ "turn_metadata", OBJECT, false }, \
	{ "turn_metadata/handling_mode", MODE, false }, \
	{ "turn_metadata/additional_instructions", TEXTS, false }, \
	{ "turn_metadata/render_metadata", OBJECT, false }

static const struct member prompt[] = {
	{ "text", TEXT, true }, TURN_METADATA, { NULL, ANY, false }
};
static const struct member peer[] = {
	{ "body", TEXT, true }, { "convention", OBJECT, false },
	{ "blocks", BLOCKS, false }, { "handling_mode", MODE, false },
	{ NULL, ANY, false }
};
static const struct member flow_step[] = {
	{ "step_id", TEXT, true }, { "instructions", TEXT, true },
	TURN_METADATA, { NULL, ANY, false }
};
static const struct member external_event[] = {
	{ "event_type", TEXT, true }, { "payload", ANY, true },
	{ "blocks", BLOCKS, false }, { "handling_mode", MODE, false },
	{ "render_metadata", OBJECT, false }, { NULL, ANY, false }
};
static const struct member continuation[] = {
	{ "reason", TEXT, true }, { "handling_mode", MODE, false },
	{ "request_id", TEXT, false }, { NULL, ANY, false }
};
static const struct member operation[] = {
	{ "operation_id", TEXT, true }, { "event", ANY, true },
	{ NULL, ANY, false }
};

static const struct type {
	const char *name, *alias;
	const struct member *members;
} types[] = {
	{ "prompt", NULL, prompt },
	{ "peer", NULL, peer },
	{ "flow_step", NULL, flow_step },
	{ "external_event", NULL, external_event },
	{ "continuation", "system_generated", continuation },
	{ "operation", "projected", operation },
};

static const struct member from_peer[] = {
	{ "header/source/peer_id", TEXT, true },
	{ "header/source/runtime_id", TEXT, false }, { NULL, ANY, false }
};
static const struct member from_flow[] = {
	{ "header/source/flow_id", TEXT, true },
	{ "header/source/step_index", WHOLE, true }, { NULL, ANY, false }
};
static const struct member from_outside[] = {
	{ "header/source/source_name", TEXT, true }, { NULL, ANY, false }
};

/* Who says it; the member that names him. */
static const struct origin {
	const char *type;
	const struct member *members;
	const char *name;
} origins[] = {
	{ "operator", NULL, NULL },
	{ "peer", from_peer, "header/source/peer_id" },
	{ "flow", from_flow, "header/source/flow_id" },
	{ "system", NULL, NULL },
	{ "external", from_outside, "header/source/source_name" },
};

static const struct member request[] = {
	{ "convention/request_id", TEXT, true },
	{ "convention/intent", TEXT, true }, { NULL, ANY, false }
};
static const struct member progress[] = {
	{ "convention/request_id", TEXT, true },
	{ "convention/phase", TEXT, true }, { NULL, ANY, false }
};
static const struct member terminal[] = {
	{ "convention/request_id", TEXT, true },
	{ "convention/status", TEXT, true }, { NULL, ANY, false }
};

static const struct convention {
	const char *type;
	const struct member *members;
	const char *path;		/* that has one of the words; NULL: none */
	const char *words[4];
} conventions[] = {
	{ "message", NULL, NULL, { NULL } },
	{ "request", request, NULL, { NULL } },
	{ "response_progress", progress, "convention/phase",
	    { "accepted", "in_progress", "partial_result", NULL } },
	{ "response_terminal", terminal, "convention/status",
	    { "completed", "failed", "cancelled", NULL } },
};

/* ---- one member ---- */

static struct jtext
at(struct jtext v, const char *path)
{
	struct jtext m = json_path(v, path);

	return json_is(m, 'n') ? JTEXT_NONE : m;
}

static int
want(const char *path, const char *what, struct err *e)
{
	return err_set(e, E_INVALID_PARAMS, "Invalid params: /input/%s: want %s",
	    path, what);
}

static bool
is_text(struct jtext v)
{
	char *s = json_cstr(v);
	bool yes = s != NULL;

	free(s);
	return yes;
}

static bool
is_id(struct jtext v)
{
	char *s = json_cstr(v);
	bool yes = s && uuid_valid(s);

	free(s);
	return yes;
}

static bool
all(struct jtext list, bool (*good)(struct jtext v))
{
	struct jiter it = json_iter(list);

	if (!json_is(list, '['))
		return false;
	while (json_next(&it))
		if (!good(it.value))
			return false;
	return true;
}

static bool
is_block(struct jtext v)
{
	struct jtext text = json_get(v, "text");

	if (!json_is(v, '{') || !json_is(json_get(v, "type"), '"'))
		return false;
	return !json_str_is(json_get(v, "type"), "text") || json_is(text, '"');
}

static bool
is_string(struct jtext v)
{
	return json_is(v, '"');
}

static int
check_member(struct jtext v, const struct member *m, struct err *e)
{
	/* Any JSON may be a payload, null included. */
	struct jtext x = m->kind == ANY ? json_path(v, m->path) : at(v, m->path);
	int64_t n;

	if (!x.p)
		return m->needed ? err_set(e, E_INVALID_PARAMS, "Invalid params: "
		    "missing field `/input/%s`", m->path) : 0;
	switch (m->kind) {
	case ID: return is_id(x) ? 0 : want(m->path, "a UUID", e);
	case TEXT: return is_text(x) ? 0 :
		    want(m->path, "a string without NUL", e);
	case FLAG: return json_is(x, 't') ? 0 :
		    want(m->path, "true or false", e);
	case WHOLE: return json_i64(x, &n) && n >= 0 ? 0 :
		    want(m->path, "a whole number from 0 on", e);
	case OBJECT: return json_is(x, '{') ? 0 :
		    want(m->path, "an object", e);
	case BLOCKS: return all(x, is_block) ? 0 :
		    want(m->path, "an array of content blocks", e);
	case TEXTS: return all(x, is_string) ? 0 :
		    want(m->path, "an array of strings", e);
	case MODE: return json_str_is(x, "queue") || json_str_is(x, "steer") ?
		    0 : want(m->path, "queue or steer", e);
	case ANY: break;
	}
	return 0;
}

static int
check_members(struct jtext v, const struct member *m, struct err *e)
{
	for (; m && m->path; m++)
		if (check_member(v, m, e) < 0)
			return -1;
	return 0;
}

/* ---- its parts ---- */

static const struct type *
type_of(struct jtext v)
{
	struct jtext name = json_get(v, "input_type");

	for (size_t i = 0; i < COUNT(types); i++)
		if (json_str_is(name, types[i].name) ||
		    (types[i].alias && json_str_is(name, types[i].alias)))
			return &types[i];
	return NULL;
}

static const struct origin *
origin_of(struct jtext v)
{
	for (size_t i = 0; i < COUNT(origins); i++)
		if (json_str_is(json_path(v, "header/source/type"),
		    origins[i].type))
			return &origins[i];
	return NULL;
}

static int
check_convention(struct jtext v, struct err *e)
{
	struct jtext type = json_path(v, "convention/convention_type");
	const struct convention *c = conventions;
	const char *const *w;

	if (!at(v, "convention").p)
		return 0;
	while (c < conventions + COUNT(conventions) &&
	    !json_str_is(type, c->type))
		c++;
	if (c == conventions + COUNT(conventions))
		return want("convention/convention_type", "message, request, "
		    "response_progress or response_terminal", e);
	if (check_members(v, c->members, e) < 0)
		return -1;
	for (w = c->words; *w && !json_str_is(json_path(v, c->path), *w); w++)
		;
	return *w || !c->path ? 0 : want(c->path, "a word of the contract", e);
}

/* Refuse what would be left out in silence. */
static int
refuse_later(struct jtext v, struct err *e)
{
	static const char *const later[] = { "model", "provider",
		"provider_params", "skill_references", "flow_tool_overlay" };
	struct jtext meta = json_get(v, "turn_metadata");

	for (size_t i = 0; i < COUNT(later); i++) {
		struct jtext m = at(meta, later[i]);

		if (m.p && (json_is(m, '"') || json_count(m)))
			return err_set(e, E_CAPABILITY_UNAVAILABLE,
			    "turn_metadata.%s: not for queued input; "
			    "turn/start takes it", later[i]);
	}
	return 0;
}

int
input_check(struct jtext v, struct err *e)
{
	static const char *const durable[] = { "durable", "ephemeral",
		"derived" };
	const struct type *t = type_of(v);
	const struct origin *o;
	size_t i = 0;

	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /input: want an object");
	if (!t)
		return want("input_type", "prompt, peer, flow_step, "
		    "external_event, continuation or operation", e);
	if (check_members(v, header, e) < 0)
		return -1;
	if (!(o = origin_of(v)))
		return want("header/source/type",
		    "operator, peer, flow, system or external", e);
	while (i < COUNT(durable) &&
	    !json_str_is(json_path(v, "header/durability"), durable[i]))
		i++;
	if (i == COUNT(durable))
		return want("header/durability",
		    "durable, ephemeral or derived", e);
	if (check_members(v, o->members, e) < 0 ||
	    check_members(v, t->members, e) < 0 ||
	    (t->members == peer && check_convention(v, e) < 0))
		return -1;
	return refuse_later(v, e);
}

/* ---- its row ---- */

/* A name of who says it that is not blank. */
static char *
source_of(struct jtext v)
{
	const struct origin *o = origin_of(v);
	char *s = o->name ? json_cstr(json_path(v, o->name)) :
	    xstrdup(o->type);

	if (s && s[strspn(s, " \t\r\n")])
		return s;
	free(s);
	s = json_get_str(v, "event_type");
	return s ? s : xstrdup(o->type);
}

bool
input_is_progress(const struct input *in)
{
	return in->given && !strcmp(in->kind, "peer") &&
	    json_str_is(json_path(json_text(in->body),
	    "convention/convention_type"), "response_progress");
}

static bool
is_steer(struct jtext v, const struct input *in)
{
	return input_is_progress(in) ||
	    json_str_is(json_get(v, "handling_mode"), "steer") ||
	    json_str_is(json_path(v, "turn_metadata/handling_mode"), "steer");
}

void
input_take(struct jtext v, const char *session, struct input *in)
{
	char *id = json_cstr(json_path(v, "header/id"));

	*in = (struct input){ .session = xstrdup(session), .given = true };
	for (size_t i = 0; i < UUID_LEN; i++)
		in->id[i] = (char)tolower((unsigned char)id[i]);
	in->kind = xstrdup(type_of(v)->name);
	in->source = source_of(v);
	in->body = xstrndup(v.p, v.n);
	in->idem = json_cstr(json_path(v, "header/idempotency_key"));
	in->mode = xstrdup(is_steer(v, in) ? "steer" : "queue");
	if (input_is_progress(in))
		in->merge = json_cstr(json_path(v, "header/supersession_key"));
	free(id);
}
