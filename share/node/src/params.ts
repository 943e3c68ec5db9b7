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

/** Options whose insides are the user's or the wire's own. */
const VERBATIM = new Set(["hooksOverride", "labels", "shellEnv"]);

/** The options of a session or a turn; what is undefined is left out. */
export function optionsToWire(options: object): Json {
  const plain: Record<string, unknown> = {};
  const verbatim: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    else if (name === "skillRefs") verbatim["skill_refs"] = (value as SkillRef[]).map(skillToWire);
    else if (VERBATIM.has(name)) verbatim[Object.keys(toWire({ [name]: 0 }))[0] ?? name] = value;
    else plain[name] = value;
  }
  return { ...toWire(plain), ...verbatim };
}

/** What a tool's handler returned, as the text that the model reads. */
export function toolAnswer(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value) ?? String(value);
}

export function toolArguments(value: unknown): Record<string, unknown> {
  return isObject(value) ? { ...value } : {};
}
