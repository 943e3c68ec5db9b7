/*
 * The hook engine (agent sheet 13.2, 13.5 and 13.6): which hooks a point has, in which
 * order they run, what their answers come to, and the events that tell of it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hooks_impl.h"
#include "base/jput.h"
#include "base/util.h"
#include "store/config.h"

#define LOOK_MS 50		/* how soon a cancel is seen */
#define FAREWELL_MS 2000	/* what background hooks get in the end */

/* A patch that a background hook wants; told at the next point. */
struct published {
	const struct hook *hook;
	enum hook_point point;
	struct buf envelope;
};

/* A background hook under way. */
struct background {
	struct hooks *h;
	const struct hook *hook;
	struct buf invocation;
	struct hook_run *run;
};

struct hooks {
	struct hooks_env env;
	struct hook_list list;
	int64_t payload_max, background_max;
	struct background **running;	/* background_max at most */
	size_t n_running;
	struct published *published;
	size_t n_published;
	int64_t revision;
};

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

static void
begin_event(struct buf *b, const char *type, const char *id,
    enum hook_point p)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", type);
	jput_kcstr(b, "hook_id", id);
	jput_kcstr(b, "point", hook_point_name(p));
}

static void
end_event(struct hooks *h, struct buf *b)
{
	jput_close(b, '}');
	h->env.emit(h->env.arg, b->p, b->n);
	buf_free(b);
}

static void
say_started(struct hooks *h, const struct hook *hook)
{
	struct buf b = BUF_INIT;

	begin_event(&b, "hook_started", hook->id, hook->point);
	end_event(h, &b);
}

static void
say_completed(const struct chain *c, const struct hook *hook)
{
	struct buf b = BUF_INIT;

	begin_event(&b, "hook_completed", hook->id, c->point);
	jput_ki64(&b, "duration_ms", time_mono_ms() - c->started_ms);
	end_event(c->h, &b);
}

static void
say_failed(const struct chain *c, const struct hook *hook, const char *error)
{
	struct buf b = BUF_INIT;

	begin_event(&b, "hook_failed", hook->id, c->point);
	jput_kcstr(&b, "error", error);
	end_event(c->h, &b);
}

static void
say_denied(const struct chain *c)
{
	const struct hook_outcome *o = c->out;
	struct buf b = BUF_INIT;

	begin_event(&b, "hook_denied", o->hook_id, c->point);
	jput_kcstr(&b, "reason_code", o->reason_code);
	jput_kcstr(&b, "message", o->message);
	if (o->payload.n)
		jput_kraw(&b, "payload", o->payload.p, o->payload.n);
	end_event(c->h, &b);
}

/* What background hooks have wanted since the last point. */
static void
say_published(struct hooks *h)
{
	for (size_t i = 0; i < h->n_published; i++) {
		struct published *p = &h->published[i];
		struct buf b = BUF_INIT;

		begin_event(&b, "hook_patch_published", p->hook->id, p->point);
		jput_kraw(&b, "envelope", p->envelope.p, p->envelope.n);
		end_event(h, &b);
		buf_free(&p->envelope);
	}
	h->n_published = 0;
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

/* The answer, or an error text (new) in place of it. */
static char *
parse_answer(const struct hook *hook, const struct hook_result *r,
    struct hook_answer *a)
{
	struct err why = ERR_NONE;

	if (r->error)
		return xstrdup(r->error);
	if (hook_answer_parse(a, json_slice(buf_str(&r->answer), r->answer.n),
	    &why) < 0)
		return xasprintf("invalid %s hook response: %s",
		    hook->runtime == RUNTIME_HTTP ? "HTTP" : "command",
		    why.text);
	return NULL;
}

/* ---- background ---- */

static void
background_free(struct background *b)
{
	struct hooks *h = b->h;

	for (size_t i = 0; i < h->n_running; i++)
		if (h->running[i] == b)
			h->running[i] = h->running[--h->n_running];
	buf_free(&b->invocation);
	free(b);
}

static void
publish(struct hooks *h, const struct hook *hook, struct jtext patch)
{
	struct published *p;
	struct buf text = BUF_INIT;
	char now[32];

	h->published = xrealloc(h->published,
	    (h->n_published + 1) * sizeof *p);
	p = &h->published[h->n_published++];
	*p = (struct published){ .hook = hook, .point = hook->point };
	time_rfc3339(time_ms(), now);
	jput_compact(&text, patch.p, patch.n);
	jput_open(&p->envelope, '{');
	jput_ki64(&p->envelope, "revision", ++h->revision);
	jput_kcstr(&p->envelope, "hook_id", hook->id);
	jput_kcstr(&p->envelope, "point", hook_point_name(hook->point));
	jput_kraw(&p->envelope, "patch", text.p, text.n);
	jput_kcstr(&p->envelope, "published_at", now);
	jput_close(&p->envelope, '}');
	buf_free(&text);
}

/* The last of a background hook: nobody waits for its opinion. */
static void
on_background(void *arg, struct hook_result *r)
{
	struct background *b = arg;
	const struct hook *hook = b->hook;
	struct hook_answer a = { .decision = NO_OPINION };
	char *error = parse_answer(hook, r, &a);
	bool pre = hook->point == HOOK_RUN_STARTED ||
	    hook->point == HOOK_PRE_LLM_REQUEST ||
	    hook->point == HOOK_PRE_TOOL_EXECUTION ||
	    hook->point == HOOK_TURN_BOUNDARY;
	struct jiter it = json_iter(a.patches);

	if (error)
		warn("background hook %s: %s", hook->id, error);
	else if (pre && (a.decision == DENY || json_count(a.patches)))
		warn("background hook %s: an observer cannot deny or rewrite",
		    hook->id);
	while (!error && !pre && json_next(&it))
		publish(b->h, hook, it.value);
	free(error);
	hook_answer_free(&a);
	background_free(b);
}

static void
start_background(struct hooks *h, const struct hook *hook,
    struct jtext invocation)
{
	struct hook_call call = { .loop = h->env.loop, .hook = hook,
	    .cwd = h->env.cwd, .payload_max = h->payload_max,
	    .done = on_background };
	struct background *b;
	struct hook_result r;

	if (h->n_running >= (size_t)h->background_max) {
		warn("background hook %s skipped: %zu are running", hook->id,
		    h->n_running);
		return;
	}
	b = xcalloc(1, sizeof *b);
	b->h = h;
	b->hook = hook;
	buf_put(&b->invocation, invocation.p, invocation.n);
	h->running = xrealloc(h->running,
	    (h->n_running + 1) * sizeof(struct background *));
	h->running[h->n_running++] = b;
	call.invocation = json_slice(b->invocation.p, b->invocation.n);
	call.arg = b;
	b->run = hook_start(&call, &r);
	if (!b->run) {
		on_background(b, &r);
		hook_result_free(&r);
	}
}

/* ---- chains ---- */

static void chain_go(struct chain *c);

static void
take_result(struct chain *c, const struct hook_result *r)
{
	const struct hook *hook = c->order[c->next++];
	struct hook_answer a = { .decision = NO_OPINION };
	char *error = parse_answer(hook, r, &a);

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
			start_background(h, &h->list.v[i], c->invocation);
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
		loop_once(h->env.loop, LOOK_MS);
	for (size_t i = 0; i < n; i++) {
		if (!c[i].over)
			chain_break(&c[i]);
		free(c[i].order);
	}
	free(c);
	say_published(h);
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
	struct jtext config = json_get(env->config->v, "hooks");
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
	int64_t end = time_mono_ms() + FAREWELL_MS, left;

	if (!h)
		return;
	while (h->n_running && !(h->env.cancel && *h->env.cancel) &&
	    (left = end - time_mono_ms()) > 0)
		loop_once(h->env.loop, left < LOOK_MS ? left : LOOK_MS);
	while (h->n_running) {
		hook_stop(h->running[0]->run);
		background_free(h->running[0]);
	}
	for (size_t i = 0; i < h->n_published; i++)
		buf_free(&h->published[i].envelope);
	free(h->published);
	free(h->running);
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
