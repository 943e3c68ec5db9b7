#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "store/db.h"

/*
 * What a dead process left behind, put right under the session's lock:
 *
 *   an answer whose tool calls have no results	their journal and "interrupted" fill in
 *   a run that is "running"			its last word is there: it is completed;
 *						nobody waits for it: it is taken up again,
 *						behind its answer if only its JSON is missing;
 *						else it is closed as interrupted
 *   an ended run whose end was not told	it is told now
 *
 * Each of these is a step of its own and may be interrupted in turn.
 */

static bool
told(const struct agent *a)
{
	char last[32];

	eventlog_last_lifecycle(a->log, last);
	return strcmp(last, "run_started") != 0;
}

/* End the row with the payload in a->event; tell it if its start was told. */
static int
close_run(struct agent *a, const char *state, bool settle, bool consumed,
    struct err *e)
{
	bool tell = !told(a);

	free(a->run.state);
	a->run.state = xstrdup(state);
	free(a->run.terminal);
	a->run.terminal = xstrndup(a->event.p, a->event.n);
	a->run.ended_ms = time_ms();
	if (step_begin(a, e) < 0)
		return -1;
	if (run_update(a->env.db, &a->run, e) < 0 || (settle &&
	    inputs_settle(a->env.db, a->s.id, consumed ? INPUT_CONSUMED :
	    INPUT_EXHAUSTED, e) < 0)) {
		step_abort(a);
		return -1;
	}
	if (step_commit(a, STEP("recover.close"), e) < 0)
		return -1;
	if (tell)
		agent_say(a);
	run_free(&a->run);
	return 0;
}

int
recover_close(struct agent *a, bool settle, struct err *e)
{
	struct err why = ERR_NONE;

	err_set(&why, E_AGENT_ERROR,
	    "Run was interrupted: its process died");
	why.retryable = true;
	emit_run_failed(agent_event(a), a->s.id, &why);
	return close_run(a, "interrupted", settle, false, e);
}

/* It had given its answer and died before it could say so. */
static int
complete(struct agent *a, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	finish_last_text(a, &text);
	emit_run_completed(agent_event(a), a->s.id, &text, &a->s.usage);
	rc = close_run(a, "completed", true, true, e);
	buf_free(&text);
	return rc;
}

static struct jtext
last_message(const struct agent *a)
{
	return a->msgs.n ? a->msgs.v[a->msgs.n - 1] : JTEXT_NONE;
}

/* The tools that an answer asked for have their results behind it. */
static bool
answered(const struct agent *a)
{
	return a->run.turns > 0 &&
	    json_str_is(json_get(last_message(a), "role"), "block_assistant");
}

static bool
last_word(const struct agent *a)
{
	if (!answered(a))
		return false;
	return a->run.asked > 0 ? extract_fits(a, last_message(a)) :
	    !json_get(json_text(a->s.build), "output_schema").p;
}

/* Was it about queued inputs alone, that nobody waits for? */
static int
can_be_taken_up(struct agent *a, bool *yes, struct err *e)
{
	struct input *list = NULL;
	size_t n = 0;

	if (inputs_applied(a->env.db, a->s.id, &list, &n, e) < 0)
		return -1;
	*yes = n > 0 && a->run.deaths < DEATHS_MAX;
	for (size_t i = 0; i < n; i++)
		*yes &= !json_get_bool(json_text(list[i].body), "direct", false);
	inputs_free(list, n);
	return 0;
}

int
recover(struct agent *a, struct err *e)
{
	bool take_up, running = a->run.state && !strcmp(a->run.state, "running");

	if (a->run.state && !running) {
		if (a->run.terminal && !told(a)) {
			buf_puts(agent_event(a), a->run.terminal);
			agent_say(a);
		}
		run_free(&a->run);
	}
	/* Nobody died: these calls wait for somebody who can run them. */
	a->waiting = callback_waits(a);
	if (!a->waiting && tools_asked(last_message(a)) &&
	    tools_recover(a, last_message(a), e) < 0)
		return -1;
	if (!running)
		return 0;
	if (last_word(a))
		return complete(a, e);
	if (can_be_taken_up(a, &take_up, e) < 0)
		return -1;
	return take_up && (admit_at_boundary(a) || answered(a)) ? 0 :
	    recover_close(a, true, e);
}
