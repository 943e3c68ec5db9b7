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
#define N_FLAGS 51
extern const struct flag flags[N_FLAGS];

#endif
