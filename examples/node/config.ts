// The configuration of a realm: read, replace, change a part.  A generation that is
// no longer the newest is refused, so two writers cannot undo each other.

import { MeerkatClient, MeerkatError } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect({ realmId: "team-alpha", instanceId: "worker-1" });

const config = await client.getConfig();
console.log(config.realmId, config.instanceId, config.generation);
//> team-alpha worker-1 0

const set = await client.setConfig(
  { agent: { model: "gpt-5.2" } },
  { expectedGeneration: config.generation },
);
const patched = await client.patchConfig(
  { agent: { maxTokensPerTurn: 8192 } },
  { expectedGeneration: set.generation },
);
console.log(patched.generation, (patched.config["agent"] as Record<string, unknown>)["max_tokens_per_turn"]);
//> 2 8192

try {
  await client.patchConfig({ agent: { model: "x" } }, { expectedGeneration: config.generation });
} catch (err) {
  if (err instanceof MeerkatError) console.log(err.code);
}
//> INVALID_PARAMS

await client.close();
