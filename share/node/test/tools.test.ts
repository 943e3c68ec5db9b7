import { test } from "node:test";
import assert from "node:assert/strict";

import type { AgentEvent } from "@rkat/sdk";
import { live } from "./live.js";

test("a tool may be slow, may fail, and may call the server itself", () =>
  live(async (client) => {
    await client.registerTool("weather", "The weather", { type: "object" }, async () => {
      await new Promise<void>((go) => setTimeout(go, 50));
      return { listed: Array.isArray(await client.listSessions()) };
    });
    const events: AgentEvent[] = [];
    const stream = client.createSessionStreaming("How is the weather?");
    for await (const event of stream) events.push(event);
    assert.equal(stream.result.text, 'It is {"listed":true}.');
    assert.equal(stream.result.toolCalls, 1);
    const done = events.find((e) => e.type === "tool_execution_completed");
    assert(done?.type === "tool_execution_completed" && !done.isError && done.durationMs >= 40);
  }));
