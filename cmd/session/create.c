#include <stdlib.h>

#include "agent/spec.h"
#include "base/jput.h"
#include "session/session.h"
#include "store/config.h"

/* create: a row; nothing is asked of a model.  Options: cli sheet section 3. */

/* Options are numbered behind every letter, those of the session first. */
enum { FIRST = 256, JSON = FIRST + N_SPEC_FLAGS };

static void
getopt_tables(struct option longs[N_SPEC_FLAGS + 2],
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
	longs[N_SPEC_FLAGS] = (struct option){ "json", no_argument, NULL, JSON };
	longs[N_SPEC_FLAGS + 1] = (struct option){ NULL, 0, NULL, 0 };
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

/* 0, -1 or 2 for a usage error. */
static int
parse(struct cmd *c, struct spec_options *o, int argc, char *argv[])
{
	struct option longs[N_SPEC_FLAGS + 2];
	char letters[2 * N_SPEC_FLAGS + 2];
	const struct spec_flag *f;
	int opt;

	getopt_tables(longs, letters);
	while ((opt = cmd_option(c, argc, argv, letters, longs)) != -1) {
		if (opt == JSON)
			c->json = true;
		else if (!(f = flag_of(opt)))
			return cmd_usage(c);
		else if (f->set(o, f->name, optarg, &c->e) < 0)
			return -1;
	}
	if (optind != argc)
		return cmd_usage(c);
	spec_finish(o);
	return 0;
}

static int
make(struct cmd *c, const struct spec_options *o, struct session *s)
{
	struct session_spec spec;
	struct config config;
	int rc;

	if (config_load(&c->realm, &config, &c->e) < 0)
		return -1;
	spec_fill(o, &config, &spec);
	rc = agent_create_session(c->db, &spec, s, &c->e);
	config_free(&config);
	return rc;
}

static int
create(struct cmd *c, const struct spec_options *o)
{
	struct session s;
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_open(c) < 0 || make(c, o, &s) < 0)
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
	int rc = parse(c, &o, argc, argv);

	if (rc == 0)
		rc = create(c, &o);
	spec_free(&o);
	return rc;
}
