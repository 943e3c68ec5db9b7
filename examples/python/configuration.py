"""Read and change the realm's configuration; a stale generation is refused."""

import asyncio
from meerkat import MeerkatClient, MeerkatError

async def main():
    async with await MeerkatClient().connect(realm_id="team-beta") as client:
        now = await client.get_config()
        n = now["generation"]
        await client.set_config({"agent": {"model": "gpt-5.2"}}, expected_generation=n)
        updated = await client.patch_config(
            {"agent": {"max_tokens_per_turn": 8192}}, expected_generation=n + 1
        )
        print(updated["config"]["agent"]["model"], updated["config"]["agent"]["max_tokens_per_turn"])
        try:
            await client.patch_config({"agent": {"model": "x"}}, expected_generation=n)
        except MeerkatError as e:
            print(e.code)

asyncio.run(main())

#> gpt-5.2 8192
#> INVALID_PARAMS
