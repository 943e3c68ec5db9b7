#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "store/blobs.h"

/* One model call: request, stream, deadline, retries (agent sheet 8). */

/* ---- the stream as events ---- */

static void
say_text(struct agent *a, const char *type, const char *p, size_t n)
{
	emit_text(agent_event(a), type, p, n);
	agent_say(a);
}

static void
on_text(void *arg, const char *p, size_t n)
{
	say_text(arg, "text_delta", p, n);
}

static void
on_reasoning(void *arg, const char *p, size_t n)
{
	say_text(arg, "reasoning_delta", p, n);
}

static void
on_reasoning_done(void *arg, const char *p, size_t n)
{
	say_text(arg, "reasoning_complete", p, n);
}

static int
load_blob(void *arg, const char *id, struct buf *b, char media[64])
{
	struct agent *a = arg;
	char *type = NULL;
	int rc = blob_get(a->realm, id, &type, b, NULL);

	if (rc == 0 && strlen(type) < 64)
		memcpy(media, type, strlen(type) + 1);
	else
		rc = -1;
	free(type);
	return rc;
}

int
call_once(struct agent *a, const struct jtext *messages, size_t n,
    const struct call *c, int64_t total_ms, struct model_reply *reply,
    struct model_error *me)
{
	struct model_request rq = {
		.target = &a->set.target,
		.messages = messages,
		.n_messages = n,
		.system_extra = c->context,
		.max_tokens = c->max_tokens,
		.temperature = c->temperature,
		.params = c->params.n ? json_slice(c->params.p, c->params.n) :
		    JTEXT_NONE,
		.cache = config_bool(&a->config, "providers/cache", true),
		.blob = load_blob,
		.blob_arg = a,
	};
	struct model_watch watch = {
		.text = on_text,
		.reasoning = on_reasoning,
		.reasoning_done = on_reasoning_done,
		.arg = a,
	};
	struct model_deadlines d = a->set.waits;

	d.total = total_ms;
	if (c->tools)
		rq.n_tools = toolbox_list(a->tools, &rq.tools);
	return model_call(a->env.model, &rq, &d, &watch, &a->cancel, reply,
	    me);
}

/* ---- failures ---- */

int
call_error(const struct agent *a, const struct model_error *me, struct err *e)
{
	err_set(e, E_PROVIDER_ERROR, "LLM error (%s): %s",
	    provider_name(a->set.target.provider), me->text);
	e->retryable = me->retryable;
	e->retry_after_ms = me->retry_after_ms > 0 ? me->retry_after_ms : 0;
	e->provider_status = me->status;
	return -1;
}

static void
fired(void *arg)
{
	*(bool *)arg = true;
}

/* False if it was cut short by an interrupt. */
static bool
pause_ms(struct agent *a, int64_t ms)
{
	bool over = false;
	struct loop_timer *t = loop_timer(a->env.loop, ms, fired, &over);

	while (!over && !agent_cancelled(a))
		loop_once(a->env.loop, -1);
	if (!over)
		loop_untimer(t);
	return over;
}

/* Did the run's time end the call, rather than the call's own deadline? */
static bool
time_was_up(struct agent *a, int64_t left, const struct model_error *me)
{
	struct budget *b = &a->budget;

	if (me->fault != FAULT_CALL_TIMEOUT || left < 0 ||
	    (a->set.call_ms >= 0 && a->set.call_ms <= left))
		return false;
	if (b->used[BUDGET_TIME] < b->limit[BUDGET_TIME])
		b->used[BUDGET_TIME] = b->limit[BUDGET_TIME];
	return true;
}

/* Announce the retry, wait: 1 to go on, -1 with the reason not to. */
static int
wait_to_retry(struct agent *a, int n, const struct model_error *me,
    struct err *e)
{
	int64_t delay = retry_delay(&a->set.retry, n, me), left;
	struct err why = ERR_NONE;

	call_error(a, me, &why);
	if (delay < 0) {
		*e = why;
		return -1;
	}
	left = budget_left_ms(&a->budget);
	if (left >= 0 && delay > left)
		delay = left;
	emit_retrying(agent_event(a), n, a->set.retry.max_retries, why.text,
	    delay);
	agent_say(a);
	if (!pause_ms(a, delay))
		return agent_set_cancelled(e);
	return agent_budget(a, e) < 0 ? -1 : 1;
}

/*
 * What the model is to see: the transcript without the notices of background jobs
 * that an answer stands behind (agent sheet 18); the log keeps them.  New; free it.
 */
static struct jtext *
visible(const struct messages *m, size_t *n)
{
	struct jtext *v = xcalloc(m->n + 1, sizeof *v);
	size_t answer = m->n;

	while (answer > 0 && !json_str_is(json_get(m->v[answer - 1], "role"),
	    "block_assistant"))
		answer--;
	*n = 0;
	for (size_t i = 0; i < m->n; i++)
		if (i >= answer || !json_str_is(json_get(m->v[i], "kind"),
		    "background_job"))
			v[(*n)++] = m->v[i];
	return v;
}

static int
with_retries(struct agent *a, const struct jtext *messages, size_t n_messages,
    const struct call *c, struct model_reply *reply, struct err *e)
{
	struct model_error me;
	int64_t left, total;
	int n = 0;

	for (;;) {
		left = budget_left_ms(&a->budget);
		total = a->set.call_ms;
		if (left >= 0 && (total < 0 || left < total))
			total = left > 0 ? left : 1;
		memset(reply, 0, sizeof *reply);
		memset(&me, 0, sizeof me);
		if (call_once(a, messages, n_messages, c, total, reply,
		    &me) == 0)
			return 0;
		if (me.fault == FAULT_CANCELLED || agent_cancelled(a))
			return agent_set_cancelled(e);
		if (time_was_up(a, left, &me))
			return agent_budget(a, e) < 0 ? -1 :
			    budget_error(&a->budget, BUDGET_TIME, e);
		if (wait_to_retry(a, ++n, &me, e) < 0)
			return -1;
		model_reply_free(reply);
	}
}

int
call_model(struct agent *a, const struct call *c, struct model_reply *reply,
    struct err *e)
{
	size_t n;
	struct jtext *messages = visible(&a->msgs, &n);
	int rc = with_retries(a, messages, n, c, reply, e);

	free(messages);
	return rc;
}

void
reply_text(const struct model_reply *reply, struct buf *text)
{
	for (size_t i = 0; i < reply->n_blocks; i++)
		if (reply->blocks[i].kind == BLOCK_TEXT &&
		    reply->blocks[i].done)
			buf_put(text, buf_str(&reply->blocks[i].text),
			    reply->blocks[i].text.n);
}
