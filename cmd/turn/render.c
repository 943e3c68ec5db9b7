#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "turn/pattern.h"
#include "turn/render.h"

#define RESULT_LINES 20		/* of a tool's result shown */

/* A line per event (pattern.h).  What is not here has a function below, or is silent. */
struct line {
	const char *type, *pattern;
};

/* cli sheet section 5 */
static const struct line stream_lines[] = {
	{ "tool_call_requested", "\n{I}{M}tool{.} {B}{name}({args:200}){.}" },
	{ "tool_execution_started", "{D}  ▸ running {name}...{.}" },
	{ "tool_execution_timed_out",
	    "{Y}{B}  ⏱ {name} timed out ({timeout_ms}ms){.}" },
	{ "turn_completed", "{D}  {tokens} tokens ({usage/input_tokens} in / "
	    "{usage/output_tokens} out){.}" },
	{ "run_completed", "\n{D}────────{.}\n{D}total: {tokens} tokens "
	    "({usage/input_tokens} in / {usage/output_tokens} out){.}" },
	{ "run_failed", "\n{R}{B}error: {error}{.}" },
	{ "compaction_started", "\n{D}⟳ Compacting context ({message_count} "
	    "messages, ~{estimated_history_tokens} tokens)...{.}" },
	{ "compaction_completed", "{D}✓ Compacted: {messages_before} → "
	    "{messages_after} messages ({summary_tokens} summary tokens){.}" },
	{ "compaction_failed", "{Y}{B}✗ Compaction failed: {error}{.}" },
	{ "budget_warning", "{Y}{B}⚠ Budget: {budget_type^} at {percent%} "
	    "({used}/{limit}){.}" },
	{ "retrying", "{Y}⟳ Retry {attempt}/{max_attempts}: {error} "
	    "({delay_ms}ms){.}" },
	{ "skill_resolution_failed",
	    "{Y}{B}⚠ skill failed: {reference}: {error}{.}" },
	{ "hook_started", "{D}hook: {hook_id} ({point^}){.}" },
	{ "hook_completed", "{G}{D}✓{.} hook: {hook_id} ({duration_ms}ms)" },
	{ "hook_failed", "{R}{B}✗ hook failed: {hook_id}: {error}{.}" },
	{ "hook_denied", "{R}{B}⊘ hook denied: {hook_id}: {message}{.}" },
	{ "interaction_callback_pending",
	    "{Y}{B}⧖ callback pending:{.} {tool_name} {args:200}" },
};

/* cli sheet 5.3 */
static const struct line verbose_lines[] = {
	{ "turn_started", "\n━━━ Turn {turn_number+} ━━━" },
	{ "tool_call_requested", "  → Calling tool: {name} {args:100}" },
	{ "tool_execution_completed", "  {?is_error:✗:✓} {name} "
	    "({duration_ms}ms): {result:200}" },
	{ "turn_completed", "  ── Turn complete: {stop_reason^} "
	    "({usage/input_tokens} in / {usage/output_tokens} out tokens)" },
	{ "retrying", "  ⟳ Retry {attempt}/{max_attempts}: {error} "
	    "(waiting {delay_ms}ms)" },
	{ "budget_warning", "  ⚠ Budget warning: {budget_type^} at "
	    "{percent%} ({used}/{limit})" },
	{ "compaction_started", "  ⟳ Compaction started: {input_tokens} input "
	    "tokens, ~{estimated_history_tokens} history tokens, "
	    "{message_count} messages" },
	{ "compaction_completed", "  ✓ Compaction complete: "
	    "{messages_before} → {messages_after} messages, {summary_tokens} "
	    "summary tokens" },
	{ "compaction_failed", "  ✗ Compaction failed (continuing): {error}" },
	{ "background_job_completed",
	    "  BG job {job_id} ({display_name}) {status}: {detail}" },
	{ "interaction_callback_pending",
	    "  ⧖ Callback pending: {tool_name} {args:100}" },
};

bool
render_ansi(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && *no) && !(term && !strcmp(term, "dumb")) && isatty(fd);
}

static void
prefix(const struct render *r, const char *scope, struct buf *b)
{
	if (r->view.kind == VIEW_MUX)
		buf_printf(b, "[%s] ", scope);
}

static void
emit(struct out *o, struct buf *b)
{
	out_put(o, b->p, b->n);
	buf_free(b);
}

/* A whole line on stderr; an empty line in front stays in front of the scope. */
static void
put_line(struct render *r, const char *scope, const char *pattern,
    struct jtext ev)
{
	struct buf b = BUF_INIT;

	if (*pattern == '\n') {
		buf_putc(&b, '\n');
		pattern++;
	}
	prefix(r, scope, &b);
	pattern_put(&b, pattern, ev, r->ansi);
	buf_putc(&b, '\n');
	emit(r->err, &b);
}

/* ---- the events with a memory or a rule of their own ---- */

static void
end_thinking(struct render *r)
{
	if (r->thought)
		out_puts(r->err, "\n");
	r->in_thinking = r->thought = false;
}

static void
text_delta(struct render *r, const char *scope, struct jtext ev)
{
	struct buf b = BUF_INIT;
	size_t n;
	char *s = json_str(json_get(ev, "delta"), &n);

	if (!s)
		return;
	end_thinking(r);
	if (!r->in_text)
		buf_putc(&b, '\n');
	prefix(r, scope, &b);
	buf_put(&b, s, n);
	r->in_text = r->said = true;
	emit(r->out, &b);
	free(s);
}

static void
text_complete(struct render *r, const char *scope, struct jtext ev)
{
	(void)scope;
	(void)ev;
	r->in_text = false;
}

static void
reasoning_delta(struct render *r, const char *scope, struct jtext ev)
{
	if (!r->in_thinking)
		put_line(r, scope, "\n{I}{M}thinking{.}", ev);
	r->in_text = false;
	r->in_thinking = r->thought = true;

	struct buf b = BUF_INIT;
	size_t n;
	char *s = json_str(json_get(ev, "delta"), &n);

	prefix(r, scope, &b);
	pattern_put(&b, "{D}", ev, r->ansi);
	buf_put(&b, s ? s : "", s ? n : 0);
	pattern_put(&b, "{.}", ev, r->ansi);
	emit(r->err, &b);
	free(s);
}

static void
reasoning_complete(struct render *r, const char *scope, struct jtext ev)
{
	(void)scope;
	(void)ev;
	end_thinking(r);
}

static void
turn_started(struct render *r, const char *scope, struct jtext ev)
{
	if (json_get_i64(ev, "turn_number", 0) > 0)
		put_line(r, scope, "\n{D}━━━ Turn {turn_number+} ━━━{.}", ev);
}

/* The mark of the tool and the first lines of its result. */
static void
tool_completed(struct render *r, const char *scope, struct jtext ev)
{
	size_t n = 0, lines = 0;
	char *s = json_str(json_get(ev, "result"), &n);
	const char *p = s, *end = s ? s + n : NULL;

	put_line(r, scope, json_get_bool(ev, "is_error", false) ?
	    "{R}✗{.}  {name} ({duration_ms}ms)" :
	    "{G}✓{.}  {name} ({duration_ms}ms)", ev);
	for (; p < end; lines++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		struct buf b = BUF_INIT;

		if (lines < RESULT_LINES) {
			prefix(r, scope, &b);
			pattern_put(&b, "{D}    ", ev, r->ansi);
			put_cut(&b, p, (size_t)(stop - p), NO_LIMIT);
			pattern_put(&b, "{.}\n", ev, r->ansi);
			emit(r->err, &b);
		}
		p = nl ? nl + 1 : end;
	}
	if (lines > RESULT_LINES) {
		char more[64];

		snprintf(more, sizeof more, "{D}    ... (%zu more lines){.}",
		    lines - RESULT_LINES);
		put_line(r, scope, more, ev);
	}
	free(s);
}

static void
skills_resolved(struct render *r, const char *scope, struct jtext ev)
{
	if (json_count(json_get(ev, "skills")) > 0)
		put_line(r, scope,
		    "{D}skills: {skills,} ({injection_bytes} bytes){.}", ev);
}

static const struct {
	const char *type;
	void (*show)(struct render *, const char *, struct jtext);
} specials[] = {
	{ "text_delta", text_delta },
	{ "text_complete", text_complete },
	{ "reasoning_delta", reasoning_delta },
	{ "reasoning_complete", reasoning_complete },
	{ "turn_started", turn_started },
	{ "tool_execution_completed", tool_completed },
	{ "skills_resolved", skills_resolved },
};

/* ---- */

static bool
pattern_event(struct render *r, const char *scope, struct jtext ev,
    const struct line *lines, size_t n)
{
	struct jtext type = json_get(ev, "type");

	for (size_t i = 0; i < n; i++)
		if (json_str_is(type, lines[i].type)) {
			put_line(r, scope, lines[i].pattern, ev);
			return true;
		}
	return false;
}

static void
stream_event(struct render *r, const char *scope, struct jtext ev)
{
	struct jtext type = json_get(ev, "type");

	for (size_t i = 0; i < COUNT(specials); i++)
		if (json_str_is(type, specials[i].type)) {
			specials[i].show(r, scope, ev);
			return;
		}
	pattern_event(r, scope, ev, stream_lines, COUNT(stream_lines));
}

/* Whole texts, unless empty. */
static void
verbose_text(struct render *r, const char *scope, struct jtext ev)
{
	struct jtext type = json_get(ev, "type");

	if (json_str_is(json_get(ev, "content"), ""))
		return;
	if (json_str_is(type, "text_complete"))
		put_line(r, scope, "  💬 Response: {content:500}", ev);
	else if (json_str_is(type, "reasoning_complete"))
		put_line(r, scope, "  💭 Thinking: {content:500}", ev);
}

void
render_event(struct render *r, const char *scope, struct jtext payload)
{
	if (r->stream) {
		if (view_shows(&r->view, scope))
			stream_event(r, scope, payload);
	} else if (r->verbose) {
		if (!pattern_event(r, scope, payload, verbose_lines,
		    COUNT(verbose_lines)))
			verbose_text(r, scope, payload);
	}
}

void
render_end(struct render *r)
{
	end_thinking(r);
	if (r->said)
		out_puts(r->out, "\n");
	r->in_text = r->said = false;
}

void
render_free(struct render *r)
{
	view_free(&r->view);
}
