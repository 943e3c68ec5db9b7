#ifndef AGENT_HOOKS_H
#define AGENT_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"

struct config;

/*
 * Hooks: programs and HTTP end points that watch, guard or rewrite a run.  Source:
 * agent sheet 13.  Runtimes "command" and "http", both in a child process.
 */
enum hook_point { HOOK_RUN_STARTED, HOOK_PRE_LLM_REQUEST, HOOK_POST_LLM_RESPONSE,
	HOOK_PRE_TOOL_EXECUTION, HOOK_POST_TOOL_EXECUTION, HOOK_TURN_BOUNDARY,
	HOOK_RUN_COMPLETED, HOOK_RUN_FAILED };
const char *hook_point_name(enum hook_point p);		/* "run_started" */

struct hooks;

struct hooks_env {
	struct loop *loop;
	const struct config *config;		/* "hooks": the entries of all layers, and the scalars */
	struct jtext override;			/* {"entries":[],"disable":[]} or JTEXT_NONE */
	const char *cwd;
	void (*emit)(void *arg, const char *payload, size_t n);	/* an event's payload */
	void *arg;
	const bool *cancel;			/* give up at once when it becomes true */
};

/* *h is NULL (and 0 returned) when there are no entries at all.  -1: E_INVALID_PARAMS "Hook configuration invalid: ..". */
int hooks_new(struct hooks **h, const struct hooks_env *env, struct err *e);
/* Would hooks_new take them?  For a session that is about to be made. */
int hooks_check(const struct config *c, struct jtext override, struct err *e);
/* Background hooks get up to 2 s to end, then they are killed; at once if cancelled.  NULL is fine. */
void hooks_free(struct hooks *h);
/* Is there something to do at this point: a hook, or a patch to publish? */
bool hooks_any(const struct hooks *h, enum hook_point p);

struct hook_outcome {
	bool denied;
	char *hook_id, *reason_code, *message;	/* of the deny */
	struct buf payload;			/* raw JSON; empty: none */
	struct buf *patches;			/* raw patch objects in execution order */
	char **patch_ids;			/* the hook of each */
	size_t n_patches;
};
void hook_outcome_free(struct hook_outcome *o);

/*
 * Fire a point for n invocations (raw JSON objects of 13.4) side by side, each a chain
 * of its own; wait for the foreground ones.  Emits hook_started/completed/failed/denied
 * and hook_patch_published; hook_rewrite_applied is the caller's, as it applies them.
 * A hook that fails is an outcome by its failure policy, never an error here.  h NULL:
 * nothing happens.  out[n] is filled; free each.
 */
void hooks_fire(struct hooks *h, enum hook_point p,
    const struct jtext *invocations, struct hook_outcome *out, size_t n);

/* "Hook denied at PreLlmRequest: PolicyViolation - no" */
void hook_denied_text(const struct hook_outcome *o, enum hook_point p,
    struct err *e);

#endif
