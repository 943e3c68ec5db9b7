import { test } from "node:test";
import assert from "node:assert/strict";

import { MeerkatError, SessionNotFoundError, type AgentEvent } from "@rkat/sdk";
import { live } from "./live.js";

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 1500; n++) {
    if (await done()) return;
    await new Promise<void>((go) => setTimeout(go, 20));
  }
  assert(false, "waited in vain");
}

test("every event of a turn is known, in order, and ends before the result", () =>
  live(async (client) => {
    const stream = client.createSessionStreaming("Tell me a story");
    const events: AgentEvent[] = [];
    for await (const event of stream) events.push(event);
    const types = events.map((e) => e.type).filter((t) => t !== "text_delta");
    assert.deepEqual(types, [
      "run_started", "turn_started", "text_complete", "turn_completed", "run_completed",
    ]);
    const said = events.map((e) => (e.type === "text_delta" ? e.delta : "")).join("");
    assert.equal(said, "Once upon a time a meerkat stood guard.");
    assert.equal(stream.result.text, said);
    assert(stream.result.usage.outputTokens > 0);
  }));

test("the result that comes from a stream is the session's last result", () =>
  live(async (client) => {
    const session = await client.createSession("Hello", { labels: { aLabel: "x" } });
    assert.equal(session.turns, 1);
    const result = await session.stream("Continue the story").collect();
    assert.equal(session.lastResult, result);
    assert.deepEqual((await client.listSessions({ labels: { aLabel: "x" } })).map((s) => s.sessionId), [session.id]);
    assert.deepEqual(await client.listSessions({ labels: { aLabel: "y" } }), []);
  }));

test("a deferred session runs its first turn later, with the prompt put before", () =>
  live(async (client) => {
    const deferred = await client.createDeferredSession("First.");
    assert.equal((await deferred.history()).messages.length, 0);
    const result = await deferred.startTurn("Second.", { maxTokens: 100 });
    assert.equal(result.sessionId, deferred.id);
    assert.match(result.text, /^You said: First\.\n\nSecond\.$/);
  }));

test("structured output comes as a value", () =>
  live(async (client) => {
    const session = await client.createSession("Tell me about Tokyo.", {
      outputSchema: {
        type: "object",
        properties: { city: { type: "string" }, country: { type: "string" } },
        required: ["city", "country"],
      },
      structuredOutputRetries: 3,
    });
    assert.deepEqual(session.structuredOutput, { city: "Tokyo", country: "Japan" });
  }));

test("a new session is known, and can be interrupted, while its first turn runs", () =>
  live(async (client) => {
    const stream = client.createSessionStreaming("Never stop");
    for await (const event of stream) if (event.type === "text_delta") break;
    await client.interrupt(stream.sessionId);
    await assert.rejects(stream.collect(), (e) => e instanceof MeerkatError);
  }));

test("an interrupted turn fails, and the session goes on", () =>
  live(async (client) => {
    const session = await client.createSession("Hello");
    const stream = session.stream("Never stop");
    for await (const event of stream) if (event.type === "text_delta") break;
    await session.interrupt();
    await assert.rejects(stream.collect(), (e) => e instanceof MeerkatError);
    assert.equal((await session.turn("Still there?")).text, "You said: Still there?");
  }));

test("sessions run beside each other, turns of one session after each other", () =>
  live(async (client) => {
    const sessions = await Promise.all(["a", "b", "c"].map((p) => client.createSession(p)));
    assert.deepEqual(sessions.map((s) => s.text), ["a", "b", "c"].map((p) => `You said: ${p}`));
    const session = sessions[0];
    assert(session);
    const streams = ["1", "2", "3"].map((p) => session.stream(p).collectText());
    assert.deepEqual((await Promise.all(streams)).map(([text]) => text),
      ["1", "2", "3"].map((p) => `You said: ${p}`));
  }));

test("new sessions may stream beside each other", () =>
  live(async (client) => {
    const prompts = ["same", "same", "other", "another"];
    const streams = prompts.map((p) => client.createSessionStreaming(p));
    const said = await Promise.all(streams.map((s) => s.collectText()));
    assert.deepEqual(said.map(([text]) => text), prompts.map((p) => `You said: ${p}`));
    for (const [text, result] of said) assert.equal(result.text, text);
  }));

test("a subscription hears the turns that others start, in sequence", () =>
  live(async (client) => {
    const session = await client.createSession("Hello");
    const events = await session.subscribeEvents();
    const outcome = await session.sendExternalEvent("ping", { body: "are you there?" }, { idempotencyKey: "k" });
    assert.equal(outcome.outcomeType, "accepted");
    const again = await session.sendExternalEvent("ping", { body: "are you there?" }, { idempotencyKey: "k" });
    assert.equal(again.outcomeType, "deduplicated");
    const seqs: number[] = [];
    for await (const event of events) {
      seqs.push(event.seq);
      if (event.payload.type === "run_completed") break;
    }
    assert.deepEqual(seqs, seqs.map((_, i) => (seqs[0] ?? 0) + i));
    await events.close();
    assert.equal(events.outcome, "explicit_close");
  }));

test("archiving ends a subscription and the session", () =>
  live(async (client) => {
    const session = await client.createSession("Hello");
    const events = await session.subscribeEvents();
    await session.archive();
    for await (const _ of events) continue;
    assert.equal(events.outcome, "remote_end");
    await assert.rejects(session.turn("x"), (e) => e instanceof SessionNotFoundError);
    await until(async () => (await client.listSessions()).length === 0);
  }));

test("a failed turn says why, and a stream of it fails alike", () =>
  live(async (client) => {
    await assert.rejects(client.createSession("Divide by zero"), (e) =>
      e instanceof MeerkatError && e.code === "PROVIDER_ERROR" && /the model refuses/.test(e.message));
    const session = await client.createSession("Hello");
    await assert.rejects(session.stream("Divide by zero").collect(), { code: "PROVIDER_ERROR" });
  }));
