import { Connection, type Listener } from "./connection.js";
import { CapabilityUnavailableError, MeerkatError } from "./errors.js";
import {
  parseEnvelope, parseEvent, parseMobEvent, unwrapEvent,
  type AgentEventEnvelope, type AttributedMobEvent,
} from "./events.js";
import { Mob } from "./mob.js";
import {
  contentToWire, optionsToWire, toolAnswer, toolArguments,
} from "./params.js";
import { findProgram, serverArguments } from "./program.js";
import {
  needed, parseCapability, parseCatalog, parseConfig, parseHistory, parseRunResult,
  parseSessionInfo, parseSessionState, parseStatus,
} from "./results.js";
import { DeferredSession, Session } from "./session.js";
import { EventStream, EventSubscription } from "./stream.js";
import { Subscriptions } from "./subscriptions.js";
import { Turns, type Turn } from "./turns.js";
import type {
  AcceptOutcome, BlobPayload, Capability, ClientOptions, CommsCommand, CommsReceipt,
  ConfigEnvelope, ConnectOptions, ContentInput, CreateMobOptions, DeferredTurnOptions,
  ExternalEventOptions, GenerationOptions, HistoryOptions, InjectContextOptions,
  ListOptions, MobSummary, ModelsCatalog, Peer, RunResult, SessionHistory, SessionInfo,
  SessionOptions, SessionState, SkillDetails, SkillInfo, SkillRef, ToolDefinition,
  ToolHandler, TurnOptions,
} from "./types.js";
import { isCompatible, CONTRACT_VERSION } from "./version.js";
import { fromJson, isObject, object, objects, text, texts, toWire, type Json } from "./wire.js";

/** The server answers these without listing them. */
const UNLISTED = new Set(["initialize", "capabilities/get", "tools/register"]);

interface Tool extends ToolDefinition {
  readonly handler: ToolHandler;
}

/** A server process of one's own, and everything that it can do. */
export class MeerkatClient {
  readonly #program: string;
  readonly #options: Required<ClientOptions>;
  readonly #turns = new Turns();
  readonly #subscriptions: Subscriptions;
  readonly #tools = new Map<string, Tool>();
  #connection: Connection | undefined;
  #connecting: Promise<void> | undefined;
  #closed = false;
  #methods: ReadonlySet<string> = new Set();
  #capabilities: readonly Capability[] = [];

  constructor(rkatPath = "rkat-rpc", options: ClientOptions = {}) {
    this.#program = rkatPath;
    this.#options = { connectTimeoutMs: 30_000, requestTimeoutMs: 60_000, ...options };
    this.#subscriptions = new Subscriptions({
      call: (method, params) => this.call(method, params),
      hold: () => this.#connection?.hold(),
      release: () => this.#connection?.release(),
    });
  }

  // ---- connection ----

  /** Start the server, agree on the contract, learn what it can do. */
  async connect(options: ConnectOptions = {}): Promise<this> {
    if (this.#closed) throw new MeerkatError("CLIENT_CLOSED", "the client was closed");
    this.#connecting ??= this.#open(options).catch((error: unknown) => {
      this.#connecting = undefined;
      throw error;
    });
    await this.#connecting;
    return this;
  }

  /** End the server; whatever still waits for it fails with CLIENT_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
  }

  async #open(options: ConnectOptions): Promise<void> {
    const args = serverArguments(options);
    const [program, first] = findProgram(this.#program);
    const connection = new Connection(program, [...first, ...args], this.#listener());
    this.#connection = connection;
    try {
      await this.#greet(connection);
    } catch (error) {
      this.#connection = undefined;
      await connection.close();
      throw error;
    }
  }

  async #greet(connection: Connection): Promise<void> {
    const limit = this.#options.connectTimeoutMs;
    const hello = object(await connection.request("initialize", {}, limit));
    const version = text(hello["contract_version"]);
    if (!isCompatible(version)) {
      throw new MeerkatError(
        "VERSION_MISMATCH",
        `the server speaks contract '${version}', this package ${CONTRACT_VERSION}`,
      );
    }
    this.#methods = new Set(texts(hello["methods"]));
    const answer = object(await connection.request("capabilities/get", {}, limit));
    this.#capabilities = objects(answer["capabilities"]).map(parseCapability);
    if (this.#tools.size > 0) await this.#register(connection, [...this.#tools.values()]);
  }

  #listener(): Listener {
    return {
      notified: (method, params) => this.#notified(method, params),
      asked: (method, params) => this.#asked(method, params),
      ended: (error) => this.#subscriptions.lost(error),
    };
  }

  #notified(method: string, params: Json): void {
    if (method.endsWith("/stream_event") || method.endsWith("/stream_end")) {
      this.#subscriptions.notified(method, params);
      return;
    }
    const sessionId = params["session_id"];
    const event = params["event"];
    if (typeof sessionId === "string" && isObject(event)) {
      this.#turns.event(sessionId, parseEvent(unwrapEvent(event)));
    }
  }

  async #asked(method: string, params: Json): Promise<Json | undefined> {
    if (method !== "tool/execute") return undefined;
    const name = text(params["name"]);
    const tool = this.#tools.get(name);
    if (!tool) return { content: `Unknown tool: ${name}`, is_error: true };
    try {
      const value = await tool.handler(toolArguments(params["arguments"]));
      return { content: toolAnswer(value), is_error: false };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { content: `Tool error: ${why}`, is_error: true };
    }
  }

  /** @internal One call that runs no turn. */
  async call(method: string, params: Json): Promise<unknown> {
    return this.#live(method).request(method, params, this.#options.requestTimeoutMs);
  }

  /** @internal One call that takes as long as agents take. */
  async callSlow(method: string, params: Json): Promise<unknown> {
    return this.#live(method).request(method, params);
  }

  #live(method: string): Connection {
    if (this.#closed) throw new MeerkatError("CLIENT_CLOSED", "the client was closed");
    const connection = this.#connection;
    if (!connection || this.#methods.size === 0) {
      throw new MeerkatError("NOT_CONNECTED", "call connect() first, and wait for it");
    }
    if (connection.end) throw connection.end;
    if (!this.#methods.has(method) && !UNLISTED.has(method)) {
      const message = `the server has no ${method}`;
      throw new CapabilityUnavailableError("CAPABILITY_UNAVAILABLE", message, { method }, {
        capability_id: method.slice(0, method.indexOf("/")),
        message,
      });
    }
    return connection;
  }

  // ---- capabilities ----

  get capabilities(): readonly Capability[] {
    return this.#capabilities;
  }

  hasCapability(id: string): boolean {
    if (id === "mob") return this.#methods.has("mob/create") || this.#methods.has("mob/list");
    return this.#capabilities.some((c) => c.id === id && c.status === "Available");
  }

  requireCapability(id: string): void {
    if (this.hasCapability(id)) return;
    const status = this.#capabilities.find((c) => c.id === id)?.status ?? "unknown to it";
    const message = `the server does not offer '${id}' (${status})`;
    throw new CapabilityUnavailableError(
      "CAPABILITY_UNAVAILABLE", message, undefined, { capability_id: id, message });
  }

  // ---- tools ----

  /**
   * Offer a function of this program to the models of all sessions.  What it
   * returns is given as text, anything else as JSON; what it throws is told to the
   * model as an error.
   */
  async registerTool(
    name: string,
    description: string,
    inputSchema: Readonly<Record<string, unknown>>,
    handler: ToolHandler,
  ): Promise<void> {
    const tool = { name, description, inputSchema, handler };
    this.#tools.set(name, tool);
    await this.#connecting;
    if (this.#connection) await this.#register(this.#live("tools/register"), [tool]);
  }

  async #register(connection: Connection, tools: readonly Tool[]): Promise<void> {
    const definitions = tools.map((t) => ({
      name: t.name, description: t.description, input_schema: t.inputSchema,
    }));
    await connection.request("tools/register", { tools: definitions }, this.#options.requestTimeoutMs);
  }

  // ---- sessions ----

  /** Make a session and run its first turn. */
  async createSession(prompt: ContentInput, options: SessionOptions = {}): Promise<Session> {
    const params = { prompt: contentToWire(prompt), ...optionsToWire(options) };
    const turn = this.#turns.startNew(prompt);
    return new Session(this, await this.#run("session/create", params, turn));
  }

  /** Make a session and read its first turn while it runs. */
  createSessionStreaming(prompt: ContentInput, options: SessionOptions = {}): EventStream {
    const params = { prompt: contentToWire(prompt), ...optionsToWire(options) };
    const stream = new EventStream();
    this.#follow("session/create", params, this.#turns.startNew(prompt, stream), stream);
    return stream;
  }

  /** Make a session whose first turn comes later; `prompt` is put before it. */
  async createDeferredSession(
    prompt: ContentInput,
    options: SessionOptions = {},
  ): Promise<DeferredSession> {
    const result = object(await this.call("session/create", {
      prompt: contentToWire(prompt), ...optionsToWire(options), initial_turn: "deferred",
    }));
    const ref = result["session_ref"];
    return new DeferredSession(
      this, needed(result, "session_id"), typeof ref === "string" ? ref : undefined);
  }

  /** Run a turn of any session, by its id. */
  async startTurn(
    sessionId: string,
    prompt: ContentInput,
    options: DeferredTurnOptions = {},
  ): Promise<RunResult> {
    const params = this.#turnParams(sessionId, prompt, options);
    return this.#run("turn/start", params, this.#turns.start(sessionId));
  }

  /** The same, read while it runs; `done` hears of the result first. */
  startTurnStreaming(
    sessionId: string,
    prompt: ContentInput,
    options: DeferredTurnOptions = {},
    done?: (result: RunResult) => void,
  ): EventStream {
    const params = this.#turnParams(sessionId, prompt, options);
    const stream = new EventStream(sessionId);
    this.#follow("turn/start", params, this.#turns.start(sessionId, stream), stream, done);
    return stream;
  }

  #turnParams(sessionId: string, prompt: ContentInput, options: TurnOptions): Json {
    return {
      session_id: sessionId, prompt: contentToWire(prompt), ...optionsToWire(options),
    };
  }

  async #run(method: string, params: Json, turn: Turn): Promise<RunResult> {
    try {
      const result = parseRunResult(await this.callSlow(method, params));
      await this.#turns.answered(turn, result.sessionId);
      return result;
    } finally {
      this.#turns.remove(turn);
    }
  }

  #follow(
    method: string,
    params: Json,
    turn: Turn,
    stream: EventStream,
    done?: (result: RunResult) => void,
  ): void {
    this.#run(method, params, turn).then(
      (result) => {
        done?.(result);
        stream.complete(result);
      },
      (error: Error) => stream.fail(error),
    );
  }

  async listSessions(options: ListOptions = {}): Promise<SessionInfo[]> {
    const result = object(await this.call("session/list", toWire(options)));
    return objects(result["sessions"]).map(parseSessionInfo);
  }

  async readSession(sessionId: string): Promise<SessionState> {
    return parseSessionState(await this.call("session/read", { session_id: sessionId }));
  }

  async readSessionHistory(
    sessionId: string,
    options: HistoryOptions = {},
  ): Promise<SessionHistory> {
    const params = { session_id: sessionId, offset: 0, ...toWire(options) };
    return parseHistory(await this.call("session/history", params));
  }

  async archive(sessionId: string): Promise<void> {
    await this.call("session/archive", { session_id: sessionId });
  }

  /** Cancel the turn that runs; nothing happens if none does. */
  async interrupt(sessionId: string): Promise<void> {
    await this.call("turn/interrupt", { session_id: sessionId });
  }

  /** Tell the session something that the next call of its model will see. */
  async injectContext(
    sessionId: string,
    contextText: string,
    options: InjectContextOptions = {},
  ): Promise<{ readonly status: string }> {
    const params = { session_id: sessionId, text: contextText, ...toWire(options) };
    return { status: text(object(await this.call("session/inject_context", params))["status"]) };
  }

  /** Hand in an event from outside: it is kept, and the session runs for it. */
  async sendExternalEvent(
    sessionId: string,
    eventType: string,
    payload: unknown,
    options: ExternalEventOptions = {},
  ): Promise<AcceptOutcome> {
    const params = {
      session_id: sessionId, kind: "generic_json", event_type: eventType, payload,
      ...toWire(options),
    };
    return fromJson(await this.call("session/external_event", params)) as AcceptOutcome;
  }

  async subscribeSessionEvents(sessionId: string): Promise<EventSubscription<AgentEventEnvelope>> {
    return this.#subscriptions.open("session", { session_id: sessionId }, parseEnvelope);
  }

  // ---- skills ----

  async listSkills(): Promise<SkillInfo[]> {
    const result = object(await this.call("skills/list", {}));
    return fromJson(objects(result["skills"])) as SkillInfo[];
  }

  async inspectSkill(id: string, options: { source?: string } = {}): Promise<SkillDetails> {
    return fromJson(await this.call("skills/inspect", { id, ...options })) as SkillDetails;
  }

  /** A turn with a skill; the server must have skills. */
  async invokeSkill(sessionId: string, skill: SkillRef, prompt: ContentInput): Promise<RunResult> {
    this.requireCapability("skills");
    return this.startTurn(sessionId, prompt, { skillRefs: [skill] });
  }

  // ---- comms ----

  async send(sessionId: string, command: CommsCommand): Promise<CommsReceipt> {
    const params = { ...toWire(command), session_id: sessionId };
    return fromJson(await this.call("comms/send", params)) as CommsReceipt;
  }

  async peers(sessionId: string): Promise<Peer[]> {
    const result = object(await this.call("comms/peers", { session_id: sessionId }));
    return fromJson(objects(result["peers"])) as Peer[];
  }

  // ---- configuration, models, blobs ----

  async getConfig(): Promise<ConfigEnvelope> {
    return parseConfig(await this.call("config/get", {}));
  }

  /** Replace the configuration. */
  async setConfig(
    config: Readonly<Record<string, unknown>>,
    options: GenerationOptions = {},
  ): Promise<ConfigEnvelope> {
    const params = { config: toWire(config), ...toWire(options) };
    return parseConfig(await this.call("config/set", params));
  }

  /** Change parts of the configuration; null takes a member away. */
  async patchConfig(
    patch: Readonly<Record<string, unknown>>,
    options: GenerationOptions = {},
  ): Promise<ConfigEnvelope> {
    const params = { patch: toWire(patch), ...toWire(options) };
    return parseConfig(await this.call("config/patch", params));
  }

  async getModelsCatalog(): Promise<ModelsCatalog> {
    return parseCatalog(await this.call("models/catalog", {}));
  }

  async getBlob(blobId: string): Promise<BlobPayload> {
    return fromJson(await this.call("blob/get", { blob_id: blobId })) as BlobPayload;
  }

  // ---- runtime ----

  async runtimeState(sessionId: string): Promise<string> {
    return text(object(await this.call("runtime/state", { session_id: sessionId }))["state"]);
  }

  /** `input` as on the wire. */
  async runtimeAccept(sessionId: string, input: Json): Promise<AcceptOutcome> {
    const params = { session_id: sessionId, input };
    return fromJson(await this.call("runtime/accept", params)) as AcceptOutcome;
  }

  async runtimeRetire(
    sessionId: string,
  ): Promise<{ readonly inputsAbandoned: number; readonly inputsPendingDrain: number }> {
    const result = await this.call("runtime/retire", { session_id: sessionId });
    return fromJson(result) as { inputsAbandoned: number; inputsPendingDrain: number };
  }

  async runtimeReset(sessionId: string): Promise<{ readonly inputsAbandoned: number }> {
    const result = await this.call("runtime/reset", { session_id: sessionId });
    return fromJson(result) as { inputsAbandoned: number };
  }

  async inputState(
    sessionId: string,
    inputId: string,
  ): Promise<Readonly<Record<string, unknown>> | null> {
    const result = await this.call("input/state", { session_id: sessionId, input_id: inputId });
    return isObject(result) ? (fromJson(result) as Readonly<Record<string, unknown>>) : null;
  }

  async inputList(sessionId: string): Promise<readonly string[]> {
    return texts(object(await this.call("input/list", { session_id: sessionId }))["input_ids"]);
  }

  // ---- mobs ----

  async createMob(options: CreateMobOptions): Promise<Mob> {
    this.requireCapability("mob");
    return new Mob(this, needed(object(await this.call("mob/create", toWire(options))), "mob_id"));
  }

  async listMobs(): Promise<MobSummary[]> {
    this.requireCapability("mob");
    return objects(object(await this.call("mob/list", {}))["mobs"]).map((m) => ({
      mobId: text(m["mob_id"]),
      status: parseStatus(m["status"]),
    }));
  }

  async subscribeMobEvents(mobId: string): Promise<EventSubscription<AttributedMobEvent>> {
    return this.#subscriptions.open("mob", { mob_id: mobId }, parseMobEvent);
  }

  async subscribeMobMemberEvents(
    mobId: string,
    memberId: string,
  ): Promise<EventSubscription<AgentEventEnvelope>> {
    const params = { mob_id: mobId, member_id: memberId };
    return this.#subscriptions.open("mob", params, parseEnvelope);
  }
}
