// Sessions that talk to each other.

import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

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
console.log(receipt.kind, receipt.delivery);
//> agent-b
//> peer_message_sent delivered

await client.close();
