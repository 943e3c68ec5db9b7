#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/option.h"
#include "base/util.h"
#include "turn/binding.h"
#include "turn/flags.h"
#include "turn/options.h"

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
getopt_tables(struct option longs[N_FLAGS + 1],
    char letters[2 * N_FLAGS + 2])
{
	size_t n = 0;

	letters[n++] = ':';
	for (size_t i = 0; i < N_FLAGS; i++) {
		longs[i] = (struct option){ flags[i].name + 2,
		    flags[i].has_arg, NULL, 256 + (int)i };
		if (!flags[i].letter)
			continue;
		letters[n++] = flags[i].letter;
		if (flags[i].has_arg)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	longs[N_FLAGS] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct flag *
flag_of(int c)
{
	for (size_t i = 0; i < N_FLAGS; i++)
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
	return err_set(e, E_INVALID_PARAMS, "unknown option %.*s (see: rkat help run)",
	    (int)strcspn(arg, "="), arg);
}

static int
read_flags(int argc, char **argv, struct parse *p, struct err *e)
{
	struct option longs[N_FLAGS + 1];
	char letters[2 * N_FLAGS + 2];
	enum stdin_mode mode;
	int c;

	getopt_tables(longs, letters);
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct flag *f = flag_of(c);

		if (c == '?' || c == ':' || !f)
			return complain(c, argv, e);
		if (!(f->verbs & (1U << p->o->verb)))
			return err_set(e, E_INVALID_PARAMS,
			    "%s is no option here", f->name);
		/* --stdin takes the next argument only if that is a mode. */
		if (f->has_arg == optional_argument && !optarg && optind < argc &&
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

	/* Who only wants to be resident again, or not any more, has nothing to say. */
	if (o->verb != VERB_RUN && o->comms.keep_alive != AUTO && n == want - 1)
		want = n;
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
		o->prompt = *argv;	/* NULL behind the last one */
	return o->prompt ? option_utf8("the prompt", o->prompt, e) : 0;
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

static int
check_comms(const struct options *o, struct err *e)
{
	const struct comms_options *c = &o->comms;
	const struct { const char *flag; bool given; } with[] = {
		{ "--comms-binding-out", c->binding_out },
		{ "--comms-listen-tcp", c->listen },
		{ "--comms-advertise-tcp", c->advertise },
		{ "--comms-name", c->name },
		{ "--agent-description", c->description },
		{ "--agent-label", c->labels.n },
		{ "--keep-alive", c->keep_alive == YES },
	};

	for (size_t i = 0; c->off && i < COUNT(with); i++)
		if (with[i].given)
			return err_set(e, E_INVALID_PARAMS,
			    "%s cannot be used with --no-comms", with[i].flag);
	if (o->verb == VERB_RUN && c->binding_out && !binding_address(
	    c->advertise ? c->advertise : c->listen))
		return err_set(e, E_INVALID_PARAMS, "--comms-binding-out "
		    "requires a comms runtime with an advertised address: add "
		    "--comms-advertise-tcp HOST:PORT");
	return 0;
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
	    .stream = AUTO, .spec = SPEC_OPTIONS_INIT,
	    .comms.keep_alive = AUTO };
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
	    check_comms(o, e) < 0 || (o->prompt && check_content(o, e) < 0))
		goto done;
	if (o->stdin_mode == STDIN_LINES && o->prompt &&
	    !strcmp(o->prompt, "-")) {
		err_set(e, E_INVALID_PARAMS, "--stdin lines: the prompt cannot "
		    "come from standard input, too");
		goto done;
	}
	spec_finish(&o->spec);
	rc = 0;
done:
	return rc;
}

void
options_free(struct options *o)
{
	spec_free(&o->spec);
	buf_free(&o->allow);
	buf_free(&o->block);
	view_free(&o->view);
	buf_free(&o->comms.labels);
	free(o->comms.listen);
	free(o->comms.advertise);
}
