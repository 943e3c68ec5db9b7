"""Watch a turn: text as it comes, tool calls, tokens."""

import asyncio
from meerkat import MeerkatClient, TextDelta, ToolCallRequested, TurnCompleted

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "List three interesting facts about penguins.",
            model="claude-sonnet-4-5",
        )
        print(f"First turn: {session.text}\n")

        async with session.stream("Now give me three more facts.") as events:
            async for event in events:
                match event:
                    case TextDelta(delta=chunk):
                        print(chunk, end="", flush=True)
                    case ToolCallRequested(name=name):
                        print(f"\nCalling tool: {name}")
                    case TurnCompleted(usage=u):
                        print(f"\nTokens: {u.input_tokens} in / {u.output_tokens} out")
                    case _:
                        pass
        print(f"Turns: {events.result.turns}")

asyncio.run(main())

#> First turn: They swim, they waddle, they huddle.
#>
#> They dive, they sing, they moult.
#> Tokens: 40 in / 9 out
#> Turns: 1
