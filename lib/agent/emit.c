#include <string.h>

#include "agent/emit.h"
#include "base/jput.h"

static void
begin(struct buf *b, const char *type)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", type);
}

static void
put_usage(struct buf *b, const struct usage *u)
{
	struct buf raw = BUF_INIT;

	usage_emit(&raw, u);
	jput_kraw(b, "usage", raw.p, raw.n);
	buf_free(&raw);
}

static void
put_call(struct buf *b, const struct tool_call *c)
{
	jput_kcstr(b, "id", c->id);
	jput_kcstr(b, "name", c->name);
}

void
emit_run_started(struct buf *b, const char *session, const char *prompt,
    size_t n)
{
	begin(b, "run_started");
	jput_kcstr(b, "session_id", session);
	jput_kstr(b, "prompt", prompt, n);
	jput_close(b, '}');
}

void
emit_run_completed(struct buf *b, const char *session,
    const struct buf *result, const struct usage *u)
{
	begin(b, "run_completed");
	jput_kcstr(b, "session_id", session);
	jput_kstr(b, "result", buf_str(result), result->n);
	put_usage(b, u);
	jput_close(b, '}');
}

void
emit_run_failed(struct buf *b, const char *session, const struct err *e)
{
	begin(b, "run_failed");
	jput_kcstr(b, "session_id", session);
	jput_kcstr(b, "error", e->text);
	jput_kcstr(b, "code", err_info(e->code)->name);
	jput_kbool(b, "retryable", e->retryable);
	if (e->retry_after_ms > 0)
		jput_ki64(b, "retry_after_ms", e->retry_after_ms);
	if (e->provider_status)
		jput_ki64(b, "provider_status", e->provider_status);
	jput_close(b, '}');
}

void
emit_turn_started(struct buf *b, int64_t turn)
{
	begin(b, "turn_started");
	jput_ki64(b, "turn_number", turn);
	jput_close(b, '}');
}

void
emit_turn_completed(struct buf *b, enum stop_reason stop,
    const struct usage *u)
{
	begin(b, "turn_completed");
	jput_kcstr(b, "stop_reason", stop_name(stop));
	put_usage(b, u);
	jput_close(b, '}');
}

void
emit_text(struct buf *b, const char *type, const char *p, size_t n)
{
	size_t len = strlen(type);

	begin(b, type);
	jput_kstr(b, type[len - 1] == 'a' ? "delta" : "content", p, n);
	jput_close(b, '}');
}

void
emit_tool_requested(struct buf *b, const struct tool_call *c)
{
	begin(b, "tool_call_requested");
	put_call(b, c);
	jput_kraw(b, "args", c->args.p, c->args.n);
	jput_close(b, '}');
}

void
emit_tool_started(struct buf *b, const struct tool_call *c)
{
	begin(b, "tool_execution_started");
	put_call(b, c);
	jput_close(b, '}');
}

void
emit_tool_timed_out(struct buf *b, const struct tool_call *c,
    int64_t timeout_ms)
{
	begin(b, "tool_execution_timed_out");
	put_call(b, c);
	jput_ki64(b, "timeout_ms", timeout_ms);
	jput_close(b, '}');
}

void
emit_tool_completed(struct buf *b, const struct tool_call *c,
    const struct tool_result *r)
{
	struct buf text = BUF_INIT;
	bool images = false;

	content_project(json_slice(r->content.p, r->content.n), &text, &images);
	begin(b, "tool_execution_completed");
	put_call(b, c);
	jput_kstr(b, "result", buf_str(&text), text.n);
	jput_kbool(b, "is_error", r->is_error);
	jput_ki64(b, "duration_ms", r->duration_ms);
	jput_kbool(b, "has_images", images);
	jput_close(b, '}');
	buf_free(&text);
}

void
emit_tool_received(struct buf *b, const struct tool_call *c,
    const struct tool_result *r)
{
	begin(b, "tool_result_received");
	put_call(b, c);
	jput_kbool(b, "is_error", r->is_error);
	jput_close(b, '}');
}

void
emit_retrying(struct buf *b, int64_t attempt, int64_t max, const char *error,
    int64_t delay_ms)
{
	begin(b, "retrying");
	jput_ki64(b, "attempt", attempt);
	jput_ki64(b, "max_attempts", max);
	jput_kcstr(b, "error", error);
	jput_ki64(b, "delay_ms", delay_ms);
	jput_close(b, '}');
}

void
emit_budget_warning(struct buf *b, const struct budget *budget,
    enum budget_type t, bool spent)
{
	int64_t used = budget->used[t], limit = budget->limit[t];
	double part = limit > 0 ? (double)used / (double)limit : 1.0;
	int64_t unit = t == BUDGET_TIME ? 1000 : 1;

	begin(b, "budget_warning");
	jput_kcstr(b, "budget_type", budget_name(t));
	jput_ki64(b, "used", used / unit);
	jput_ki64(b, "limit", limit / unit);
	jput_kf64(b, "percent", spent ? 1.0 : part);
	jput_close(b, '}');
}

void
emit_compaction_started(struct buf *b, int64_t input_tokens, int64_t estimate,
    int64_t messages)
{
	begin(b, "compaction_started");
	jput_ki64(b, "input_tokens", input_tokens);
	jput_ki64(b, "estimated_history_tokens", estimate);
	jput_ki64(b, "message_count", messages);
	jput_close(b, '}');
}

void
emit_compaction_completed(struct buf *b, int64_t summary_tokens,
    int64_t before, int64_t after)
{
	begin(b, "compaction_completed");
	jput_ki64(b, "summary_tokens", summary_tokens);
	jput_ki64(b, "messages_before", before);
	jput_ki64(b, "messages_after", after);
	jput_close(b, '}');
}

void
emit_compaction_failed(struct buf *b, const char *error)
{
	begin(b, "compaction_failed");
	jput_kcstr(b, "error", error);
	jput_close(b, '}');
}

void
emit_job_completed(struct buf *b, const struct job_notice *n)
{
	begin(b, "background_job_completed");
	jput_kcstr(b, "job_id", n->job_id);
	jput_kcstr(b, "display_name", n->display_name);
	jput_kcstr(b, "status", n->status);
	jput_kcstr(b, "detail", n->detail);
	jput_close(b, '}');
}

void
emit_rewrite(struct buf *b, const char *hook, const char *point,
    const struct buf *patch)
{
	begin(b, "hook_rewrite_applied");
	jput_kcstr(b, "hook_id", hook);
	jput_kcstr(b, "point", point);
	jput_kraw(b, "patch", patch->p, patch->n);
	jput_close(b, '}');
}

void
emit_interaction(struct buf *b, const char *id, const struct buf *result,
    const char *error)
{
	begin(b, error ? "interaction_failed" : "interaction_complete");
	jput_kcstr(b, "interaction_id", id);
	if (error)
		jput_kcstr(b, "error", error);
	else
		jput_kstr(b, "result", buf_str(result), result->n);
	jput_close(b, '}');
}

void
emit_callback_pending(struct buf *b, const char *interaction, const char *tool,
    const struct buf *args)
{
	begin(b, "interaction_callback_pending");
	jput_kcstr(b, "interaction_id", interaction);
	jput_kcstr(b, "tool_name", tool);
	jput_kraw(b, "args", args->p, args->n);
	jput_close(b, '}');
}

void
emit_tool_config(struct buf *b, const char *operation, const char *tool,
    int64_t turn)
{
	struct buf target = BUF_INIT;

	buf_printf(&target, "callback:%s", tool);
	begin(b, "tool_config_changed");
	jput_key(b, "payload");
	jput_open(b, '{');
	jput_kcstr(b, "operation", operation);
	jput_kcstr(b, "target", target.p);
	jput_kcstr(b, "status", "applied");
	jput_kbool(b, "persisted", true);
	jput_ki64(b, "applied_at_turn", turn);
	jput_close(b, '}');
	jput_close(b, '}');
	buf_free(&target);
}
