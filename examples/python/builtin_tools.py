"""Let the model use the shell."""

import asyncio
from meerkat import MeerkatClient

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "Create a file called hello.txt with 'Hello World' in it",
            enable_builtins=True,
            enable_shell=True,
        )
        print(f"Response: {session.text}")
        print(f"Tool calls made: {session.tool_calls}")
        await session.archive()

asyncio.run(main())

#> Response: hello.txt is written.
#> Tool calls made: 1
