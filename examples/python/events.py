"""The outside world speaks to a session; a subscription shows what comes of it."""

import asyncio
from meerkat import MeerkatClient, RunCompleted

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session("hello")
        async with await session.subscribe_events() as subscription:
            await session.send_external_event(
                "deploy_complete",
                {
                    "environment": "prod",
                    "release": "2026.04.21",
                },
            )
            await session.send(payload={"alert": "deployment failed"}, source="monitoring")
            async for envelope in subscription:
                if isinstance(envelope.payload, RunCompleted):
                    print("the session has run by itself")
                    break

asyncio.run(main())

#> the session has run by itself
