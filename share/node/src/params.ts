// What the calls send: options in the names and forms of the wire.

import { emitWarning } from "node:process";

import type { ContentInput, SkillRef } from "./types.js";
import { isObject, toWire, type Json } from "./wire.js";

/** Media that says nothing else of its source is in the block itself. */
export function contentToWire(content: ContentInput): unknown {
  if (typeof content === "string") return content;
  return content.map((block) =>
    block.type === "text" || "source" in block ? block : { ...block, source: "inline" });
}

let warned = false;

export function skillToWire(ref: SkillRef): unknown {
  if (typeof ref !== "string") return toWire(ref);
  if (!warned) {
    warned = true;
    emitWarning("name a skill by { sourceUuid, skillName }, not by a string", {
      type: "DeprecationWarning",
      code: "RKAT_SKILL_STRING",
    });
  }
  return ref;
}

interface Options {
  readonly skillRefs?: readonly SkillRef[];
}

/** The options of a session or a turn; what is undefined is left out. */
export function optionsToWire({ skillRefs, ...options }: Options): Json {
  return { ...toWire(options), ...(skillRefs && { skill_refs: skillRefs.map(skillToWire) }) };
}

/** What a tool's handler returned, as the text that the model reads. */
export function toolAnswer(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value) ?? String(value);
}

export function toolArguments(value: unknown): Record<string, unknown> {
  return isObject(value) ? { ...value } : {};
}
