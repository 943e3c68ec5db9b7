#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/db.h"

/*
 * The end of a run.  Its terminal event is stored with the run's row before it is
 * said, so that whoever finds the row can say it if we cannot any more.
 */

bool
finish_text(struct jtext m, struct buf *text)
{
	struct jiter it;
	size_t before = text->n, n;
	char *s;

	if (json_str_is(json_get(m, "role"), "assistant")) {
		if ((s = json_str(json_get(m, "content"), &n)))
			buf_put(text, s, n);
		free(s);
	}
	for (it = json_iter(json_get(m, "blocks")); json_next(&it); ) {
		if (!json_str_is(json_get(it.value, "block_type"), "text"))
			continue;
		if ((s = json_str(json_path(it.value, "data/text"), &n)))
			buf_put(text, s, n);
		free(s);
	}
	return text->n > before;
}

void
finish_last_text(const struct agent *a, struct buf *text)
{
	for (size_t i = a->msgs.n; i-- > 0; )
		if (finish_text(a->msgs.v[i], text))
			return;
}

/* The newest assistant message with its text replaced (agent sheet 13.6). */
static int
rewrite_answer(struct agent *a, struct err *e)
{
	struct buf m = BUF_INIT, blocks = BUF_INIT;
	struct jiter it;
	size_t i = a->msgs.n;
	bool put = false;
	int rc;

	while (i > 0 && !json_str_is(json_get(a->msgs.v[i - 1], "role"),
	    "block_assistant"))
		i--;
	if (i == 0)
		return 0;
	jput_open(&blocks, '[');
	for (it = json_iter(json_get(a->msgs.v[i - 1], "blocks"));
	    json_next(&it); ) {
		bool text = json_str_is(json_get(it.value, "block_type"), "text");

		if (!text)
			jput_raw(&blocks, it.value.p, it.value.n);
		if (!text || put)
			continue;
		jput_open(&blocks, '{');
		jput_kcstr(&blocks, "block_type", "text");
		jput_key(&blocks, "data");
		jput_open(&blocks, '{');
		jput_kstr(&blocks, "text", buf_str(&a->out->text),
		    a->out->text.n);
		jput_close(&blocks, '}');
		jput_close(&blocks, '}');
		put = true;
	}
	jput_close(&blocks, ']');
	json_with(&m, a->msgs.v[i - 1], "blocks",
	    json_slice(blocks.p, blocks.n));
	rc = step_replace(a, i - 1, &m, e);
	buf_free(&m);
	buf_free(&blocks);
	return rc;
}

static const char *
state_of(const struct err *failed)
{
	if (failed->code == E_NONE)
		return "completed";
	return failed->code == E_REQUEST_CANCELLED ? "interrupted" : "failed";
}

/*
 * Inputs that nobody waits for stay, to be tried again by the next drain; not if
 * somebody has stopped the run, or if the answer is there and only its end was bad.
 */
static bool
again(const struct agent *a, const struct err *failed)
{
	bool more = failed->code == E_REQUEST_CANCELLED ? a->stopping :
	    a->run.attempts + 1 < ATTEMPTS_MAX;

	return failed->code != E_NONE && failed->code != E_CALLBACK_PENDING &&
	    more && !a->direct && admit_at_boundary(a);
}

static int
settle(struct agent *a, const struct err *failed, struct err *e)
{
	if (failed->code == E_NONE || failed->code == E_CALLBACK_PENDING)
		return inputs_settle(a->env.db, a->s.id, INPUT_CONSUMED, e);
	if (again(a, failed))
		return 0;
	return inputs_settle(a->env.db, a->s.id,
	    failed->code == E_REQUEST_CANCELLED ? INPUT_CANCELLED :
	    INPUT_EXHAUSTED, e);
}

/* Row, inputs and session in one step. */
static int
store_end(struct agent *a, const struct err *failed, bool rewritten,
    struct err *e)
{
	free(a->run.state);
	a->run.state = xstrdup(state_of(failed));
	free(a->run.terminal);
	a->run.terminal = xstrndup(a->event.p, a->event.n);
	a->run.ended_ms = time_ms();
	if (step_begin(a, e) < 0)
		return -1;
	if ((rewritten && rewrite_answer(a, e) < 0) ||
	    settle(a, failed, e) < 0 || step_save(a, e) < 0) {
		step_abort(a);
		return -1;
	}
	return step_commit(a, STEP("run.end"), e);
}

static void
fill_result(struct agent *a, const struct err *failed)
{
	struct run_result *r = a->out;

	r->outcome = failed->code == E_NONE ? RUN_COMPLETED :
	    failed->code == E_CALLBACK_PENDING ? RUN_CALLBACK :
	    failed->code == E_REQUEST_CANCELLED ? RUN_INTERRUPTED : RUN_FAILED;
	r->session_usage = a->s.usage;
	r->run_usage = a->run.usage;
	r->turns = a->run.turns;
	r->tool_calls = a->run.tool_calls;
}

/* Peers who wait for what they sent hear what became of it (comms sheet section 15). */
static void
say_interactions(struct agent *a, const struct err *failed)
{
	struct input *in;
	size_t n;

	if (again(a, failed) || failed->code == E_CALLBACK_PENDING ||
	    inputs_applied(a->env.db, a->s.id, &in, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		char *id = strcmp(in[i].kind, "peer") ? NULL :
		    json_get_str(json_text(in[i].body), "envelope_id");

		if (!id)
			continue;
		emit_interaction(agent_event(a), id, &a->out->text,
		    failed->code == E_NONE ? NULL : failed->text);
		agent_say(a);
		free(id);
	}
	inputs_free(in, n);
}

int
finish_run(struct agent *a, struct err *failed)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_NONE;
	bool rewritten = false;

	if (failed->code == E_NONE)
		point_completed(a, &text, &rewritten, failed);
	if (rewritten) {
		buf_trunc(&a->out->text, 0);
		buf_put(&a->out->text, buf_str(&text), text.n);
		buf_trunc(&a->out->structured, 0);
	}
	buf_free(&text);
	if (failed->code != E_NONE && failed->code != E_REQUEST_CANCELLED)
		point_failed(a, failed->text);

	if (failed->code == E_CALLBACK_PENDING) {
		emit_callback_pending(agent_event(a), *a->out->input_id ?
		    a->out->input_id : a->run.id, a->out->pending_tool,
		    &a->out->pending_args);
		agent_say(a);
	}
	say_interactions(a, failed);
	if (failed->code == E_NONE)
		emit_run_completed(agent_event(a), a->s.id, &a->out->text,
		    &a->s.usage);
	else
		emit_run_failed(agent_event(a), a->s.id, failed);
	/* What the model said is on disk; that only the end is not shows at the next open. */
	if (store_end(a, failed, rewritten, &e) < 0 &&
	    failed->code == E_NONE)
		warn("%s", e.text);
	agent_say(a);
	crash_point("run.told.after");
	fill_result(a, failed);
	run_free(&a->run);
	return a->out->outcome == RUN_FAILED ? -1 : 0;
}
