// Which turn does a `session/event` belong to?

import type { AgentEvent } from "./events.js";
import { LIMIT, type EventStream } from "./stream.js";
import type { ContentInput } from "./types.js";

/** A server that answers before its last events gets this much silence. */
const SILENCE_MS = 75;

export interface Turn {
  readonly stream: EventStream | undefined;
  /** A turn that makes its session: the prompt, to know its first event by. */
  readonly prompt: string | undefined;
  sessionId: string | undefined;
  over: boolean;
  heard: (() => void) | undefined;
}

function projection(prompt: ContentInput): string {
  if (typeof prompt === "string") return prompt;
  const last = [...prompt].reverse().find((block) => block.type === "text");
  return last?.type === "text" ? last.text : "";
}

/**
 * The turns in flight.  Turns of one session run one after the other, so its
 * events belong to the oldest.  A session that is being made has no id yet: its
 * first event is known by the prompt; if two could have it, the events wait
 * until the replies say whose they are.
 */
export class Turns {
  readonly #bySession = new Map<string, Turn[]>();
  readonly #unborn = new Set<Turn>();
  readonly #waiting = new Map<string, AgentEvent[]>();

  start(sessionId: string, stream?: EventStream): Turn {
    const turn: Turn = { stream, prompt: undefined, sessionId, over: false, heard: undefined };
    this.#enqueue(sessionId, turn);
    return turn;
  }

  startNew(prompt: ContentInput, stream?: EventStream): Turn {
    const turn: Turn = {
      stream, prompt: projection(prompt), sessionId: undefined, over: false, heard: undefined,
    };
    this.#unborn.add(turn);
    return turn;
  }

  event(sessionId: string, event: AgentEvent): void {
    let turn = this.#bySession.get(sessionId)?.[0];
    if (!turn && this.#unborn.size > 0) turn = this.#adopt(sessionId, event);
    if (!turn) return;
    turn.stream?.push(event);
    turn.over ||= event.type === "run_completed" || event.type === "run_failed";
    turn.heard?.();
  }

  /** The reply of a turn has come: returns when its last event has, too. */
  async answered(turn: Turn, sessionId: string): Promise<void> {
    if (turn.sessionId === undefined) this.#born(turn, sessionId);
    while (turn.stream && !turn.over) {
      const silent = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), SILENCE_MS);
        turn.heard = () => {
          clearTimeout(timer);
          resolve(false);
        };
      });
      if (silent) break;
    }
  }

  remove(turn: Turn): void {
    this.#unborn.delete(turn);
    if (this.#unborn.size === 0) this.#waiting.clear();
    const turns = this.#bySession.get(turn.sessionId ?? "");
    const at = turns?.indexOf(turn) ?? -1;
    if (!turns || at < 0) return;
    turns.splice(at, 1);
    if (turns.length === 0) this.#bySession.delete(turn.sessionId ?? "");
  }

  #enqueue(sessionId: string, turn: Turn): void {
    const turns = this.#bySession.get(sessionId);
    if (turns) turns.push(turn);
    else this.#bySession.set(sessionId, [turn]);
  }

  #born(turn: Turn, sessionId: string): void {
    this.#unborn.delete(turn);
    turn.sessionId = sessionId;
    this.#enqueue(sessionId, turn);
    turn.stream?.begin(sessionId);
    const events = this.#waiting.get(sessionId) ?? [];
    this.#waiting.delete(sessionId);
    for (const event of events) this.event(sessionId, event);
  }

  #adopt(sessionId: string, event: AgentEvent): Turn | undefined {
    if (event.type === "run_started" && !this.#waiting.has(sessionId)) {
      const turns = [...this.#unborn];
      const equal = turns.filter((t) => t.prompt === event.prompt);
      const alike = equal.length > 0
        ? equal
        : turns.filter((t) => event.prompt.includes(t.prompt ?? ""));
      const [only, other] = alike;
      if (only && !other) {
        this.#born(only, sessionId);
        return only;
      }
    }
    if (![...this.#unborn].some((t) => t.stream)) return undefined;
    const events = this.#waiting.get(sessionId) ?? [];
    this.#waiting.set(sessionId, events);
    if (events.length < LIMIT) events.push(event);
    return undefined;
  }
}
