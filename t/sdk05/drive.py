"""Drives rkat-rpc with the published Python client of contract 0.5, as it is.

The client is `meerkat` on PYTHONPATH; every call of it that is not about skills, mobs,
peers, MCP servers and schedules stands here.  Environment: see t/sdk05.bats.
"""

from __future__ import annotations

import asyncio
import os
import sys
import unittest
import uuid
from datetime import datetime, timezone

import meerkat
from meerkat import MeerkatClient, MeerkatError
from meerkat.events import (
    RunCompleted,
    RunFailed,
    RunStarted,
    TextComplete,
    TextDelta,
    ToolCallRequested,
    ToolExecutionCompleted,
    ToolExecutionStarted,
    ToolResultReceived,
    TurnCompleted,
    TurnStarted,
)

VERSION = os.environ["SDK_VERSION"]
newest = unittest.skipUnless(VERSION == "0.5.2", f"{VERSION} has no such call")
NOBODY = "019a0000-0000-7000-8000-000000000000"


def prompt_input(text: str, key: str | None = None) -> dict[str, object]:
    """An input of the kind `prompt`, as runtime/accept takes it (rpc.md section 10.4)."""
    header: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "source": {"type": "operator"},
        "durability": "durable",
        "visibility": {"transcript_eligible": True, "operator_eligible": True},
    }
    if key is not None:
        header["idempotency_key"] = key
    return {"input_type": "prompt", "header": header, "text": text}


class Drive(unittest.IsolatedAsyncioTestCase):
    """A server per test; a call that hangs fails by its own deadline."""

    async def asyncSetUp(self) -> None:
        self.realm = "r" + uuid.uuid4().hex[:12]
        self.client = MeerkatClient()
        await self.within(self.client.connect(realm_id=self.realm))

    async def asyncTearDown(self) -> None:
        await self.within(self.client.close())

    @staticmethod
    async def within(work, seconds=20):
        return await asyncio.wait_for(work, seconds)

    async def eventually(self, ask, deadline=10.0):
        """Ask until the answer is true."""
        for _ in range(int(deadline / 0.02)):
            answer = await self.within(ask())
            if answer:
                return answer
            await asyncio.sleep(0.02)
        self.fail("waited in vain")

    async def fails(self, work) -> MeerkatError:
        with self.assertRaises(MeerkatError) as caught:
            await self.within(work)
        return caught.exception

    # -- handshake ---------------------------------------------------------

    async def test_handshake(self) -> None:
        client = self.client
        ids = [capability.id for capability in client.capabilities]
        self.assertEqual(ids[0], "sessions")
        self.assertTrue(client.has_capability("sessions"))
        self.assertFalse(client.has_capability("nothing"))
        with self.assertRaises(meerkat.CapabilityUnavailableError):
            client.require_capability("nothing")

    async def test_the_flags_of_connect(self) -> None:
        client = MeerkatClient()
        await self.within(client.connect(
            realm_id="flags", instance_id="here", realm_backend="sqlite",
            state_root=os.environ["T"] + "/other", context_root=os.environ["T"],
            user_config_root=os.environ["T"]))
        config = await self.within(client.get_config())
        self.assertEqual((config["realm_id"], config["instance_id"]), ("flags", "here"))
        self.assertTrue(config["resolved_paths"]["root"].startswith(os.environ["T"] + "/other"))
        await self.within(client.close())

    async def test_a_client_in_a_realm_of_its_own(self) -> None:
        client = MeerkatClient()
        await self.within(client.connect(isolated=True))
        config = await self.within(client.get_config())
        self.assertRegex(config["realm_id"], r"^realm-[0-9a-f-]{36}$")
        await self.within(client.close())

    async def test_a_program_named_rkat_is_called_as_rkat_rpc(self) -> None:
        os.environ["MEERKAT_BIN_PATH"] = os.environ["RKAT_BIN"]
        try:
            client = MeerkatClient()
            await self.within(client.connect())
            session = await self.within(client.create_session("hello"))
            self.assertEqual(session.text, "You said: hello")
            await self.within(client.close())
        finally:
            del os.environ["MEERKAT_BIN_PATH"]

    # -- sessions and turns ------------------------------------------------

    async def test_create_turn_and_history(self) -> None:
        late = {}
        if VERSION == "0.5.2":
            late = {"labels": {"team": "blue"}, "additional_instructions": ["In English."],
                    "app_context": {"k": 1}, "shell_env": {"A": "b"}}
        session = await self.within(self.client.create_session(
            "hello", model="claude-sonnet-4-5", system_prompt="Be brief.", max_tokens=500,
            enable_builtins=False, budget_limits={"max_tokens": 100000}, provider_params={}, **late))
        self.assertEqual(uuid.UUID(session.id).version, 7)
        self.assertEqual(session.ref, f"{self.realm}:{session.id}")
        self.assertEqual((session.text, session.turns, session.tool_calls), ("You said: hello", 1, 0))
        self.assertEqual((session.usage.input_tokens, session.usage.output_tokens), (10, 5))

        result = await self.within(session.turn("again"))
        self.assertEqual(result.text, "You said: again")
        self.assertEqual(session.last_result, result)
        self.assertEqual(result.usage.input_tokens, 20)  # of the whole session

        history = await self.within(session.history())
        self.assertEqual([message.role for message in history.messages if message.role != "system_notice"],
                         ["system", "user", "block_assistant", "user", "block_assistant"])
        self.assertIn("Be brief.", history.messages[0].content)
        self.assertEqual(history.messages[1].content, "hello")
        self.assertEqual(history.messages[2].blocks[0].text, "You said: hello")
        page = await self.within(session.history(offset=1, limit=1))
        self.assertEqual((page.offset, page.limit, page.has_more, len(page.messages)), (1, 1, True, 1))

    async def test_a_prompt_of_blocks(self) -> None:
        session = await self.within(self.client.create_session([
            {"type": "text", "text": "what is this"},
            {"type": "image", "media_type": "image/png", "source": "inline",
             "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}]))
        history = await self.within(session.history())
        user = next(message for message in history.messages if message.role == "user")
        image = user.content[1]
        self.assertEqual((image["type"], image["source"]), ("image", "blob"))
        blob = await self.within(self.client.get_blob(image["blob_id"]))
        self.assertEqual(blob.media_type, "image/png")
        self.assertTrue(blob.data_base64.startswith("iVBORw0KGgo"))
        self.assertIn("blob", str(await self.fails(self.client.get_blob("sha256:" + "0" * 64))))

    async def test_structured_output(self) -> None:
        session = await self.within(self.client.create_session(
            "three facts", structured_output_retries=1,
            output_schema={"type": "object", "properties": {"facts": {"type": "array"}}, "required": ["facts"]}))
        self.assertEqual(session.structured_output, {"facts": ["a", "b", "c"]})
        self.assertIsInstance(session.last_result.schema_warnings or [], list)

    @newest
    async def test_list_and_read(self) -> None:
        session = await self.within(self.client.create_session("hello", labels={"n": "1"}))
        await self.within(self.client.create_session("other", labels={"n": "2"}))
        found = await self.within(self.client.list_sessions(labels={"n": "1"}))
        self.assertEqual([(one.session_id, one.labels) for one in found], [(session.id, {"n": "1"})])
        self.assertGreater(found[0].total_tokens, 0)
        self.assertGreater(found[0].created_at, 0)
        self.assertEqual(len(await self.within(self.client.list_sessions(limit=1, offset=1))), 1)
        details = await self.within(self.client.read_session(session.id))
        self.assertEqual((details.session_id, details.session_ref, details.labels),
                         (session.id, session.ref, {"n": "1"}))
        self.assertEqual((details.is_active, details.last_assistant_text, details.provider),
                         (False, "You said: hello", "anthropic"))
        self.assertEqual((await self.within(self.client.read_session(session.ref))).session_id, session.id)

    async def test_archive(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        await self.within(session.archive())
        self.assertEqual(await self.within(self.client.list_sessions()), [])
        self.assertEqual((await self.fails(session.archive())).code, "-32001")
        # What is archived can be read.
        self.assertEqual((await self.within(self.client.read_session(session.id))).message_count, 3)

    async def test_deferred_sessions(self) -> None:
        deferred = await self.within(self.client.create_deferred_session("first"))
        self.assertEqual(deferred.ref, f"{self.realm}:{deferred.id}")
        self.assertEqual((await self.within(deferred.history())).message_count, 0)
        result = await self.within(deferred.start_turn(
            "then", system_prompt="Short.", max_tokens=300, model="gpt-5.4",
            output_schema=None, structured_output_retries=None))
        self.assertEqual(result.text, "You said: first\n\nthen")
        details = await self.within(self.client.read_session(deferred.id))
        self.assertEqual((details.model, details.provider), ("gpt-5.4", "openai"))
        error = await self.fails(deferred.start_turn("more", system_prompt="Other."))
        self.assertEqual(error.code, "-32602")
        await self.within(deferred.inject_context("something"))
        await self.within(deferred.interrupt())
        await self.within(deferred.archive())

    @newest
    async def test_what_a_turn_changes(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        result = await self.within(session.turn(
            "again", additional_instructions=["Now."], flow_tool_overlay={"allowed_tools": []}))
        self.assertIn("Now.", result.text)
        await self.within(session.turn("again", model="gpt-5.4", provider="openai"))
        self.assertEqual((await self.within(self.client.read_session(session.id))).model, "gpt-5.4")
        self.assertEqual((await self.fails(session.turn("x", provider="openai"))).code, "-32602")

    # -- streams -----------------------------------------------------------

    async def test_a_streamed_turn(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        seen = []
        async with session.stream("stream it") as events:
            async for event in events:
                seen.append(event)
        self.assertEqual([type(event) for event in seen if not isinstance(event, TextDelta)],
                         [RunStarted, TurnStarted, TextComplete, TurnCompleted, RunCompleted])
        self.assertEqual("".join(e.delta for e in seen if isinstance(e, TextDelta)), "streamed in pieces")
        self.assertEqual((seen[0].session_id, seen[0].prompt), (session.id, "stream it"))
        self.assertEqual(seen[-2].usage.input_tokens, 7)
        self.assertEqual(events.result.text, "streamed in pieces")
        self.assertEqual(session.last_result, events.result)

    async def test_a_streamed_create(self) -> None:
        async def work():
            stream = self.client.create_session_streaming("stream it")
            text, result = await stream.collect_text()
            return text, result, stream.session_id

        text, result, session_id = await self.within(work())
        self.assertEqual((text, result.text), ("streamed in pieces", "streamed in pieces"))
        self.assertEqual(session_id, result.session_id)

    async def test_a_streamed_turn_that_fails(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        seen = []
        with self.assertRaises(MeerkatError) as caught:
            async with session.stream("broken") as events:
                async for event in events:
                    seen.append(event)
        self.assertIsInstance(seen[-1], RunFailed)
        self.assertIn("the model is out", seen[-1].error)
        self.assertIn("the model is out", caught.exception.message)

    async def test_an_answer_as_large_as_the_reader_allows(self) -> None:
        # One line of 64 KiB kills this client's reader.  An answer of more is beyond it
        # (its reply is one line); one of less, told in three events and a reply, is not.
        text, result = await self.within(self.client.create_session_streaming("big").collect_text())
        self.assertEqual((len(text), result.text), (60000, text))

    async def test_subscriptions(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        subscription = await self.within(session.subscribe_events())
        seen = []

        async def watch() -> None:
            async for event in subscription:
                seen.append(event)

        watching = asyncio.ensure_future(watch())
        await self.within(session.turn("stream it"))
        await self.eventually(lambda: asyncio.sleep(0, any(
            isinstance(event.payload, RunCompleted) for event in seen)))
        first = seen[0].seq
        self.assertEqual([event.seq for event in seen], list(range(first, first + len(seen))))
        self.assertEqual({event.source_id for event in seen}, {f"session:{session.id}"})
        self.assertTrue(all(event.event_id and event.timestamp_ms for event in seen))
        await self.within(subscription.close())
        await self.within(watching)
        await self.within(subscription.close())

        again = await self.within(self.client.subscribe_session_events(session.id))
        await self.within(session.archive())

        async def drain() -> None:
            async for _ in again:
                pass

        await self.within(drain())
        self.assertEqual(again.terminal_outcome["outcome"], "remote_end")
        self.assertEqual((await self.fails(self.client.subscribe_session_events(NOBODY))).code, "-32001")

    # -- interrupt, context, events from outside ---------------------------

    async def test_interrupt(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        seen: list[object] = []

        async def turn() -> None:
            async with session.stream("slow") as events:
                async for event in events:
                    seen.append(event)

        running = asyncio.ensure_future(turn())
        await self.eventually(lambda: asyncio.sleep(0, any(isinstance(e, TextDelta) for e in seen)))
        self.assertTrue((await self.within(self.client.read_session(session.id))).is_active)
        await self.within(session.interrupt())
        await self.fails(running)
        self.assertIsInstance(seen[-1], TextDelta)  # no terminal event
        self.assertEqual((await self.within(session.turn("after"))).text, "You said: after")

    async def test_context(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        for want in "staged", "duplicate":
            answer = await self.within(session.inject_context(
                "the deploy window is at noon", source="ops", idempotency_key="k1"))
            self.assertEqual(answer, {"status": want})
        self.assertEqual((await self.within(session.turn("marker"))).text, "I know the window.")
        self.assertEqual((await self.fails(session.inject_context("  "))).code, "-32602")

    @newest
    async def test_events_from_outside(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        outcome = await self.within(session.send_external_event({"body": "disk is full"}, source="monitor"))
        self.assertEqual(outcome["outcome_type"], "accepted")
        uuid.UUID(outcome["input_id"])

        async def told() -> bool:
            messages = (await session.history()).messages
            return any(m.role == "user" and m.content.startswith("[EVENT via monitor]")
                       and "disk is full" in m.content for m in messages)

        await self.eventually(told)

    # -- comms --------------------------------------------------------------

    async def test_comms(self) -> None:
        a = await self.within(self.client.create_session("hello", comms_name="a"))
        b = await self.within(self.client.create_session(
            "hello", comms_name="b", keep_alive=True, peer_meta={"description": "reviews"}))
        self.assertEqual((b.text, b.turns, b.usage.input_tokens), ("", 0, 0))
        peers = await self.within(a.peers())
        self.assertEqual([(p["name"], p["source"], p["meta"]) for p in peers],
                         [("b", "Inproc", {"description": "reviews"})])
        sent = await self.within(a.send(kind="peer_message", to="b", body="look here", handling_mode="queue"))
        self.assertEqual((sent["kind"], sent["acked"]), ("peer_message_sent", True))
        asked = await self.within(a.send(
            kind="peer_request", to=peers[0]["peer_id"], intent="review", params={"n": 1}, handling_mode="steer"))
        self.assertEqual(asked["request_id"], asked["envelope_id"])

        async def heard(session: object, text: str) -> bool:
            messages = (await session.history()).messages
            return any(m.role == "user" and text in str(m.content) for m in messages)

        await self.eventually(lambda: heard(b, "look here"))
        await self.eventually(lambda: heard(b, f"[COMMS REQUEST from a (id: {asked['request_id']})]"))
        told = await self.within(b.send(
            kind="peer_response", to="a", in_reply_to=asked["request_id"], status="completed", result={"ok": True}))
        self.assertEqual(told["in_reply_to"], asked["request_id"])
        await self.eventually(lambda: heard(a, f"[COMMS RESPONSE from b (to request: {asked['request_id']})]"))
        error = await self.fails(a.send(kind="peer_message", to="c", handling_mode="queue"))
        self.assertEqual((error.code, error.message),
                         ("peer_not_found_or_not_trusted", "peer 'c' is not found or not trusted"))
        error = await self.fails(self.client.create_session("hello", keep_alive=True))
        self.assertEqual(error.message, "keep_alive requires a session created with comms_name")

    # -- callback tools ----------------------------------------------------

    async def test_callback_tools(self) -> None:
        @self.client.tool("search", description="Searches", input_schema={
            "type": "object", "properties": {"q": {"type": "string"}}})
        async def search(arguments: dict[str, str]) -> str:
            # While a call waits, others are served.
            found = await self.client.list_sessions()
            return f"found {arguments['q']} beside {len(found)}"

        @self.client.tool("fails")
        async def fails(arguments: dict[str, str]) -> str:
            raise ValueError("no way")

        session = await self.within(self.client.create_session("hello"))
        seen = []
        async with session.stream("use both") as events:
            async for event in events:
                if not isinstance(event, TextDelta):
                    seen.append(event)
        kinds = [type(event) for event in seen]
        self.assertEqual(kinds[kinds.index(ToolCallRequested):][:2], [ToolCallRequested] * 2)
        self.assertEqual(kinds.count(ToolExecutionStarted), 2)
        done = [event for event in seen if isinstance(event, ToolExecutionCompleted)]
        self.assertEqual([(e.name, e.result, e.is_error) for e in done],
                         [("search", "found 9007199254740993 beside 1", False), ("fails", "Tool error: no way", True)])
        self.assertEqual(kinds.count(ToolResultReceived), 2)
        self.assertEqual(events.result.tool_calls, 2)
        self.assertTrue(events.result.text.endswith("Tool error: no way"), events.result.text)

    async def test_tools_declared_before_connect_and_tools_of_one_session(self) -> None:
        client = MeerkatClient()

        @client.tool("own", description="declared early")
        async def own(arguments: dict[str, str]) -> str:
            return "early"

        await self.within(client.connect(realm_id=self.realm))
        session = await self.within(client.create_session("use own"))
        self.assertEqual(session.text, "The tool says: early")
        if VERSION == "0.5.2":
            session = await self.within(client.create_session("use own", external_tools=[
                {"name": "own", "description": "of the session", "input_schema": {"type": "object"}}]))
            self.assertEqual(session.text, "The tool says: early")
        await self.within(client.close())

    # -- config, models ----------------------------------------------------

    async def test_config(self) -> None:
        before = await self.within(self.client.get_config())
        self.assertEqual(before["realm_id"], self.realm)
        generation = before["generation"]
        after = await self.within(self.client.patch_config(
            {"agent": {"model": "gpt-5.4"}}, expected_generation=generation))
        self.assertEqual((after["generation"], after["config"]["agent"]["model"]), (generation + 1, "gpt-5.4"))
        error = await self.fails(self.client.patch_config({}, expected_generation=generation))
        self.assertEqual(error.code, "-32602")
        self.assertIn("Generation conflict", error.message)
        back = await self.within(self.client.set_config(before["config"], expected_generation=generation + 1))
        self.assertEqual(back["config"], before["config"])

    @newest
    async def test_models(self) -> None:
        catalog = await self.within(self.client.get_models_catalog())
        self.assertGreaterEqual(len(catalog["providers"]), 3)
        self.assertIn("claude", str(catalog["providers"]))

    # -- runtime and inputs ------------------------------------------------

    @newest
    async def test_runtime_and_inputs(self) -> None:
        session = await self.within(self.client.create_session("hello"))
        self.assertEqual((await self.within(self.client.runtime_state(session.id))).state, "attached")
        outcome = await self.within(self.client.runtime_accept(session.id, prompt_input("queued", "once")))
        self.assertEqual(outcome.outcome_type, "accepted")
        again = await self.within(self.client.runtime_accept(session.id, prompt_input("queued", "once")))
        self.assertEqual((again.outcome_type, again.existing_id), ("deduplicated", outcome.input_id))

        async def consumed() -> bool:
            state = await self.client.input_state(session.id, outcome.input_id)
            return state is not None and state.current_state == "consumed"

        await self.eventually(consumed)
        state = await self.within(self.client.input_state(session.id, outcome.input_id))
        self.assertEqual((state.input_id, state.history[0].from_), (outcome.input_id, "accepted"))
        self.assertEqual(await self.within(self.client.input_list(session.id)), [])
        self.assertIsNone(await self.within(self.client.input_state(session.id, str(uuid.uuid4()))))
        self.assertEqual((await self.within(self.client.runtime_reset(session.id))).inputs_abandoned, 0)
        retired = await self.within(self.client.runtime_retire(session.id))
        self.assertEqual((retired.inputs_abandoned, retired.inputs_pending_drain), (0, 0))
        refused = await self.within(self.client.runtime_accept(session.id, prompt_input("late")))
        self.assertEqual(refused.outcome_type, "rejected")
        self.assertEqual((await self.fails(self.client.runtime_state(NOBODY))).code, "-32001")

    # -- errors ------------------------------------------------------------

    async def test_errors(self) -> None:
        error = await self.fails(self.client.read_session(NOBODY))
        self.assertEqual((error.code, error.message), ("-32001", f"Session not found: {NOBODY}"))
        self.assertEqual((await self.fails(self.client.read_session("nope"))).code, "-32602")
        error = await self.fails(self.client.create_session("broken"))
        self.assertIn("the model is out", error.message)
        self.assertEqual(await self.within(self.client.list_sessions()), [])  # archived

    @newest
    async def test_parts_that_the_server_does_not_have(self) -> None:
        listed = self.client._methods  # noqa: SLF001: what initialize told
        for method, call in (
            ("schedule/list", lambda: self.client.list_schedules()),
            ("skills/list", lambda: self.client.list_skills()),
            ("mob/list", lambda: self.client.list_mobs()),
        ):
            if method not in listed:
                with self.subTest(method):
                    error = await self.fails(call())
                    self.assertIn(error.code, ("-32601", "CAPABILITY_UNAVAILABLE"))

    async def test_the_end_with_a_turn_running(self) -> None:
        client = MeerkatClient()
        await self.within(client.connect(realm_id=self.realm))
        session = await self.within(client.create_session("hello"))
        running = asyncio.ensure_future(session.turn("slow"))
        await self.eventually(lambda: self.active(session.id))
        process = client._process  # noqa: SLF001: its exit status is the question
        running.cancel()
        await self.within(client.close(), 6)
        self.assertEqual(process.returncode, 0)
        # Another client finds the session idle and goes on.
        await self.eventually(lambda: self.idle(session.id))

    async def active(self, session_id: str) -> bool:
        return (await self.client.read_session(session_id)).is_active

    async def idle(self, session_id: str) -> bool:
        return not await self.active(session_id)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
