// Skills: for a session, for one turn, and by the call that asks first whether the
// server has them.

import { CapabilityUnavailableError, MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

const session = await client.createSession("Hello!");
try {
  const result = await session.invokeSkill(
    { sourceUuid: "abc123", skillName: "extraction-email" },
    "Extract emails from this text",
  );
  console.log(result.text);
} catch (err) {
  if (!(err instanceof CapabilityUnavailableError)) throw err;
  console.log("this server has no skills");
}
//> this server has no skills

await client.close();
