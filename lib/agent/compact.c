#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/db.h"

/*
 * A long history made short (agent sheet 10): the model writes a hand-over of what was
 * said, which then stands for everything but the newest turns.  The log keeps all.
 */

static const char ask_summary[] =
    "This conversation has grown long. Write a hand-over for whoever continues "
    "it with nothing but your words: what was done and decided, constraints and "
    "preferences, what remains to be done, key data (paths, names, examples, "
    "references), and which uses of tools worked or failed. Be concise; write "
    "for acting, not for telling the story.";

static const char cadence_key[] = "session_compaction_cadence";

#define IMAGE_TOKENS 1600

/* ---- is it time? ---- */

static int64_t
block_tokens(struct jtext b)
{
	struct jtext data = json_get(b, "data"), text = json_get(b, "text");
	int64_t size, length;

	if (json_str_is(json_get(b, "type"), "image"))
		return IMAGE_TOKENS;
	if (json_str_is(json_get(b, "type"), "video")) {
		size = data.n > 2 ? ((int64_t)data.n - 2 + 3) / 4 : 0;
		length = (json_get_i64(b, "duration_ms", 0) * 300 + 999) / 1000;
		return size > length ? size : length;
	}
	size = text.n > 2 ? (int64_t)text.n - 2 : 0;
	return size == 0 ? 0 : size < 4 ? 1 : size / 4;
}

static int64_t
content_tokens(struct jtext content)
{
	struct jiter it;
	int64_t sum = 0, size = (int64_t)content.n - 2;

	if (json_is(content, '"'))
		return size <= 0 ? 0 : size < 4 ? 1 : size / 4;
	for (it = json_iter(content); json_next(&it); )
		sum += block_tokens(it.value);
	return sum;
}

static int64_t
message_tokens(struct jtext m)
{
	struct jtext role = json_get(m, "role");
	struct jiter it;
	int64_t sum = 0;

	if (json_str_is(role, "user"))
		return content_tokens(json_get(m, "content"));
	if (!json_str_is(role, "tool_results"))
		return (int64_t)m.n / 4;
	for (it = json_iter(json_get(m, "results")); json_next(&it); )
		sum += content_tokens(json_get(it.value, "content"));
	return sum;
}

static int64_t
history_tokens(const struct messages *m)
{
	int64_t sum = 0;

	for (size_t i = 0; i < m->n; i++)
		sum += message_tokens(m->v[i]);
	return sum;
}

static bool
is_role(struct jtext m, const char *role)
{
	return json_str_is(json_get(m, "role"), role);
}

/* A session that does not count yet starts at the number of its answers. */
static int64_t
boundary_index(const struct agent *a, struct jtext cadence)
{
	int64_t n = 0;

	if (json_i64(json_get(cadence, "session_boundary_index"), &n))
		return n;
	for (size_t i = 0; i < a->msgs.n; i++)
		n += is_role(a->msgs.v[i], "block_assistant") ||
		    is_role(a->msgs.v[i], "assistant");
	return n;
}

static void
set_cadence(struct agent *a, int64_t index, int64_t last)
{
	struct buf v = BUF_INIT;

	jput_open(&v, '{');
	jput_ki64(&v, "session_boundary_index", index);
	if (last >= 0)
		jput_ki64(&v, "last_compaction_boundary_index", last);
	jput_close(&v, '}');
	json_set(&a->s.state, cadence_key, json_slice(v.p, v.n));
	buf_free(&v);
}

/* ---- the history without media ---- */

static bool
has_media(struct jtext content)
{
	struct jiter it = json_iter(content);

	if (!json_is(content, '['))
		return false;
	while (json_next(&it))
		if (!json_str_is(json_get(it.value, "type"), "text"))
			return true;
	return false;
}

/* Pictures become their names: "[image: image/png]". */
static void
put_plain(struct buf *out, struct jtext owner)
{
	struct jtext content = json_get(owner, "content");
	struct buf text = BUF_INIT, value = BUF_INIT;

	if (!has_media(content)) {
		jput_raw(out, owner.p, owner.n);
		return;
	}
	content_project(content, &text, NULL);
	jput_str(&value, buf_str(&text), text.n);
	json_with(out, owner, "content", json_slice(value.p, value.n));
	buf_free(&text);
	buf_free(&value);
}

static void
plain_message(struct buf *out, struct jtext m)
{
	struct buf results = BUF_INIT;
	struct jiter it;

	if (!is_role(m, "tool_results")) {
		put_plain(out, m);
		return;
	}
	jput_open(&results, '[');
	for (it = json_iter(json_get(m, "results")); json_next(&it); )
		put_plain(&results, it.value);
	jput_close(&results, ']');
	json_with(out, m, "results", json_slice(results.p, results.n));
	buf_free(&results);
}

static void
push_user(struct messages *m, const char *p, size_t n)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "role", "user");
	jput_kstr(&b, "content", p, n);
	jput_close(&b, '}');
	messages_push(m, b.p, b.n);
	buf_free(&b);
}

static void
push_plain(struct messages *m, struct jtext message)
{
	struct buf b = BUF_INIT;

	plain_message(&b, message);
	messages_push(m, b.p, b.n);
	buf_free(&b);
}

/* ---- the summary ---- */

static int
summarize(struct agent *a, struct buf *summary, struct usage *u,
    struct err *e)
{
	struct messages ask = { .n = 0 };
	struct model_reply reply = { .n_blocks = 0 };
	struct model_error me;
	struct call c = {
		.max_tokens = config_i64(&a->config,
		    "compaction/max_summary_tokens", 4096),
		.temperature = (double)NAN,
	};
	int64_t left = budget_left_ms(&a->budget);
	int rc;

	memset(&me, 0, sizeof me);
	for (size_t i = 0; i < a->msgs.n; i++)
		push_plain(&ask, a->msgs.v[i]);
	push_user(&ask, ask_summary, sizeof ask_summary - 1);
	rc = call_once(a, ask.v, ask.n, &c, left < 0 ? -1 : left > 0 ? left : 1,
	    &reply, &me);
	*u = reply.usage;
	if (rc < 0 && (me.fault == FAULT_CANCELLED || agent_cancelled(a)))
		agent_set_cancelled(e);
	else if (rc < 0)
		call_error(a, &me, e);
	else
		reply_text(&reply, summary);
	if (rc == 0 && summary->n == 0)
		rc = err_set(e, E_PROVIDER_ERROR, "LLM returned empty summary");
	model_reply_free(&reply);
	messages_free(&ask);
	return rc;
}

/* Where the last `turns` turns begin; all that is there if there are no more. */
static size_t
tail_start(const struct messages *m, size_t first, int64_t turns)
{
	size_t i = m->n;

	if (turns <= 0)
		return m->n;
	while (i > first) {
		i--;
		if (is_role(m->v[i], "user") && --turns == 0)
			return i;
	}
	return first;
}

static void
new_history(const struct agent *a, const struct buf *summary,
    struct messages *next)
{
	const struct messages *m = &a->msgs;
	struct buf text = BUF_INIT;
	size_t first = m->n && is_role(m->v[0], "system");

	if (first)
		messages_push(next, m->v[0].p, m->v[0].n);
	buf_puts(&text, "[Context compacted] An earlier part of this "
	    "conversation was replaced by the following summary; the state that "
	    "it describes still holds.\n\n");
	buf_put(&text, summary->p, summary->n);
	push_user(next, text.p, text.n);
	for (size_t i = tail_start(m, first, config_i64(&a->config,
	    "compaction/recent_turn_budget", 4)); i < m->n; i++)
		push_plain(next, m->v[i]);
	buf_free(&text);
}

/* ---- the step ---- */

static int
keep(struct agent *a, const struct messages *next, struct err *e)
{
	struct messages now = { .n = 0 };

	if (step_begin(a, e) < 0)
		return -1;
	if (messages_rebase(a->env.db, a->s.id, e) < 0)
		goto fail;
	for (size_t i = 0; i < next->n; i++)
		if (messages_append(a->env.db, a->s.id, next->v[i].p,
		    next->v[i].n, NULL, e) < 0)
			goto fail;
	if (step_save(a, e) < 0 ||
	    messages_load(a->env.db, a->s.id, &now, e) < 0)
		goto fail;
	if (step_commit(a, STEP("compact.commit"), e) < 0) {
		messages_free(&now);
		return -1;
	}
	messages_free(&a->msgs);
	a->msgs = now;
	return 0;
fail:
	step_abort(a);
	return -1;
}

static void
count(struct agent *a, const struct usage *u)
{
	usage_add(&a->s.usage, u);
	usage_add(&a->run.usage, u);
	a->budget.used[BUDGET_TOKENS] += u->input + u->output;
}

/* A summary that cannot be had stops nothing: it is tried at the next boundary. */
static int
compact(struct agent *a, int64_t index, int64_t estimate, struct err *e)
{
	struct messages next = { .n = 0 };
	struct buf summary = BUF_INIT;
	struct usage u = USAGE_NONE;
	struct err why = ERR_NONE;
	int64_t before = (int64_t)a->msgs.n;
	int rc = 0;

	emit_compaction_started(agent_event(a), a->last_input, estimate, before);
	agent_say(a);
	if (summarize(a, &summary, &u, &why) < 0) {
		emit_compaction_failed(agent_event(a), why.text);
		agent_say(a);
		if (why.code == E_REQUEST_CANCELLED) {
			*e = why;
			rc = -1;
		}
		goto done;
	}
	count(a, &u);
	set_cadence(a, index + 1, index);
	new_history(a, &summary, &next);
	if ((rc = keep(a, &next, e)) < 0)
		goto done;
	a->last_input = 0;
	emit_compaction_completed(agent_event(a), u.output, before,
	    (int64_t)a->msgs.n);
	agent_say(a);
done:
	messages_free(&next);
	buf_free(&summary);
	return rc;
}

int
compact_maybe(struct agent *a, struct err *e)
{
	struct jtext cadence = json_get(json_text(a->s.state), cadence_key);
	int64_t index = boundary_index(a, cadence), estimate, threshold;
	int64_t last = json_get_i64(cadence, "last_compaction_boundary_index",
	    -1);
	int64_t gap = config_i64(&a->config,
	    "compaction/min_turns_between_compactions", 3);

	set_cadence(a, index + 1, last);
	if (index <= 0 || (last >= 0 && index - last < gap))
		return 0;
	threshold = config_i64(&a->config, "compaction/auto_compact_threshold",
	    100000);
	estimate = history_tokens(&a->msgs);
	if (a->last_input < threshold && estimate < threshold)
		return 0;
	return compact(a, index, estimate, e);
}
