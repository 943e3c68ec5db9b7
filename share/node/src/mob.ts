import type { MeerkatClient } from "./client.js";
import type { AgentEventEnvelope, AttributedMobEvent } from "./events.js";
import { contentToWire } from "./params.js";
import { parseMember, parseStatus } from "./results.js";
import type { EventSubscription } from "./stream.js";
import type {
  ContentInput, ForkOptions, HelperOptions, HelperResult, InjectContextOptions,
  MemberDelivery, MemberSendOptions, MemberSnapshot, MobEvent, MobFlowStatus,
  MobLifecycleAction, MobMember, MobPeer, MobStatus, RespawnResult, SpawnManyResult,
  SpawnResult, SpawnSpec,
} from "./types.js";
import { fromJson, isObject, object, objects, text, texts, toWire, type Json } from "./wire.js";

function specToWire({ initialMessage, ...rest }: SpawnSpec): Json {
  return initialMessage === undefined
    ? toWire(rest)
    : { ...toWire(rest), initial_message: contentToWire(initialMessage) };
}

/** Agents that work together. */
export class Mob {
  readonly id: string;
  readonly #client: MeerkatClient;

  /** @internal */
  constructor(client: MeerkatClient, id: string) {
    this.#client = client;
    this.id = id;
  }

  /** @internal */
  async call(method: string, params: Json = {}): Promise<Json> {
    return object(await this.#client.call(`mob/${method}`, { mob_id: this.id, ...params }));
  }

  async #slow(method: string, params: Json): Promise<unknown> {
    const all = { mob_id: this.id, ...params };
    return fromJson(await this.#client.callSlow(`mob/${method}`, all));
  }

  async status(): Promise<MobStatus> {
    return parseStatus((await this.call("status"))["status"]);
  }

  async lifecycle(action: MobLifecycleAction): Promise<void> {
    await this.call("lifecycle", { action });
  }

  // ---- members ----

  async spawn(spec: SpawnSpec): Promise<SpawnResult> {
    return fromJson(await this.call("spawn", specToWire(spec))) as SpawnResult;
  }

  /** Spawn many; the results are in the order of the specs. */
  async spawnMany(specs: readonly SpawnSpec[]): Promise<SpawnManyResult[]> {
    const result = await this.call("spawn_many", { specs: specs.map(specToWire) });
    return fromJson(objects(result["results"])) as SpawnManyResult[];
  }

  async members(): Promise<MobMember[]> {
    return objects((await this.call("members"))["members"]).map(parseMember);
  }

  member(meerkatId: string): Member {
    return new Member(this, meerkatId);
  }

  async retire(meerkatId: string): Promise<void> {
    await this.call("retire", { meerkat_id: meerkatId });
  }

  async respawn(meerkatId: string, initialMessage?: ContentInput): Promise<RespawnResult> {
    const message = initialMessage === undefined
      ? {}
      : { initial_message: contentToWire(initialMessage) };
    const params = { meerkat_id: meerkatId, ...message };
    return fromJson(await this.call("respawn", params)) as RespawnResult;
  }

  async forceCancel(meerkatId: string): Promise<void> {
    await this.call("force_cancel", { meerkat_id: meerkatId });
  }

  async memberStatus(meerkatId: string): Promise<MemberSnapshot> {
    return fromJson(await this.call("member_status", { meerkat_id: meerkatId })) as MemberSnapshot;
  }

  /** Wait until the members have begun (all, or these). */
  async waitKickoff(
    options: { memberIds?: readonly string[]; timeoutMs?: number } = {},
  ): Promise<MemberSnapshot[]> {
    const result = object(await this.#slow("wait_kickoff", toWire(options)));
    return objects(result["members"]) as unknown as MemberSnapshot[];
  }

  /** Run a helper on a prompt of its own and wait for what it says. */
  async spawnHelper(prompt: ContentInput, options: HelperOptions = {}): Promise<HelperResult> {
    const params = { prompt: contentToWire(prompt), ...toWire(options) };
    return (await this.#slow("spawn_helper", params)) as HelperResult;
  }

  /** Run a helper that knows what a member knows, and wait for what it says. */
  async forkHelper(
    sourceMemberId: string,
    prompt: ContentInput,
    options: ForkOptions = {},
  ): Promise<HelperResult> {
    const { forkContext, ...rest } = options;
    return (await this.#slow("fork_helper", {
      source_member_id: sourceMemberId,
      prompt: contentToWire(prompt),
      ...toWire(rest),
      ...(forkContext && { fork_context: forkContext }),
    })) as HelperResult;
  }

  // ---- wiring ----

  /** Let two members talk, or a member and a peer outside. */
  async wire(a: string, b: MobPeer): Promise<void> {
    await this.call("wire", { member: a, peer: peerToWire(b) });
  }

  async unwire(a: string, b: MobPeer): Promise<void> {
    await this.call("unwire", { member: a, peer: peerToWire(b) });
  }

  // ---- flows ----

  async flows(): Promise<readonly string[]> {
    return texts((await this.call("flows"))["flows"]);
  }

  /** Start a flow; gives the id of the run. */
  async runFlow(flowId: string, params: unknown = {}): Promise<string> {
    return text((await this.call("flow_run", { flow_id: flowId, params }))["run_id"]);
  }

  async flowStatus(runId: string): Promise<MobFlowStatus> {
    const run = (await this.call("flow_status", { run_id: runId }))["run"];
    return { run: isObject(run) ? (fromJson(run) as Json) : null };
  }

  async cancelFlow(runId: string): Promise<void> {
    await this.call("flow_cancel", { run_id: runId });
  }

  // ---- events ----

  /** What happened to the mob, from a cursor on. */
  async events(options: { afterCursor?: number; limit?: number } = {}): Promise<MobEvent[]> {
    const result = await this.call("events", toWire(options));
    return fromJson(objects(result["events"])) as MobEvent[];
  }

  subscribeEvents(): Promise<EventSubscription<AttributedMobEvent>> {
    return this.#client.subscribeMobEvents(this.id);
  }

  subscribeMemberEvents(meerkatId: string): Promise<EventSubscription<AgentEventEnvelope>> {
    return this.#client.subscribeMobMemberEvents(this.id, meerkatId);
  }
}

function peerToWire(peer: MobPeer): Json {
  return typeof peer === "string" ? { local: peer } : toWire(peer);
}

/** One agent of a mob. */
export class Member {
  readonly mob: Mob;
  readonly id: string;

  /** @internal */
  constructor(mob: Mob, id: string) {
    this.mob = mob;
    this.id = id;
  }

  /** Give it work. */
  async send(content: ContentInput, options: MemberSendOptions = {}): Promise<MemberDelivery> {
    return fromJson(await this.mob.call("member_send", {
      meerkat_id: this.id, content: contentToWire(content), ...toWire(options),
    })) as MemberDelivery;
  }

  status(): Promise<MemberSnapshot> {
    return this.mob.memberStatus(this.id);
  }

  async injectContext(contextText: string, options: InjectContextOptions = {}): Promise<string> {
    const params = { meerkat_id: this.id, text: contextText, ...toWire(options) };
    return text((await this.mob.call("append_system_context", params))["status"]);
  }

  subscribeEvents(): Promise<EventSubscription<AgentEventEnvelope>> {
    return this.mob.subscribeMemberEvents(this.id);
  }
}
