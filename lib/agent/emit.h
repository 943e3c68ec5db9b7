#ifndef AGENT_EMIT_H
#define AGENT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/budget.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/model.h"
#include "store/sessions.h"
#include "tool/tool.h"

/*
 * Event payloads in the exact shapes of the contract (agent sheet 5.2, events.json).
 * Each function appends one JSON object to an empty buf.  Pure.
 */
void emit_run_started(struct buf *b, const char *session, const char *prompt,
    size_t n);
void emit_run_completed(struct buf *b, const char *session,
    const struct buf *result, const struct usage *u);
/* Beyond the contract's members: code, retryable and, when known, retry_after_ms and provider_status. */
void emit_run_failed(struct buf *b, const char *session, const struct err *e);
void emit_turn_started(struct buf *b, int64_t turn);
void emit_turn_completed(struct buf *b, enum stop_reason stop,
    const struct usage *u);
/* type: text_delta, reasoning_delta ("delta"); text_complete, reasoning_complete ("content"). */
void emit_text(struct buf *b, const char *type, const char *p, size_t n);
void emit_tool_requested(struct buf *b, const struct tool_call *c);
void emit_tool_started(struct buf *b, const struct tool_call *c);
void emit_tool_timed_out(struct buf *b, const struct tool_call *c,
    int64_t timeout_ms);
void emit_tool_completed(struct buf *b, const struct tool_call *c,
    const struct tool_result *r);
void emit_tool_received(struct buf *b, const struct tool_call *c,
    const struct tool_result *r);
void emit_retrying(struct buf *b, int64_t attempt, int64_t max,
    const char *error, int64_t delay_ms);
/* spent: percent is 1.0 whatever was used. */
void emit_budget_warning(struct buf *b, const struct budget *budget,
    enum budget_type t, bool spent);
void emit_compaction_started(struct buf *b, int64_t input_tokens,
    int64_t estimate, int64_t messages);
void emit_compaction_completed(struct buf *b, int64_t summary_tokens,
    int64_t before, int64_t after);
void emit_compaction_failed(struct buf *b, const char *error);
/* The end of what an input asked for; error NULL: it was answered. */
void emit_interaction(struct buf *b, const char *id, const struct buf *result,
    const char *error);
void emit_callback_pending(struct buf *b, const char *interaction,
    const char *tool, const struct buf *args);
/* operation: "add", "remove"; of a callback tool. */
void emit_tool_config(struct buf *b, const char *operation, const char *tool,
    int64_t turn);
void emit_job_completed(struct buf *b, const struct job_notice *n);
void emit_rewrite(struct buf *b, const char *hook, const char *point,
    const struct buf *patch);

#endif
