#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/output.h"
#include "agent/spec.h"
#include "base/fs.h"
#include "base/jput.h"
#include "base/option.h"
#include "base/util.h"
#include "model/catalog.h"
#include "store/config.h"

#define SCHEMA_MAX ((size_t)4 << 20)

/* ---- one function per option ---- */

static int
set_model(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	return option_word(&o->model, flag, arg, e);
}

static int
set_provider(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	enum provider kind;

	o->provider = arg;
	if (provider_parse(arg, &kind) && kind != PROVIDER_OTHER)
		return 0;
	return option_bad(e, flag, "anthropic, openai, gemini or self-hosted", arg);
}

static int
set_system(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	return option_text(&o->system, flag, arg, e);
}

static int
set_max_tokens(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	return option_number(&o->max_tokens, 1, UINT32_MAX, flag, arg, e);
}

static int
add_param(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	if (!strchr(arg, '='))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid --param format '%.80s': expected KEY=VALUE", arg);
	o->pairs = xrealloc(o->pairs, (o->n_pairs + 1) * sizeof *o->pairs);
	o->pairs[o->n_pairs++] = arg;
	return option_utf8(flag, arg, e);
}

static int
set_params_json(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	struct err why = ERR_NONE;

	(void)flag;
	o->params_json = arg;
	if (json_check(arg, strlen(arg), &why) < 0)
		return err_set(e, E_INVALID_PARAMS, "Invalid --params-json: %s",
		    why.text);
	if (!json_is(json_text(arg), '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "--params-json must be a JSON object");
	return 0;
}

static int
set_schema(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	struct buf *b = &o->schema, wrapper = BUF_INIT;
	struct err why = ERR_NONE;
	struct jtext v;
	int rc;

	(void)flag;
	buf_trunc(b, 0);
	if (arg[strspn(arg, " \t\r\n")] == '{')
		buf_puts(b, arg);
	else if (fs_read(arg, SCHEMA_MAX, b, &why) < 0)
		return err_set(e, E_INVALID_PARAMS,
		    "Failed to read schema file '%.200s': %s", arg, why.text);
	if (json_parse(buf_str(b), b->n, &v, e) < 0)
		return err_wrap(e, "Invalid output schema");
	rc = output_wrap(v, &wrapper, e);
	buf_free(&wrapper);
	return rc;
}

static int
add_instruction(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	return option_list(&o->instructions, flag, arg, e);
}

int
spec_label(struct buf *labels, const char *flag, const char *arg,
    struct err *e)
{
	static const char *const reserved[] = { "mob_id", "role", "meerkat_id" };

	for (size_t i = 0; i < COUNT(reserved); i++) {
		size_t n = strlen(reserved[i]);

		if (!strncmp(arg, reserved[i], n) && arg[n] == '=')
			return err_set(e, E_INVALID_PARAMS, "peer_meta label "
			    "'%s' is reserved for mob-managed sessions",
			    reserved[i]);
	}
	return option_label(labels, flag, arg, e);
}

static int
add_label(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	return spec_label(&o->labels, flag, arg, e);
}

static int
set_app_context(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	struct err why = ERR_NONE;

	(void)flag;
	o->app_context = arg;
	return json_check(arg, strlen(arg), &why) == 0 ? 0 : err_set(e,
	    E_INVALID_PARAMS, "Invalid --app-context JSON: %s", why.text);
}

static int
set_tools(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	static const char *const names[] = { "safe", "workspace", "full",
		"none" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(arg, names[i])) {
			o->tools = (enum preset)i;
			return 0;
		}
	return option_bad(e, flag, "safe, workspace, full or none", arg);
}

static int
set_sandbox(struct spec_options *o, const char *flag, const char *arg, struct err *e)
{
	o->sandbox = arg;
	if (!strcmp(arg, "off") || !strcmp(arg, "workspace") ||
	    !strcmp(arg, "strict"))
		return 0;
	return option_bad(e, flag, "off, workspace or strict", arg);
}

static int
set_yolo(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	(void)flag;
	(void)arg;
	(void)e;
	o->tools = TOOLS_FULL;
	return 0;
}

static int
set_network(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	(void)flag;
	(void)arg;
	(void)e;
	o->network = 1;
	return 0;
}

const struct spec_flag spec_flags[N_SPEC_FLAGS] = {
	{ "--system", 0, required_argument, set_system },
	{ "--system-prompt", 0, required_argument, set_system },
	{ "--model", 'm', required_argument, set_model },
	{ "--provider", 'p', required_argument, set_provider },
	{ "--max-tokens", 0, required_argument, set_max_tokens },
	{ "--param", 0, required_argument, add_param },
	{ "--params-json", 0, required_argument, set_params_json },
	{ "--schema", 0, required_argument, set_schema },
	{ "--label", 0, required_argument, add_label },
	{ "--instructions", 0, required_argument, add_instruction },
	{ "--app-context", 0, required_argument, set_app_context },
	{ "--tools", 't', required_argument, set_tools },
	{ "--yolo", 0, no_argument, set_yolo },
	{ "--sandbox", 0, required_argument, set_sandbox },
	{ "--network", 0, no_argument, set_network },
};

int
spec_option(struct spec_options *o, const char *flag, const char *arg,
    struct err *e)
{
	size_t i = 0;

	while (i < N_SPEC_FLAGS && strcmp(flag, spec_flags[i].name))
		i++;
	return i < N_SPEC_FLAGS ? spec_flags[i].set(o, flag, arg, e) :
	    err_set(e, E_INTERNAL_ERROR, "%s is no option of a session", flag);
}

/* ---- all of them ---- */

/* Is KEY of a --param given again from index i on? */
static bool
given_later(const struct spec_options *o, size_t i, const char *key, size_t n)
{
	for (; i < o->n_pairs; i++)
		if (!strncmp(o->pairs[i], key, n) && o->pairs[i][n] == '=')
			return true;
	return false;
}

/* JSON first; --param overrides it, always with strings (cli sheet 3). */
void
spec_finish(struct spec_options *o)
{
	struct buf *b = &o->params;
	struct jiter it = json_iter(json_text(o->params_json));

	if (!o->params_json && !o->n_pairs)
		return;
	jput_open(b, '{');
	while (o->params_json && json_next(&it)) {
		char *key = json_str(it.key, NULL);

		if (key && !given_later(o, 0, key, strlen(key)))
			jput_kraw(b, key, it.value.p, it.value.n);
		free(key);
	}
	for (size_t i = 0; i < o->n_pairs; i++) {
		size_t n = strcspn(o->pairs[i], "=");
		char *key = xstrndup(o->pairs[i], n);

		if (!given_later(o, i + 1, key, n))
			jput_kcstr(b, key, o->pairs[i] + n + 1);
		free(key);
	}
	jput_close(b, '}');
}

struct jtext
spec_given(const struct buf *b)
{
	return b->n ? json_slice(b->p, b->n) : JTEXT_NONE;
}

/* cli sheet 3.1: explicit choices, not "inherit". */
static void
choose_tools(const struct spec_options *o, const struct config *c,
    struct session_spec *s)
{
	static const struct { int builtins, shell, memory, mob; } presets[] = {
		[TOOLS_SAFE] = { 1, 0, 0, 0 },
		[TOOLS_WORKSPACE] = { 1, 1, 0, 0 },
		[TOOLS_FULL] = { 1, 1, 1, 1 },
		[TOOLS_NONE] = { 0, 0, 0, 0 },
	};

	s->builtins = presets[o->tools].builtins;
	s->shell = presets[o->tools].shell;
	s->memory = presets[o->tools].memory;
	s->mob = presets[o->tools].mob ||
	    config_bool(c, "tools/mob_enabled", false);
}

void
spec_fill(const struct spec_options *o, const struct config *c,
    struct session_spec *s)
{
	*s = (struct session_spec)SESSION_SPEC_INIT;
	s->model = o->model;
	s->provider = o->provider;
	s->system_prompt = o->system;
	/* Other surfaces take the key max_tokens (config sheet 1). */
	s->max_tokens = o->max_tokens ? o->max_tokens :
	    config_i64(c, "agent/max_tokens_per_turn", 0);
	s->provider_params = spec_given(&o->params);
	s->output_schema = spec_given(&o->schema);
	s->labels = spec_given(&o->labels);
	s->additional_instructions = spec_given(&o->instructions);
	s->app_context = json_text(o->app_context);
	s->sandbox = o->sandbox;
	s->network = o->network;
	choose_tools(o, c, s);
}

void
spec_free(struct spec_options *o)
{
	buf_free(&o->params);
	buf_free(&o->schema);
	buf_free(&o->labels);
	buf_free(&o->instructions);
	free(o->pairs);
	o->pairs = NULL;
}
