#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/budget.h"
#include "agent/hooks.h"
#include "agent/output.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/config.h"
#include "store/db.h"

/*
 * A session's row from what was asked for.  Stored are intents, not results: a session
 * that says "inherit" follows the configuration of the day (agent sheet 3.1, 3.2).
 */

static const char *
intent(int v)
{
	return v < 0 ? "inherit" : v ? "enable" : "disable";
}

static void
put_raw(struct buf *b, const char *key, struct jtext v)
{
	if (v.p)
		jput_kraw(b, key, v.p, v.n);
}

/* ---- checks: what is wrong, by name, before anything exists ---- */

static int
want_kind(struct jtext v, char kind, const char *name, const char *what,
    struct err *e)
{
	if (v.p && !json_is(v, kind))
		return err_set(e, E_INVALID_PARAMS, "%s: want %s", name, what);
	return 0;
}

/* An object or array whose values are all strings. */
static int
want_strings(struct jtext v, char kind, const char *name, struct err *e)
{
	struct jiter it;

	if (want_kind(v, kind, name, kind == '{' ? "an object of strings" :
	    "an array of strings", e) < 0)
		return -1;
	if (!v.p)
		return 0;
	for (it = json_iter(v); json_next(&it); )
		if (!json_is(it.value, '"'))
			return err_set(e, E_INVALID_PARAMS,
			    "%s: %.*s is not a string", name,
			    (int)(it.value.n > 40 ? 40 : it.value.n),
			    it.value.p);
	return 0;
}

static int
check_sandbox(const char *s, struct err *e)
{
	static const char *const modes[] = { "off", "workspace", "strict" };

	for (size_t i = 0; s && i < COUNT(modes); i++)
		if (!strcmp(s, modes[i]))
			return 0;
	return s ? err_set(e, E_INVALID_PARAMS,
	    "sandbox: '%s' is not one of off, workspace, strict", s) : 0;
}

static int
check_tools(struct jtext list, struct err *e)
{
	static const char name[] = "external_tools";

	if (!list.p)
		return 0;
	return tool_defs_check(list, name, e) < 0 ? -1 :
	    tool_defs_fit(list, name, e);
}

static int
check(const struct session_spec *spec, struct err *e)
{
	int64_t ms;

	if (want_strings(spec->labels, '{', "labels", e) < 0 ||
	    want_strings(spec->shell_env, '{', "shell_env", e) < 0 ||
	    want_strings(spec->additional_instructions, '[',
	    "additional_instructions", e) < 0 ||
	    want_strings(spec->silent_comms_intents, '[',
	    "silent_comms_intents", e) < 0 ||
	    want_kind(spec->provider_params, '{', "provider_params",
	    "an object", e) < 0 ||
	    want_kind(spec->hooks_override, '{', "hooks_override",
	    "an object", e) < 0 ||
	    want_kind(spec->peer_meta, '{', "peer_meta", "an object", e) < 0 ||
	    check_tools(spec->external_tools, e) < 0 ||
	    check_sandbox(spec->sandbox, e) < 0)
		return -1;
	if (spec->call_timeout &&
	    settings_call_timeout(spec->call_timeout, &ms, e) < 0)
		return -1;
	if (spec->max_tokens < 0 || spec->max_tokens > UINT32_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "max_tokens: want 1 to %u", UINT32_MAX);
	if (spec->keep_alive && !spec->comms_name)
		return err_set(e, E_INVALID_PARAMS,
		    "keep_alive requires a session created with comms_name");
	return 0;
}

/* ---- the two JSON columns ---- */

static void
put_tooling(struct buf *b, const struct session_spec *spec)
{
	jput_key(b, "tooling");
	jput_open(b, '{');
	jput_kcstr(b, "builtins", intent(spec->builtins));
	jput_kcstr(b, "shell", intent(spec->shell));
	jput_kcstr(b, "comms", intent(spec->comms));
	jput_kcstr(b, "mob", intent(spec->mob));
	jput_kcstr(b, "memory", intent(spec->memory));
	jput_close(b, '}');
}

static void
put_meta(struct buf *b, const struct session_spec *spec,
    const struct model_target *t, const struct config *c,
    const struct realm *r)
{
	jput_open(b, '{');
	jput_kcstr(b, "model", t->id);
	jput_ki64(b, "max_tokens", spec->max_tokens ? spec->max_tokens :
	    settings_max_tokens(c));
	jput_ki64(b, "structured_output_retries",
	    spec->structured_output_retries >= 0 ?
	    spec->structured_output_retries :
	    config_i64(c, "agent/structured_output_retries", 2));
	jput_kcstr(b, "provider", provider_stored(t->provider));
	if (t->server_id)
		jput_kcstr(b, "self_hosted_server_id", t->server_id);
	put_raw(b, "provider_params", spec->provider_params);
	put_tooling(b, spec);
	jput_kbool(b, "keep_alive", spec->keep_alive);
	jput_kcstr(b, "comms_name", spec->comms_name);
	put_raw(b, "peer_meta", spec->peer_meta);
	jput_kcstr(b, "realm_id", r->id);
	if (r->instance)
		jput_kcstr(b, "instance_id", r->instance);
	jput_kcstr(b, "backend", r->backend);
	jput_ki64(b, "config_generation", c->generation);
	if (spec->sandbox)
		jput_kcstr(b, "sandbox", spec->sandbox);
	if (spec->network >= 0)
		jput_kbool(b, "network", spec->network);
	jput_close(b, '}');
}

static void
put_tools(struct buf *b, struct jtext list)
{
	struct tool_defs d;

	if (!json_count(list))
		return;
	tool_defs_parse(list, &d);
	jput_key(b, "recoverable_tool_defs");
	tool_defs_emit(&d, b);
	tool_defs_free(&d);
}

static int
put_build(struct buf *b, const struct session_spec *spec, struct err *e)
{
	jput_open(b, '{');
	if (spec->system_prompt)
		jput_kcstr(b, "system_prompt", spec->system_prompt);
	if (spec->output_schema.p) {
		jput_key(b, "output_schema");
		if (output_wrap(spec->output_schema, b, e) < 0)
			return -1;
	}
	put_raw(b, "hooks_override", spec->hooks_override);
	if (spec->budget.p) {
		jput_key(b, "budget_limits");
		if (budget_parse(spec->budget, b, e) < 0)
			return -1;
	}
	put_tools(b, spec->external_tools);
	put_raw(b, "silent_comms_intents", spec->silent_comms_intents);
	put_raw(b, "app_context", spec->app_context);
	put_raw(b, "additional_instructions", spec->additional_instructions);
	put_raw(b, "shell_env", spec->shell_env);
	if (spec->call_timeout)
		jput_kcstr(b, "call_timeout_override", spec->call_timeout);
	jput_close(b, '}');
	return 0;
}

/* Which model and provider; that a key is missing is for the first run to say. */
static int
choose_model(const struct session_spec *spec, const struct config *c,
    const struct realm *r, struct model_target *t, struct err *e)
{
	char *standard = spec->model ? NULL : config_str(c, "agent/model");
	int rc = model_resolve(c, r->user_root,
	    spec->model ? spec->model : standard ? standard : "",
	    spec->provider, t, e);

	if (rc < 0 && e->code == E_NO_API_KEY && t->id) {
		*e = (struct err)ERR_NONE;
		rc = 0;
	}
	free(standard);
	return rc;
}

/* Of labels with the same key the last counts. */
static char *
label_map(struct jtext labels)
{
	struct jiter it = json_iter(labels);
	char *map = xstrdup("{}");

	while (json_next(&it)) {
		char *key = json_str(it.key, NULL);

		json_set(&map, key, it.value);
		free(key);
	}
	return map;
}

int
agent_create_session(struct db *db, const struct session_spec *spec,
    struct session *s, struct err *e)
{
	const struct realm *r = db_realm(db);
	struct config c = { .generation = 0 };
	struct model_target t = { .id = NULL };
	struct buf meta = BUF_INIT, build = BUF_INIT;
	struct err why = ERR_NONE;
	int rc = -1;

	memset(s, 0, sizeof *s);
	s->usage = (struct usage)USAGE_NONE;
	if (check(spec, &why) < 0 || config_load(r, &c, &why) < 0 ||
	    choose_model(spec, &c, r, &t, &why) < 0 ||
	    hooks_check(&c, spec->hooks_override, &why) < 0)
		goto done;
	put_meta(&meta, spec, &t, &c, r);
	if (put_build(&build, spec, &why) < 0)
		goto done;
	s->meta = buf_steal(&meta);
	s->build = buf_steal(&build);
	s->labels = label_map(spec->labels);
	s->state = xstrdup("{}");
	crash_point("session.create.before");
	rc = session_create(db, s, &why);
	crash_point("session.create.after");
done:
	if (rc < 0) {
		session_free(s);
		if (e)
			*e = why;
	}
	buf_free(&meta);
	buf_free(&build);
	model_target_free(&t);
	config_free(&c);
	return rc;
}
