"""An answer that fits a JSON Schema, as a Python value."""

import asyncio
from meerkat import MeerkatClient

async def main():
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "country": {"type": "string"},
            "population": {"type": "integer"},
        },
        "required": ["city", "country", "population"],
    }

    async with MeerkatClient() as client:
        session = await client.create_session(
            "Give me information about Tokyo.",
            output_schema=schema,
            structured_output_retries=3,
        )
        print(session.structured_output)
        await session.archive()

asyncio.run(main())

#> {'city': 'Tokyo', 'country': 'Japan', 'population': 14000000}
