#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"

/*
 * Where hooks look into a run, and what their patches do to it (agent sheet 13.4 to
 * 13.6).  The hooks themselves are hooks.c's business.
 */

/* ---- one point, one invocation ---- */

static void
begin(struct buf *b, const struct agent *a, enum hook_point p)
{
	jput_open(b, '{');
	jput_kcstr(b, "point", hook_point_name(p));
	jput_kcstr(b, "session_id", a->s.id);
}

static void
begin_turn(struct buf *b, const struct agent *a, enum hook_point p)
{
	begin(b, a, p);
	jput_ki64(b, "turn_number", a->turn);
}

static void
fire(struct agent *a, enum hook_point p, struct buf *invocation,
    struct hook_outcome *out)
{
	struct jtext v;

	jput_close(invocation, '}');
	v = json_slice(invocation->p, invocation->n);
	memset(out, 0, sizeof *out);
	hooks_fire(a->hooks, p, &v, out, 1);
	buf_free(invocation);
}

/* The next patch of that type, or NULL; *i goes on behind it. */
static const struct buf *
next_patch(const struct hook_outcome *out, const char *type, size_t *i)
{
	while (*i < out->n_patches) {
		const struct buf *p = &out->patches[(*i)++];

		if (json_str_is(json_get(json_slice(p->p, p->n),
		    "patch_type"), type))
			return p;
	}
	return NULL;
}

static void
say_rewrite(struct agent *a, enum hook_point p, const struct hook_outcome *out,
    size_t i)
{
	emit_rewrite(agent_event(a), out->patch_ids[i], hook_point_name(p),
	    &out->patches[i]);
	agent_say(a);
}

static struct jtext
member(const struct buf *patch, const char *key)
{
	return json_get(json_slice(patch->p, patch->n), key);
}

/* A deny, or an interrupt meanwhile, at a point that can only let the run go on or end it. */
static int
verdict(struct agent *a, struct hook_outcome *out, enum hook_point p,
    struct err *e)
{
	int rc = 0;

	if (agent_cancelled(a)) {
		rc = agent_set_cancelled(e);
	} else if (out->denied) {
		hook_denied_text(out, p, e);
		rc = -1;
	}
	hook_outcome_free(out);
	return rc;
}

/* ---- the run ---- */

int
point_run_started(struct agent *a, const char *prompt, struct err *e)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;

	if (!hooks_any(a->hooks, HOOK_RUN_STARTED))
		return 0;
	begin(&in, a, HOOK_RUN_STARTED);
	jput_kcstr(&in, "prompt", prompt);
	fire(a, HOOK_RUN_STARTED, &in, &out);
	return verdict(a, &out, HOOK_RUN_STARTED, e);
}

int
point_boundary(struct agent *a, struct err *e)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;

	if (!hooks_any(a->hooks, HOOK_TURN_BOUNDARY))
		return 0;
	begin_turn(&in, a, HOOK_TURN_BOUNDARY);
	fire(a, HOOK_TURN_BOUNDARY, &in, &out);
	return verdict(a, &out, HOOK_TURN_BOUNDARY, e);
}

int
point_completed(struct agent *a, struct buf *text, bool *rewritten,
    struct err *e)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;
	const struct buf *p;
	size_t i = 0, n;

	if (!hooks_any(a->hooks, HOOK_RUN_COMPLETED))
		return 0;
	begin(&in, a, HOOK_RUN_COMPLETED);
	jput_ki64(&in, "turn_number", a->run.turns);
	fire(a, HOOK_RUN_COMPLETED, &in, &out);
	while (!out.denied && (p = next_patch(&out, "run_result", &i))) {
		char *s = json_str(member(p, "text"), &n);

		if (!s)
			continue;
		buf_trunc(text, 0);
		buf_put(text, s, n);
		*rewritten = true;
		say_rewrite(a, HOOK_RUN_COMPLETED, &out, i - 1);
		free(s);
	}
	return verdict(a, &out, HOOK_RUN_COMPLETED, e);
}

void
point_failed(struct agent *a, const char *error)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;

	if (!hooks_any(a->hooks, HOOK_RUN_FAILED))
		return;
	begin(&in, a, HOOK_RUN_FAILED);
	jput_kcstr(&in, "error", error);
	fire(a, HOOK_RUN_FAILED, &in, &out);
	hook_outcome_free(&out);
}

/* ---- the model call ---- */

static void
put_request(struct buf *in, const struct agent *a, const struct call *c)
{
	jput_key(in, "llm_request");
	jput_open(in, '{');
	jput_ki64(in, "max_tokens", c->max_tokens);
	if (!isnan(c->temperature))
		jput_kf64(in, "temperature", c->temperature);
	if (c->params.n > 2)
		jput_kraw(in, "provider_params", c->params.p, c->params.n);
	jput_ki64(in, "message_count", (int64_t)a->msgs.n);
	jput_close(in, '}');
}

static void
patch_request(struct call *c, const struct buf *patch)
{
	struct jtext params = member(patch, "provider_params");
	int64_t tokens;
	double temperature;

	if (json_i64(member(patch, "max_tokens"), &tokens) && tokens > 0)
		c->max_tokens = tokens;
	if (json_f64(member(patch, "temperature"), &temperature))
		c->temperature = temperature;
	if (json_is(params, '{')) {
		buf_trunc(&c->params, 0);
		buf_put(&c->params, params.p, params.n);
	}
}

int
point_request(struct agent *a, struct call *c, struct err *e)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;
	const struct buf *p;
	size_t i = 0;

	if (!hooks_any(a->hooks, HOOK_PRE_LLM_REQUEST))
		return 0;
	begin_turn(&in, a, HOOK_PRE_LLM_REQUEST);
	put_request(&in, a, c);
	fire(a, HOOK_PRE_LLM_REQUEST, &in, &out);
	while (!out.denied && (p = next_patch(&out, "llm_request", &i))) {
		patch_request(c, p);
		say_rewrite(a, HOOK_PRE_LLM_REQUEST, &out, i - 1);
	}
	return verdict(a, &out, HOOK_PRE_LLM_REQUEST, e);
}

static void
put_response(struct buf *in, const struct model_reply *reply)
{
	struct buf text = BUF_INIT, usage = BUF_INIT;

	reply_text(reply, &text);
	usage_emit(&usage, &reply->usage);
	jput_key(in, "llm_response");
	jput_open(in, '{');
	jput_kstr(in, "assistant_text", buf_str(&text), text.n);
	jput_key(in, "tool_call_names");
	jput_open(in, '[');
	for (size_t i = 0; i < reply->n_blocks; i++)
		if (reply->blocks[i].kind == BLOCK_TOOL_USE &&
		    reply->blocks[i].done)
			jput_cstr(in, reply->blocks[i].name);
	jput_close(in, ']');
	jput_kcstr(in, "stop_reason", stop_name(reply->stop));
	jput_kraw(in, "usage", usage.p, usage.n);
	jput_close(in, '}');
	buf_free(&text);
	buf_free(&usage);
}

static void
drop_block(struct model_reply *r, size_t i)
{
	struct block *b = &r->blocks[i];

	buf_free(&b->text);
	buf_free(&b->args);
	free(b->id);
	free(b->name);
	free(b->meta);
	memmove(b, b + 1, (r->n_blocks - i - 1) * sizeof *b);
	r->n_blocks--;
}

static void
insert_text_block(struct model_reply *r)
{
	r->blocks = xrealloc(r->blocks, (r->n_blocks + 1) * sizeof *r->blocks);
	memmove(r->blocks + 1, r->blocks, r->n_blocks * sizeof *r->blocks);
	memset(r->blocks, 0, sizeof *r->blocks);
	r->blocks[0].kind = BLOCK_TEXT;
	r->blocks[0].done = true;
	r->n_blocks++;
}

/* The first text block gets the text, the others go; tool calls and reasoning stay. */
static void
rewrite_text(struct model_reply *r, const char *s, size_t n)
{
	size_t first = r->n_blocks;

	for (size_t i = r->n_blocks; i-- > 0; ) {
		if (r->blocks[i].kind != BLOCK_TEXT)
			continue;
		if (first < r->n_blocks)
			drop_block(r, first);
		first = i;
	}
	if (first == r->n_blocks) {
		insert_text_block(r);
		first = 0;
	}
	r->blocks[first].done = true;
	buf_trunc(&r->blocks[first].text, 0);
	buf_put(&r->blocks[first].text, s, n);
}

int
point_reply(struct agent *a, struct model_reply *reply, struct err *e)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;
	const struct buf *p;
	size_t i = 0, n;

	if (!hooks_any(a->hooks, HOOK_POST_LLM_RESPONSE))
		return 0;
	begin_turn(&in, a, HOOK_POST_LLM_RESPONSE);
	put_response(&in, reply);
	fire(a, HOOK_POST_LLM_RESPONSE, &in, &out);
	while (!out.denied && (p = next_patch(&out, "assistant_text", &i))) {
		char *s = json_str(member(p, "text"), &n);

		if (!s)
			continue;
		rewrite_text(reply, s, n);
		say_rewrite(a, HOOK_POST_LLM_RESPONSE, &out, i - 1);
		free(s);
	}
	return verdict(a, &out, HOOK_POST_LLM_RESPONSE, e);
}

/* ---- the tools ---- */

/* {"error":"hook_denied",...} in the place of a result (agent sheet 6.3). */
static void
deny_job(struct tool_job *j, const struct hook_outcome *out)
{
	struct buf text = BUF_INIT;

	jput_open(&text, '{');
	jput_kcstr(&text, "error", "hook_denied");
	jput_kcstr(&text, "message", out->message);
	jput_kraw(&text, "payload", out->payload.p, out->payload.n);
	jput_kcstr(&text, "reason_code", out->reason_code);
	jput_close(&text, '}');
	tool_result_text(&j->result, text.p, text.n);
	j->result.is_error = true;
	buf_free(&text);
}

static void
put_tool_call(struct buf *in, const struct agent *a, const struct tool_job *j)
{
	begin_turn(in, a, HOOK_PRE_TOOL_EXECUTION);
	jput_key(in, "tool_call");
	jput_open(in, '{');
	jput_kcstr(in, "tool_use_id", j->call.id);
	jput_kcstr(in, "name", j->call.name);
	jput_kraw(in, "args", j->call.args.p, j->call.args.n);
	jput_close(in, '}');
	jput_close(in, '}');
}

static void
judge_call(struct agent *a, struct tool_job *j, struct hook_outcome *out)
{
	const struct buf *p;
	size_t i = 0;

	if (out->denied) {
		deny_job(j, out);
		j->denied = j->done = true;
		return;
	}
	while ((p = next_patch(out, "tool_args", &i))) {
		struct jtext args = member(p, "args");

		buf_trunc(&j->patched, 0);
		buf_put(&j->patched, args.p, args.n);
		say_rewrite(a, HOOK_PRE_TOOL_EXECUTION, out, i - 1);
	}
}

/* All calls of the answer at once: a chain of hooks for each, side by side. */
void
point_pre_tools(struct agent *a, struct tool_jobs *jobs)
{
	struct buf *in;
	struct jtext *v;
	struct hook_outcome *out;

	if (!hooks_any(a->hooks, HOOK_PRE_TOOL_EXECUTION) || jobs->n == 0)
		return;
	in = xcalloc(jobs->n, sizeof *in);
	v = xcalloc(jobs->n, sizeof *v);
	out = xcalloc(jobs->n, sizeof *out);
	for (size_t i = 0; i < jobs->n; i++) {
		put_tool_call(&in[i], a, &jobs->v[i]);
		v[i] = json_slice(in[i].p, in[i].n);
	}
	hooks_fire(a->hooks, HOOK_PRE_TOOL_EXECUTION, v, out, jobs->n);
	for (size_t i = 0; i < jobs->n; i++) {
		judge_call(a, &jobs->v[i], &out[i]);
		hook_outcome_free(&out[i]);
		buf_free(&in[i]);
	}
	free(in);
	free(v);
	free(out);
}

/* New text first, then the images that were there. */
static void
patch_result(struct tool_job *j, const struct buf *patch)
{
	struct jtext text = member(patch, "content"), old;
	struct buf content = BUF_INIT;
	bool error = json_get_bool(json_slice(patch->p, patch->n), "is_error",
	    j->result.is_error);
	struct jiter it;

	old = json_slice(j->result.content.p, j->result.content.n);
	if (json_is(old, '[')) {
		jput_open(&content, '[');
		jput_open(&content, '{');
		jput_kcstr(&content, "type", "text");
		jput_kraw(&content, "text", text.p, text.n);
		jput_close(&content, '}');
		for (it = json_iter(old); json_next(&it); )
			if (!json_str_is(json_get(it.value, "type"), "text"))
				jput_raw(&content, it.value.p, it.value.n);
		jput_close(&content, ']');
	} else {
		jput_raw(&content, text.p, text.n);
	}
	buf_free(&j->result.content);
	j->result.content = content;
	j->result.is_error = error;
}

static void
put_tool_result(struct buf *in, const struct agent *a,
    const struct tool_job *j)
{
	struct buf text = BUF_INIT;
	bool images = false;

	content_project(json_slice(j->result.content.p, j->result.content.n),
	    &text, &images);
	begin_turn(in, a, HOOK_POST_TOOL_EXECUTION);
	jput_key(in, "tool_result");
	jput_open(in, '{');
	jput_kcstr(in, "tool_use_id", j->call.id);
	jput_kcstr(in, "name", j->call.name);
	jput_kstr(in, "content", buf_str(&text), text.n);
	jput_kbool(in, "is_error", j->result.is_error);
	jput_kbool(in, "has_images", images);
	jput_close(in, '}');
	buf_free(&text);
}

/* Here patches count after a deny, too, and can overwrite it (agent sheet 13.2). */
void
point_post_tool(struct agent *a, struct tool_job *job)
{
	struct buf in = BUF_INIT;
	struct hook_outcome out;
	const struct buf *p;
	size_t i = 0;

	if (!hooks_any(a->hooks, HOOK_POST_TOOL_EXECUTION))
		return;
	put_tool_result(&in, a, job);
	fire(a, HOOK_POST_TOOL_EXECUTION, &in, &out);
	if (out.denied)
		deny_job(job, &out);
	while ((p = next_patch(&out, "tool_result", &i))) {
		if (!json_is(member(p, "content"), '"'))
			continue;
		patch_result(job, p);
		say_rewrite(a, HOOK_POST_TOOL_EXECUTION, &out, i - 1);
	}
	hook_outcome_free(&out);
}
