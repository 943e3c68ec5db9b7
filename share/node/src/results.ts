// What the calls give back.

import { MeerkatError } from "./errors.js";
import { parseUsage } from "./events.js";
import type {
  AssistantBlock, Capability, ConfigEnvelope, ContentBlock, HistoryMessage, MobMember,
  ModelsCatalog, RunResult, SchemaWarning, SessionHistory, SessionInfo, SessionState,
  SkillRuntimeDiagnostics, ToolCall, ToolResult,
} from "./types.js";
import {
  defined, flag, fromJson, isObject, maybeNumber, maybeText, number, object, objects,
  text, texts, type Json,
} from "./wire.js";

/** A member without which the answer is of no use. */
export function needed(result: Json, name: string): string {
  const value = result[name];
  if (typeof value === "string" && value !== "") return value;
  throw new MeerkatError("PROTOCOL_ERROR", `the server's answer has no ${name}`, result);
}

export function parseRunResult(raw: unknown): RunResult {
  const r = object(raw);
  const warnings = r["schema_warnings"];
  const skills = r["skill_diagnostics"];
  return defined({
    sessionId: needed(r, "session_id"),
    sessionRef: maybeText(r["session_ref"]),
    text: text(r["text"]),
    turns: number(r["turns"]),
    toolCalls: number(r["tool_calls"]),
    usage: parseUsage(r["usage"]),
    structuredOutput: r["structured_output"] ?? undefined,
    schemaWarnings: Array.isArray(warnings)
      ? (fromJson(warnings) as SchemaWarning[])
      : undefined,
    skillDiagnostics: isObject(skills)
      ? (fromJson(skills) as SkillRuntimeDiagnostics)
      : undefined,
  });
}

/** Unix seconds as RFC 3339; a text passes. */
function time(value: unknown): string {
  return typeof value === "number" ? new Date(value * 1000).toISOString() : text(value);
}

function labels(value: unknown): Readonly<Record<string, string>> | undefined {
  return isObject(value) ? (value as Readonly<Record<string, string>>) : undefined;
}

export function parseSessionInfo(raw: unknown): SessionInfo {
  const r = object(raw);
  return defined({
    sessionId: text(r["session_id"]),
    sessionRef: maybeText(r["session_ref"]),
    createdAt: time(r["created_at"]),
    updatedAt: time(r["updated_at"]),
    messageCount: number(r["message_count"]),
    totalTokens: number(r["total_tokens"]),
    isActive: flag(r["is_active"]),
    labels: labels(r["labels"]),
  });
}

export function parseSessionState(raw: unknown): SessionState {
  const r = object(raw);
  return defined({
    ...parseSessionInfo(r),
    model: text(r["model"]),
    provider: text(r["provider"]),
    lastAssistantText: maybeText(r["last_assistant_text"]),
  });
}

function content(value: unknown): string | readonly ContentBlock[] | undefined {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? (value as ContentBlock[]) : undefined;
}

function parseMessage(m: Json): HistoryMessage {
  const blocks = (b: Json): AssistantBlock =>
    defined({ blockType: text(b["block_type"]), data: isObject(b["data"]) ? b["data"] : undefined });
  const calls = (c: Json): ToolCall =>
    ({ id: text(c["id"]), name: text(c["name"]), args: c["args"] });
  const results = (r: Json): ToolResult => ({
    toolUseId: text(r["tool_use_id"]),
    content: content(r["content"]) ?? "",
    isError: flag(r["is_error"]),
  });
  const each = <T>(value: unknown, read: (item: Json) => T): readonly T[] | undefined =>
    Array.isArray(value) ? objects(value).map(read) : undefined;
  return defined({
    role: text(m["role"]),
    content: content(m["content"] ?? m["body"]),
    kind: maybeText(m["kind"]),
    blocks: each(m["blocks"], blocks),
    toolCalls: each(m["tool_calls"], calls),
    stopReason: maybeText(m["stop_reason"]),
    results: each(m["results"], results),
  });
}

export function parseHistory(raw: unknown): SessionHistory {
  const r = object(raw);
  return defined({
    sessionId: text(r["session_id"]),
    sessionRef: maybeText(r["session_ref"]),
    messageCount: number(r["message_count"]),
    offset: number(r["offset"]),
    limit: maybeNumber(r["limit"]),
    hasMore: flag(r["has_more"]),
    messages: objects(r["messages"]).map(parseMessage),
  });
}

/** A status is a name, or an object with the name as its only key. */
export function parseStatus(value: unknown): string {
  return typeof value === "string" ? value : Object.keys(object(value))[0] ?? "";
}

export function parseCapability(raw: Json): Capability {
  return {
    id: text(raw["id"]),
    description: text(raw["description"]),
    status: parseStatus(raw["status"]),
  };
}

export function parseConfig(raw: unknown): ConfigEnvelope {
  const r = object(raw);
  const paths = r["resolved_paths"];
  return defined({
    config: object(r["config"]),
    generation: number(r["generation"]),
    realmId: maybeText(r["realm_id"]) ?? null,
    instanceId: maybeText(r["instance_id"]) ?? null,
    backend: maybeText(r["backend"]) ?? null,
    resolvedPaths: isObject(paths)
      ? (fromJson(paths) as Readonly<Record<string, string>>)
      : undefined,
  });
}

export function parseCatalog(raw: unknown): ModelsCatalog {
  const providers = objects(object(raw)["providers"]);
  return { providers: fromJson(providers) as ModelsCatalog["providers"] };
}

export function parseMember(raw: Json): MobMember {
  return {
    ...(fromJson(raw) as MobMember),
    profile: text(raw["profile_name"] ?? raw["profile"]),
    wiredTo: texts(raw["wired_to"]),
    isFinal: flag(raw["is_final"]),
  };
}
