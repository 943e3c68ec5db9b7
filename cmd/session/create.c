#include <stdlib.h>
#include <string.h>

#include "agent/spec.h"
#include "base/jput.h"
#include "base/option.h"
#include "comms/trust.h"
#include "session/session.h"
#include "store/config.h"

/* create: a row; nothing is asked of a model.  Options: cli sheet section 3. */

/* Options are numbered behind every letter, those of the session first. */
enum { FIRST = 256, JSON = FIRST + N_SPEC_FLAGS, COMMS_NAME, KEEP_ALIVE,
	DESCRIPTION, LABEL };

static const struct option own[] = {
	{ "json", no_argument, NULL, JSON },
	{ "comms-name", required_argument, NULL, COMMS_NAME },
	{ "keep-alive", no_argument, NULL, KEEP_ALIVE },
	{ "agent-description", required_argument, NULL, DESCRIPTION },
	{ "agent-label", required_argument, NULL, LABEL },
	{ NULL, 0, NULL, 0 }
};

/* What others may know of it. */
struct agent_options {
	const char *name, *description;
	bool keep_alive;
	struct buf labels;		/* JSON object; empty: none */
};

static void
getopt_tables(struct option longs[N_SPEC_FLAGS + COUNT(own)],
    char letters[2 * N_SPEC_FLAGS + 2])
{
	size_t n = 0;

	letters[n++] = ':';
	for (size_t i = 0; i < N_SPEC_FLAGS; i++) {
		longs[i] = (struct option){ spec_flags[i].name + 2,
		    spec_flags[i].has_arg, NULL, FIRST + (int)i };
		if (!spec_flags[i].letter)
			continue;
		letters[n++] = spec_flags[i].letter;
		if (spec_flags[i].has_arg)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	memcpy(longs + N_SPEC_FLAGS, own, sizeof own);
}

static const struct spec_flag *
flag_of(int c)
{
	for (size_t i = 0; i < N_SPEC_FLAGS; i++)
		if (c == FIRST + (int)i ||
		    (spec_flags[i].letter && c == spec_flags[i].letter))
			return &spec_flags[i];
	return NULL;
}

static int
take_own(struct cmd *c, struct agent_options *a, int opt)
{
	switch (opt) {
	case JSON: c->json = true; return 0;
	case COMMS_NAME: return option_text(&a->name, "--comms-name", optarg,
	    &c->e);
	case KEEP_ALIVE: a->keep_alive = true; return 0;
	case DESCRIPTION: return option_text(&a->description,
	    "--agent-description", optarg, &c->e);
	case LABEL: return spec_label(&a->labels, "--agent-label", optarg,
	    &c->e);
	}
	return cmd_usage(c);
}

static int
check_own(struct cmd *c, const struct agent_options *a)
{
	const char *needs = a->keep_alive ? "--keep-alive" :
	    a->description ? "--agent-description" :
	    a->labels.n ? "--agent-label" : NULL;

	if (!a->name && needs)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "%s: wants --comms-name, too", needs);
	if (a->name && !peer_name_valid(a->name))
		return err_set(&c->e, E_INVALID_PARAMS, "--comms-name: not "
		    "blank, no control characters");
	return 0;
}

static int
parse(struct cmd *c, struct spec_options *o, struct agent_options *a, int argc,
    char *argv[])
{
	struct option longs[N_SPEC_FLAGS + COUNT(own)];
	char letters[2 * N_SPEC_FLAGS + 2];
	const struct spec_flag *f;
	int opt;

	getopt_tables(longs, letters);
	while ((opt = cmd_option(c, argc, argv, letters, longs)) != -1) {
		if (!(f = flag_of(opt))) {
			if (take_own(c, a, opt) < 0)
				return -1;
		} else if (f->set(o, f->name, optarg, &c->e) < 0) {
			return -1;
		}
	}
	if (optind != argc)
		return cmd_usage(c);
	spec_finish(o);
	return check_own(c, a);
}

static int
make(struct cmd *c, const struct spec_options *o,
    const struct agent_options *a, struct session *s)
{
	struct session_spec spec;
	struct config config;
	char *meta = NULL;
	int rc;

	if (config_load(&c->realm, &config, &c->e) < 0)
		return -1;
	spec_fill(o, &config, &spec);
	if (a->name) {
		meta = peer_meta_make(a->description, &a->labels);
		spec.comms_name = a->name;
		spec.keep_alive = a->keep_alive;
		spec.peer_meta = json_text(meta);
	}
	rc = agent_create_peer(c->db, &spec, NULL, NULL, s, &c->e);
	free(meta);
	config_free(&config);
	return rc;
}

static int
create(struct cmd *c, const struct spec_options *o,
    const struct agent_options *a)
{
	struct session s;
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_open(c) < 0 || make(c, o, a, &s) < 0)
		return -1;
	if (c->json) {
		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", s.id);
		jput_close(&b, '}');
	} else {
		buf_puts(&b, s.id);
	}
	rc = cmd_line(c, &b);
	session_free(&s);
	buf_free(&b);
	return rc;
}

VERB(verb_create)
{
	struct spec_options o = SPEC_OPTIONS_INIT;
	struct agent_options a = { .name = NULL };
	int rc = parse(c, &o, &a, argc, argv);

	if (rc == 0)
		rc = create(c, &o, &a);
	spec_free(&o);
	buf_free(&a.labels);
	return rc;
}
