// Another model of another provider, with parameters of its own.

import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

const session = await client.createSession("Hello", {
  model: "gpt-5.2",
  provider: "openai",
  providerParams: { reasoning_effort: "high" },
});
console.log(session.text);
//> You said: Hello

const { providers } = await client.getModelsCatalog();
console.log(providers.some((p) => p.provider === "openai" && p.models.length > 0));
//> true

await client.close();
