#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "store/sessions.h"

struct db;
struct model;

/*
 * What a turn means, written once (design rule 8, agent sheet).  The caller - rkat-turn
 * alone or as a worker - holds the session lock.  Everything observable goes through
 * the event log and its tap; everything durable through lib/store.
 */

/* What a new session is made of; all optional.  Strings borrowed. */
struct session_spec {
	const char *model, *provider;
	const char *system_prompt;
	int64_t max_tokens;		/* 0: agent.max_tokens_per_turn */
	struct jtext provider_params;	/* object */
	struct jtext output_schema;	/* raw schema or wrapper */
	int64_t structured_output_retries;	/* < 0: 2 */
	struct jtext budget;		/* {"max_tokens":n,"max_duration":ms as integer,"max_tool_calls":n}; absent: config */
	int builtins, shell, memory, mob, comms;	/* -1 inherit, 0 disable, 1 enable */
	const char *sandbox;		/* "off", "workspace", "strict"; NULL: config */
	int network;			/* -1 inherit, 0, 1 */
	struct jtext labels;		/* object of strings */
	struct jtext additional_instructions;	/* array of strings */
	struct jtext app_context;
	struct jtext shell_env;
	struct jtext hooks_override;
	bool keep_alive;
	const char *comms_name;
	struct jtext peer_meta;
	struct jtext silent_comms_intents;
	const char *call_timeout;	/* "45s", "disabled", NULL inherit */
	struct jtext external_tools;	/* array of ToolDef: who runs its turns has to run these */
};
#define SESSION_SPEC_INIT { .structured_output_retries = -1, .builtins = -1, \
	.shell = -1, .memory = -1, .mob = -1, .comms = -1, .network = -1 }

/*
 * Make the row (nothing is built or sent yet, but model, provider, schema, labels and
 * budget are checked: INVALID_PARAMS names what is wrong).  s is filled; free it.
 */
int agent_create_session(struct db *db, const struct session_spec *spec,
    struct session *s, struct err *e);

/*
 * The same; and if it is to have a comms name, others can speak to it from now on: at
 * listen and advertise (NULL: where the realm is reached).  Archived if that fails.
 */
int agent_create_peer(struct db *db, const struct session_spec *spec,
    const char *listen, const char *advertise, struct session *s,
    struct err *e);

/* What one run is asked to do.  All optional but the kind of run it makes. */
struct run_spec {
	struct jtext prompt;		/* content: JSON string or block array; JTEXT_NONE: continue at the boundary, or drain the queue */
	struct jtext additional_instructions;	/* array of strings: notices in front of the prompt */
	struct jtext allow_tools, block_tools;	/* this run only */
	struct jtext render_metadata;
	/* Kept in the session when given: */
	const char *model, *provider, *system_prompt;
	struct jtext provider_params, budget, output_schema, hooks_override;
	struct jtext max_tokens, structured_output_retries;	/* whole numbers */
	bool drain;			/* afterwards work until the queue is empty */
	int64_t max_runs;		/* of a drain, so that others get their turn; 0: no limit */
	const char *idem;		/* idempotency key of the prompt */
};

enum run_outcome { RUN_COMPLETED, RUN_FAILED, RUN_INTERRUPTED, RUN_CALLBACK, RUN_NOTHING };

struct run_result {
	enum run_outcome outcome;
	struct buf text;
	struct usage session_usage;	/* cumulative, as the contract's result reports it */
	struct usage run_usage;		/* this run */
	int64_t turns, tool_calls;
	struct buf structured;		/* raw JSON; empty: none */
	struct buf schema_warnings;	/* raw JSON array; empty: none */
	char *pending_tool;		/* RUN_CALLBACK: it waits for somebody who can run this */
	struct buf pending_args;	/* its arguments and "tool_use_id" */
	char input_id[UUID_LEN + 1];
	const char *stopped;		/* why it ended early, with success; NULL: it did not */
};
void run_result_free(struct run_result *r);
/*
 * The contract's result object: {"session_id","session_ref"?,"text","turns","tool_calls",
 * "usage" of the session,"run_usage","structured_output"?,"schema_warnings"?}.
 */
void run_result_emit(const struct run_result *r, const char *session,
    const char *realm, struct buf *b);

/* The agent of one session: database, tools and model client stay open between runs. */
struct agent;

struct agent_env {
	struct db *db;
	struct loop *loop;
	struct model *model;		/* may be shared by agents that run one after another */
	int lock_fd;			/* the held session lock */
	/* Sees every event line (with newline) after it was appended; payload is its "payload". */
	void (*event)(void *arg, const char *line, size_t n, struct jtext payload);
	void *arg;
	/* More tools; added after the builtins.  NULL terminated; or NULL. */
	const struct tool_source *const *sources;
};

/*
 * Load session, configuration and transcript; close what a dead run left behind (its
 * terminal event, interrupted tool calls).  SESSION_NOT_FOUND, or E_INVALID_PARAMS etc.
 */
struct agent *agent_open(const struct agent_env *env, const char *session,
    struct err *e);
void agent_close(struct agent *a);

/*
 * One run (with drain: as many as there is input).  0: result filled (also when it was
 * interrupted: outcome).  -1: *e says why, one terminal event was emitted if run_started
 * was.  Free the result in both cases.
 */
int agent_run(struct agent *a, const struct run_spec *spec,
    struct run_result *r, struct err *e);

/* Stop the run under way at the next safe point, within 100 ms; async-signal-safe (sets a flag). */
void agent_interrupt(struct agent *a);
/*
 * The same because this process has to go, not because the run is unwanted: queued
 * input that it works on stays for the next drain.
 */
void agent_stop(struct agent *a);

#endif
