"""Watch a new session from its first event; let collect() and collect_text() do the loop."""

import asyncio
from meerkat import MeerkatClient, TextDelta

async def main():
    async with MeerkatClient() as client:
        async with client.create_session_streaming("Tell me a story") as stream:
            async for event in stream:
                match event:
                    case TextDelta(delta=chunk):
                        print(chunk, end="", flush=True)
        print()
        print("same session:", stream.session_id == stream.result.session_id)

        session = await client.resume_session(stream.session_id)
        text, result = await session.stream("Continue the story").collect_text()
        print(text)
        result = await session.stream("Continue the story").collect()
        print(result.text)

asyncio.run(main())

#> Once upon a time.
#> same session: True
#> The end.
#> The end.
