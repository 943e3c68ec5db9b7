import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";

import {
  CapabilityUnavailableError, CONTRACT_VERSION, MeerkatClient, MeerkatError,
  SessionNotFoundError, SkillNotFoundError, isTextDelta, isUnknownEvent,
  type AgentEvent,
} from "@rkat/sdk";
import { against, server } from "./play.js";

const ID = "01936f8a-7b2c-7000-8000-000000000001";

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("connect starts the server with the realm flags and learns what it can do", () =>
  against("arguments", async (client) => {
    assert(client.hasCapability("sessions"));
    assert(!client.hasCapability("shell"));
    assert.equal(client.capabilities[1]?.status, "DisabledByPolicy");
    assert.equal(await client.connect(), client);
    const [told] = await client.listSessions();
    assert.equal(told?.sessionId, "--instance arguments");
    const other = new MeerkatClient(server);
    await other.connect({
      isolated: true, instanceId: "arguments", realmBackend: "sqlite", stateRoot: "/s",
      contextRoot: "/c", userConfigRoot: "/u",
    });
    assert.equal((await other.listSessions())[0]?.sessionId,
      "--isolated --instance arguments --realm-backend sqlite --state-root /s " +
      "--context-root /c --user-config-root /u");
    await other.close();
  }));

test("a server of another contract is refused", async () => {
  await assert.rejects(against("old", async () => undefined), { code: "VERSION_MISMATCH" });
  assert.equal(CONTRACT_VERSION, "0.5.2");
});

test("a server that says nothing makes connect fail in time", () =>
  assert.rejects(against("silent", async () => undefined, { connectTimeoutMs: 100 }),
    { code: "REQUEST_TIMEOUT" }));

test("a call that is not answered fails in time; a turn may take as long as it takes", () =>
  against("deaf", async (client) => {
    await assert.rejects(client.listSessions(), { code: "REQUEST_TIMEOUT" });
    assert.equal((await client.createSession("x")).text, "echo");
  }, { requestTimeoutMs: 100 }));

test("a client out of its life says so", async () => {
  const nowhere = new MeerkatClient("/no/such/rkat-rpc");
  await assert.rejects(nowhere.connect(), { code: "BINARY_NOT_FOUND" });
  await assert.rejects(nowhere.listSessions(), { code: "NOT_CONNECTED" });
  await assert.rejects(nowhere.connect({ realmId: "a", isolated: true }), { code: "INVALID_PARAMS" });
  const client = new MeerkatClient(server);
  const connecting = client.connect({ instanceId: "deaf" });
  await assert.rejects(client.listSessions(), { code: "NOT_CONNECTED" });
  await connecting;
  const pending = client.listSessions();
  await Promise.all([assert.rejects(pending, { code: "CLIENT_CLOSED" }), client.close()]);
  await assert.rejects(client.listSessions(), { code: "CLIENT_CLOSED" });
  await assert.rejects(client.connect(), { code: "CLIENT_CLOSED" });
  await client.close();
});

test("MEERKAT_BIN_PATH names the server before anything else", async () => {
  process.env["MEERKAT_BIN_PATH"] = server;
  try {
    const client = new MeerkatClient("/no/such/rkat-rpc");
    await client.connect({ instanceId: "env" });
    await client.close();
  } finally {
    delete process.env["MEERKAT_BIN_PATH"];
  }
});

test("a program that forgets close() still ends", () => {
  const script = `
    import { MeerkatClient } from "@rkat/sdk";
    const client = new MeerkatClient(${JSON.stringify(server)});
    await client.connect();
    console.log((await client.createSession("x")).text);`;
  writeFileSync(fileURLToPath(new URL("forgets.mjs", import.meta.url)), script);
  const ran = spawnSync(process.execPath, [fileURLToPath(new URL("forgets.mjs", import.meta.url))],
    { encoding: "utf8", timeout: 10000 });
  assert.equal(ran.stdout, "echo\n");
  assert.equal(ran.status, 0);
});

test("lines that are no protocol are passed over, and bytes may come one by one", () =>
  against("garbage", async (client) => {
    const result = await client.startTurn(ID, "x");
    assert.equal(result.text, "grüße \u2028 😀");
  }));

test("events are typed in every envelope; unknown ones and missing members do no harm", () =>
  against("events", async (client) => {
    const stream = client.startTurnStreaming(ID, "x");
    const events = await all(stream);
    assert.deepEqual(events.map((e) => e.type), [
      "unknown", "turn_completed", "hook_denied", "text_delta", "text_delta",
      "tool_config_changed", "run_completed",
    ]);
    const [unknown, completed, denied, , delta, changed, end] = events as AgentEvent[];
    assert(unknown && isUnknownEvent(unknown) && unknown.data["x"] === 1);
    assert.equal(unknown.eventType, "from_the_future");
    assert.deepEqual(completed, {
      type: "turn_completed", stopReason: "end_turn", usage: { inputTokens: 0, outputTokens: 0 },
    });
    assert.deepEqual(denied, {
      type: "hook_denied", hookId: "h", point: "turn_boundary", reasonCode: "", message: "",
      payload: { type: "mine" },
    });
    assert(delta && isTextDelta(delta) && delta.delta === "in");
    assert(changed?.type === "tool_config_changed" && changed.payload.appliedAtTurn === 2);
    assert.deepEqual(end, {
      type: "run_completed", sessionId: ID, result: "in",
      usage: { inputTokens: 1, outputTokens: 0, cacheReadTokens: 2 },
    });
    assert.equal(stream.result.text, "inin");
  }));

test("when the server dies, all that waits for it fails with its last words", () =>
  against("dies", async (client) => {
    const words = { code: "CONNECTION_CLOSED", message: "the server ended with status 7: out of luck" };
    const watch = await client.subscribeSessionEvents(ID);
    const stream = client.startTurnStreaming(ID, "x");
    const read = (async () => {
      const seen: AgentEvent[] = [];
      try {
        for await (const event of stream) seen.push(event);
      } catch (error) {
        assert.equal(seen[0]?.type, "text_delta");
        throw error;
      }
    })();
    await Promise.all([
      assert.rejects(read, words),
      assert.rejects(client.startTurn(ID, "y"), words),
      assert.rejects(all(watch), words),
    ]);
    assert.equal(watch.outcome, "connection_lost");
    await assert.rejects(client.listSessions(), { code: "CONNECTION_CLOSED" });
  }));

test("a server that dies and leaves a child on its pipes is noticed all the same", () =>
  against("lingers", (client) =>
    assert.rejects(client.startTurn(ID, "x"), { message: "the server ended with status 3" })));

test("what cannot be JSON is refused and leaves nothing behind", () =>
  against("echo", async (client) => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    await assert.rejects(client.createSession("x", { appContext: circle }), (e) => e instanceof TypeError);
    assert.equal((await client.createSession("x")).text, "echo");
  }));

test("a reader that is slow costs bounded memory and loses neither text nor result", () =>
  against("flood", async (client) => {
    const stream = client.startTurnStreaming(ID, "x");
    const watch = await client.subscribeSessionEvents(ID);
    while (watch.outcome === undefined) await client.listSessions();
    const events = await all(stream);
    const text = events.filter(isTextDelta).map((e) => e.delta).join("");
    assert.equal(text, "0123456789".repeat(4000));
    assert(events.length < 17000);
    assert.equal(events.at(-1)?.type, "stream_truncated");
    assert.equal(stream.result.text, "flooded");
    await assert.rejects(all(watch), { code: "STREAM_OVERFLOW" });
    assert.equal(watch.outcome, "reader_too_slow");
  }));

test("a stream is read once, in one loop or more, and its result comes last", () =>
  against("events", async (client) => {
    const stream = client.startTurnStreaming(ID, "x");
    assert.throws(() => stream.result, { code: "STREAM_NOT_CONSUMED" });
    for await (const event of stream) if (event.type === "hook_denied") break;
    assert.throws(() => stream.result, { code: "STREAM_NOT_CONSUMED" });
    const [text, result] = await stream.collectText();
    assert.equal(text, "inin");
    assert.equal(result, stream.result);
    assert.equal((await stream.collect()).sessionId, ID);
  }));

test("a new session streams before its reply, and knows its events by the prompt", () =>
  against("birth", async (client) => {
    const one = client.createSessionStreaming("hello");
    assert.throws(() => one.sessionId, { code: "STREAM_NOT_CONSUMED" });
    for await (const event of one) {
      assert.equal(event.type, "run_started");
      break;
    }
    assert.equal(one.sessionId, "id-only");
    assert.throws(() => one.result);
    assert.equal((await one.collect()).text, "id-only");
  }));

test("new sessions with the same prompt each get their own events", () =>
  against("birth", async (client) => {
    const streams = ["b", "a"].map((commsName) =>
      client.createSessionStreaming("same", { commsName }));
    const plain = client.createSession("same", { commsName: "c" });
    const texts = await Promise.all(streams.map(async (s) => (await s.collectText())[0]));
    assert.deepEqual(texts, ["id-b", "id-a"]);
    assert.equal((await plain).id, "id-c");
  }));

test("a stream whose turn fails throws; one that nobody reads breaks nothing", () =>
  against("birth", async (client) => {
    client.createSessionStreaming("fails");
    await assert.rejects(client.createSessionStreaming("fails").collect(), { code: "PROVIDER_ERROR" });
  }));

test("turns that wait for each other each get their own events", () =>
  against("queue", async (client) => {
    const first = client.startTurnStreaming(ID, "a");
    const second = client.startTurnStreaming(ID, "b");
    assert.deepEqual(await Promise.all([first.collectText(), second.collectText()]).then(
      (both) => both.map(([text, result]) => [text, result.text])), [["one", "1"], ["two", "2 b"]]);
  }));

test("events that come after the reply still belong to the turn", () =>
  against("late", async (client) => {
    assert.equal((await client.startTurnStreaming(ID, "x").collectText())[0], "late");
  }));

test("errors carry the names of the contract", () =>
  against("errors", async (client) => {
    await assert.rejects(client.readSession("gone"), (e) =>
      e instanceof SessionNotFoundError && e instanceof MeerkatError && e instanceof Error &&
      e.name === "SessionNotFoundError" && e.code === "SESSION_NOT_FOUND");
    await assert.rejects(client.readSession("skill"), (e) => e instanceof SkillNotFoundError);
    await assert.rejects(client.readSession("method"), (e) => e instanceof CapabilityUnavailableError);
    await assert.rejects(client.readSession("data"),
      { code: "peer_unreachable", message: "better", details: "offline" });
    await assert.rejects(client.readSession("hint"), (e) =>
      e instanceof CapabilityUnavailableError && e.capabilityHint?.capability_id === "comms");
    await assert.rejects(client.readSession("new"), { code: "-32099", message: '{"code":"no"}' });
    await assert.rejects(client.createSession("x"), { code: "BUDGET_EXHAUSTED" });
    await assert.rejects(client.startTurn(ID, "x"), { code: "PROTOCOL_ERROR" });
  }));

test("answers are read into camelCase, the user's own keys left alone", () =>
  against("errors", async (client) => {
    assert.equal((await client.readSession("x")).createdAt, "2023-11-14T22:13:20.000Z");
    assert.deepEqual((await client.listSessions())[0]?.labels, { myKey: "v" });
    assert.equal(await client.inputState(ID, "i"), null);
    const history = await client.readSessionHistory(ID, { limit: 9 });
    assert.equal(history.offset, 0);
    assert.deepEqual(history.messages, [
      { role: "system_notice", kind: "generic", content: "mind" },
      { role: "user", content: [{ type: "text", text: "hi" }] },
      {
        role: "block_assistant", stopReason: "tool_use",
        blocks: [{ blockType: "tool_use", data: { id: "t", name: "n", args: { some_key: 1 } } }],
      },
      { role: "tool_results", results: [{ toolUseId: "t", content: "ok", isError: false }] },
    ]);
  }));

test("options become the members of the wire, and only those that were given", () =>
  against("echo", async (client) => {
    const session = await client.createSession(
      [
        { type: "text", text: "t" },
        { type: "image", media_type: "image/png", data: "aGk=" },
        { type: "image", media_type: "image/png", source: "blob", blob_id: "b" },
      ],
      {
        model: "m", maxTokens: 5, systemPrompt: "s", enableBuiltins: false,
        outputSchema: { type: "object", properties: { camelCase: {} } },
        providerParams: { someThing: 1 }, labels: { myLabel: "x" }, shellEnv: { myVar: "y" },
        budgetLimits: { maxToolCalls: 3 }, appContext: { theirKey: 1 },
        skillRefs: [{ sourceUuid: "u", skillName: "n" }],
        peerMeta: { description: "d", labels: { aKey: "b" } },
        externalTools: [{ name: "n", description: "d", inputSchema: { camelKey: 1 } }],
      });
    assert.deepEqual(session.structuredOutput, {
      prompt: [
        { type: "text", text: "t" },
        { type: "image", media_type: "image/png", data: "aGk=", source: "inline" },
        { type: "image", media_type: "image/png", source: "blob", blob_id: "b" },
      ],
      model: "m", max_tokens: 5, system_prompt: "s", enable_builtins: false,
      output_schema: { type: "object", properties: { camelCase: {} } },
      provider_params: { someThing: 1 }, labels: { myLabel: "x" }, shell_env: { myVar: "y" },
      budget_limits: { max_tool_calls: 3 }, app_context: { theirKey: 1 },
      skill_refs: [{ source_uuid: "u", skill_name: "n" }],
      peer_meta: { description: "d", labels: { aKey: "b" } },
      external_tools: [{ name: "n", description: "d", input_schema: { camelKey: 1 } }],
    });
    const result = await session.turn("x", {
      flowToolOverlay: { allowedTools: ["a"], blockedTools: null }, keepAlive: false,
    });
    assert.deepEqual(sent(result.structuredOutput), {
      session_id: ID, prompt: "x", keep_alive: false,
      flow_tool_overlay: { allowed_tools: ["a"], blocked_tools: null },
    });
    assert.equal(session.lastResult, result);
    assert.deepEqual(session.usage, { inputTokens: 3, outputTokens: 5 });
    assert.equal(session.ref, `r:${ID}`);
    const deferred = await client.createDeferredSession("x");
    const later = await deferred.startTurn("y", { outputSchema: {}, structuredOutputRetries: 1 });
    assert.deepEqual(later.structuredOutput, {
      session_id: ID, prompt: "y", output_schema: {}, structured_output_retries: 1,
    });
  }));

test("tools answer the model: a value, an error, and calls of their own", () => {
  const client = new MeerkatClient(server);
  const use = async () => {
    await client.registerTool("double", "Twice", { type: "object" }, (args) => ({ n: Number(args["a"]) * 2 }));
    await client.connect({ instanceId: "tools" });
    await client.registerTool("throws", "No", {}, () => { throw new Error("broken"); });
    await client.registerTool("calls", "Asks", {}, async () => `${(await client.listSessions()).length} sessions`);
    const result = await client.startTurn(ID, "x");
    assert.deepEqual(result.structuredOutput, [
      { content: '{"n":4}', is_error: false },
      { content: "Tool error: broken", is_error: true },
      { content: "Unknown tool: nobody", is_error: true },
      { content: "2 sessions", is_error: false },
      { code: -32601, message: "Method not supported: other/thing" },
    ]);
  };
  return use().finally(() => client.close());
});

test("a subscription misses nothing, and ends as it was ended", () =>
  against("streams", async (client) => {
    const closed = await client.subscribeSessionEvents(ID);
    const seen: number[] = [];
    for await (const event of closed) {
      seen.push(event.seq);
      if (event.payload.type === "text_delta") await closed.close();
    }
    assert.deepEqual(seen, [1, 2]);
    assert.equal(closed.outcome, "explicit_close");
    await closed.close();

    const over = await client.subscribeSessionEvents(ID);
    await client.interrupt(ID);
    await assert.rejects(all(over), { code: "stream_queue_overflow" });

    const gone = await client.subscribeSessionEvents(ID);
    await client.archive(ID);
    assert.equal((await all(gone))[0]?.payload.type, "turn_started");
    assert.equal(gone.outcome, "remote_end");
  }));

test("what the server lacks is refused by name before anything is sent", () =>
  against("none", async (client) => {
    const lacks = (e: unknown) =>
      e instanceof CapabilityUnavailableError && e.code === "CAPABILITY_UNAVAILABLE";
    assert.throws(() => client.requireCapability("shell"), lacks);
    assert.throws(() => client.requireCapability("nonsense"), lacks);
    await assert.rejects(client.createMob({ definition: { id: "m" } }), lacks);
    await assert.rejects(client.listMobs(), lacks);
    await assert.rejects(client.listSkills(), lacks);
    const session = await client.createSession("x");
    await assert.rejects(session.peers(), lacks);
    await assert.rejects(session.send({ kind: "input", body: "b" }), lacks);
    await assert.rejects(session.invokeSkill({ sourceUuid: "u", skillName: "n" }, "x"), (e) =>
      lacks(e) && (e as CapabilityUnavailableError).capabilityHint?.capability_id === "skills");
  }));

test("mobs and members speak the wire's names", () =>
  against("mobs", async (client) => {
    const made = await client.createMob({
      definition: { id: "m", profiles: { leadAgent: { peerDescription: "d" } }, spawnPolicy: {} },
    });
    assert.deepEqual(JSON.parse(made.id), {
      definition: { id: "m", profiles: { leadAgent: { peer_description: "d" } }, spawn_policy: {} },
    });
    assert.deepEqual(await client.listMobs(), [{ mobId: "m", status: "Running" }]);
    assert.equal(await made.status(), "Running");
    const spawned = await made.spawn({ profile: "p", meerkatId: "a", context: { aB: 1 } });
    assert(spawned.memberRef.kind === "session");
    assert.deepEqual(JSON.parse(spawned.memberRef.sessionId),
      { mob_id: made.id, profile: "p", meerkat_id: "a", context: { aB: 1 } });
    assert.deepEqual((await made.respawn("a")).receipt,
      { memberId: "a", oldSessionId: "o", newSessionId: null });
    const told = await made.member("a").send("work", { handlingMode: "steer" });
    assert.deepEqual(JSON.parse(told.memberId),
      { mob_id: made.id, meerkat_id: "a", content: "work", handling_mode: "steer" });
    await made.wire("a", "b");
    assert.deepEqual((await made.members())[0],
      { meerkatId: "a", profileName: "p", profile: "p", wiredTo: ["b"], isFinal: false, status: "active" });
    assert.deepEqual(await made.flowStatus("r"), { run: null });
    for await (const event of await made.subscribeEvents()) {
      assert.equal(event.source, "a");
      assert.equal(event.envelope.payload.type, "text_delta");
      break;
    }
    for await (const event of await made.member("a").subscribeEvents()) {
      assert.equal(event.payload.type, "text_delta");
      break;
    }
    const receipt = await client.send(ID, { kind: "peer_message", to: "b", handling_mode: "queue", params: { aB: 1 } });
    assert.deepEqual(JSON.parse(receipt.envelopeId ?? ""),
      { session_id: ID, kind: "peer_message", to: "b", handling_mode: "queue", params: { aB: 1 } });
    assert.deepEqual((await client.peers(ID))[0],
      { name: "b", peerId: "p", sendableKinds: ["peer_message"], capabilities: { raw_key: 1 } });
  }));
