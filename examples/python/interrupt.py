"""Stop a turn: by interrupt(), and by a time limit of your own."""

import asyncio
from meerkat import MeerkatClient, MeerkatError, TextDelta

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session("hello")
        try:
            async with session.stream("count slowly") as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        await session.interrupt()
        except MeerkatError:
            print("interrupted")

        try:
            await asyncio.wait_for(session.turn("count slowly"), timeout=0.5)
        except asyncio.TimeoutError:
            print("too slow")

        print((await session.turn("still there?")).text)

asyncio.run(main())

#> interrupted
#> too slow
#> You said: still there?
