"""A Python function as the model's tool."""

import asyncio
from meerkat import MeerkatClient

client = MeerkatClient()

@client.tool(
    "thermometer",
    description="Temperature of a room in degrees Celsius.",
    input_schema={"type": "object", "properties": {"room": {"type": "string"}}},
)
async def thermometer(arguments):
    return f"{arguments['room']}: 21"

async def main():
    async with client:
        session = await client.create_session("How warm is it?")
        print(session.text)

asyncio.run(main())

#> The tool says: kitchen: 21
