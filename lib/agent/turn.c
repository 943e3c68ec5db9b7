#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/db.h"

/*
 * The loop (agent sheet 4).  A turn is one model call and the tools that it asks for;
 * what the model said is on disk before a tool starts, and what the tools said before
 * the model is called again.
 */

/* ---- limits ---- */

static void
say_budget(struct agent *a, enum budget_type t, bool spent)
{
	emit_budget_warning(agent_event(a), &a->budget, t, spent);
	agent_say(a);
}

int64_t
agent_time_left(struct agent *a)
{
	a->budget.used[BUDGET_TIME] = time_mono_ms() - a->started;
	return budget_left_ms(&a->budget);
}

static void
warn_budget(struct agent *a)
{
	enum budget_type t;

	agent_time_left(a);
	while ((t = budget_warn(&a->budget)) != BUDGET_TYPES)
		say_budget(a, t, false);
}

int
agent_budget(struct agent *a, struct err *e)
{
	int64_t before = a->budget.used[BUDGET_TIME];
	enum budget_type t;

	warn_budget(a);
	/* A call that the time limit ended has used it up, whatever the clock's last digit says. */
	if (a->budget.used[BUDGET_TIME] < before)
		a->budget.used[BUDGET_TIME] = before;
	if ((t = budget_spent(&a->budget)) == BUDGET_TYPES)
		return 0;
	say_budget(a, t, true);
	return t == BUDGET_TIME ? budget_error(&a->budget, t, e) : 1;
}

/* ---- before the call ---- */

static int
put_notice(struct agent *a, const struct job_notice *n, struct err *e)
{
	struct buf m = BUF_INIT, body = BUF_INIT;
	int rc;

	buf_printf(&body, "Background job `%s` (id=%s) %s: %s\n"
	    "Look at its output with shell_job_status.", n->display_name,
	    n->job_id, n->status, n->detail);
	jput_open(&m, '{');
	jput_kcstr(&m, "role", "system_notice");
	jput_kcstr(&m, "kind", "background_job");
	jput_kstr(&m, "body", body.p, body.n);
	jput_close(&m, '}');
	rc = step_message(a, &m, STEP("turn.notice"), e);
	buf_free(&m);
	buf_free(&body);
	return rc;
}

/* Background jobs that ended since the last call (agent sheet 18). */
static int
tell_jobs(struct agent *a, struct err *e)
{
	struct job_notice n;
	int rc = 0;

	while (rc == 0 && toolbox_job_notice(a->tools, &n)) {
		emit_job_completed(agent_event(a), &n);
		agent_say(a);
		rc = put_notice(a, &n, e);
		job_notice_free(&n);
	}
	return rc;
}

static int
make_call(struct agent *a, struct call *c, struct err *e)
{
	*c = (struct call){
		.tools = a->run.asked == 0,
		.max_tokens = a->set.max_tokens,
		.temperature = a->set.temperature,
	};
	buf_put(&c->params, a->set.params.p, a->set.params.n);
	if (point_request(a, c, e) < 0)
		return -1;
	if (a->run.asked > 0) {
		c->temperature = 0.0;
		extract_params(a, &c->params);
	}
	return 0;
}

/* ---- after the call ---- */

static void
count(struct agent *a, const struct usage *u)
{
	usage_add(&a->s.usage, u);
	usage_add(&a->run.usage, u);
	a->budget.used[BUDGET_TOKENS] += u->input + u->output;
	a->last_input = u->input;
	a->run.turns++;
	a->run.deaths = 0;
}

/* The answer, its tool calls, its cost and the context that it saw: one step. */
static int
keep_reply(struct agent *a, const struct buf *message, int64_t context,
    struct err *e)
{
	if (step_begin(a, e) < 0)
		return -1;
	if (step_append(a, message, NULL, e) < 0 ||
	    tools_journal(a, json_slice(message->p, message->n), e) < 0 ||
	    (context > 0 && context_applied(a->env.db, a->s.id, context,
	    e) < 0) || step_save(a, e) < 0) {
		step_abort(a);
		return -1;
	}
	/* Whatever comes behind a last word begins with a step. */
	if (!tools_asked(json_slice(message->p, message->n)))
		db_sync_later(a->env.db);
	return step_commit(a, STEP("turn.response"), e);
}

static void
say_turn_completed(struct agent *a, const struct model_reply *reply)
{
	emit_turn_completed(agent_event(a), reply->stop, &reply->usage);
	agent_say(a);
	warn_budget(a);
}

/* Call the model and keep what it says.  text and message are filled. */
static int
ask(struct agent *a, struct model_reply *reply, struct buf *text,
    struct buf *message, struct err *e)
{
	struct buf context = BUF_INIT;
	struct err denied = ERR_NONE;
	struct call c;
	int64_t last = 0;
	int rc = -1;

	emit_turn_started(agent_event(a), a->turn);
	agent_say(a);
	if (make_call(a, &c, e) < 0 ||
	    context_pending(a->env.db, a->s.id, &context, &last, e) < 0)
		goto done;
	c.context = context.n ? context.p : NULL;
	if (call_model(a, &c, reply, e) < 0)
		goto done;
	count(a, &reply->usage);
	if (point_reply(a, reply, &denied) < 0) {
		/* It is not kept, what it cost is. */
		if (step_state(a, STEP("turn.cost"), e) == 0 && e)
			*e = denied;
		goto done;
	}
	reply_text(reply, text);
	model_reply_emit(reply, message);
	model_reply_free(reply);	/* it may be large; how it ended stays known */
	if (keep_reply(a, message, last, e) < 0)
		goto done;
	if (text->n) {
		emit_text(agent_event(a), "text_complete", text->p, text->n);
		agent_say(a);
	}
	rc = 0;
done:
	buf_free(&context);
	buf_free(&c.params);
	return rc;
}

/* The model wants tools: run them; what waits in the steer lane comes in behind. */
static int
tool_turn(struct agent *a, const struct buf *message, struct err *e)
{
	if (tools_run(a, json_slice(message->p, message->n), e) < 0)
		return -1;
	if (agent_cancelled(a))
		return agent_set_cancelled(e);
	if (point_boundary(a, e) < 0 || admit_steer(a, e) < 0)
		return -1;
	return compact_maybe(a, e);
}

/* Behind an answer without tool calls: 1 if it is the last word of the run. */
static int
after_answer(struct agent *a, const struct buf *text, struct err *e)
{
	int rc;

	buf_trunc(&a->out->text, 0);
	buf_put(&a->out->text, buf_str(text), text->n);
	if (a->run.asked > 0)
		rc = extract_read(a, text, e);
	else if ((rc = admit_steer(a, e)) > 0)
		rc = 0;
	else if (rc == 0)
		rc = a->set.schema.n ? extract_begin(a, e) : 1;
	return rc != 0 ? rc : compact_maybe(a, e);
}

static int
answer_turn(struct agent *a, const struct model_reply *reply,
    const struct buf *text, struct err *e)
{
	if (point_boundary(a, e) < 0)
		return -1;
	say_turn_completed(a, reply);
	a->out->stopped = reply->stop == STOP_MAX_TOKENS ?
	    "the answer was cut at the limit of its tokens" :
	    reply->stop == STOP_CONTENT_FILTER ?
	    "the provider's content filter ended the answer" : NULL;
	return after_answer(a, text, e);
}

/* Its process died behind the answer: the answer stays, what it is to become goes on. */
static int
take_up_answer(struct agent *a, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	finish_text(a->msgs.v[a->msgs.n - 1], &text);
	rc = after_answer(a, &text, e);
	buf_free(&text);
	return rc;
}

static int
one_turn(struct agent *a, struct err *e)
{
	struct model_reply reply = { .n_blocks = 0 };
	struct buf text = BUF_INIT, message = BUF_INIT;
	int rc = -1;

	a->turn = a->run.turns;
	if (ask(a, &reply, &text, &message, e) == 0) {
		if (tools_asked(json_slice(message.p, message.n)))
			rc = tool_turn(a, &message, e);
		else
			rc = answer_turn(a, &reply, &text, e);
	}
	model_reply_free(&reply);
	buf_free(&text);
	buf_free(&message);
	return rc;
}

/* A limit that ends the run with success: the last thing that was said is its result. */
static int
stop_early(struct agent *a, const char *why)
{
	a->out->stopped = why;
	buf_trunc(&a->out->text, 0);
	finish_last_text(a, &a->out->text);
	return 0;
}

int
agent_loop(struct agent *a, struct err *e)
{
	struct buf prompt = BUF_INIT;
	int rc;

	admit_last_prompt(a, &prompt);
	rc = point_run_started(a, buf_str(&prompt), e);
	buf_free(&prompt);
	if (rc < 0)
		return -1;
	rc = admit_at_boundary(a) ? compact_maybe(a, e) : take_up_answer(a, e);
	while (rc == 0) {
		if (agent_cancelled(a))
			return agent_set_cancelled(e);
		if (a->run.turns >= a->set.max_turns)
			return stop_early(a, "the turn limit is reached");
		if ((rc = agent_budget(a, e)) > 0)
			return stop_early(a, "the budget is used up");
		if (rc < 0)
			return -1;
		callback_changes(a);
		if (tell_jobs(a, e) < 0)
			return -1;
		rc = one_turn(a, e);
	}
	return rc < 0 ? -1 : 0;
}
