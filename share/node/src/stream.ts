import { MeerkatError } from "./errors.js";
import type { AgentEvent } from "./events.js";
import { Queue } from "./queue.js";
import type { RunResult } from "./types.js";

/** How many events wait for a reader that is slow. */
export const LIMIT = 16384;

function join(last: AgentEvent, next: AgentEvent): AgentEvent | undefined {
  return (last.type === "text_delta" || last.type === "reasoning_delta") &&
    last.type === next.type
    ? { type: last.type, delta: last.delta + next.delta }
    : undefined;
}

/**
 * One turn while it runs.  Iterate it for the events; then `result` is there.
 * A reader that is far behind gets neighbouring deltas as one, and in place of
 * what does not fit a `stream_truncated` event; the result is never lost.
 */
export class EventStream implements AsyncIterable<AgentEvent> {
  readonly #queue = new Queue<AgentEvent>(
    LIMIT, { type: "stream_truncated", reason: "the reader is too slow" }, join);
  #sessionId: string | undefined;
  #outcome: RunResult | undefined;
  #result: RunResult | undefined;

  /** @internal */
  constructor(sessionId?: string) {
    this.#sessionId = sessionId;
  }

  /** @internal */
  push(event: AgentEvent): void {
    this.#queue.push(event);
  }

  /** @internal */
  begin(sessionId: string): void {
    this.#sessionId = sessionId;
  }

  /** @internal */
  complete(result: RunResult): void {
    this.#outcome = result;
    this.#sessionId = result.sessionId;
    this.#queue.finish();
  }

  /** @internal */
  fail(error: Error): void {
    this.#queue.finish(error);
  }

  /** The session; of a new one, known from its first event on. */
  get sessionId(): string {
    if (this.#sessionId === undefined) {
      throw new MeerkatError("STREAM_NOT_CONSUMED", "the session has not begun: read an event first");
    }
    return this.#sessionId;
  }

  /** The outcome of the turn, once all events were read. */
  get result(): RunResult {
    if (!this.#result) {
      throw new MeerkatError("STREAM_NOT_CONSUMED", "read the stream to its end before its result");
    }
    return this.#result;
  }

  /** A loop that is left early can be gone on with by another one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<AgentEvent> {
    for (;;) {
      const event = await this.#queue.take();
      if (!event) break;
      yield event;
    }
    this.#result = this.#outcome;
  }

  /** Read to the end, for the result alone. */
  async collect(): Promise<RunResult> {
    return (await this.collectText())[1];
  }

  /** Read to the end: all that was said, and the result. */
  async collectText(): Promise<[string, RunResult]> {
    const said: string[] = [];
    for await (const event of this) {
      if (event.type === "text_delta") said.push(event.delta);
    }
    return [said.join(""), this.result];
  }
}

/** What a subscription needs of its client. */
export interface Subscriber {
  hold(): void;
  release(): void;
  unsubscribe(streamId: string): Promise<void>;
}

/** Events of a session, a member or a mob, turn after turn, until it is closed. */
export class EventSubscription<E> implements AsyncIterable<E> {
  readonly streamId: string;
  readonly #queue: Queue<E>;
  readonly #from: Subscriber;
  #outcome: string | undefined;

  /** @internal */
  constructor(streamId: string, from: Subscriber) {
    this.streamId = streamId;
    this.#from = from;
    this.#queue = new Queue<E>(LIMIT, undefined, () => {
      const message = `the reader is over ${LIMIT} events behind`;
      void this.#stop("reader_too_slow", new MeerkatError("STREAM_OVERFLOW", message))
        .catch(() => undefined);
      return undefined;
    });
  }

  /** @internal */
  push(event: E): void {
    this.#queue.push(event);
  }

  /** @internal */
  finish(outcome: string, error?: MeerkatError): void {
    this.#outcome ??= outcome;
    this.#queue.finish(error);
  }

  /** How it ended: `remote_end`, `explicit_close`, ...; undefined while open. */
  get outcome(): string | undefined {
    return this.#outcome;
  }

  /** Leaving the loop early does not close the subscription. */
  async *[Symbol.asyncIterator](): AsyncGenerator<E> {
    for (;;) {
      this.#from.hold();
      const event = await this.#queue.take().finally(() => this.#from.release());
      if (event === undefined) return;
      yield event;
    }
  }

  async close(): Promise<void> {
    await this.#stop("explicit_close");
  }

  async #stop(outcome: string, error?: MeerkatError): Promise<void> {
    if (this.#outcome !== undefined) return;
    this.finish(outcome, error);
    await this.#from.unsubscribe(this.streamId);
  }
}
