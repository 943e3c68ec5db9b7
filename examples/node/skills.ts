// Skills: for a session, for one turn, and by the call that asks first whether the
// server has them.

import { CapabilityUnavailableError, MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

const key = { sourceUuid: "abc123", skillName: "extraction-email" };
if (client.hasCapability("skills")) {
  const session = await client.createSession("Hello!", {
    preloadSkills: ["extraction/email", "formatting/markdown"],
  });
  const result = await session.turn("Extract emails from this text", { skillRefs: [key] });
  console.log(result.text);
}

const session = await client.createSession("Hello!");
try {
  const result = await session.invokeSkill(key, "Extract emails from this text");
  console.log(result.text);
} catch (err) {
  if (!(err instanceof CapabilityUnavailableError)) throw err;
  console.log("this server has no skills");
}
//> this server has no skills

await client.close();
