/*
 * What a hook answers (agent sheet 13.5).  Unknown keys are ignored; what is there
 * must be of its kind, because it goes into the transcript.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/hooks_impl.h"
#include "base/util.h"

/* The members of each kind of patch; kind 0 is any value, 'u' a count of 32 bits. */
static const struct {
	const char *type, *key;
	char kind;
	bool required;
} members[] = {
	{ "llm_request", "max_tokens", 'u', false },
	{ "llm_request", "temperature", '0', false },
	{ "llm_request", "provider_params", 0, false },
	{ "assistant_text", "text", '"', true },
	{ "tool_args", "args", 0, true },
	{ "tool_result", "content", '"', true },
	{ "tool_result", "is_error", 't', false },
	{ "run_result", "text", '"', true },
};

static bool
is_kind(struct jtext v, char kind)
{
	int64_t n;

	if (kind == 'u')
		return json_i64(v, &n) && n >= 0 && n <= UINT32_MAX;
	return v.p && (!kind || json_is(v, kind));
}

static int
check_patch(struct jtext patch, struct err *e)
{
	struct jtext type = json_get(patch, "patch_type");
	bool known = false;

	for (size_t i = 0; i < COUNT(members); i++) {
		struct jtext v = json_get(patch, members[i].key);

		if (!json_str_is(type, members[i].type))
			continue;
		known = true;
		if (!members[i].required && (!v.p || json_is(v, 'n')))
			continue;
		if (!is_kind(v, members[i].kind))
			return err_set(e, E_INVALID_PARAMS,
			    "patch %s: %s is missing or of the wrong kind",
			    members[i].type, members[i].key);
	}
	return known ? 0 : err_set(e, E_INVALID_PARAMS,
	    "patches: unknown patch_type");
}

static bool
known_reason(const char *s)
{
	static const char *const reasons[] = { "policy_violation",
		"safety_violation", "schema_violation", "timeout",
		"runtime_error" };

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (!strcmp(s, reasons[i]))
			return true;
	return false;
}

static int
read_deny(struct hook_answer *a, struct jtext d, struct err *e)
{
	a->decision = DENY;
	a->hook_id = json_get_str(d, "hook_id");
	a->reason_code = json_get_str(d, "reason_code");
	a->message = json_get_str(d, "message");
	a->payload = json_get(d, "payload");
	if (json_is(a->payload, 'n'))
		a->payload = JTEXT_NONE;
	if (!a->hook_id || !a->reason_code || !a->message)
		return err_set(e, E_INVALID_PARAMS, "decision: a deny wants "
		    "the strings hook_id, reason_code and message");
	if (!known_reason(a->reason_code))
		return err_set(e, E_INVALID_PARAMS,
		    "decision: unknown reason_code %s", a->reason_code);
	return 0;
}

static int
read_decision(struct hook_answer *a, struct jtext d, struct err *e)
{
	struct jtext word = json_get(d, "decision");

	if (!d.p || json_is(d, 'n'))
		return 0;
	if (json_str_is(word, "deny"))
		return read_deny(a, d, e);
	if (!json_str_is(word, "allow"))
		return err_set(e, E_INVALID_PARAMS,
		    "decision: want {\"decision\":\"allow\"} or a deny");
	a->decision = ALLOW;
	return 0;
}

int
hook_answer_parse(struct hook_answer *a, struct jtext text, struct err *e)
{
	struct jtext v;
	struct jiter it;

	*a = (struct hook_answer){ .decision = NO_OPINION };
	if (json_parse(text.p, text.n, &v, e) < 0)
		return -1;
	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS, "want an object");
	if (read_decision(a, json_get(v, "decision"), e) < 0)
		return -1;
	a->patches = json_get(v, "patches");
	if (a->patches.p && !json_is(a->patches, '[') &&
	    !json_is(a->patches, 'n'))
		return err_set(e, E_INVALID_PARAMS, "patches: want an array");
	for (it = json_iter(a->patches); json_next(&it); )
		if (check_patch(it.value, e) < 0)
			return -1;
	return 0;
}

char *
hook_answer_of(struct hook_answer *a, const struct hook *hook,
    const struct hook_result *r)
{
	struct err why = ERR_NONE;

	if (r->error)
		return xstrdup(r->error);
	if (hook_answer_parse(a, json_slice(buf_str(&r->answer), r->answer.n),
	    &why) < 0)
		return xasprintf("invalid %s hook response: %s",
		    hook->runtime == RUNTIME_HTTP ? "HTTP" : "command",
		    why.text);
	return NULL;
}

void
hook_answer_free(struct hook_answer *a)
{
	free(a->hook_id);
	free(a->reason_code);
	free(a->message);
}
