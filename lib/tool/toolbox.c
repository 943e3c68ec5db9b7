#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "store/config.h"
#include "tool/capture.h"
#include "tool/jobs.h"
#include "tool/path.h"
#include "tool/shell.h"
#include "tool/toolbox_impl.h"

/* What is under way when the toolbox goes gets this long to end by itself. */
#define LAST_GRACE_MS 80
#define MAX_CONCURRENT 10

enum run_state { RUN_QUEUED, RUN_STARTING, RUN_ACTIVE, RUN_OVER };

struct tool_run {
	struct toolbox *box;
	struct tool_run *next;
	struct call call;		/* of a builtin, and the result of any */
	char *id, *name, *args;
	size_t args_len;
	const struct tool_source *source;	/* NULL: a builtin */
	void *handle;			/* the source's */
	enum run_state state;
	struct loop_timer *limit;
	int64_t limit_ms, started_ms;
	tool_done *done;
	void *arg;
};

/* ---- runs ---- */

static void
run_free(struct tool_run *r)
{
	struct tool_run **p;

	for (p = &r->box->runs; *p && *p != r; p = &(*p)->next)
		;
	if (*p)
		*p = r->next;
	loop_untimer(r->limit);
	free(r->id);
	free(r->name);
	free(r->args);
	free(r);
}

static void pump_soon(struct toolbox *b);

/* The result is there: hand it over. */
static void
deliver(struct tool_run *r)
{
	struct tool_result result = r->call.r;
	struct toolbox *b = r->box;
	tool_done *done = r->done;
	void *arg = r->arg;

	result.duration_ms = time_mono_ms() - r->started_ms;
	run_free(r);
	pump_soon(b);
	done(arg, &result);
}

/* It may be over while it is still being started: then the starter delivers. */
static void
over(struct tool_run *r)
{
	bool starting = r->state == RUN_STARTING;

	r->state = RUN_OVER;
	if (!starting)
		deliver(r);
}

void
call_done(struct call *c)
{
	over((struct tool_run *)((char *)c - offsetof(struct tool_run, call)));
}

static void
source_done(void *arg, struct tool_result *result)
{
	struct tool_run *r = arg;

	r->call.r = *result;
	over(r);
}

/* Give up what is under way; its result will not come. */
static void
give_up(struct tool_run *r)
{
	if (r->state != RUN_ACTIVE)
		return;
	if (!r->source)
		r->call.tool->cancel(&r->call);
	else if (r->source->cancel)
		r->source->cancel(r->source->arg, r->handle);
}

static void
on_limit(void *arg)
{
	struct tool_run *r = arg;

	r->limit = NULL;
	give_up(r);
	tool_result_free(&r->call.r);
	r->call.r = (struct tool_result){ .timed_out = true,
	    .timeout_ms = r->limit_ms };
	tool_result_error(&r->call.r, "timeout",
	    "Tool '%s' timed out after %" PRId64 "ms", r->name, r->limit_ms);
	over(r);
}

/* "10m", milliseconds or {"secs":1,"nanos":5}; -1 if it is none. */
static int64_t
duration_of(struct jtext v)
{
	char *s = json_str(v, NULL);
	int64_t ms = -1;

	if (s) {
		if (duration_parse(s, &ms, NULL) < 0)
			ms = -1;
	} else if (json_is(v, '{')) {
		int64_t secs = json_get_i64(v, "secs", 0);

		ms = secs > INT64_MAX / 2000 ? -1 : secs * 1000 +
		    json_get_i64(v, "nanos", 0) / 1000000;
	} else if (!json_i64(v, &ms)) {
		ms = -1;
	}
	free(s);
	return ms;
}

static struct jtext
tools_config(const struct toolbox *b)
{
	return b->t.env->config ? config_at(b->t.env->config, "tools") :
	    JTEXT_NONE;
}

/* The limit of this very tool; -1: there is none. */
static int64_t
own_limit(const struct toolbox *b, const char *name)
{
	return duration_of(json_get(json_get(tools_config(b), "tool_timeouts"),
	    name));
}

static int64_t
limit_of(const struct toolbox *b, const char *name)
{
	int64_t ms = own_limit(b, name);

	return ms >= 0 ? ms :
	    duration_of(json_get(tools_config(b), "default_timeout"));
}

static void
start_builtin(struct tool_run *r)
{
	struct err e = ERR_NONE;
	struct jtext args;

	/* No arguments at all count as none given. */
	if (json_parse(r->args, r->args_len, &args, &e) == 0 &&
	    (json_is(args, '{') || json_is(args, 'n'))) {
		r->call.args = args;
		r->call.tool->start(&r->call);
	} else {
		call_bad(&r->call, "%s", e.code ? e.text : "want a JSON object");
		r->state = RUN_OVER;
	}
	if (!r->call.tool->cancel)
		r->state = RUN_OVER;
}

static void
start(struct tool_run *r)
{
	struct found f;

	r->state = RUN_STARTING;
	r->started_ms = time_mono_ms();
	r->limit_ms = limit_of(r->box, r->name);
	if (!toolbox_find(r->box, r->name, &f)) {
		tool_result_error(&r->call.r, "tool_not_found",
		    "Tool not found: %s", r->name);
		r->state = RUN_OVER;
	} else if (f.builtin) {
		r->call.tool = f.builtin;
		start_builtin(r);
	} else {
		struct tool_call c = { .id = r->id, .name = r->name,
		    .args = json_slice(r->args, r->args_len),
		    .limit_ms = own_limit(r->box, r->name) };

		r->source = f.source;
		if (f.source->timed)
			r->limit_ms = -1;
		f.source->start(f.source->arg, &c, source_done, r, &r->handle);
	}
	if (r->state == RUN_OVER) {
		deliver(r);
		return;
	}
	r->state = RUN_ACTIVE;
	if (r->limit_ms > 0)
		r->limit = loop_timer(r->box->t.env->loop, r->limit_ms,
		    on_limit, r);
}

/* Start what may start.  A run that is over at once calls back, and anything may happen there. */
static void
on_pump(void *arg)
{
	struct toolbox *b = arg;
	struct tool_run *next = NULL;
	int64_t active = 0;

	b->pump = NULL;
	for (struct tool_run *r = b->runs; r; r = r->next) {
		if (r->state == RUN_ACTIVE)
			active++;
		else if (r->state == RUN_QUEUED && !next)
			next = r;
	}
	if (!next || active >= b->max)
		return;
	pump_soon(b);
	start(next);
}

static void
pump_soon(struct toolbox *b)
{
	if (!b->pump)
		b->pump = loop_timer(b->t.env->loop, 0, on_pump, b);
}

struct tool_run *
toolbox_start(struct toolbox *b, const struct tool_call *c, tool_done *done,
    void *arg)
{
	struct tool_run *r = xcalloc(1, sizeof *r), **p;
	struct jtext args = c->args.p ? c->args : json_text("{}");

	*r = (struct tool_run){ .box = b, .call.t = &b->t, .id = xstrdup(c->id),
	    .name = xstrdup(c->name), .args_len = args.n, .done = done,
	    .arg = arg };
	r->args = xmalloc(args.n + 1);
	memcpy(r->args, args.p, args.n);
	r->args[args.n] = '\0';
	for (p = &b->runs; *p; p = &(*p)->next)
		;
	*p = r;
	pump_soon(b);
	return r;
}

void
toolbox_cancel(struct tool_run *r)
{
	struct toolbox *b = r->box;

	give_up(r);
	tool_result_free(&r->call.r);
	run_free(r);
	pump_soon(b);
}

/* ---- the box ---- */

static void
add_builtins(struct toolbox *b)
{
	static const struct builtin *const tables[] = {
		task_tools, datetime_tools, patch_tools, image_tools, file_tools,
		shell_tools, job_tools,
	};

	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct builtin *t = tables[i]; t->def.name; t++) {
			if (t->shell && !b->t.shell)
				continue;
			b->builtins = xrealloc(b->builtins,
			    (b->n_builtins + 1) * sizeof *b->builtins);
			b->builtins[b->n_builtins++] = t;
		}
}

struct toolbox *
toolbox_new(const struct tool_env *env, struct err *e)
{
	struct toolbox *b = xcalloc(1, sizeof *b);

	b->t.env = env;
	b->max = env->config ? config_i64(env->config,
	    "tools/max_concurrent", MAX_CONCURRENT) : MAX_CONCURRENT;
	if (b->max < 1)
		b->max = 1;
	if (!env->builtins)
		return b;
	if (!(b->t.root = root_open(env->root, e)))
		goto fail;
	if (env->shell) {
		if (!(b->t.shell = shell_new(&b->t, e)))
			goto fail;
		b->shell_def = shell_tools[0].def;
		b->shell_def.description = shell_describe(b->t.shell);
	}
	add_builtins(b);
	return b;
fail:
	toolbox_free(b);
	return NULL;
}

void
toolbox_add(struct toolbox *b, const struct tool_source *s)
{
	b->sources = xrealloc(b->sources,
	    (b->n_sources + 1) * sizeof *b->sources);
	b->sources[b->n_sources] = xmalloc(sizeof *s);
	*b->sources[b->n_sources++] = *s;
}

void
toolbox_free(struct toolbox *b)
{
	if (!b)
		return;
	while (b->runs) {
		give_up(b->runs);
		tool_result_free(&b->runs->call.r);
		run_free(b->runs);
	}
	capture_end_all(&b->t, LAST_GRACE_MS);
	shell_free(b->t.shell);
	root_free(b->t.root);
	overlay_free(&b->overlay);
	loop_untimer(b->pump);
	free(b->builtins);
	for (size_t i = 0; i < b->n_sources; i++)
		free(b->sources[i]);
	free(b->sources);
	free(b->list);
	free(b);
}

bool
toolbox_job_notice(struct toolbox *b, struct job_notice *n)
{
	return b->t.shell && jobs_notice(shell_jobs(b->t.shell), n);
}
