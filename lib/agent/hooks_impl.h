#ifndef AGENT_HOOKS_IMPL_H
#define AGENT_HOOKS_IMPL_H

#include "agent/hooks.h"

/* What the engine (hooks.c), its background, configuration, runner and answers share. */

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

struct hook_list {
	struct hook *v;		/* in the effective order */
	size_t n;
};

struct hooks {
	struct hooks_env env;
	struct hook_list list;
	int64_t payload_max, background_max;
	struct background **running;	/* background_max at most */
	size_t n_running;
	struct published *published;	/* to be told at the next point */
	size_t n_published;
	int64_t revision;
};

/* ---- hooks.c ---- */

#define HOOKS_LOOK_MS 50	/* how soon a cancel is seen */

/* An event of a hook: an open object, then on its way. */
void hooks_begin_event(struct buf *b, const char *type, const char *id,
    enum hook_point p);
void hooks_end_event(struct hooks *h, struct buf *b);

/* ---- hooks_background.c ---- */

/* Start it, unless too many are running. */
void hooks_background(struct hooks *h, const struct hook *hook,
    struct jtext invocation);
/* What they have wanted since the last point. */
void hooks_say_published(struct hooks *h);
/* The run is over: those under way get a moment, then they are ended. */
void hooks_background_end(struct hooks *h);

/* ---- hooks_config.c ---- */

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
/* What came of a call, or an error text (new) in place of it. */
char *hook_answer_of(struct hook_answer *a, const struct hook *hook,
    const struct hook_result *r);
void hook_answer_free(struct hook_answer *a);

#endif
