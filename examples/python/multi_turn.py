"""A conversation of two turns with a named model."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "You are a helpful math tutor. What is 12 * 15?",
            model="claude-sonnet-4-5",
        )
        print(f"Turn 1: {session.text}")

        result = await session.turn("Now divide that result by 3.")
        print(f"Turn 2: {result.text}")

        await session.archive()

asyncio.run(main())

#> Turn 1: 180
#> Turn 2: 60
