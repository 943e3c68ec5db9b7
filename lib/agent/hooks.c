/*
 * The hook engine (agent sheet 13.2, 13.5 and 13.6): which hooks a point has, in which
 * order they run, what their answers come to, and the events that tell of it.
 */
#include <ctype.h>
#include <stdlib.h>

#include "agent/hooks_impl.h"
#include "base/jput.h"
#include "base/util.h"
#include "store/config.h"

/* One invocation on its way through the foreground hooks of a point. */
struct chain {
	struct hooks *h;
	enum hook_point point;
	struct jtext invocation;
	struct hook_outcome *out;
	const struct hook **order;
	size_t n, next;
	struct hook_run *run;		/* of order[next] */
	int64_t started_ms;
	bool over;
};

/* ---- events ---- */

void
hooks_begin_event(struct buf *b, const char *type, const char *id,
    enum hook_point p)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", type);
	jput_kcstr(b, "hook_id", id);
	jput_kcstr(b, "point", hook_point_name(p));
}

void
hooks_end_event(struct hooks *h, struct buf *b)
{
	jput_close(b, '}');
	h->env.emit(h->env.arg, b->p, b->n);
	buf_free(b);
}

static void
say_started(struct hooks *h, const struct hook *hook)
{
	struct buf b = BUF_INIT;

	hooks_begin_event(&b, "hook_started", hook->id, hook->point);
	hooks_end_event(h, &b);
}

static void
say_completed(const struct chain *c, const struct hook *hook)
{
	struct buf b = BUF_INIT;

	hooks_begin_event(&b, "hook_completed", hook->id, c->point);
	jput_ki64(&b, "duration_ms", time_mono_ms() - c->started_ms);
	hooks_end_event(c->h, &b);
}

static void
say_failed(const struct chain *c, const struct hook *hook, const char *error)
{
	struct buf b = BUF_INIT;

	hooks_begin_event(&b, "hook_failed", hook->id, c->point);
	jput_kcstr(&b, "error", error);
	hooks_end_event(c->h, &b);
}

static void
say_denied(const struct chain *c)
{
	const struct hook_outcome *o = c->out;
	struct buf b = BUF_INIT;

	hooks_begin_event(&b, "hook_denied", o->hook_id, c->point);
	jput_kcstr(&b, "reason_code", o->reason_code);
	jput_kcstr(&b, "message", o->message);
	if (o->payload.n)
		jput_kraw(&b, "payload", o->payload.p, o->payload.n);
	hooks_end_event(c->h, &b);
}

/* ---- outcomes ---- */

void
hook_outcome_free(struct hook_outcome *o)
{
	free(o->hook_id);
	free(o->reason_code);
	free(o->message);
	buf_free(&o->payload);
	for (size_t i = 0; i < o->n_patches; i++) {
		buf_free(&o->patches[i]);
		free(o->patch_ids[i]);
	}
	free(o->patches);
	free(o->patch_ids);
	*o = (struct hook_outcome){ .denied = false };
}

static void
deny(struct hook_outcome *o, const char *id, const char *reason,
    const char *message, struct jtext payload)
{
	o->denied = true;
	o->hook_id = xstrdup(id);
	o->reason_code = xstrdup(reason);
	o->message = xstrdup(message);
	if (payload.p)
		jput_compact(&o->payload, payload.p, payload.n);
}

static void
keep_patches(struct hook_outcome *o, const struct hook *hook,
    struct jtext patches)
{
	struct jiter it = json_iter(patches);
	size_t n = o->n_patches + json_count(patches);

	o->patches = xrealloc(o->patches, (n + 1) * sizeof *o->patches);
	o->patch_ids = xrealloc(o->patch_ids, (n + 1) * sizeof *o->patch_ids);
	while (json_next(&it)) {
		struct buf *b = &o->patches[o->n_patches];

		*b = (struct buf)BUF_INIT;
		jput_compact(b, it.value.p, it.value.n);
		o->patch_ids[o->n_patches++] = xstrdup(hook->id);
	}
}

/* A hook that did not answer, or not in our language: its failure policy decides (13.6). */
static void
take_failure(struct chain *c, const struct hook *hook, const char *error,
    bool timed_out)
{
	char *text = timed_out ? xstrdup(error) : xasprintf(
	    "Hook runtime execution failed for '%s': %s", hook->id, error);

	if (hook->fail_closed) {
		say_completed(c, hook);
		deny(c->out, hook->id, timed_out ? "timeout" : "runtime_error",
		    text, JTEXT_NONE);
	} else {
		say_failed(c, hook, text);
	}
	free(text);
}

static void
take_answer(struct chain *c, const struct hook *hook,
    const struct hook_answer *a)
{
	say_completed(c, hook);
	if (a->decision == DENY)
		deny(c->out, a->hook_id, a->reason_code, a->message,
		    a->payload);
	if (a->decision != DENY || c->point == HOOK_POST_TOOL_EXECUTION)
		keep_patches(c->out, hook, a->patches);
}

/* ---- chains ---- */

static void chain_go(struct chain *c);

static void
take_result(struct chain *c, const struct hook_result *r)
{
	const struct hook *hook = c->order[c->next++];
	struct hook_answer a = { .decision = NO_OPINION };
	char *error = hook_answer_of(&a, hook, r);

	c->run = NULL;
	if (error)
		take_failure(c, hook, error, r->timed_out);
	else
		take_answer(c, hook, &a);
	free(error);
	hook_answer_free(&a);
}

static void
on_result(void *arg, struct hook_result *r)
{
	struct chain *c = arg;

	take_result(c, r);
	chain_go(c);
}

static void
chain_end(struct chain *c)
{
	struct hooks *h = c->h;

	c->over = true;
	if (c->out->denied)
		say_denied(c);
	for (size_t i = 0; i < h->list.n && !c->out->denied; i++)
		if (h->list.v[i].enabled && h->list.v[i].background &&
		    h->list.v[i].point == c->point)
			hooks_background(h, &h->list.v[i], c->invocation);
}

/* Start the next hook of the chain; those that cannot start have their say at once. */
static void
chain_go(struct chain *c)
{
	struct hooks *h = c->h;

	while (c->next < c->n && !c->out->denied) {
		struct hook_call call = { .loop = h->env.loop,
		    .hook = c->order[c->next], .cwd = h->env.cwd,
		    .invocation = c->invocation,
		    .payload_max = h->payload_max, .done = on_result,
		    .arg = c };
		struct hook_result r;

		c->started_ms = time_mono_ms();
		c->run = hook_start(&call, &r);
		if (c->run)
			return;
		take_result(c, &r);
		hook_result_free(&r);
	}
	chain_end(c);
}

/* By priority; of equals the earlier in the list first. */
static int
order_cmp(const void *a, const void *b)
{
	const struct hook *x = *(struct hook *const *)a;
	const struct hook *y = *(struct hook *const *)b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void
chain_start(struct chain *c)
{
	struct hooks *h = c->h;

	c->order = xcalloc(h->list.n + 1, sizeof(struct hook *));
	for (size_t i = 0; i < h->list.n; i++) {
		const struct hook *hook = &h->list.v[i];

		if (!hook->enabled || hook->point != c->point)
			continue;
		say_started(h, hook);
		if (!hook->background)
			c->order[c->n++] = hook;
	}
	qsort(c->order, c->n, sizeof(struct hook *), order_cmp);
	chain_go(c);
}

/* The run was stopped: what was not asked cannot have agreed. */
static void
chain_break(struct chain *c)
{
	if (c->run)
		hook_stop(c->run);
	while (c->next < c->n && !c->out->denied)
		take_failure(c, c->order[c->next++], "the run was cancelled",
		    false);
	if (c->out->denied)
		say_denied(c);
}

static bool
all_over(const struct chain *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!c[i].over)
			return false;
	return true;
}

void
hooks_fire(struct hooks *h, enum hook_point p, const struct jtext *invocations,
    struct hook_outcome *out, size_t n)
{
	struct chain *c;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct hook_outcome){ .denied = false };
	if (!h)
		return;
	c = xcalloc(n + 1, sizeof *c);
	for (size_t i = 0; i < n; i++) {
		c[i] = (struct chain){ .h = h, .point = p, .out = &out[i],
		    .invocation = invocations[i] };
		chain_start(&c[i]);
	}
	while (!all_over(c, n) && !(h->env.cancel && *h->env.cancel))
		loop_once(h->env.loop, HOOKS_LOOK_MS);
	for (size_t i = 0; i < n; i++) {
		if (!c[i].over)
			chain_break(&c[i]);
		free(c[i].order);
	}
	free(c);
	hooks_say_published(h);
}

/* ---- the whole ---- */

bool
hooks_any(const struct hooks *h, enum hook_point p)
{
	if (h && h->n_published)
		return true;
	for (size_t i = 0; h && i < h->list.n; i++)
		if (h->list.v[i].enabled && h->list.v[i].point == p)
			return true;
	return false;
}

int
hooks_new(struct hooks **out, const struct hooks_env *env, struct err *e)
{
	struct jtext config = config_at(env->config, "hooks");
	struct hook_list list;
	struct hooks *h;

	*out = NULL;
	if (hooks_read(config, env->override, &list, e) < 0)
		return -1;
	if (!list.n) {
		hooks_list_free(&list);
		return 0;
	}
	*out = h = xcalloc(1, sizeof *h);
	h->env = *env;
	h->list = list;
	h->payload_max = json_get_i64(config, "payload_max_bytes", 131072);
	h->background_max = json_get_i64(config, "background_max_concurrency",
	    32);
	return 0;
}

void
hooks_free(struct hooks *h)
{
	if (!h)
		return;
	hooks_background_end(h);
	hooks_list_free(&h->list);
	free(h);
}

/* "policy_violation" as "PolicyViolation". */
static char *
camel(const char *s)
{
	struct buf b = BUF_INIT;

	for (bool up = true; *s; s++) {
		if (*s != '_')
			buf_putc(&b, up ? (char)toupper((unsigned char)*s) :
			    *s);
		up = *s == '_';
	}
	return buf_steal(&b);
}

void
hook_denied_text(const struct hook_outcome *o, enum hook_point p,
    struct err *e)
{
	char *point = camel(hook_point_name(p)), *why = camel(o->reason_code);

	err_set(e, E_HOOK_DENIED, "Hook denied at %s: %s - %s", point, why,
	    o->message);
	free(point);
	free(why);
}
