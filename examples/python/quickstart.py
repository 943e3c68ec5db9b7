"""A question, a second one, and the session is put away."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session("What is the capital of France?")
        print(session.text)

        result = await session.turn("And of Germany?")
        print(result.text)

        await session.archive()

asyncio.run(main())

#> Paris.
#> Berlin.
