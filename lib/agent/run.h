#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/budget.h"
#include "agent/hooks.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/model.h"
#include "store/config.h"
#include "store/events.h"
#include "store/inputs.h"
#include "store/realm.h"
#include "store/runs.h"
#include "store/sessions.h"
#include "tool/defs.h"
#include "tool/tool.h"

/*
 * The inside of an agent: what the files of the loop share.  They read in this order:
 *
 *   create.c	a session's row from what was asked for
 *   agent.c	open, runs, interrupt, close
 *   recover.c	what a dead process left behind
 *   settings.c	what a run goes by: request over session over configuration
 *   prompt.c	the system prompt
 *   content.c	message content: checked, images moved to blobs
 *   input.c	what the world said, as the model sees it
 *   admit.c	a prompt and queued inputs become one user message and a run
 *   turn.c	the loop: one model call after another until the run is over
 *   call.c	one model call with its retries
 *   tools.c	the tool calls of one answer
 *   callback.c	tools that are run by somebody else, and calls that wait for him
 *   extract.c	the answer once more, as JSON of a schema
 *   compact.c	a long history made short
 *   finish.c	the one terminal event
 *   points.c	where hooks look in
 *
 * and beside them budget.c, emit.c (event payloads), result.c and step.c (durable
 * steps).  Functions return 0 or -1 with *e set.  A run that was stopped from outside
 * comes up as E_REQUEST_CANCELLED.
 */

/* What this run goes by.  Strings owned. */
struct settings {
	struct model_target target;
	int64_t max_tokens, max_turns;
	double temperature;		/* NAN: the provider's default */
	struct buf params;		/* effective provider_params, an object */
	struct buf schema;		/* output wrapper; empty: none */
	int64_t attempts;		/* how often structured output is asked for */
	char *extraction_prompt;
	struct retry_policy retry;
	int64_t call_ms;		/* deadline of one model call; -1: none */
	struct model_deadlines waits;	/* of its parts; total is not used */
};

struct agent {
	struct agent_env env;
	const struct realm *realm;
	struct config config;
	struct session s;
	struct messages msgs;		/* as committed */
	struct messages fresh;		/* appended by the step that is open */
	struct settings set;
	struct toolbox *tools;
	struct tool_env tool_env;
	struct tool_defs own;		/* tools that the session brought itself */
	struct tool_source own_source;
	bool waiting;			/* the transcript ends in calls of theirs (callback.c) */
	char *shell_env;
	struct hooks *hooks;
	char *hooks_override;
	struct eventlog *log;
	struct buf event;		/* scratch of the event being put */
	struct budget budget;
	int64_t last_input;		/* input tokens of the last call; 0 after a compaction */

	int wake, bell;			/* eventfd of agent_interrupt and agent_stop; the session's doorbell */
	struct loop_fd *wake_watch, *bell_watch;
	bool cancel;			/* stop the run under way */
	bool stopping;			/* ... and try its queued input again */

	/* The run under way, or (state "running") one that a dead process left to take up. */
	struct run run;
	bool direct;			/* somebody waits for this very prompt */
	int64_t started;		/* on the monotonic clock, for the time budget */
	int64_t turn;			/* number of the model call under way */
	struct run_result *out;
};

/* ---- agent.c ---- */
/* Did somebody ask to stop?  Looks at the doorbell and at agent_interrupt's flag. */
bool agent_cancelled(struct agent *a);
int agent_set_cancelled(struct err *e);		/* "Run was cancelled"; -1 */

/* ---- step.c: a durable step = one transaction between two crash points ---- */
int step_begin(struct agent *a, struct err *e);
/* Append a message inside the step; *index (may be NULL) as in messages_append. */
int step_append(struct agent *a, const struct buf *message, int64_t *index,
    struct err *e);
/* Replace message i of the live transcript; the log keeps the old one. */
int step_replace(struct agent *a, size_t i, const struct buf *message,
    struct err *e);
int step_save(struct agent *a, struct err *e);	/* usage and state; and the run row */
/* The same with meta and build, when the request changed them. */
int step_save_all(struct agent *a, struct err *e);
#define STEP(name) name ".before", name ".after"
int step_commit(struct agent *a, const char *before, const char *after,
    struct err *e);
void step_abort(struct agent *a);
/* A step that only saves usage, state and the run's row. */
int step_state(struct agent *a, const char *before, const char *after,
    struct err *e);
/* A step that only appends one message. */
int step_message(struct agent *a, const struct buf *message,
    const char *before, const char *after, struct err *e);

/* ---- emit.c helpers: fill agent_event(a), then agent_say(a) ---- */
struct buf *agent_event(struct agent *a);
void agent_say(struct agent *a);

/* ---- settings.c ---- */
int settings_load(struct agent *a, struct err *e);
void settings_free(struct settings *s);
/* Write what the request wants kept into a->s (in memory). */
int settings_keep(struct agent *a, const struct run_spec *spec, struct err *e);
/* prompt behind the one that waits in the session's state, if any (staged.c). */
void staged_join(const struct agent *a, struct jtext prompt, struct buf *b);
/* That is in a->s.state no more (in memory); step_save_all writes it. */
void staged_taken(struct agent *a);
/* RFC 7396 on raw text. */
void json_merge(struct buf *out, struct jtext target, struct jtext patch);
int64_t settings_max_tokens(const struct config *c);
int settings_call_timeout(const char *s, int64_t *ms, struct err *e);

/* ---- prompt.c ---- */
void prompt_build(struct agent *a, struct buf *text);
/* The message {"role":"system",...} of it. */
void prompt_message(struct agent *a, struct buf *message);

/* ---- content.c ---- */
/*
 * Check content (string or blocks, agent sheet 2.1) and append it in stored form:
 * inline images become blobs.  INVALID_PARAMS names what is wrong.
 */
int content_store(const struct realm *r, struct jtext content, struct buf *out,
    struct err *e);
/* Video goes to Gemini only. */
int content_fits(struct jtext content, enum provider p, struct err *e);

/* ---- input.c ---- */
/* One input as content: appended to a block array, or nothing (continuations). */
void input_render(const struct input *in, struct buf *blocks);
void input_render_peer(const struct input *in, struct buf *blocks);	/* input_peer.c */
void input_put_text(struct buf *blocks, const char *p, size_t n);
void input_put_content(struct buf *blocks, struct jtext content);
/* "[SYSTEM NOTICE: ...]" and an empty line for each string of the array. */
void input_put_notices(struct buf *text, struct jtext notices);
/* The object that it brought along, or absent. */
struct jtext input_render_metadata(const struct input *in);

/* ---- admit.c ---- */
/* 1: a run is on its way (committed, run_started said); 0: nothing to do. */
int admit_run(struct agent *a, const struct run_spec *spec, bool drain,
    struct err *e);
/* Steer inputs that wait become a user message of this run: 1 if there were any. */
int admit_steer(struct agent *a, struct err *e);
/* Is there something for the model to answer? */
bool admit_at_boundary(const struct agent *a);
/* The last message's text if a user said it (agent sheet 4.4). */
void admit_last_prompt(const struct agent *a, struct buf *text);

/* ---- recover.c ---- */
int recover(struct agent *a, struct err *e);
/* Close the run that a dead process left: it will not be taken up.  settle: its inputs, too. */
int recover_close(struct agent *a, bool settle, struct err *e);

/* ---- turn.c ---- */
int agent_loop(struct agent *a, struct err *e);
/* 0: go on; 1: a limit was reached that ends the run with success; -1: time is up. */
int agent_budget(struct agent *a, struct err *e);
/* In ms by the clock of now; -1: no limit. */
int64_t agent_time_left(struct agent *a);

/* ---- call.c ---- */
struct call {
	bool tools;			/* offer the tools */
	int64_t max_tokens;
	double temperature;
	struct buf params;
	const char *context;		/* system text of this request only, or NULL */
};
/* One model call, retried as the policy says; reply is filled on success.  Free it in both cases. */
int call_model(struct agent *a, const struct call *c,
    struct model_reply *reply, struct err *e);
/* One attempt over other messages, without retry (compaction). */
int call_once(struct agent *a, const struct jtext *messages, size_t n,
    const struct call *c, int64_t total_ms, struct model_reply *reply,
    struct model_error *me);
int call_error(const struct agent *a, const struct model_error *me,
    struct err *e);
void reply_text(const struct model_reply *reply, struct buf *text);

/* ---- tools.c ---- */
struct tool_job {
	struct agent *a;
	struct tool_jobs *all;
	struct tool_call call;		/* id and name owned */
	struct buf patched;		/* arguments that a hook put in their place */
	struct tool_result result;
	struct tool_run *run;		/* under way */
	int64_t started_ms;		/* since then */
	bool done, denied;
};
struct tool_jobs {
	struct tool_job *v;
	size_t n, open;
	struct err failed;		/* a result could not be kept */
};
/* Journal rows of a message's calls, inside a step. */
int tools_journal(struct agent *a, struct jtext message, struct err *e);
/* Run all calls of a committed assistant message and commit their results. */
int tools_run(struct agent *a, struct jtext message, struct err *e);
/* The same for a message whose process died: finished results are used, the rest is interrupted. */
int tools_recover(struct agent *a, struct jtext message, struct err *e);
/*
 * The calls of a message that waited: 1 they have their results now; 0 they wait on,
 * for nobody here can run them; -1.  give_up: then they get an error for a result.
 */
int tools_resume(struct agent *a, struct jtext message, bool give_up,
    struct err *e);
/* Does the message ask for tools? */
bool tools_asked(struct jtext message);

/* ---- callback.c ---- */
void callback_open(struct agent *a);
void callback_close(struct agent *a);
const struct tool_source *callback_source(struct agent *a);	/* NULL: there are none */
/* Tell what has come and gone since the last model call (rpc sheet 9.1). */
void callback_changes(struct agent *a);
bool callback_waits(const struct agent *a);
/* From the next step on.  Not so while they are run: a process that dies then leaves interrupted calls. */
void callback_mark(struct agent *a, bool waiting);
/* The run stops here; -1. */
int callback_stop(struct agent *a, const struct tool_call *c, struct err *e);
/* Before a run: as tools_resume, and then the result says what it waits for. */
int callback_resume(struct agent *a, const struct run_spec *spec,
    struct err *e);

/* ---- extract.c ---- */
int extract_begin(struct agent *a, struct err *e);
/* The request's params in extraction: structured_output in, web search out. */
void extract_params(struct agent *a, struct buf *params);
/* 1: the answer fits (result filled); 0: asked again; -1. */
int extract_read(struct agent *a, const struct buf *text, struct err *e);
/* Is the message the JSON that was asked for? */
bool extract_fits(const struct agent *a, struct jtext message);

/* ---- compact.c ---- */
int compact_maybe(struct agent *a, struct err *e);

/* ---- finish.c ---- */
/* How often a run over inputs that nobody waits for is tried (agent sheet 17.6). */
#define ATTEMPTS_MAX 3
/*
 * How often in a row it is taken up again without getting anywhere when its process
 * dies: that says little about the inputs, but one that kills whoever takes it shall
 * not do so for ever.
 */
#define DEATHS_MAX 50
/* Append the text of an assistant message; false if it has none. */
bool finish_text(struct jtext message, struct buf *text);
/* Text of the newest assistant message that has any, in the whole session. */
void finish_last_text(const struct agent *a, struct buf *text);
/* End the run: hooks, rows, the terminal event.  failed: E_NONE means success. */
int finish_run(struct agent *a, struct err *failed);

/* ---- points.c: hooks; every function is nothing without hooks ---- */
int point_run_started(struct agent *a, const char *prompt, struct err *e);
int point_request(struct agent *a, struct call *c, struct err *e);
int point_reply(struct agent *a, struct model_reply *reply, struct err *e);
int point_boundary(struct agent *a, struct err *e);
void point_pre_tools(struct agent *a, struct tool_jobs *jobs);
void point_post_tool(struct agent *a, struct tool_job *job);
/* *text is filled with the new text and *rewritten set if a hook rewrote the result. */
int point_completed(struct agent *a, struct buf *text, bool *rewritten,
    struct err *e);
void point_failed(struct agent *a, const char *error);

#endif
