/*
 * Hooks that nobody waits for (agent sheet 13.6): they observe, and what they want is
 * told at the next point.
 */
#include <stdlib.h>

#include "agent/hooks_impl.h"
#include "base/jput.h"
#include "base/util.h"

#define FAREWELL_MS 2000	/* what they get in the end */

/* A patch that one wants. */
struct published {
	const struct hook *hook;
	enum hook_point point;
	struct buf envelope;
};

/* One under way. */
struct background {
	struct hooks *h;
	const struct hook *hook;
	struct buf invocation;
	struct hook_run *run;
};

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

	h->published = xrealloc(h->published,
	    (h->n_published + 1) * sizeof *p);
	p = &h->published[h->n_published++];
	*p = (struct published){ .hook = hook, .point = hook->point };
	jput_compact(&text, patch.p, patch.n);
	jput_open(&p->envelope, '{');
	jput_ki64(&p->envelope, "revision", ++h->revision);
	jput_kcstr(&p->envelope, "hook_id", hook->id);
	jput_kcstr(&p->envelope, "point", hook_point_name(hook->point));
	jput_kraw(&p->envelope, "patch", text.p, text.n);
	jput_ktime(&p->envelope, "published_at", time_ms());
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
	char *error = hook_answer_of(&a, hook, r);
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

void
hooks_background(struct hooks *h, const struct hook *hook,
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

void
hooks_say_published(struct hooks *h)
{
	for (size_t i = 0; i < h->n_published; i++) {
		struct published *p = &h->published[i];
		struct buf b = BUF_INIT;

		hooks_begin_event(&b, "hook_patch_published", p->hook->id,
		    p->point);
		jput_kraw(&b, "envelope", p->envelope.p, p->envelope.n);
		hooks_end_event(h, &b);
		buf_free(&p->envelope);
	}
	h->n_published = 0;
}

void
hooks_background_end(struct hooks *h)
{
	int64_t end = time_mono_ms() + FAREWELL_MS, left;

	while (h->n_running && !(h->env.cancel && *h->env.cancel) &&
	    (left = end - time_mono_ms()) > 0)
		loop_once(h->env.loop,
		    left < HOOKS_LOOK_MS ? left : HOOKS_LOOK_MS);
	while (h->n_running) {
		hook_stop(h->running[0]->run);
		background_free(h->running[0]);
	}
	for (size_t i = 0; i < h->n_published; i++)
		buf_free(&h->published[i].envelope);
	free(h->published);
	free(h->running);
}
