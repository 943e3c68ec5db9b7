// Sessions that talk to each other, where the server has comms.

import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

if (!client.hasCapability("comms")) {
  console.log("this server has no comms");
} else {
  const session = await client.createSession("You are a coordinator.", {
    keepAlive: true,
    commsName: "agent-a",
  });
  await client.createSession("You investigate.", { keepAlive: true, commsName: "agent-b" });
  const peers = await session.peers();
  peers.forEach((peer) => console.log(peer.name));
  const receipt = await session.send({
    kind: "peer_message",
    to: "agent-b",
    body: "Build failed in CI. Please investigate.",
    handling_mode: "queue",
  });
  console.log(receipt);
}
//> this server has no comms

await client.close();
