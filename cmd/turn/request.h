#ifndef TURN_REQUEST_H
#define TURN_REQUEST_H

#include <stdbool.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/json.h"

/*
 * A request line of rkat-worker(5).  Slices point into the line, which must outlive
 * the request.
 */
enum op {
	OP_RUN, OP_CREATE, OP_INTERRUPT, OP_PING, OP_EXIT, OP_TOOLS,
	OP_TOOL_RESULT
};

struct request {
	struct jtext id;	/* as it came; JTEXT_NONE: none */
	enum op op;
	char *session;		/* run, interrupt; NULL: not given */
	struct run_spec run;
	struct jtext tools;	/* run, tools: those that the asker runs; checked */
	struct jtext of;	/* tools: the id of their run */
	struct session_spec create;
	const char *tool_use_id;	/* tool_result */
	struct jtext content;		/* absent: empty */
	bool is_error;
	char **strings;		/* what run and create borrow */
	size_t n_strings;
};

/*
 * INVALID_PARAMS names the member that is wrong.  The id is set whenever the line has
 * one, also on failure.
 */
int request_parse(struct jtext line, struct request *r, struct err *e);
void request_free(struct request *r);

#endif
