"""A turn with a skill, when the server has skills."""

import asyncio
from meerkat import MeerkatClient, MeerkatError, SkillKey

async def main():
    async with MeerkatClient() as client:
        session = await client.create_session(
            "I need help reviewing code.",
            model="claude-sonnet-4-5",
        )

        key = SkillKey(source_uuid="abc123", skill_name="code-review")
        try:
            result = await session.invoke_skill(key, "Review this Python function for bugs.")
            print(result.text)
        except MeerkatError as e:
            print(f"No review: {e.code}")

        await session.archive()

asyncio.run(main())

#> No review: ...
