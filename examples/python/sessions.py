"""List, read, put away; come back to a session of a realm with another client."""

import asyncio
from meerkat import MeerkatClient, SessionNotFoundError

async def main():
    client = await MeerkatClient().connect(realm_id="team-alpha", instance_id="worker-1")
    async with client:
        session = await client.create_session("What is the capital of France?")
        for s in await client.list_sessions():
            print(s.session_id == session.id, s.message_count > 1)
        state = await client.read_session(session.id)
        print(state["last_assistant_text"])

    async with await MeerkatClient().connect(realm_id="team-alpha") as client:
        again = await client.resume_session(session.id)
        print(again.text)
        print((await again.turn("And of Germany?")).text)
        for message in (await again.history()).messages:
            if message.role != "system":
                print(f"{message.role}: {message.text}")
        await again.archive()
        try:
            await client.read_session("00000000-0000-7000-8000-000000000000")
        except SessionNotFoundError as e:
            print(e.code)

asyncio.run(main())

#> True True
#> Paris.
#> Paris.
#> Berlin.
#> user: What is the capital of France?
#> block_assistant: Paris.
#> user: And of Germany?
#> block_assistant: Berlin.
#> SESSION_NOT_FOUND
