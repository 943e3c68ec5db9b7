// Every name that the documents promise is exported, with the members that they say:
// what is a type is checked by the compiler.
import { test } from "node:test";
import assert from "node:assert/strict";

import * as sdk from "@rkat/sdk";
import type {
  AgentEvent, AgentEventEnvelope, AttributedEvent, AttributedMobEvent, BudgetType, BudgetWarningEvent,
  Capability, CompactionCompletedEvent, CompactionFailedEvent, CompactionStartedEvent, ContentBlock,
  EventEnvelope, HookCompletedEvent, HookDeniedEvent, HookFailedEvent, HookPatchPublishedEvent, HookPoint,
  HookRewriteAppliedEvent, HookStartedEvent, InteractionCompleteEvent, InteractionFailedEvent,
  MobDefinition, MobFlowStatus, MobLifecycleAction, MobMember, MobStatus, MobSummary, RetryingEvent,
  RunCompletedEvent, RunFailedEvent, RunResult, RunStartedEvent, SchemaWarning, SessionInfo,
  SessionOptions, SkillKey, SkillQuarantineDiagnostic, SkillRef, SkillResolutionFailedEvent,
  SkillRuntimeDiagnostics, SkillsResolvedEvent, SourceHealthSnapshot, SpawnSpec, StopReason,
  StreamTruncatedEvent, TextCompleteEvent, TextDeltaEvent, ToolCallRequestedEvent, ToolConfigChangedEvent,
  ToolConfigChangedPayload, ToolExecutionCompletedEvent, ToolExecutionStartedEvent,
  ToolExecutionTimedOutEvent, ToolResultReceivedEvent, TurnCompletedEvent, TurnStartedEvent,
  UnknownEvent, Usage,
} from "@rkat/sdk";

// Has<T, K> compiles if T has all of K.
type Has<T, K extends keyof T> = Pick<T, K>;
// In<T, U> compiles if T is one of the union U.
type In<T extends U, U> = T;

export type Fields = [
  Has<RunResult, "sessionId" | "sessionRef" | "text" | "turns" | "toolCalls" | "usage" | "structuredOutput"
    | "schemaWarnings" | "skillDiagnostics">,
  Has<Usage, "inputTokens" | "outputTokens" | "cacheCreationTokens" | "cacheReadTokens">,
  Has<SessionInfo, "sessionId" | "sessionRef" | "createdAt" | "updatedAt" | "messageCount" | "totalTokens" | "isActive">,
  Has<Capability, "id" | "description" | "status">,
  Has<SchemaWarning, "provider" | "path" | "message">,
  Has<SkillKey, "sourceUuid" | "skillName">,
  Has<SkillRuntimeDiagnostics, "sourceHealth" | "quarantined">,
  Has<SourceHealthSnapshot, "state" | "invalidRatio" | "invalidCount" | "totalCount" | "failureStreak" | "handshakeFailed">,
  Has<SkillQuarantineDiagnostic, "sourceUuid" | "skillId" | "location" | "errorCode" | "errorClass" | "message"
    | "firstSeenUnixSecs" | "lastSeenUnixSecs">,
  Has<ToolConfigChangedPayload, "operation" | "target" | "status" | "persisted" | "appliedAtTurn">,
  Has<SessionOptions, "preloadSkills" | "outputSchema" | "skillRefs">,
  Has<sdk.Session, "id" | "ref" | "text" | "usage" | "turns" | "toolCalls" | "structuredOutput" | "lastResult"
    | "turn" | "stream" | "history" | "archive" | "interrupt" | "invokeSkill" | "subscribeEvents">,
  Has<sdk.DeferredSession, "id" | "startTurn">,
  Has<sdk.EventStream, "sessionId" | "result" | "collect" | "collectText" | typeof Symbol.asyncIterator>,
  Has<sdk.MeerkatClient, "connect" | "close" | "createSession" | "createSessionStreaming" | "createDeferredSession"
    | "listSessions" | "capabilities" | "requireCapability">,
  Has<sdk.MeerkatError, "code" | "message" | "details" | "capabilityHint">,
  AgentEventEnvelope, AttributedEvent, AttributedMobEvent, EventEnvelope<AgentEvent>, MobDefinition, MobFlowStatus,
  MobLifecycleAction, MobMember, MobStatus, MobSummary, SpawnSpec,
];

export type Events = [
  In<RunStartedEvent, AgentEvent>, In<RunCompletedEvent, AgentEvent>, In<RunFailedEvent, AgentEvent>,
  In<TurnStartedEvent, AgentEvent>, In<TextDeltaEvent, AgentEvent>, In<TextCompleteEvent, AgentEvent>,
  In<ToolCallRequestedEvent, AgentEvent>, In<ToolResultReceivedEvent, AgentEvent>,
  In<TurnCompletedEvent, AgentEvent>, In<ToolExecutionStartedEvent, AgentEvent>,
  In<ToolExecutionCompletedEvent, AgentEvent>, In<ToolExecutionTimedOutEvent, AgentEvent>,
  In<CompactionStartedEvent, AgentEvent>, In<CompactionCompletedEvent, AgentEvent>,
  In<CompactionFailedEvent, AgentEvent>, In<BudgetWarningEvent, AgentEvent>, In<RetryingEvent, AgentEvent>,
  In<HookStartedEvent, AgentEvent>, In<HookCompletedEvent, AgentEvent>, In<HookFailedEvent, AgentEvent>,
  In<HookDeniedEvent, AgentEvent>, In<HookRewriteAppliedEvent, AgentEvent>,
  In<HookPatchPublishedEvent, AgentEvent>, In<SkillsResolvedEvent, AgentEvent>,
  In<SkillResolutionFailedEvent, AgentEvent>, In<InteractionCompleteEvent, AgentEvent>,
  In<InteractionFailedEvent, AgentEvent>, In<StreamTruncatedEvent, AgentEvent>,
  In<ToolConfigChangedEvent, AgentEvent>, In<UnknownEvent, AgentEvent>,
  Has<ToolExecutionCompletedEvent, "id" | "name" | "result" | "isError" | "durationMs">,
  Has<CompactionStartedEvent, "inputTokens" | "estimatedHistoryTokens" | "messageCount">,
  Has<RetryingEvent, "attempt" | "maxAttempts" | "error" | "delayMs">,
  Has<HookDeniedEvent, "hookId" | "point" | "reasonCode" | "message" | "payload">,
];

const block: ContentBlock = { type: "image", media_type: "image/png", data: "" };
const legacy: SkillRef = "uuid/name";
const reasons: StopReason[] = ["end_turn", "tool_use", "max_tokens", "stop_sequence", "content_filter", "cancelled"];
const points: HookPoint[] = [
  "run_started", "run_completed", "run_failed", "pre_llm_request", "post_llm_response",
  "pre_tool_execution", "post_tool_execution", "turn_boundary",
];
const budgets: BudgetType[] = ["tokens", "time", "tool_calls"];

test("the package exports what the documents import", () => {
  assert.deepEqual([block.type, legacy, reasons.length, points.length, budgets.length], ["image", "uuid/name", 6, 8, 3]);
  const names = [
    "MeerkatClient", "Session", "DeferredSession", "Mob", "EventStream", "EventSubscription", "MeerkatError",
    "CapabilityUnavailableError", "SessionNotFoundError", "SkillNotFoundError", "CONTRACT_VERSION",
    "isTextDelta", "isTextComplete", "isTurnCompleted", "isToolCallRequested", "isRunCompleted", "isRunFailed",
  ];
  assert.deepEqual(names.filter((name) => !(name in sdk)), []);
  assert.match(sdk.CONTRACT_VERSION, /^0\.5\.\d+$/);
  for (const error of [sdk.CapabilityUnavailableError, sdk.SessionNotFoundError, sdk.SkillNotFoundError])
    assert(error.prototype instanceof sdk.MeerkatError);
});
