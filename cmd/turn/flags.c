#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/option.h"
#include "base/util.h"
#include "comms/trust.h"
#include "turn/flags.h"

/* ---- one function per option that has rules ---- */

/* What describes the session; the same for rkat-session create. */
static int
set_spec(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return spec_option(&p->o->spec, flag, arg, e);
}

static int
set_max_tool_calls(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return option_number(&p->o->max_tool_calls, 0, INT64_MAX, flag, arg, e);
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
add_allowed(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return option_list(&p->o->allow, flag, arg, e);
}

static int
add_blocked(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return option_list(&p->o->block, flag, arg, e);
}

static int
set_idem(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	return option_word(&p->o->idem, flag, arg, e);
}

static int
set_stdin(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	if (stdin_mode_parse(arg ? arg : "lines", &p->o->stdin_mode))
		return 0;
	return option_bad(e, flag, "auto, blob, lines or off", arg);
}

static int
set_line_format(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	p->o->line_json = !strcmp(arg, "json");
	if (p->o->line_json || !strcmp(arg, "text"))
		return 0;
	return option_bad(e, flag, "text or json", arg);
}

static int
set_view(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	p->view = true;
	if (view_parse(arg, &p->o->view.kind))
		return 0;
	return option_bad(e, flag, "primary, mux or focus", arg);
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

/* ---- comms ---- */

static int
set_comms_name(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	if (option_text(&p->o->comms.name, flag, arg, e) < 0)
		return -1;
	return peer_name_valid(arg) ? 0 : err_set(e, E_INVALID_PARAMS,
	    "%s: not blank, no control characters", flag);
}

static int
set_binding_out(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return option_word(&p->o->comms.binding_out, flag, arg, e);
}

static int
set_description(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return option_text(&p->o->comms.description, flag, arg, e);
}

/* HOST:PORT; host names are fine. */
static int
set_comms_address(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	bool listen = !strcmp(flag, "--comms-listen-tcp");
	char **to = listen ? &p->o->comms.listen : &p->o->comms.advertise;
	struct err why = ERR_NONE;
	struct address a;
	int rc;

	free(*to);
	*to = xasprintf("tcp://%s", arg);
	if ((rc = address_parse(*to, &a, &why)) < 0)
		err_set(e, E_INVALID_PARAMS, "invalid %s address '%.120s': "
		    "want HOST:PORT", flag, arg);
	address_free(&a);
	return rc;
}

static int
add_agent_label(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	return spec_label(&p->o->comms.labels, flag, arg, e);
}

static int
set_keep_alive(struct parse *p, const char *flag, const char *arg,
    struct err *e)
{
	enum choice now = strcmp(flag, "--keep-alive") ? NO : YES;
	bool both = p->o->comms.keep_alive == !now;

	(void)arg;
	p->o->comms.keep_alive = now;
	return both ? err_set(e, E_INVALID_PARAMS, "cannot use --keep-alive "
	    "and --no-keep-alive together") : 0;
}

/* Without a value.  --drain and --worker are the verb already. */
static int
set_switch(struct parse *p, const char *flag, const char *arg, struct err *e)
{
	struct options *o = p->o;

	(void)arg;
	(void)e;
	if (!strcmp(flag, "--verbose"))
		o->verbose = true;
	else if (!strcmp(flag, "--content"))
		o->content = true;
	else if (!strcmp(flag, "--no-comms"))
		o->comms.off = true;
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
		{ "--wait-for-mcp", "MCP servers are" },
		{ "--preload-skill", "skills are" },
		{ "--skill-", "skills are" },
		{ "", "pairing of peers by a password is" },
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
	{ "--system", 0, required_argument, set_spec, TURN },
	{ "--system-prompt", 0, required_argument, set_spec, TURN },
	{ "--model", 'm', required_argument, set_spec, TURN },
	{ "--provider", 'p', required_argument, set_spec, TURN },
	{ "--max-tokens", 0, required_argument, set_spec, RUN },
	{ "--max-duration", 'd', required_argument, set_duration, TURN },
	{ "--timeout", 0, required_argument, set_duration, TURN },
	{ "--max-tool-calls", 0, required_argument, set_max_tool_calls, TURN },
	{ "--output", 'o', required_argument, set_output, ALL },
	{ "--json", 0, no_argument, set_json, ALL },
	{ "--stream", 's', no_argument, set_stream, PEOPLE },
	{ "--no-stream", 0, no_argument, set_stream, PEOPLE },
	{ "--stream-view", 'w', required_argument, set_view, PEOPLE },
	{ "--stream-focus", 'f', required_argument, set_focus, PEOPLE },
	{ "--param", 0, required_argument, set_spec, TURN },
	{ "--params-json", 0, required_argument, set_spec, TURN },
	{ "--schema", 0, required_argument, set_spec, TURN },
	{ "--allow-tool", 0, required_argument, add_allowed, TURN },
	{ "--block-tool", 0, required_argument, add_blocked, TURN },
	{ "--label", 0, required_argument, set_spec, RUN },
	{ "--instructions", 0, required_argument, set_spec, TURN },
	{ "--app-context", 0, required_argument, set_spec, RUN },
	{ "--tools", 't', required_argument, set_spec, RUN },
	{ "--yolo", 0, no_argument, set_spec, RUN },
	{ "--sandbox", 0, required_argument, set_spec, RUN },
	{ "--network", 0, no_argument, set_spec, RUN },
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
	{ "--keep-alive", 0, no_argument, set_keep_alive, PEOPLE },
	{ "--no-keep-alive", 0, no_argument, set_keep_alive,
	    RESUME | CONTINUE },
	{ "--comms-name", 0, required_argument, set_comms_name, PEOPLE },
	{ "--comms-listen-tcp", 0, required_argument, set_comms_address,
	    PEOPLE },
	{ "--comms-advertise-tcp", 0, required_argument, set_comms_address,
	    PEOPLE },
	{ "--comms-binding-out", 0, required_argument, set_binding_out,
	    PEOPLE },
	{ "--agent-description", 0, required_argument, set_description,
	    PEOPLE },
	{ "--agent-label", 0, required_argument, add_agent_label, PEOPLE },
	{ "--no-comms", 0, no_argument, set_switch, RUN },
	{ "--comms-pairing-password", 0, required_argument, unavailable, RUN },
	{ "--comms-pairing-password-env", 0, required_argument, unavailable,
	    RUN },
	{ "--comms-pairing-password-file", 0, required_argument, unavailable,
	    RUN },
};
