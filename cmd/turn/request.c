#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "tool/defs.h"
#include "turn/request.h"

/* A member of a request, what it must be, and where it goes. */
struct field {
	const char *name;
	enum { TEXT, NUMBER, SWITCH, OBJECT, ARRAY, ANY, CONTENT, INTENT,
	    TOOLS } kind;
	size_t at;		/* offset in struct request */
};

#define FIELD(n, k, m) { n, k, offsetof(struct request, m) }
#define RUN_FIELD(n, k, m) FIELD(n, k, run.m)
static const struct field run_fields[] = {
	RUN_FIELD("prompt", CONTENT, prompt),
	RUN_FIELD("additional_instructions", ARRAY, additional_instructions),
	RUN_FIELD("allow_tools", ARRAY, allow_tools),
	RUN_FIELD("block_tools", ARRAY, block_tools),
	RUN_FIELD("render_metadata", OBJECT, render_metadata),
	RUN_FIELD("model", TEXT, model),
	RUN_FIELD("provider", TEXT, provider),
	RUN_FIELD("system_prompt", TEXT, system_prompt),
	RUN_FIELD("provider_params", OBJECT, provider_params),
	RUN_FIELD("budget", OBJECT, budget),
	RUN_FIELD("output_schema", OBJECT, output_schema),
	RUN_FIELD("hooks_override", OBJECT, hooks_override),
	RUN_FIELD("max_tokens", ANY, max_tokens),
	RUN_FIELD("structured_output_retries", ANY, structured_output_retries),
	RUN_FIELD("drain", SWITCH, drain),
	RUN_FIELD("max_runs", NUMBER, max_runs),
	RUN_FIELD("idempotency_key", TEXT, idem),
	FIELD("tools", TOOLS, tools),
};

#define NEW_FIELD(n, k, m) FIELD(n, k, create.m)
static const struct field create_fields[] = {
	NEW_FIELD("model", TEXT, model),
	NEW_FIELD("provider", TEXT, provider),
	NEW_FIELD("system_prompt", TEXT, system_prompt),
	NEW_FIELD("max_tokens", NUMBER, max_tokens),
	NEW_FIELD("provider_params", OBJECT, provider_params),
	NEW_FIELD("output_schema", OBJECT, output_schema),
	NEW_FIELD("structured_output_retries", NUMBER,
	    structured_output_retries),
	NEW_FIELD("budget", OBJECT, budget),
	NEW_FIELD("enable_builtins", INTENT, builtins),
	NEW_FIELD("enable_shell", INTENT, shell),
	NEW_FIELD("enable_memory", INTENT, memory),
	NEW_FIELD("enable_mob", INTENT, mob),
	NEW_FIELD("sandbox", TEXT, sandbox),
	NEW_FIELD("network", INTENT, network),
	NEW_FIELD("labels", OBJECT, labels),
	NEW_FIELD("additional_instructions", ARRAY, additional_instructions),
	NEW_FIELD("app_context", ANY, app_context),
	NEW_FIELD("shell_env", OBJECT, shell_env),
	NEW_FIELD("hooks_override", OBJECT, hooks_override),
	NEW_FIELD("call_timeout", TEXT, call_timeout),
	NEW_FIELD("external_tools", TOOLS, external_tools),
	NEW_FIELD("enable_comms", INTENT, comms),
	NEW_FIELD("comms_name", TEXT, comms_name),
	NEW_FIELD("peer_meta", OBJECT, peer_meta),
	NEW_FIELD("keep_alive", SWITCH, keep_alive),
	NEW_FIELD("silent_comms_intents", ARRAY, silent_comms_intents),
};

static const struct field tools_fields[] = {
	FIELD("run", ANY, of),
	FIELD("tools", TOOLS, tools),
};

static const struct field result_fields[] = {
	FIELD("tool_use_id", TEXT, tool_use_id),
	FIELD("content", CONTENT, content),
	FIELD("is_error", SWITCH, is_error),
};

static const struct op_info {
	const char *name;
	enum op op;
	bool session;		/* has a member "session" */
	bool needs_session;
	const struct field *fields;
	size_t n_fields;
} ops[] = {
	{ "run", OP_RUN, true, true, run_fields, COUNT(run_fields) },
	{ "create", OP_CREATE, false, false, create_fields,
	    COUNT(create_fields) },
	{ "interrupt", OP_INTERRUPT, true, false, NULL, 0 },
	{ "ping", OP_PING, false, false, NULL, 0 },
	{ "exit", OP_EXIT, false, false, NULL, 0 },
	{ "tools", OP_TOOLS, false, false, tools_fields, COUNT(tools_fields) },
	{ "tool_result", OP_TOOL_RESULT, false, false, result_fields,
	    COUNT(result_fields) },
};

static char *
keep(struct request *r, char *s)
{
	r->strings = xrealloc(r->strings,
	    (r->n_strings + 1) * sizeof *r->strings);
	return r->strings[r->n_strings++] = s;
}

/* A string without NUL bytes; NULL if it is something else. */
static char *
text_of(struct request *r, struct jtext v)
{
	char *s = json_cstr(v);

	return s ? keep(r, s) : NULL;
}

static bool
is_content(struct jtext v)
{
	return json_is(v, '"') || json_is(v, '[');
}

static int
want(const char *name, const char *what, struct err *e)
{
	return err_set(e, E_INVALID_PARAMS, "/%s: want %s", name, what);
}

static int
set_field(struct request *r, const struct field *f, struct jtext v,
    struct err *e)
{
	void *to = (char *)r + f->at;
	const char *s;
	bool on;

	switch (f->kind) {
	case TEXT:
		if (!(s = text_of(r, v)))
			return want(f->name, "a string", e);
		memcpy(to, &s, sizeof s);
		return 0;
	case NUMBER:
		return json_i64(v, to) ? 0 : want(f->name, "a whole number", e);
	case SWITCH:
		return json_bool(v, to) ? 0 : want(f->name, "true or false", e);
	case INTENT:
		if (!json_bool(v, &on))
			return want(f->name, "true or false", e);
		*(int *)to = on;
		return 0;
	case OBJECT:
		if (!json_is(v, '{'))
			return want(f->name, "an object", e);
		break;
	case ARRAY:
		if (!json_is(v, '['))
			return want(f->name, "an array", e);
		break;
	case CONTENT:
		if (!is_content(v))
			return want(f->name, "a string or an array of blocks",
			    e);
		break;
	case TOOLS:
		if (tool_defs_check(v, f->name, e) < 0)
			return -1;
		break;
	case ANY:
		break;
	}
	memcpy(to, &v, sizeof v);
	return 0;
}

static const struct op_info *
find_op(struct jtext line)
{
	struct jtext op = json_get(line, "op");

	for (size_t i = 0; i < COUNT(ops); i++)
		if (json_str_is(op, ops[i].name))
			return &ops[i];
	return NULL;
}

static int
set_member(struct request *r, const struct op_info *op, const char *key,
    struct jtext v, struct err *e)
{
	if (!strcmp(key, "id") || !strcmp(key, "op"))
		return 0;
	if (op->session && !strcmp(key, "session"))
		return (r->session = text_of(r, v)) ? 0 :
		    want("session", "a string", e);
	for (size_t i = 0; i < op->n_fields; i++)
		if (!strcmp(key, op->fields[i].name))
			/* null is "not given", as everywhere in the contract */
			return json_is(v, 'n') ? 0 :
			    set_field(r, &op->fields[i], v, e);
	return err_set(e, E_INVALID_PARAMS, "/%.80s: no such member of %s", key,
	    op->name);
}

int
request_parse(struct jtext line, struct request *r, struct err *e)
{
	static const struct session_spec fresh = SESSION_SPEC_INIT;
	const struct op_info *op;
	struct jiter it;

	*r = (struct request){ .create = fresh };
	if (json_parse(line.p, line.n, &line, e) < 0)
		return -1;
	if (!json_is(line, '{'))
		return err_set(e, E_INVALID_PARAMS, "a request is an object");
	r->id = json_get(line, "id");
	if (json_is(r->id, '{') || json_is(r->id, '['))
		return want("id", "a string or a number", e);
	if (!(op = find_op(line)))
		return want("op", "run, create, interrupt, ping, exit, "
		    "tools or tool_result", e);
	r->op = op->op;
	for (it = json_iter(line); json_next(&it); ) {
		char *key = json_str(it.key, NULL);
		int rc = set_member(r, op, key ? key : "", it.value, e);

		free(key);
		if (rc < 0)
			return -1;
	}
	if (op->needs_session && !r->session)
		return want("session", "a session id", e);
	if (r->op == OP_TOOLS && !r->of.p)
		return want("run", "the id of a run", e);
	if (r->op == OP_TOOL_RESULT && !r->tool_use_id)
		return want("tool_use_id", "a string", e);
	return 0;
}

void
request_free(struct request *r)
{
	for (size_t i = 0; i < r->n_strings; i++)
		free(r->strings[i]);
	free(r->strings);
	r->strings = NULL;
	r->n_strings = 0;
}
