#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "model/model.h"
#include "store/realm.h"

struct db;
struct config;

/*
 * The tools of one session.  Source: tools sheet.  A tool is started, does its work
 * (at once, or with watches and timers in the loop), and calls back exactly once.
 * Many run side by side in one thread.
 */

struct tool_call {
	const char *id;		/* tool_use_id */
	const char *name;
	struct jtext args;	/* raw JSON */
	int64_t limit_ms;	/* for a source: what tools.tool_timeouts says of it; -1: nothing */
};

struct tool_result {
	struct buf content;	/* raw JSON: a string, or an array of content blocks */
	bool is_error;
	bool timed_out;
	bool pending;		/* nobody here can run it: the run stops and waits (agent sheet 6) */
	int64_t duration_ms;
	int64_t timeout_ms;	/* the limit that was hit, if timed_out */
};
void tool_result_free(struct tool_result *r);
/* Set content to the JSON string of plain text. */
void tool_result_text(struct tool_result *r, const char *p, size_t n);
/* is_error, content = {"error":code,"message":text} as text (agent sheet 6 table). */
void tool_result_error(struct tool_result *r, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The text projection of a content value (string or blocks), appended; *images (may be NULL) set if there are any. */
void content_project(struct jtext content, struct buf *text, bool *images);

enum sandbox_mode { SANDBOX_OFF, SANDBOX_WORKSPACE, SANDBOX_STRICT };
bool sandbox_parse(const char *s, enum sandbox_mode *m);

/* What the tools need to know; borrowed for the toolbox's life. */
struct tool_env {
	struct loop *loop;
	struct db *db;
	const struct realm *realm;
	const struct config *config;
	const char *session;		/* id */
	const char *root;		/* project root, absolute */
	bool builtins, shell;		/* which groups are on */
	bool memory, mob;		/* for later groups */
	bool comms;			/* for tool_comms' caller */
	bool image_results;		/* false hides view_image */
	enum sandbox_mode sandbox;	/* for the shell tool */
	bool network;			/* granted to sandboxed children */
	bool sandbox_required;		/* refuse instead of degrading when the kernel lacks a feature */
	struct jtext shell_env;		/* extra environment, object, or JTEXT_NONE */
	const char *const *pass_env;	/* secret variables to keep for children; NULL terminated, or NULL */
};

struct toolbox;
typedef void tool_done(void *arg, struct tool_result *r);	/* owns r's content afterwards */

/*
 * A source of more tools (MCP, callbacks, comms ...).
 * Builtins win a name collision, then sources in the order they were added.
 */
struct tool_source {
	const char *kind, *id;		/* provenance: "mcp", "fs" */
	size_t (*list)(void *arg, const struct tool_def **defs);	/* borrowed until the next list */
	/* Start a call; done must be called once, maybe before this returns.  *handle is for cancel. */
	void (*start)(void *arg, const struct tool_call *c, tool_done *done,
	    void *done_arg, void **handle);
	void (*cancel)(void *arg, void *handle);	/* then done is not called any more */
	void *arg;
	bool timed;			/* it keeps the time of its calls itself */
	bool lent;			/* definitions only: a later source of that name runs them, else they are pending */
};

struct toolbox *toolbox_new(const struct tool_env *env, struct err *e);
void toolbox_add(struct toolbox *b, const struct tool_source *s);
/* Kills foreground children and background jobs, reaps all. */
void toolbox_free(struct toolbox *b);

/* allow and block are JSON string arrays or JTEXT_NONE: the turn's overlay (tools sheet 2).  Unknown names: INVALID_PARAMS. */
int toolbox_overlay(struct toolbox *b, struct jtext allow, struct jtext block,
    struct err *e);
/* Would a call of this name be pending? */
bool toolbox_waits(struct toolbox *b, const char *name);
/* The visible tools, in the order of tools sheet 1.3; borrowed until the box changes. */
size_t toolbox_list(struct toolbox *b, const struct tool_def **defs);

/* send_message, send_request, send_response and peers, while the session has peers; env is borrowed. */
struct tool_source tool_comms(const struct tool_env *env);

/*
 * Start one call.  Unknown or hidden names give tool_not_found.  Applies
 * tools.default_timeout, tools.tool_timeouts and tools.max_concurrent (what is over
 * the limit waits its turn).  done gets the result, duration filled in.
 */
struct tool_run;
struct tool_run *toolbox_start(struct toolbox *b, const struct tool_call *c,
    tool_done *done, void *arg);
/* Stop a call that is not done: children are signalled, then killed; done is not called.  Frees the run. */
void toolbox_cancel(struct tool_run *r);

/* A background job that ended since the last look, or false.  Strings are new. */
struct job_notice {
	char *job_id, *display_name, *status, *detail;
};
bool toolbox_job_notice(struct toolbox *b, struct job_notice *n);
void job_notice_free(struct job_notice *n);

#endif
