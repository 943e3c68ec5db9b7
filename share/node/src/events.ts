// What an agent tells while it runs.  `type` is the wire's own name; all other
// members are camelCase.

import type { Usage } from "./types.js";
import {
  any, defined, flag, fromJson, isObject, maybeNumber, maybeText, number,
  object, snake, text, texts, type Json,
} from "./wire.js";

export type StopReason =
  | "end_turn"
  | "tool_use"
  | "max_tokens"
  | "stop_sequence"
  | "content_filter"
  | "cancelled";

export type BudgetType = "tokens" | "time" | "tool_calls";

export type HookPoint =
  | "run_started" | "run_completed" | "run_failed"
  | "pre_llm_request" | "post_llm_response"
  | "pre_tool_execution" | "post_tool_execution"
  | "turn_boundary";

export interface RunStartedEvent { readonly type: "run_started"; readonly sessionId: string; readonly prompt: string }
export interface RunCompletedEvent { readonly type: "run_completed"; readonly sessionId: string; readonly result: string; readonly usage: Usage }
export interface RunFailedEvent { readonly type: "run_failed"; readonly sessionId: string; readonly error: string }

export interface TurnStartedEvent { readonly type: "turn_started"; readonly turnNumber: number }
export interface TurnCompletedEvent { readonly type: "turn_completed"; readonly stopReason: StopReason; readonly usage: Usage }
export interface TextDeltaEvent { readonly type: "text_delta"; readonly delta: string }
export interface TextCompleteEvent { readonly type: "text_complete"; readonly content: string }
export interface ReasoningDeltaEvent { readonly type: "reasoning_delta"; readonly delta: string }
export interface ReasoningCompleteEvent { readonly type: "reasoning_complete"; readonly content: string }

export interface ToolCallRequestedEvent { readonly type: "tool_call_requested"; readonly id: string; readonly name: string; readonly args: unknown }
export interface ToolResultReceivedEvent { readonly type: "tool_result_received"; readonly id: string; readonly name: string; readonly isError: boolean }
export interface ToolExecutionStartedEvent { readonly type: "tool_execution_started"; readonly id: string; readonly name: string }
export interface ToolExecutionCompletedEvent { readonly type: "tool_execution_completed"; readonly id: string; readonly name: string; readonly result: string; readonly isError: boolean; readonly durationMs: number; readonly hasImages: boolean }
export interface ToolExecutionTimedOutEvent { readonly type: "tool_execution_timed_out"; readonly id: string; readonly name: string; readonly timeoutMs: number }

export interface CompactionStartedEvent { readonly type: "compaction_started"; readonly inputTokens: number; readonly estimatedHistoryTokens: number; readonly messageCount: number }
export interface CompactionCompletedEvent { readonly type: "compaction_completed"; readonly summaryTokens: number; readonly messagesBefore: number; readonly messagesAfter: number }
export interface CompactionFailedEvent { readonly type: "compaction_failed"; readonly error: string }
export interface BudgetWarningEvent { readonly type: "budget_warning"; readonly budgetType: BudgetType; readonly used: number; readonly limit: number; readonly percent: number }
export interface RetryingEvent { readonly type: "retrying"; readonly attempt: number; readonly maxAttempts: number; readonly error: string; readonly delayMs: number }

export interface HookStartedEvent { readonly type: "hook_started"; readonly hookId: string; readonly point: HookPoint }
export interface HookCompletedEvent { readonly type: "hook_completed"; readonly hookId: string; readonly point: HookPoint; readonly durationMs: number }
export interface HookFailedEvent { readonly type: "hook_failed"; readonly hookId: string; readonly point: HookPoint; readonly error: string }
export interface HookDeniedEvent { readonly type: "hook_denied"; readonly hookId: string; readonly point: HookPoint; readonly reasonCode: string; readonly message: string; readonly payload?: unknown }
export interface HookRewriteAppliedEvent { readonly type: "hook_rewrite_applied"; readonly hookId: string; readonly point: HookPoint; readonly patch: Record<string, unknown> }
export interface HookPatchPublishedEvent { readonly type: "hook_patch_published"; readonly hookId: string; readonly point: HookPoint; readonly envelope: Record<string, unknown> }

export interface SkillsResolvedEvent { readonly type: "skills_resolved"; readonly skills: readonly string[]; readonly injectionBytes: number }
export interface SkillResolutionFailedEvent { readonly type: "skill_resolution_failed"; readonly reference: string; readonly error: string }

export interface InteractionCompleteEvent { readonly type: "interaction_complete"; readonly interactionId: string; readonly result: string }
export interface InteractionCallbackPendingEvent { readonly type: "interaction_callback_pending"; readonly interactionId: string; readonly toolName: string; readonly args: unknown }
export interface InteractionFailedEvent { readonly type: "interaction_failed"; readonly interactionId: string; readonly error: string }
export interface StreamTruncatedEvent { readonly type: "stream_truncated"; readonly reason: string }
export interface BackgroundJobCompletedEvent { readonly type: "background_job_completed"; readonly jobId: string; readonly displayName: string; readonly status: string; readonly detail: string }

export interface ToolConfigChangedPayload {
  readonly operation: "add" | "remove" | "reload";
  readonly target: string;
  readonly status: string;
  readonly persisted: boolean;
  readonly appliedAtTurn?: number;
  readonly domain?: string;
  readonly deferredCatalogDelta?: unknown;
}
export interface ToolConfigChangedEvent { readonly type: "tool_config_changed"; readonly payload: ToolConfigChangedPayload }

/** A type that this version does not know; `data` is the event as it came. */
export interface UnknownEvent {
  readonly type: "unknown";
  readonly eventType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type KnownEvent =
  | RunStartedEvent
  | RunCompletedEvent
  | RunFailedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TextDeltaEvent
  | TextCompleteEvent
  | ReasoningDeltaEvent
  | ReasoningCompleteEvent
  | ToolCallRequestedEvent
  | ToolResultReceivedEvent
  | ToolExecutionStartedEvent
  | ToolExecutionCompletedEvent
  | ToolExecutionTimedOutEvent
  | CompactionStartedEvent
  | CompactionCompletedEvent
  | CompactionFailedEvent
  | BudgetWarningEvent
  | RetryingEvent
  | HookStartedEvent
  | HookCompletedEvent
  | HookFailedEvent
  | HookDeniedEvent
  | HookRewriteAppliedEvent
  | HookPatchPublishedEvent
  | SkillsResolvedEvent
  | SkillResolutionFailedEvent
  | InteractionCompleteEvent
  | InteractionCallbackPendingEvent
  | InteractionFailedEvent
  | StreamTruncatedEvent
  | BackgroundJobCompletedEvent
  | ToolConfigChangedEvent;

export type AgentEvent = KnownEvent | UnknownEvent;

/** An event with its place in the log of its session. */
export interface EventEnvelope<E> {
  readonly eventId: string;
  readonly sourceId: string;
  /** Grows by one with each event of the session. */
  readonly seq: number;
  readonly timestampMs: number;
  readonly mobId?: string;
  readonly payload: E;
}

export type AgentEventEnvelope = EventEnvelope<AgentEvent>;

/** An event of a mob, with the member that it came from. */
export interface AttributedMobEvent {
  readonly source: string;
  readonly profile: string;
  readonly envelope: AgentEventEnvelope;
}

export type AttributedEvent = AttributedMobEvent;

export function parseUsage(value: unknown): Usage {
  const u = object(value);
  return defined({
    inputTokens: number(u["input_tokens"]),
    outputTokens: number(u["output_tokens"]),
    cacheCreationTokens: maybeNumber(u["cache_creation_tokens"]),
    cacheReadTokens: maybeNumber(u["cache_read_tokens"]),
  });
}

function stopReason(value: unknown): StopReason {
  return (text(value) || "end_turn") as StopReason;
}

function toolConfig(value: unknown): ToolConfigChangedPayload {
  const p = object(value);
  const delta = p["deferred_catalog_delta"];
  return defined({
    operation: (text(p["operation"]) || "reload") as "add" | "remove" | "reload",
    target: text(p["target"]),
    status: text(p["status"]),
    persisted: flag(p["persisted"]),
    appliedAtTurn: maybeNumber(p["applied_at_turn"]),
    domain: maybeText(p["domain"]),
    deferredCatalogDelta: delta === undefined ? undefined : fromJson(delta),
  });
}

const point = (v: unknown): HookPoint => text(v) as HookPoint;
const budget = (v: unknown): BudgetType => text(v) as BudgetType;
const record = (v: unknown): Record<string, unknown> => ({ ...object(v) });

/** How each member of each event is read; the compiler sees that none is missing. */
const EVENTS: {
  readonly [T in KnownEvent["type"]]: {
    readonly [K in Exclude<keyof Extract<KnownEvent, { type: T }>, "type">]-?: (
      value: unknown,
    ) => Extract<KnownEvent, { type: T }>[K];
  };
} = {
  run_started: { sessionId: text, prompt: text },
  run_completed: { sessionId: text, result: text, usage: parseUsage },
  run_failed: { sessionId: text, error: text },
  turn_started: { turnNumber: number },
  turn_completed: { stopReason, usage: parseUsage },
  text_delta: { delta: text },
  text_complete: { content: text },
  reasoning_delta: { delta: text },
  reasoning_complete: { content: text },
  tool_call_requested: { id: text, name: text, args: any },
  tool_result_received: { id: text, name: text, isError: flag },
  tool_execution_started: { id: text, name: text },
  tool_execution_completed: {
    id: text, name: text, result: text, isError: flag, durationMs: number, hasImages: flag,
  },
  tool_execution_timed_out: { id: text, name: text, timeoutMs: number },
  compaction_started: { inputTokens: number, estimatedHistoryTokens: number, messageCount: number },
  compaction_completed: { summaryTokens: number, messagesBefore: number, messagesAfter: number },
  compaction_failed: { error: text },
  budget_warning: { budgetType: budget, used: number, limit: number, percent: number },
  retrying: { attempt: number, maxAttempts: number, error: text, delayMs: number },
  hook_started: { hookId: text, point },
  hook_completed: { hookId: text, point, durationMs: number },
  hook_failed: { hookId: text, point, error: text },
  hook_denied: { hookId: text, point, reasonCode: text, message: text, payload: any },
  hook_rewrite_applied: { hookId: text, point, patch: record },
  hook_patch_published: { hookId: text, point, envelope: record },
  skills_resolved: { skills: texts, injectionBytes: number },
  skill_resolution_failed: { reference: text, error: text },
  interaction_complete: { interactionId: text, result: text },
  interaction_callback_pending: { interactionId: text, toolName: text, args: any },
  interaction_failed: { interactionId: text, error: text },
  stream_truncated: { reason: text },
  background_job_completed: { jobId: text, displayName: text, status: text, detail: text },
  tool_config_changed: { payload: toolConfig },
};

const READERS = new Map<string, [string, string, (value: unknown) => unknown][]>(
  Object.entries(EVENTS).map(([type, members]) => [
    type,
    Object.entries(members).map(([name, read]) => [name, snake(name), read]),
  ]),
);

/** An event without its envelope. */
export function parseEvent(raw: Json): AgentEvent {
  const type = text(raw["type"]);
  const readers = READERS.get(type);
  if (!readers) return { type: "unknown", eventType: type, data: raw };
  const event: Record<string, unknown> = { type };
  for (const [name, wire, read] of readers) {
    const value = read(raw[wire]);
    if (value !== undefined) event[name] = value;
  }
  return event as unknown as AgentEvent;
}

/**
 * The event of a `session/event`: in an envelope, bare, or an envelope that
 * repeats the event's members (a bare hook_denied has a payload of its own).
 */
export function unwrapEvent(raw: Json): Json {
  const payload = raw["payload"];
  return "event_id" in raw && isObject(payload) && "type" in payload ? payload : raw;
}

export function parseEnvelope(raw: Json): AgentEventEnvelope {
  return defined({
    eventId: text(raw["event_id"]),
    sourceId: text(raw["source_id"]),
    seq: number(raw["seq"]),
    timestampMs: number(raw["timestamp_ms"]),
    mobId: maybeText(raw["mob_id"]),
    payload: parseEvent(unwrapEvent(raw)),
  });
}

export function parseMobEvent(raw: Json): AttributedMobEvent {
  return {
    source: text(raw["source"]),
    profile: text(raw["profile"]),
    envelope: parseEnvelope(object(raw["envelope"])),
  };
}

// ---- type guards ----

export function isRunStarted(e: AgentEvent): e is RunStartedEvent { return e.type === "run_started"; }
export function isRunCompleted(e: AgentEvent): e is RunCompletedEvent { return e.type === "run_completed"; }
export function isRunFailed(e: AgentEvent): e is RunFailedEvent { return e.type === "run_failed"; }
export function isTurnStarted(e: AgentEvent): e is TurnStartedEvent { return e.type === "turn_started"; }
export function isTurnCompleted(e: AgentEvent): e is TurnCompletedEvent { return e.type === "turn_completed"; }
export function isTextDelta(e: AgentEvent): e is TextDeltaEvent { return e.type === "text_delta"; }
export function isTextComplete(e: AgentEvent): e is TextCompleteEvent { return e.type === "text_complete"; }
export function isToolCallRequested(e: AgentEvent): e is ToolCallRequestedEvent { return e.type === "tool_call_requested"; }
export function isToolResultReceived(e: AgentEvent): e is ToolResultReceivedEvent { return e.type === "tool_result_received"; }
export function isToolExecutionCompleted(e: AgentEvent): e is ToolExecutionCompletedEvent { return e.type === "tool_execution_completed"; }
export function isUnknownEvent(e: AgentEvent): e is UnknownEvent { return e.type === "unknown"; }
