"""Typed messages between agents."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "You are a coordinator.",
            keep_alive=True,
            comms_name="agent-a",
        )
        await client.create_session("You investigate.", keep_alive=True, comms_name="agent-b")
        peers = await session.peers()
        for peer in peers:
            print(peer["name"])
        receipt = await session.send(
            kind="peer_message",
            to=peers[0]["peer_id"],
            body="Build failed in CI. Please investigate.",
            handling_mode="queue",
        )
        print(receipt["kind"], receipt["delivery"])

asyncio.run(main())

#> agent-b
#> peer_message_sent delivered
