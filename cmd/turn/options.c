#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/output.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/jput.h"
#include "base/util.h"
#include "model/catalog.h"
#include "turn/options.h"

#define SCHEMA_MAX ((size_t)4 << 20)

/* What is collected while options are read. */
struct parse {
	struct options *o;
	const char *params_json;
	const char **params;		/* --param KEY=VALUE, borrowed */
	size_t n_params;
	bool stream, no_stream, view, focus;
};

typedef int set_fn(struct parse *p, const char *flag, const char *arg,
    struct err *e);

/* ---- values ---- */

static int
bad(struct err *e, const char *flag, const char *want, const char *got)
{
	return err_set(e, E_INVALID_PARAMS, "%s: want %s, got '%.80s'", flag,
	    want, got);
}

/* Text from argv goes into JSON: it has to be UTF-8. */
static int
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

/* What needs no value; --drain and --worker are the verb already, and there is no comms to disable. */
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

static const struct flag {
	const char *name;
	char letter;
	int has_arg;
	set_fn *set;
	unsigned verbs;
} flags[] = {
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

static const struct { const char *name; enum verb verb; } verbs[] = {
	{ "run", VERB_RUN }, { "resume", VERB_RESUME },
	{ "continue", VERB_CONTINUE }, { "c", VERB_CONTINUE },
};

/* ---- reading argv ---- */

static enum verb
find_verb(int *argc, char ***argv)
{
	for (size_t i = 0; *argc > 1 && i < COUNT(verbs); i++)
		if (!strcmp((*argv)[1], verbs[i].name)) {
			--*argc;
			++*argv;
			return verbs[i].verb;
		}
	for (int i = 1; i < *argc && strcmp((*argv)[i], "--"); i++) {
		if (!strcmp((*argv)[i], "--drain"))
			return VERB_DRAIN;
		if (!strcmp((*argv)[i], "--worker"))
			return VERB_WORKER;
	}
	return VERB_NONE;
}

static void
getopt_tables(struct option longs[COUNT(flags) + 1],
    char letters[2 * COUNT(flags) + 2])
{
	size_t n = 0;

	letters[n++] = ':';
	for (size_t i = 0; i < COUNT(flags); i++) {
		longs[i] = (struct option){ flags[i].name + 2,
		    flags[i].has_arg, NULL, 256 + (int)i };
		if (!flags[i].letter)
			continue;
		letters[n++] = flags[i].letter;
		if (flags[i].has_arg)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	longs[COUNT(flags)] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct flag *
flag_of(int c)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (c == 256 + (int)i || (flags[i].letter && c == flags[i].letter))
			return &flags[i];
	return NULL;
}

/* getopt's complaint in our words: c is ':' (no value) or '?'. */
static int
complain(int c, char **argv, struct err *e)
{
	const struct flag *f = optopt ? flag_of(optopt) : NULL;
	const char *arg = argv[optind - 1];

	if (c == ':' && f)
		return err_set(e, E_INVALID_PARAMS, "%s: the value is missing",
		    f->name);
	if (f)
		return err_set(e, E_INVALID_PARAMS, "%s: takes no value",
		    f->name);
	if (optopt)
		return err_set(e, E_INVALID_PARAMS, "unknown option -%c",
		    optopt);
	return err_set(e, E_INVALID_PARAMS, "unknown option %.*s",
	    (int)strcspn(arg, "="), arg);
}

static int
read_flags(int argc, char **argv, struct parse *p, struct err *e)
{
	struct option longs[COUNT(flags) + 1];
	char letters[2 * COUNT(flags) + 2];
	enum stdin_mode mode;
	int c;

	getopt_tables(longs, letters);
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct flag *f = flag_of(c);

		if (c == '?' || c == ':' || !f)
			return complain(c, argv, e);
		if (!(f->verbs & 1U << p->o->verb))
			return err_set(e, E_INVALID_PARAMS,
			    "%s is no option here", f->name);
		/* --stdin takes the next argument only if that is a mode. */
		if (f->set == set_stdin && !optarg && optind < argc &&
		    stdin_mode_parse(argv[optind], &mode))
			optarg = argv[optind++];
		if (f->set(p, f->name, optarg, e) < 0)
			return -1;
	}
	return 0;
}

/* The words of the verb: session and prompt, either, or none. */
static int
read_words(int argc, char **argv, struct options *o, struct err *e)
{
	static const struct { int n; bool session; const char *want; } wants[] = {
		[VERB_NONE] = { 2, true, "a session and a prompt" },
		[VERB_RUN] = { 1, false, "a prompt" },
		[VERB_RESUME] = { 2, true, "a session and a prompt" },
		[VERB_CONTINUE] = { 1, false, "a prompt" },
		[VERB_DRAIN] = { 1, true, "a session" },
		[VERB_WORKER] = { 0, false, "no argument" },
	};
	int n = argc - optind, want = wants[o->verb].n;

	if (n < want)
		return err_set(e, E_INVALID_PARAMS, "want %s%s",
		    wants[o->verb].want, o->verb == VERB_DRAIN ? "" :
		    " (- reads the prompt from standard input)");
	if (n > want)
		return err_set(e, E_INVALID_PARAMS, "want %s, but there is one "
		    "word more, '%.80s': put the prompt in quotes",
		    wants[o->verb].want, argv[optind + want]);
	argv += optind;
	if (wants[o->verb].session)
		o->session = *argv++;
	if (o->verb != VERB_DRAIN && o->verb != VERB_WORKER)
		o->prompt = *argv;
	return o->prompt ? want_text("the prompt", o->prompt, e) : 0;
}

/* ---- rules between options ---- */

static int
check_view(const struct parse *p, struct err *e)
{
	bool on = p->o->stream == YES;
	bool focus = p->view && p->o->view.kind == VIEW_FOCUS;
	const char *text = NULL;

	if (p->focus && (!on || !p->view))
		text = "--stream-focus requires --stream and --stream-view "
		    "focus";
	else if (p->view && !on)
		text = "--stream-view requires --stream";
	else if (p->focus && !focus)
		text = "--stream-focus is only valid with --stream-view focus";
	else if (focus && !p->focus)
		text = "--stream-focus is required when --stream-view focus "
		    "is used";
	else if (on && p->o->json)
		text = "cannot use --stream with JSON output";
	return text ? err_set(e, E_INVALID_PARAMS, "%s", text) : 0;
}

static int
check_content(const struct options *o, struct err *e)
{
	struct err why = ERR_NONE;
	char kind = json_kind(json_text(o->prompt));

	if (!o->content || !strcmp(o->prompt, "-"))
		return 0;
	if (json_check(o->prompt, strlen(o->prompt), &why) < 0)
		return err_set(e, E_INVALID_PARAMS, "--content: %s", why.text);
	return kind == '"' || kind == '[' ? 0 : err_set(e, E_INVALID_PARAMS,
	    "--content: want a JSON string or an array of blocks");
}

/* Is KEY of a --param given again from index i on? */
static bool
given_later(const struct parse *p, size_t i, const char *key, size_t n)
{
	for (; i < p->n_params; i++)
		if (!strncmp(p->params[i], key, n) && p->params[i][n] == '=')
			return true;
	return false;
}

/* JSON first; --param overrides it, always with strings (cli sheet 3). */
static void
merge_params(const struct parse *p)
{
	struct buf *b = &p->o->params;
	struct jiter it = json_iter(json_text(p->params_json));

	if (!p->params_json && !p->n_params)
		return;
	jput_open(b, '{');
	while (p->params_json && json_next(&it)) {
		char *key = json_str(it.key, NULL);

		if (key && !given_later(p, 0, key, strlen(key)))
			jput_kraw(b, key, it.value.p, it.value.n);
		free(key);
	}
	for (size_t i = 0; i < p->n_params; i++) {
		size_t n = strcspn(p->params[i], "=");
		char *key = xstrndup(p->params[i], n);

		if (!given_later(p, i + 1, key, n))
			jput_kcstr(b, key, p->params[i] + n + 1);
		free(key);
	}
	jput_close(b, '}');
}

bool
options_want_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--json") ||
		    !strcasecmp(argv[i], "--output=json") ||
		    !strcasecmp(argv[i], "-ojson") ||
		    ((!strcmp(argv[i], "-o") || !strcmp(argv[i], "--output")) &&
		    !strcasecmp(next, "json")))
			return true;
	}
	return false;
}

int
options_parse(int argc, char **argv, struct options *o, struct err *e)
{
	struct parse p = { .o = o };
	int rc = -1;

	*o = (struct options){ .max_duration_ms = -1, .max_tool_calls = -1,
	    .network = AUTO, .stream = AUTO };
	if (realm_args(&argc, argv, &o->realm, e) < 0)
		return -1;
	o->verb = find_verb(&argc, &argv);
	if (read_flags(argc, argv, &p, e) < 0)
		goto done;
	if (o->help || o->version) {
		rc = 0;
		goto done;
	}
	if (read_words(argc, argv, o, e) < 0 || check_view(&p, e) < 0 ||
	    (o->prompt && check_content(o, e) < 0))
		goto done;
	if (o->stdin_mode == STDIN_LINES && !strcmp(o->prompt, "-")) {
		err_set(e, E_INVALID_PARAMS, "--stdin lines: the prompt cannot "
		    "come from standard input, too");
		goto done;
	}
	merge_params(&p);
	rc = 0;
done:
	free(p.params);
	return rc;
}

void
options_free(struct options *o)
{
	buf_free(&o->params);
	buf_free(&o->schema);
	buf_free(&o->labels);
	buf_free(&o->instructions);
	buf_free(&o->allow);
	buf_free(&o->block);
	view_free(&o->view);
}
