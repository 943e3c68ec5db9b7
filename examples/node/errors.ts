// What can go wrong, by its class and by its code.

import {
  CapabilityUnavailableError, CONTRACT_VERSION, MeerkatClient, MeerkatError,
  SessionNotFoundError,
} from "@rkat/sdk";

console.log(CONTRACT_VERSION);
//> 0.5.2

const client = new MeerkatClient();
try {
  await client.createSession("Hello");
} catch (err) {
  if (err instanceof MeerkatError) console.log(err.code);
}
//> NOT_CONNECTED

async function attempt(what: () => Promise<unknown>): Promise<void> {
  try {
    await what();
  } catch (err) {
    if (err instanceof CapabilityUnavailableError) {
      console.log("missing:", err.capabilityHint?.capability_id);
    } else if (err instanceof SessionNotFoundError) {
      console.log("no such session");
    } else if (err instanceof MeerkatError) {
      console.log(`[${err.code}]`);
    }
  }
}

try {
  await client.connect();
  const session = await client.createSession("Hello");
  await session.turn("Next");
  await session.archive();
  await attempt(() => session.turn("Once more"));
  //> no such session
  await attempt(() => client.createSession("Divide by zero"));
  //> [PROVIDER_ERROR]
  await attempt(async () => client.requireCapability("time_travel"));
  //> missing: time_travel
} finally {
  await client.close();
}
