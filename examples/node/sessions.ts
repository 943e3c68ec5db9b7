// A session, a second turn, and what the server keeps of it.

import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

const session = await client.createSession("What is the capital of France?", {
  model: "claude-sonnet-4-5",
});
console.log(session.text);
//> Paris.

const result = await session.turn("Now explain it in more detail");
console.log(result.text);
//> Paris, on the Seine, since 987.

const sessions = await client.listSessions();
for (const s of sessions) {
  console.log(s.sessionId === session.id, s.messageCount > 0, s.isActive);
}
//> true true false

const state = await client.readSession(session.id);
console.log(state.model, "-", state.lastAssistantText);
//> claude-sonnet-4-5 - Paris, on the Seine, since 987.

const { messages } = await session.history();
console.log(messages.map((m) => m.role).filter((r) => r !== "system").join(" "));
//> user block_assistant user block_assistant

await session.interrupt(); // nothing runs: nothing happens
await session.archive();
console.log((await client.listSessions()).length);
//> 0

await client.close();
