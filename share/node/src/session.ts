import type { MeerkatClient } from "./client.js";
import type { AgentEventEnvelope } from "./events.js";
import type { EventStream, EventSubscription } from "./stream.js";
import type {
  AcceptOutcome, CommsCommand, CommsReceipt, ContentInput, DeferredTurnOptions,
  ExternalEventOptions, HistoryOptions, InjectContextOptions, Peer, RunResult,
  SessionHistory, SkillRef, TurnOptions, Usage,
} from "./types.js";

/** What all sessions can do, before and after their first turn. */
abstract class Handle {
  readonly id: string;
  readonly ref?: string;
  protected readonly client: MeerkatClient;

  /** @internal */
  constructor(client: MeerkatClient, id: string, ref: string | undefined) {
    this.client = client;
    this.id = id;
    if (ref !== undefined) this.ref = ref;
  }

  /** What was said so far. */
  history(options: HistoryOptions = {}): Promise<SessionHistory> {
    return this.client.readSessionHistory(this.id, options);
  }

  archive(): Promise<void> {
    return this.client.archive(this.id);
  }

  /** Cancel the turn that runs. */
  interrupt(): Promise<void> {
    return this.client.interrupt(this.id);
  }

  /** Tell the model something at its next call. */
  injectContext(
    text: string,
    options: InjectContextOptions = {},
  ): Promise<{ readonly status: string }> {
    return this.client.injectContext(this.id, text, options);
  }

  /** Hand in an event from outside, kept and worked on by the session. */
  sendExternalEvent(
    eventType: string,
    payload: unknown,
    options: ExternalEventOptions = {},
  ): Promise<AcceptOutcome> {
    return this.client.sendExternalEvent(this.id, eventType, payload, options);
  }

  /** Give a comms command. */
  send(command: CommsCommand): Promise<CommsReceipt> {
    return this.client.send(this.id, command);
  }

  /** The peers that this session can see. */
  peers(): Promise<Peer[]> {
    return this.client.peers(this.id);
  }

  /** The events of this session, whoever runs its turns. */
  subscribeEvents(): Promise<EventSubscription<AgentEventEnvelope>> {
    return this.client.subscribeSessionEvents(this.id);
  }
}

/** A session that has had a turn. */
export class Session extends Handle {
  #last: RunResult;

  /** @internal */
  constructor(client: MeerkatClient, first: RunResult) {
    super(client, first.sessionId, first.sessionRef);
    this.#last = first;
  }

  get lastResult(): RunResult {
    return this.#last;
  }
  get text(): string {
    return this.#last.text;
  }
  get usage(): Usage {
    return this.#last.usage;
  }
  get turns(): number {
    return this.#last.turns;
  }
  get toolCalls(): number {
    return this.#last.toolCalls;
  }
  get structuredOutput(): unknown {
    return this.#last.structuredOutput;
  }

  async turn(prompt: ContentInput, options: TurnOptions = {}): Promise<RunResult> {
    this.#last = await this.client.startTurn(this.id, prompt, options);
    return this.#last;
  }

  stream(prompt: ContentInput, options: TurnOptions = {}): EventStream {
    return this.client.startTurnStreaming(this.id, prompt, options, (result) => {
      this.#last = result;
    });
  }

  /** A turn with a skill. */
  async invokeSkill(skill: SkillRef, prompt: ContentInput): Promise<RunResult> {
    this.#last = await this.client.invokeSkill(this.id, skill, prompt);
    return this.#last;
  }
}

/** A session whose first turn is still to come. */
export class DeferredSession extends Handle {
  startTurn(prompt: ContentInput, options: DeferredTurnOptions = {}): Promise<RunResult> {
    return this.client.startTurn(this.id, prompt, options);
  }

  stream(prompt: ContentInput, options: DeferredTurnOptions = {}): EventStream {
    return this.client.startTurnStreaming(this.id, prompt, options);
  }
}
