"""Another provider, with a parameter of its own."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "Hello",
            model="gpt-5.2",
            provider="openai",
            provider_params={"reasoning_effort": "high"},
        )
        print(session.text)

asyncio.run(main())

#> You said: Hello
