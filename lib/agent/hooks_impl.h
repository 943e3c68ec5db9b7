#ifndef AGENT_HOOKS_IMPL_H
#define AGENT_HOOKS_IMPL_H

#include "agent/hooks.h"

/* What the engine (hooks.c), the configuration, the runner and the answers share. */

enum hook_runtime { RUNTIME_IN_PROCESS, RUNTIME_COMMAND, RUNTIME_HTTP };

struct hook {
	char *id;
	enum hook_point point;
	bool enabled, background, fail_closed;
	int64_t priority, timeout_ms;
	enum hook_runtime runtime;
	char *name;		/* of the handler in process */
	char **argv;		/* command */
	char **env;		/* more of it, "NAME=value" */
	char *url, *method;	/* http */
	char **headers;		/* "name: value" */
};

/* ---- hooks_config.c ---- */

struct hook_list {
	struct hook *v;		/* in the effective order */
	size_t n;
};
/* The entries of the configuration, without those that the override disables, then the override's. */
int hooks_read(struct jtext config, struct jtext override,
    struct hook_list *list, struct err *e);
void hooks_list_free(struct hook_list *list);

/* ---- hooks_run.c ---- */

struct hook_run;

/* How a call ended: an answer, or why there is none. */
struct hook_result {
	struct buf answer;
	char *error;
	bool timed_out;
};
void hook_result_free(struct hook_result *r);

struct hook_call {
	struct loop *loop;
	const struct hook *hook;
	const char *cwd;
	struct jtext invocation;
	int64_t payload_max;
	void (*done)(void *arg, struct hook_result *r);	/* from the loop; r is gone afterwards */
	void *arg;
};
/* Start it.  NULL: *r says why not, and done is not called. */
struct hook_run *hook_start(const struct hook_call *call,
    struct hook_result *r);
/* Kill it; done is not called. */
void hook_stop(struct hook_run *run);

/* ---- hooks_http.c ---- */

/* In a child: POST what stands on stdin, answer on stdout, or why not on stderr; the exit status. */
int hook_http(const struct hook *hook, struct jtext body, int64_t max);

/* ---- hooks_answer.c ---- */

struct hook_answer {
	enum { NO_OPINION, ALLOW, DENY } decision;
	char *hook_id, *reason_code, *message;
	struct jtext payload;
	struct jtext patches;	/* array, every element checked */
};
/* Slices point into text. */
int hook_answer_parse(struct hook_answer *a, struct jtext text,
    struct err *e);
void hook_answer_free(struct hook_answer *a);

#endif
