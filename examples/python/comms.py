"""Typed messages between agents, when the server has comms."""

import asyncio
from meerkat import CapabilityUnavailableError, MeerkatClient

async def main():
    async with MeerkatClient() as client:
        try:
            session = await client.create_session(
                "You are a coordinator.",
                keep_alive=True,
                comms_name="agent-a",
            )
            for peer in await session.peers():
                print(peer["name"])
            receipt = await session.send({
                "kind": "peer_message",
                "to": "agent-b",
                "body": "Build failed in CI. Please investigate.",
                "handling_mode": "queue",
            })
            print(receipt)
        except CapabilityUnavailableError as e:
            print(e.message)

asyncio.run(main())

#> ...
