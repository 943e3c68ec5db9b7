#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/db.h"

/*
 * What the world said becomes one user message and one run, in one transaction: an
 * input is either still queued or in the transcript, never both, never neither.
 */

/* ---- the prompt of the request ---- */

/* Content with the notices in it, media stored, as the input row's body. */
static int
prompt_body(struct agent *a, const struct run_spec *spec, struct buf *body,
    struct err *e)
{
	struct buf text = BUF_INIT, content = BUF_INIT, all = BUF_INIT;
	struct jtext c;
	int rc = -1;

	staged_join(a, spec->prompt, &all);
	c = json_slice(all.p, all.n);
	if (content_fits(c, a->set.target.provider, e) < 0 ||
	    content_store(a->realm, c, &content, e) < 0)
		goto done;
	c = json_slice(content.p, content.n);
	input_put_notices(&text, spec->additional_instructions);
	jput_open(body, '{');
	jput_key(body, "content");
	if (text.n && json_is(c, '"')) {
		size_t n;
		char *s = json_str(c, &n);

		buf_put(&text, s, n);
		free(s);
		jput_str(body, text.p, text.n);
	} else if (text.n) {
		jput_open(body, '[');
		input_put_text(body, text.p, text.n);
		input_put_content(body, c);
		jput_close(body, ']');
	} else {
		jput_raw(body, c.p, c.n);
	}
	jput_kbool(body, "direct", true);
	jput_close(body, '}');
	rc = 0;
done:
	buf_free(&all);
	buf_free(&text);
	buf_free(&content);
	return rc;
}

/* Its row.  The same key again is the same row: it is taken if it still waits. */
static int
admit_direct(struct agent *a, const struct run_spec *spec,
    const struct buf *body, char id[UUID_LEN + 1], struct err *e)
{
	struct input in = {
		.session = a->s.id,
		.kind = (char []){ "prompt" },
		.source = (char []){ "operator" },
		.mode = (char []){ "queue" },
		.body = body->p,
	};
	struct input first = { .seq = 0 };
	bool seen = false, queued;

	in.idem = xstrdup(spec->idem);
	if (inputs_admit(a->env.db, &in, &seen, e) < 0) {
		free(in.idem);
		return -1;
	}
	free(in.idem);
	memcpy(id, in.id, UUID_LEN + 1);
	if (!seen)
		return 0;
	if (inputs_load(a->env.db, in.id, &first, e) < 0)
		return -1;
	queued = !strcmp(first.state, "queued");
	input_free(&first);
	return queued ? 0 : err_set(e, E_DUPLICATE_INPUT,
	    "input already processed: %s", id);
}

/* ---- which inputs, in which order (agent sheet 17.4) ---- */

static bool
is_steer(const struct input *in)
{
	return !strcmp(in->mode, "steer");
}

static bool
is_prompt(const struct input *in)
{
	return !strcmp(in->kind, "prompt");
}

/*
 * With a prompt of the caller: what waits in front of the first queued prompt, then
 * that prompt.  Else the steer inputs that wait; else the first prompt alone; else all
 * up to the next prompt.  What is taken moves to the front of the list.
 */
static size_t
choose(struct input *list, size_t n, const char *direct)
{
	size_t k = 0, i;

	while (k < n && is_steer(&list[k]))
		k++;
	if (!direct && k > 0)
		return k;
	if (!direct && k < n && is_prompt(&list[k]))
		return k + 1;
	while (k < n && !is_prompt(&list[k]))
		k++;
	if (!direct)
		return k;
	for (i = k; i < n && strcmp(list[i].id, direct); i++)
		;
	if (i < n) {
		struct input own = list[i];

		list[i] = list[k];
		list[k++] = own;
	}
	return k;
}

/* ---- the user message ---- */

static void
put_metadata(struct buf *m, const struct run_spec *spec,
    const struct input *list, size_t n)
{
	static const char class[] = "{\"class\":\"external_event\","
	    "\"salience\":\"normal\"}";
	struct jtext own = JTEXT_NONE, last;
	bool events = n > 0;

	for (size_t i = 0; i < n; i++) {
		events &= !strcmp(list[i].kind, "external_event");
		if ((last = input_render_metadata(&list[i])).p)
			own = last;
	}
	if (spec && spec->render_metadata.p)
		own = spec->render_metadata;
	if (own.p)
		jput_kraw(m, "render_metadata", own.p, own.n);
	else if (events)
		jput_kraw(m, "render_metadata", class, sizeof class - 1);
}

/* False if there is nothing to say (continuations only). */
static bool
user_message(struct agent *a, const struct run_spec *spec,
    const struct input *list, size_t n, struct buf *m)
{
	struct buf blocks = BUF_INIT, content = BUF_INIT;
	struct err e = ERR_NONE;
	bool some;

	jput_open(&blocks, '[');
	for (size_t i = 0; i < n; i++)
		input_render(&list[i], &blocks);
	jput_close(&blocks, ']');
	some = blocks.n > 2;
	if (content_store(a->realm, json_slice(blocks.p, blocks.n), &content,
	    &e) < 0) {
		/* Somebody queued what is no content: the model sees it as it came. */
		buf_trunc(&content, 0);
		jput_str(&content, blocks.p, blocks.n);
	}
	jput_open(m, '{');
	jput_kcstr(m, "role", "user");
	jput_kraw(m, "content", content.p, content.n);
	put_metadata(m, spec, list, n);
	jput_close(m, '}');
	buf_free(&blocks);
	buf_free(&content);
	return some;
}

static int
append_inputs(struct agent *a, const struct run_spec *spec,
    const struct input *list, size_t n, struct err *e)
{
	struct buf m = BUF_INIT;
	int64_t index = -1;
	int rc = -1;

	if (user_message(a, spec, list, n, &m) &&
	    step_append(a, &m, &index, e) < 0)
		goto done;
	for (size_t i = 0; i < n; i++)
		if (inputs_apply(a->env.db, list[i].id, a->run.id, index,
		    e) < 0)
			goto done;
	rc = 0;
done:
	buf_free(&m);
	return rc;
}

/* Message 0: when there is none yet, or when the request brings another. */
static int
put_system(struct agent *a, const struct run_spec *spec, struct err *e)
{
	struct buf m = BUF_INIT;
	bool there = a->msgs.n > 0 &&
	    json_str_is(json_get(a->msgs.v[0], "role"), "system");
	int rc = 0;

	if (a->msgs.n > 0 && !(spec && spec->system_prompt))
		return 0;
	/* It stays: it lists all tools, not what this run is limited to. */
	toolbox_overlay(a->tools, JTEXT_NONE, JTEXT_NONE, NULL);
	prompt_message(a, &m);
	if (spec && (rc = toolbox_overlay(a->tools, spec->allow_tools,
	    spec->block_tools, e)) < 0)
		goto done;
	if (there)
		rc = step_replace(a, 0, &m, e);
	else if (a->msgs.n == 0)
		rc = step_append(a, &m, NULL, e);
done:
	buf_free(&m);
	return rc;
}

/* ---- the run ---- */

bool
admit_at_boundary(const struct agent *a)
{
	struct jtext role = json_get(a->msgs.n ? a->msgs.v[a->msgs.n - 1] :
	    JTEXT_NONE, "role");

	return json_str_is(role, "user") || json_str_is(role, "tool_results") ||
	    json_str_is(role, "system_notice");
}

static void
new_run(struct agent *a, int64_t attempts)
{
	run_free(&a->run);
	uuid_v7(a->run.id);
	memcpy(a->run.session, a->s.id, sizeof a->run.session);
	a->run.state = xstrdup("running");
	a->run.started_ms = time_ms();
	a->run.usage = (struct usage)USAGE_NONE;
	a->run.attempts = attempts;
}

void
admit_last_prompt(const struct agent *a, struct buf *text)
{
	struct jtext m = a->msgs.n ? a->msgs.v[a->msgs.n - 1] : JTEXT_NONE;

	if (json_str_is(json_get(m, "role"), "user"))
		content_project(json_get(m, "content"), text, NULL);
}

/* Say that it started, unless its dead process has said so already. */
static void
say_started(struct agent *a)
{
	bool first = a->run.attempts == 0 && a->run.deaths == 0;
	struct buf prompt = BUF_INIT;
	char last[32];

	if (!first) {
		eventlog_last_lifecycle(a->log, last);
		if (!strcmp(last, "run_started"))
			return;
	}
	admit_last_prompt(a, &prompt);
	emit_run_started(agent_event(a), a->s.id, buf_str(&prompt), prompt.n);
	agent_say(a);
	buf_free(&prompt);
}

/* Go on with the transcript as it is: a new run, or the one that died. */
static int
start_at_boundary(struct agent *a, const struct run_spec *spec, bool anew,
    struct err *e)
{
	if (step_begin(a, e) < 0)
		return -1;
	if ((anew ? run_insert(a->env.db, &a->run, e) :
	    run_update(a->env.db, &a->run, e)) < 0 ||
	    inputs_again(a->env.db, a->s.id, a->run.id, !anew, e) < 0 ||
	    (spec && step_save_all(a, e) < 0) || put_system(a, spec, e) < 0) {
		step_abort(a);
		return -1;
	}
	if (step_commit(a, STEP("turn.resume"), e) < 0)
		return -1;
	say_started(a);
	return 1;
}

/*
 * Continuations with nothing to continue are done at once: a run that never calls the
 * model and that nobody sees.
 */
static int
swallow(struct agent *a, const struct input *list, size_t n, struct err *e)
{
	free(a->run.state);
	a->run.state = xstrdup("completed");
	a->run.ended_ms = a->run.started_ms;
	for (size_t i = 0; i < n; i++)
		if (inputs_apply(a->env.db, list[i].id, a->run.id, -1, e) < 0)
			return -1;
	if (run_insert(a->env.db, &a->run, e) < 0 ||
	    inputs_settle(a->env.db, a->s.id, INPUT_CONSUMED, e) < 0)
		return -1;
	return step_commit(a, STEP("turn.swallow"), e);
}

static bool
only_continuations(const struct input *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].kind, "continuation"))
			return false;
	return true;
}

/* 1: admitted; 0: the queue is empty; 2: look again. */
static int
start_from_queue(struct agent *a, const struct run_spec *spec,
    const struct buf *body, struct err *e)
{
	struct input *list = NULL;
	char direct[UUID_LEN + 1] = "";
	size_t n = 0, take;
	int rc = -1;

	if (step_begin(a, e) < 0)
		return -1;
	if (body->n && admit_direct(a, spec, body, direct, e) < 0)
		goto done;
	if (inputs_queued(a->env.db, a->s.id, NULL, &list, &n, e) < 0)
		goto done;
	take = choose(list, n, body->n ? direct : NULL);
	rc = 0;
	if (take == 0)
		goto done;
	rc = -1;
	new_run(a, 0);
	a->direct = body->n > 0;
	if (a->direct)
		staged_taken(a);
	if (only_continuations(list, take) && !admit_at_boundary(a)) {
		rc = swallow(a, list, take, e) < 0 ? -1 : 2;
		goto done;
	}
	if (run_insert(a->env.db, &a->run, e) < 0 ||
	    (spec && step_save_all(a, e) < 0) ||
	    put_system(a, spec, e) < 0 ||
	    append_inputs(a, spec, list, take, e) < 0)
		goto done;
	rc = step_commit(a, STEP("turn.admit"), e) < 0 ? -1 : 1;
	if (rc == 1) {
		if (a->out)
			memcpy(a->out->input_id, list[take - 1].id,
			    UUID_LEN + 1);
		say_started(a);
	}
done:
	if (rc < 1)
		step_abort(a);
	if (rc != 1)
		run_free(&a->run);
	inputs_free(list, n);
	return rc;
}

/*
 * Inputs of a failed run that nobody was told of: once more, if they have tries left.
 * That a run was stopped because its process had to go is no failure of theirs.
 */
static int
retry_failed(struct agent *a, struct err *e)
{
	struct input *list = NULL;
	struct run last = { .state = NULL };
	size_t n = 0;
	int rc = inputs_applied(a->env.db, a->s.id, &list, &n, e);

	inputs_free(list, n);
	if (rc < 0 || n == 0)
		return rc;
	if ((rc = run_last(a->env.db, a->s.id, &last, e)) <= 0)
		return rc;
	new_run(a, last.attempts + !strcmp(last.state, "failed"));
	a->run.asked = last.asked;
	run_free(&last);
	a->direct = false;
	return start_at_boundary(a, NULL, true, e);
}

int
admit_run(struct agent *a, const struct run_spec *spec, bool drain,
    struct err *e)
{
	struct buf body = BUF_INIT;
	bool prompt = spec && spec->prompt.p;
	int rc;

	if (prompt && prompt_body(a, spec, &body, e) < 0) {
		buf_free(&body);
		return -1;
	}
	if (a->run.state && !prompt) {
		a->run.deaths++;
		a->direct = false;
		rc = start_at_boundary(a, spec, false, e);
		goto done;
	}
	if (a->run.state && (rc = recover_close(a, false, e)) < 0)
		goto done;
	do
		rc = start_from_queue(a, spec, &body, e);
	while (rc == 2);
	if (rc == 0 && drain)
		rc = retry_failed(a, e);
	if (rc == 0 && !prompt && !drain && admit_at_boundary(a)) {
		new_run(a, 0);
		a->direct = true;
		rc = start_at_boundary(a, spec, true, e);
	}
done:
	buf_free(&body);
	return rc;
}

int
admit_steer(struct agent *a, struct err *e)
{
	struct input *list = NULL;
	size_t n = 0;
	int rc = inputs_queued(a->env.db, a->s.id, "steer", &list, &n, e);

	if (rc < 0 || n == 0)
		goto done;
	if ((rc = step_begin(a, e)) < 0)
		goto done;
	if ((rc = append_inputs(a, NULL, list, n, e)) < 0)
		step_abort(a);
	else
		rc = step_commit(a, STEP("turn.steer"), e);
	if (rc == 0)
		rc = 1;
done:
	inputs_free(list, n);
	return rc;
}
