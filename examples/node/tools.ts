// A function of this program as a tool of the model, and a session that is told
// things from outside.

import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.registerTool(
  "weather",
  "The weather in a city",
  { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  ({ city }) => `sunny in ${String(city)}`,
);
await client.connect();

const session = await client.createSession("How is the weather in Oslo?");
console.log(session.text, session.toolCalls);
//> It is sunny in Oslo. 1

const { status } = await session.injectContext("It is Sunday.", { source: "calendar" });
console.log(status);
//> staged

const events = await session.subscribeEvents();
await session.sendExternalEvent("deploy_complete", {
  environment: "prod",
  release: "2026.04.21",
});
for await (const { payload } of events) {
  if (payload.type === "run_completed") {
    console.log(payload.result);
    break;
  }
}
//> Noted.
await events.close();

await client.close();
