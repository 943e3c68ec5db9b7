#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hooks.h"
#include "agent/output.h"
#include "agent/run.h"
#include "base/jput.h"

/* Turns of one run when agent.max_turns says nothing (agent sheet 7.2). */
#define MAX_TURNS 100

/* ---- raw JSON objects ---- */

static void
merge_member(struct buf *out, struct jtext key, struct jtext target,
    struct jtext patch)
{
	if (json_is(patch, 'n'))
		return;
	jput_raw(out, key.p, key.n);
	buf_putc(out, ':');
	if (patch.p)
		json_merge(out, target, patch);
	else
		buf_put(out, target.p, target.n);
}

void
json_merge(struct buf *out, struct jtext target, struct jtext patch)
{
	struct jiter it;

	if (!json_is(patch, '{')) {
		buf_put(out, patch.p, patch.n);
		return;
	}
	if (!json_is(target, '{'))
		target = json_text("{}");
	jput_open(out, '{');
	for (it = json_iter(target); json_next(&it); ) {
		char *key = json_str(it.key, NULL);

		merge_member(out, it.key, it.value, json_get(patch, key));
		free(key);
	}
	for (it = json_iter(patch); json_next(&it); ) {
		char *key = json_str(it.key, NULL);

		if (!json_get(target, key).p)
			merge_member(out, it.key, JTEXT_NONE, it.value);
		free(key);
	}
	jput_close(out, '}');
}

/* ---- what the session and the configuration say ---- */

static struct jtext
meta(const struct agent *a, const char *path)
{
	return json_path(json_text(a->s.meta), path);
}

static struct jtext
build(const struct agent *a, const char *path)
{
	return json_path(json_text(a->s.build), path);
}

/* The provider's own web search, on by default (providers sheet 1.4). */
static struct jtext
native_tools(const struct agent *a)
{
	static const struct {
		enum provider p;
		const char *key, *params;
	} defaults[] = {
		{ PROVIDER_ANTHROPIC, "provider_tools/anthropic/web_search",
		    "{\"web_search\":{\"type\":\"web_search_20250305\","
		    "\"name\":\"web_search\"}}" },
		{ PROVIDER_OPENAI, "provider_tools/openai/web_search",
		    "{\"web_search\":{\"type\":\"web_search\"}}" },
		{ PROVIDER_GEMINI, "provider_tools/gemini/google_search",
		    "{\"google_search\":{}}" },
	};

	for (size_t i = 0; i < COUNT(defaults); i++)
		if (a->set.target.provider == defaults[i].p &&
		    a->set.target.profile.web_search &&
		    config_bool(&a->config, defaults[i].key, true))
			return json_text(defaults[i].params);
	return json_text("{}");
}

int64_t
settings_max_tokens(const struct config *c)
{
	return config_i64(c, "max_tokens",
	    config_i64(c, "agent/max_tokens_per_turn", 16384));
}

static void
load_retry(struct agent *a)
{
	struct retry_policy *p = &a->set.retry;
	const struct config *c = &a->config;
	int64_t ms;

	*p = (struct retry_policy)RETRY_DEFAULT;
	p->max_retries = config_i64(c, "retry/max_retries", p->max_retries);
	if ((ms = config_ms(c, "retry/initial_delay")) >= 0)
		p->initial_ms = ms;
	if ((ms = config_ms(c, "retry/max_delay")) >= 0)
		p->max_ms = ms;
	p->multiplier = config_f64(c, "retry/multiplier", p->multiplier);
}

int
settings_call_timeout(const char *s, int64_t *ms, struct err *e)
{
	if (!strcmp(s, "disabled")) {
		*ms = -1;
		return 0;
	}
	if (duration_parse(s, ms, e) < 0)
		return err_wrap(e, "call_timeout");
	return 0;
}

/* First match wins: the session's override, configuration, the model's profile, none. */
static int
load_call_timeout(struct agent *a, struct err *e)
{
	char *s = json_str(build(a, "call_timeout_override"), NULL);
	int rc = 0;

	if (!s)
		s = config_str(&a->config, "retry/call_timeout");
	if (s)
		rc = settings_call_timeout(s, &a->set.call_ms, e);
	else if (a->set.target.profile.call_timeout_ms > 0)
		a->set.call_ms = a->set.target.profile.call_timeout_ms;
	free(s);
	return rc;
}

/* Not set: 0, what the model layer finds right for the target. */
static int64_t
wait_ms(const struct config *c, const char *path)
{
	int64_t ms = config_ms(c, path);

	return ms < 0 ? 0 : ms > 0 ? ms : 1;
}

static void
load_waits(struct agent *a)
{
	a->set.waits = (struct model_deadlines){
		.connect = wait_ms(&a->config, "timeouts/connect"),
		.first_byte = wait_ms(&a->config, "timeouts/first_byte"),
		.idle = wait_ms(&a->config, "timeouts/idle"),
	};
}

static int
load_target(struct agent *a, struct err *e)
{
	char *model = json_str(meta(a, "model"), NULL);
	char *provider = json_str(meta(a, "provider"), NULL);
	int rc;

	if (!model)
		model = config_str(&a->config, "agent/model");
	rc = model_resolve(&a->config, a->realm->user_root,
	    model ? model : "", provider, &a->set.target, e);
	free(model);
	free(provider);
	return rc;
}

int
settings_load(struct agent *a, struct err *e)
{
	struct settings *s = &a->set;
	const struct config *c = &a->config;
	struct jtext schema = build(a, "output_schema");

	settings_free(s);
	*s = (struct settings){ .call_ms = -1 };
	if (load_target(a, e) < 0 || load_call_timeout(a, e) < 0)
		return -1;
	json_merge(&s->params, native_tools(a), meta(a, "provider_params").p ?
	    meta(a, "provider_params") : json_text("{}"));
	if (schema.p)
		buf_put(&s->schema, schema.p, schema.n);
	if (!json_i64(meta(a, "max_tokens"), &s->max_tokens) ||
	    s->max_tokens <= 0)
		s->max_tokens = settings_max_tokens(c);
	s->max_turns = config_i64(c, "agent/max_turns", MAX_TURNS);
	s->temperature = config_f64(c, "agent/temperature", (double)NAN);
	s->extraction_prompt = config_str(c, "agent/extraction_prompt");
	if (!json_i64(meta(a, "structured_output_retries"), &s->attempts))
		s->attempts = config_i64(c, "agent/structured_output_retries",
		    2);
	if (s->attempts < 1)
		s->attempts = 1;
	load_retry(a);
	load_waits(a);
	budget_limits(&a->budget, build(a, "budget_limits"), c);
	return 0;
}

void
settings_free(struct settings *s)
{
	model_target_free(&s->target);
	buf_free(&s->params);
	buf_free(&s->schema);
	free(s->extraction_prompt);
	memset(s, 0, sizeof *s);
}

/* ---- what a request changes for good ---- */

static void
keep_str(char **object, const char *key, const char *value)
{
	struct buf b = BUF_INIT;

	jput_cstr(&b, value);
	json_set(object, key, json_slice(b.p, b.n));
	buf_free(&b);
}

/* The model decides the provider unless the request names one. */
static int
keep_model(struct agent *a, const struct run_spec *spec, struct err *e)
{
	struct model_target t = { .id = NULL };

	if (spec->model)
		keep_str(&a->s.meta, "model", spec->model);
	if (!spec->model && !spec->provider)
		return 0;
	json_set(&a->s.meta, "provider", JTEXT_NONE);
	if (spec->provider)
		keep_str(&a->s.meta, "provider", spec->provider);
	if (load_target(a, e) < 0)
		return -1;
	t = a->set.target;
	keep_str(&a->s.meta, "provider", provider_stored(t.provider));
	json_set(&a->s.meta, "self_hosted_server_id", JTEXT_NONE);
	if (t.server_id)
		keep_str(&a->s.meta, "self_hosted_server_id", t.server_id);
	return 0;
}

static int
keep_parsed(char **object, const char *key, struct jtext in,
    int (*parse)(struct jtext in, struct buf *out, struct err *e),
    struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = parse(in, &b, e);

	if (rc == 0)
		json_set(object, key, json_slice(b.p, b.n));
	buf_free(&b);
	return rc;
}

static int
keep_count(char **object, const char *key, struct jtext v, int64_t min,
    struct err *e)
{
	int64_t n;

	if (!v.p)
		return 0;
	if (!json_i64(v, &n) || n < min || n > UINT32_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "/%s: want a whole number from %d to %u", key, (int)min,
		    UINT32_MAX);
	json_set(object, key, v);
	return 0;
}

static int
keep_hooks(struct agent *a, struct jtext override, struct err *e)
{
	if (!override.p)
		return 0;
	if (hooks_check(&a->config, override, e) < 0)
		return -1;
	json_set(&a->s.build, "hooks_override", override);
	return 0;
}

int
settings_keep(struct agent *a, const struct run_spec *spec, struct err *e)
{
	settings_free(&a->set);
	if (keep_model(a, spec, e) < 0)
		return -1;
	if (spec->provider_params.p) {
		if (!json_is(spec->provider_params, '{'))
			return err_set(e, E_INVALID_PARAMS,
			    "provider_params: want an object");
		json_set(&a->s.meta, "provider_params", spec->provider_params);
	}
	if (spec->system_prompt)
		keep_str(&a->s.build, "system_prompt", spec->system_prompt);
	if (spec->budget.p && keep_parsed(&a->s.build, "budget_limits",
	    spec->budget, budget_parse, e) < 0)
		return -1;
	if (spec->output_schema.p && keep_parsed(&a->s.build, "output_schema",
	    spec->output_schema, output_wrap, e) < 0)
		return -1;
	if (keep_count(&a->s.meta, "max_tokens", spec->max_tokens, 1, e) < 0 ||
	    keep_count(&a->s.meta, "structured_output_retries",
	    spec->structured_output_retries, 0, e) < 0)
		return -1;
	return keep_hooks(a, spec->hooks_override, e);
}
