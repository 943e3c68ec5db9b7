#ifndef TURN_FLAGS_H
#define TURN_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "turn/options.h"

/*
 * The options of rkat-turn one by one: their names, which verbs have them, and how
 * each value is checked and kept.  Between options: options.c.
 */

/* What is collected while options are read. */
struct parse {
	struct options *o;
	const char *params_json;	/* --params-json, checked */
	const char **params;		/* --param KEY=VALUE, borrowed */
	size_t n_params;
	bool stream, no_stream, view, focus;	/* was given */
};

struct flag {
	const char *name;		/* "--model" */
	char letter;			/* 'm', or 0 */
	int has_arg;			/* as in getopt_long(3) */
	int (*set)(struct parse *p, const char *flag, const char *arg,
	    struct err *e);
	unsigned verbs;			/* bits 1 << VERB_... */
};
#define N_FLAGS 50
extern const struct flag flags[N_FLAGS];

/* Text from argv goes into JSON: it has to be UTF-8. */
int want_text(const char *what, const char *s, struct err *e);

#endif
