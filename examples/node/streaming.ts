// Turns read while they run.

import { isTextDelta, isTurnCompleted, MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

// A new session
const stream = client.createSessionStreaming("Tell me a story");
for await (const event of stream) {
  if (event.type === "text_delta") {
    process.stdout.write(event.delta);
  }
}
const result = stream.result;
console.log();
//> Once upon a time a meerkat stood guard.
console.log(result.sessionId === stream.sessionId, result.turns);
//> true 1

// A later turn, with the type guards
const session = await client.createSession("Hello");
for await (const event of session.stream("Continue the story")) {
  if (isTextDelta(event)) {
    process.stdout.write(event.delta);
  }
  if (isTurnCompleted(event)) {
    console.log();
    console.log(event.stopReason, event.usage.inputTokens > 0);
  }
}
//>  It saw an eagle, and all were safe.
//> end_turn true

// Only what comes out
const last = await session.stream("Tell me a story").collect();
console.log(last.text === session.text);
//> true
const [fullText, end] = await session.stream("Continue the story").collectText();
console.log(fullText, end.usage.outputTokens > 0);
//>  It saw an eagle, and all were safe. true

await client.close();
