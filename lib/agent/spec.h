#ifndef AGENT_SPEC_H
#define AGENT_SPEC_H

#include "agent/agent.h"

struct config;

/*
 * The options that describe a session (cli sheet section 3), as rkat-turn and
 * rkat-session create take them: each value is checked and kept when it is read, so
 * that a usage error leaves nothing behind.
 */
enum preset { TOOLS_SAFE, TOOLS_WORKSPACE, TOOLS_FULL, TOOLS_NONE };

struct spec_options {
	const char *model, *provider, *system;
	int64_t max_tokens;		/* 0: not given */
	struct buf params;		/* JSON object; empty: not given */
	struct buf schema;		/* JSON; empty: none */
	struct buf labels;		/* JSON object of strings */
	struct buf instructions;	/* JSON array of strings */
	const char *app_context;	/* JSON */
	enum preset tools;
	const char *sandbox;
	int network;			/* -1: not given */

	/* Until spec_finish makes params of them: */
	const char *params_json;	/* --params-json, checked */
	const char **pairs;		/* --param KEY=VALUE, borrowed */
	size_t n_pairs;
};
#define SPEC_OPTIONS_INIT { .network = -1 }

struct spec_flag {
	const char *name;		/* "--model" */
	char letter;			/* 'm', or 0 */
	int has_arg;			/* as in getopt_long(3) */
	int (*set)(struct spec_options *o, const char *flag, const char *arg,
	    struct err *e);
};
#define N_SPEC_FLAGS 15
extern const struct spec_flag spec_flags[N_SPEC_FLAGS];

/* Take one option by its name; arg is borrowed.  INVALID_PARAMS if its value is wrong. */
int spec_option(struct spec_options *o, const char *flag, const char *arg,
    struct err *e);
/* As option_label; some keys are reserved. */
int spec_label(struct buf *labels, const char *flag, const char *arg,
    struct err *e);
/* When all are read. */
void spec_finish(struct spec_options *o);
/* As what agent_create_session takes; borrows from o. */
void spec_fill(const struct spec_options *o, const struct config *c,
    struct session_spec *s);
void spec_free(struct spec_options *o);
/* What was not given is absent, not empty. */
struct jtext spec_given(const struct buf *b);

#endif
