#ifndef TURN_OPTIONS_H
#define TURN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/spec.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/realm.h"
#include "turn/stdin.h"
#include "turn/view.h"

/*
 * The command line of rkat-turn (cli sheet sections 3 to 7), checked as far as it can
 * be without a realm: a usage error never leaves anything behind.
 */
enum verb { VERB_NONE, VERB_RUN, VERB_RESUME, VERB_CONTINUE, VERB_DRAIN,
	VERB_WORKER };
enum choice { AUTO = -1, NO = 0, YES = 1 };

/* The part that the session takes in comms; what is NULL or empty was not given. */
struct comms_options {
	const char *name, *binding_out, *description;
	char *listen, *advertise;	/* "tcp://host:port" */
	struct buf labels;		/* JSON object of strings */
	bool off;			/* --no-comms */
	enum choice keep_alive;
};

struct options {
	enum verb verb;
	struct realm_opts realm;
	const char *session, *prompt;	/* "-": from standard input */

	struct spec_options spec;	/* what describes the session */
	int64_t max_duration_ms, max_tool_calls;	/* -1: not given */
	struct buf allow, block;	/* JSON arrays of tool names; empty: no overlay */
	const char *idem;

	bool json, verbose, content;
	enum choice stream;
	struct view view;
	enum stdin_mode stdin_mode;
	bool line_json;
	struct comms_options comms;

	bool help, version;
};

/*
 * Read argv.  Global flags first, then the options of the verb; a flag that belongs to
 * another verb is refused.  CAPABILITY_UNAVAILABLE for flags of later releases.
 */
int options_parse(int argc, char **argv, struct options *o, struct err *e);
void options_free(struct options *o);

/* Does the command line ask for JSON?  Known before it parses: its errors are JSON, too. */
bool options_want_json(int argc, char **argv);

#endif
