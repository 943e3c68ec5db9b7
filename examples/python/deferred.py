"""A session now, its first turn later."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        deferred = await client.create_deferred_session("You are terse.")
        result = await deferred.start_turn("What is the capital of France?")
        print(result.text)
        print((await deferred.session.turn("And of Germany?")).text)

asyncio.run(main())

#> Paris.
#> Berlin.
