#ifndef AGENT_BUDGET_H
#define AGENT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct config;

/*
 * Limits on what runs may use (agent sheet 7.3).  Tokens and tool calls add up while
 * the agent is open; time is that of one run.  Pure: the clock is an argument.
 */
enum budget_type { BUDGET_TOKENS, BUDGET_TIME, BUDGET_CALLS, BUDGET_TYPES };
const char *budget_name(enum budget_type t);	/* "tokens", "time", "tool_calls" */

struct budget {
	int64_t limit[BUDGET_TYPES];	/* -1: none; time in ms */
	int64_t used[BUDGET_TYPES];	/* time in ms of this run */
	bool warned[BUDGET_TYPES];
	double threshold;		/* warn once at this part of a limit */
};

/*
 * Limits from a stored budget_limits object (3.2) or, if that is absent, from the
 * configuration.  What was used stays.
 */
void budget_limits(struct budget *b, struct jtext limits,
    const struct config *c);
/* Check a request's budget object and append its stored form: {"max_tokens":..,"max_duration":{"secs","nanos"},"max_tool_calls":..}. */
int budget_parse(struct jtext in, struct buf *out, struct err *e);

/* The first limit that is used up, in the sheet's order; BUDGET_TYPES: none. */
enum budget_type budget_spent(const struct budget *b);
/* The next type that has newly passed the threshold (marks it), or BUDGET_TYPES. */
enum budget_type budget_warn(struct budget *b);
/* Milliseconds left of the time limit (0 at least), or -1 without one. */
int64_t budget_left_ms(const struct budget *b);
/* "Time budget exceeded: 3s > 2s" and the like; BUDGET_EXHAUSTED, -1. */
int budget_error(const struct budget *b, enum budget_type t, struct err *e);

#endif
