#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/output.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/jput.h"
#include "base/util.h"
#include "model/catalog.h"
#include "turn/flags.h"

#define SCHEMA_MAX ((size_t)4 << 20)

/* ---- values ---- */

static int
bad(struct err *e, const char *flag, const char *want, const char *got)
{
	return err_set(e, E_INVALID_PARAMS, "%s: want %s, got '%.80s'", flag,
	    want, got);
}

int
want_text(const char *flag, const char *s, struct err *e)
{
	size_t n = strlen(s), good = utf8_prefix(s, n);

	if (good == n)
		return 0;
	return err_set(e, E_INVALID_PARAMS, "%s: not UTF-8 text (byte %zu)",
	    flag, good);
}

static int
set_text(const char **to, const char *flag, const char *arg, struct err *e)
{
	*to = arg;
	return want_text(flag, arg, e);
}

/* Not blank, too. */
static int
set_word(const char **to, const char *flag, const char *arg, struct err *e)
{
	if (!arg[strspn(arg, " \t\r\n")])
		return err_set(e, E_INVALID_PARAMS, "%s: the value is empty",
		    flag);
	return set_text(to, flag, arg, e);
}

static int
set_number(int64_t *to, int64_t min, int64_t max, const char *flag,
    const char *arg, struct err *e)
{
	char want[80], *end;

	errno = 0;
	*to = strtoll(arg, &end, 10);
	if (!errno && *arg >= '0' && *arg <= '9' && !*end && *to >= min &&
	    *to <= max)
		return 0;
	snprintf(want, sizeof want, "a whole number from %lld to %lld",
	    (long long)min, (long long)max);
	return bad(e, flag, want, arg);
}

/* Append to a JSON array that is made with its first element. */
static int
add_string(struct buf *list, const char *flag, const char *arg, struct err *e)
{
	const char *s = arg;

	if (set_word(&s, flag, arg, e) < 0)
		return -1;
	if (list->n)
		buf_trunc(list, list->n - 1);
	else
		jput_open(list, '[');
	jput_cstr(list, s);
	jput_close(list, ']');
	return 0;
}

/* ---- one function per option that has rules ---- */

static int
set_model(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return set_word(&p->o->model, flag, arg, e);
}

static int
set_provider(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	enum provider kind;

	p->o->provider = arg;
	if (provider_parse(arg, &kind) && kind != PROVIDER_OTHER)
		return 0;
	return bad(e, flag, "anthropic, openai, gemini or self-hosted", arg);
}

static int
set_system(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return set_text(&p->o->system, flag, arg, e);
}

static int
set_max_tokens(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return set_number(&p->o->max_tokens, 1, UINT32_MAX, flag, arg, e);
}

static int
set_max_tool_calls(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return set_number(&p->o->max_tool_calls, 0, INT64_MAX, flag, arg, e);
}

static int
set_duration(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	(void)flag;
	return duration_parse(arg, &p->o->max_duration_ms, e);
}

static int
set_output(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	(void)flag;
	(void)e;
	p->o->json = !strcasecmp(arg, "json");
	return 0;
}

static int
set_json(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	(void)arg;
	return set_output(p, flag, "json", e);
}

static int
set_stream(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	(void)arg;
	if (!strcmp(flag, "--no-stream"))
		p->no_stream = true;
	else
		p->stream = true;
	p->o->stream = p->stream ? YES : NO;
	return p->stream && p->no_stream ? err_set(e, E_INVALID_PARAMS,
	    "cannot use --stream and --no-stream together") : 0;
}

static int
add_param(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	if (!strchr(arg, '='))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid --param format '%.80s': expected KEY=VALUE", arg);
	p->params = xrealloc(p->params, (p->n_params + 1) * sizeof *p->params);
	p->params[p->n_params++] = arg;
	return want_text(flag, arg, e);
}

static int
set_params_json(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	struct err why = ERR_NONE;

	(void)flag;
	p->params_json = arg;
	if (json_check(arg, strlen(arg), &why) < 0)
		return err_set(e, E_INVALID_PARAMS, "Invalid --params-json: %s",
		    why.text);
	if (!json_is(json_text(arg), '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "--params-json must be a JSON object");
	return 0;
}

static int
set_schema(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	struct buf *b = &p->o->schema, wrapper = BUF_INIT;
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
	rc = json_parse(buf_str(b), b->n, &v, &why);
	if (rc == 0)
		rc = output_wrap(v, &wrapper, &why);
	buf_free(&wrapper);
	return rc == 0 ? 0 : err_set(e, E_INVALID_PARAMS,
	    "Invalid output schema: %s", why.text);
}

static int
add_allowed(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return add_string(&p->o->allow, flag, arg, e);
}

static int
add_blocked(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return add_string(&p->o->block, flag, arg, e);
}

static int
add_instruction(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return add_string(&p->o->instructions, flag, arg, e);
}

static int
add_label(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	static const char *const reserved[] = { "mob_id", "role", "meerkat_id" };
	const char *eq = strchr(arg, '=');
	struct buf *b = &p->o->labels;
	char *key;

	if (!eq || eq == arg)
		return err_set(e, E_INVALID_PARAMS,
		    "--label: expected key=value, got: %.80s", arg);
	if (want_text(flag, arg, e) < 0)
		return -1;
	key = xstrndup(arg, (size_t)(eq - arg));
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (!strcmp(key, reserved[i])) {
			free(key);
			return err_set(e, E_INVALID_PARAMS, "peer_meta label "
			    "'%s' is reserved for mob-managed sessions",
			    reserved[i]);
		}
	if (b->n)
		buf_trunc(b, b->n - 1);
	else
		jput_open(b, '{');
	jput_kcstr(b, key, eq + 1);
	jput_close(b, '}');
	free(key);
	return 0;
}

static int
set_app_context(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	struct err why = ERR_NONE;

	(void)flag;
	p->o->app_context = arg;
	return json_check(arg, strlen(arg), &why) == 0 ? 0 : err_set(e,
	    E_INVALID_PARAMS, "Invalid --app-context JSON: %s", why.text);
}

static int
set_tools(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	static const char *const names[] = { "safe", "workspace", "full",
		"none" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(arg, names[i])) {
			p->o->tools = (enum preset)i;
			return 0;
		}
	return bad(e, flag, "safe, workspace, full or none", arg);
}

static int
set_sandbox(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	p->o->sandbox = arg;
	if (!strcmp(arg, "off") || !strcmp(arg, "workspace") ||
	    !strcmp(arg, "strict"))
		return 0;
	return bad(e, flag, "off, workspace or strict", arg);
}

static int
set_idem(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return set_word(&p->o->idem, flag, arg, e);
}

static int
set_stdin(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	if (stdin_mode_parse(arg ? arg : "lines", &p->o->stdin_mode))
		return 0;
	return bad(e, flag, "auto, blob, lines or off", arg);
}

static int
set_line_format(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	p->o->line_json = !strcmp(arg, "json");
	if (p->o->line_json || !strcmp(arg, "text"))
		return 0;
	return bad(e, flag, "text or json", arg);
}

static int
set_view(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	p->view = true;
	if (view_parse(arg, &p->o->view.kind))
		return 0;
	return bad(e, flag, "primary, mux or focus", arg);
}

static int
set_focus(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	(void)flag;
	p->focus = true;
	p->o->view.focus = arg;
	if (scope_valid(arg))
		return 0;
	return err_set(e, E_INVALID_PARAMS, "invalid --stream-focus scope "
	    "'%.80s': expected primary, mob:<member>, primary/sub:<agent>, or "
	    "mob:<member>/sub:<agent>", arg);
}

/* Without a value.  --drain and --worker are the verb already; no comms is there to disable. */
static int
set_switch(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	struct options *o = p->o;

	(void)arg;
	(void)e;
	if (!strcmp(flag, "--yolo"))
		o->tools = TOOLS_FULL;
	else if (!strcmp(flag, "--verbose"))
		o->verbose = true;
	else if (!strcmp(flag, "--network"))
		o->network = YES;
	else if (!strcmp(flag, "--content"))
		o->content = true;
	else if (!strcmp(flag, "--help"))
		o->help = true;
	else if (!strcmp(flag, "--version"))
		o->version = true;
	return 0;
}

/* Flags whose subsystem is not part of this release: never ignored silently. */
static int
unavailable(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	static const struct { const char *prefix, *what; } parts[] = {
		{ "--keep-alive", "resident sessions are" },
		{ "--wait-for-mcp", "MCP servers are" },
		{ "--preload-skill", "skills are" },
		{ "--skill-", "skills are" },
		{ "", "comms is" },
	};
	size_t i = 0;

	(void)p;
	if (!strcmp(flag, "--skill-ref") && !arg[strspn(arg, " \t")])
		return err_set(e, E_INVALID_PARAMS, "skill ref cannot be empty");
	while (strncmp(flag, parts[i].prefix, strlen(parts[i].prefix)))
		i++;
	return err_set(e, E_CAPABILITY_UNAVAILABLE,
	    "%s: %s not part of this release", flag, parts[i].what);
}

/* ---- the table ---- */

enum {
	RUN = 1 << VERB_RUN, RESUME = 1 << VERB_RESUME,
	CONTINUE = 1 << VERB_CONTINUE, PIPE = 1 << VERB_NONE,
	DRAIN = 1 << VERB_DRAIN, WORKER = 1 << VERB_WORKER,
	PEOPLE = RUN | RESUME | CONTINUE, TURN = PEOPLE | PIPE,
	ALL = TURN | DRAIN | WORKER,
};


const struct flag flags[N_FLAGS] = {
	{ "--system", 0, required_argument, set_system, TURN },
	{ "--system-prompt", 0, required_argument, set_system, TURN },
	{ "--model", 'm', required_argument, set_model, TURN },
	{ "--provider", 'p', required_argument, set_provider, TURN },
	{ "--max-tokens", 0, required_argument, set_max_tokens, RUN },
	{ "--max-duration", 'd', required_argument, set_duration, TURN },
	{ "--timeout", 0, required_argument, set_duration, TURN },
	{ "--max-tool-calls", 0, required_argument, set_max_tool_calls, TURN },
	{ "--output", 'o', required_argument, set_output, ALL },
	{ "--json", 0, no_argument, set_json, ALL },
	{ "--stream", 's', no_argument, set_stream, PEOPLE },
	{ "--no-stream", 0, no_argument, set_stream, PEOPLE },
	{ "--stream-view", 'w', required_argument, set_view, PEOPLE },
	{ "--stream-focus", 'f', required_argument, set_focus, PEOPLE },
	{ "--param", 0, required_argument, add_param, TURN },
	{ "--params-json", 0, required_argument, set_params_json, TURN },
	{ "--schema", 0, required_argument, set_schema, TURN },
	{ "--allow-tool", 0, required_argument, add_allowed, TURN },
	{ "--block-tool", 0, required_argument, add_blocked, TURN },
	{ "--label", 0, required_argument, add_label, RUN },
	{ "--instructions", 0, required_argument, add_instruction, TURN },
	{ "--app-context", 0, required_argument, set_app_context, RUN },
	{ "--tools", 't', required_argument, set_tools, RUN },
	{ "--yolo", 0, no_argument, set_switch, RUN },
	{ "--sandbox", 0, required_argument, set_sandbox, RUN },
	{ "--network", 0, no_argument, set_switch, RUN },
	{ "--idempotency-key", 0, required_argument, set_idem, TURN },
	{ "--verbose", 'v', no_argument, set_switch, PEOPLE },
	{ "--stdin", 0, optional_argument, set_stdin, PEOPLE },
	{ "--line-format", 0, required_argument, set_line_format, PEOPLE },
	{ "--content", 0, no_argument, set_switch, PIPE },
	{ "--drain", 0, no_argument, set_switch, DRAIN },
	{ "--worker", 0, no_argument, set_switch, WORKER },
	{ "--help", 'h', no_argument, set_switch, ALL },
	{ "--version", 'V', no_argument, set_switch, ALL },
	{ "--preload-skill", 0, required_argument, unavailable, RUN },
	{ "--skill-ref", 0, required_argument, unavailable, PEOPLE },
	{ "--skill-reference", 0, required_argument, unavailable, PEOPLE },
	{ "--wait-for-mcp", 0, no_argument, unavailable, PEOPLE },
	{ "--keep-alive", 0, no_argument, unavailable, PEOPLE },
	{ "--comms-name", 0, required_argument, unavailable, RUN },
	{ "--comms-listen-tcp", 0, required_argument, unavailable, RUN },
	{ "--comms-advertise-tcp", 0, required_argument, unavailable, RUN },
	{ "--comms-binding-out", 0, required_argument, unavailable, RUN },
	{ "--comms-pairing-password", 0, required_argument, unavailable, RUN },
	{ "--comms-pairing-password-env", 0, required_argument, unavailable,
	    RUN },
	{ "--comms-pairing-password-file", 0, required_argument, unavailable,
	    RUN },
	{ "--no-comms", 0, no_argument, set_switch, RUN },
	{ "--agent-description", 0, required_argument, unavailable, RUN },
	{ "--agent-label", 0, required_argument, unavailable, RUN },
};
