"""Sessions, turns, tools, errors."""

from __future__ import annotations

import asyncio
import time
import warnings
from typing import Any

from meerkat import (
    CapabilityUnavailableError,
    MeerkatError,
    SessionNotFoundError,
    SkillKey,
    Usage,
)
from meerkat.errors import SkillNotFoundError, error_from_wire

from .support import FakeCase


class Sessions(FakeCase):
    async def test_a_session_shows_its_last_run(self) -> None:
        client = await self.connected()
        session = await client.create_session("hello")
        self.assertEqual(session.text, "You said: hello")
        self.assertEqual((session.id, session.ref), ("s1", "realm:s1"))
        result = await session.turn("again")
        self.assertEqual(result.text, "You said: again")
        self.assertEqual(session.last_result, result)
        self.assertEqual(session.usage, Usage(3, 5))
        self.assertEqual((session.turns, session.tool_calls), (1, 0))
        self.assertIsNone(session.structured_output)

    async def test_only_what_was_given_is_sent(self) -> None:
        client = await self.connected()
        await client.create_session(
            "hi", model="m", provider="", max_tokens=0, enable_shell=False, keep_alive=None,
            output_schema={"type": "object"}, skill_refs=[SkillKey("u", "n")],
        )
        [create] = await self.sent(client, "session/create")
        self.assertEqual(create["params"], {
            "prompt": "hi", "model": "m", "enable_shell": False,
            "output_schema": {"type": "object"},
            "skill_refs": [{"source_uuid": "u", "skill_name": "n"}],
        })

    async def test_a_keyword_that_is_none_of_ours_is_refused(self) -> None:
        client = await self.connected()
        options: Any = {"modle": "m"}
        with self.assertRaisesRegex(TypeError, "modle"):
            await client.create_session("hi", **options)

    async def test_blocks_say_where_their_data_are(self) -> None:
        client = await self.connected()
        await client.create_session([
            {"type": "text", "text": "see"},
            {"type": "image", "media_type": "image/png", "data": "AA=="},
            {"type": "image", "media_type": "image/png", "blob_id": "b"},
        ])
        [create] = await self.sent(client, "session/create")
        self.assertEqual([b.get("source") for b in create["params"]["prompt"]],
                         [None, "inline", "blob"])

    async def test_a_deferred_session_runs_later(self) -> None:
        client = await self.connected()
        deferred = await client.create_deferred_session("first")
        with self.assertRaises(MeerkatError):
            deferred.session
        result = await deferred.start_turn("go", max_tokens=9)
        self.assertEqual(result.text, "You said: go")
        self.assertEqual((await deferred.session.turn("on")).text, "You said: on")
        [create] = await self.sent(client, "session/create")
        self.assertEqual(create["params"]["initial_turn"], "deferred")

    async def test_a_deferred_session_can_be_watched_too(self) -> None:
        client = await self.connected()
        deferred = await client.create_deferred_session("first")
        text, result = await deferred.stream("go").collect_text()
        self.assertEqual(text, result.text)
        self.assertEqual(deferred.session.text, text)

    async def test_lists_and_histories_are_typed_and_tolerant(self) -> None:
        client = await self.connected()
        [info] = await client.list_sessions(limit=3)
        self.assertEqual((info.session_id, info.message_count, info.is_active), ("s1", 2, True))
        self.assertEqual(info.labels, {"a": "b"})
        session = await client.resume_session("s9")
        self.assertEqual((session.id, session.text), ("s9", "before"))
        history = await session.history()
        self.assertEqual([m.text for m in history.messages], ["hi", "hello"])
        self.assertEqual(history.messages[1].stop_reason, "end_turn")
        [asked] = await self.sent(client, "session/history")
        self.assertEqual(asked["params"], {"session_id": "s9", "offset": 0})
        self.assertEqual((await client.read_session("s9"))["message_count"], 2)
        self.assertEqual(await session.inject_context("note"), "staged")

    async def test_a_configuration_can_be_given_back_as_it_came(self) -> None:
        client = await self.connected()
        config = await client.get_config()
        await client.set_config(config)
        await client.set_config({"agent": {"model": "m"}}, expected_generation=3)
        await client.patch_config({"max_tokens": 1})
        first, second = await self.sent(client, "config/set")
        self.assertEqual(first["params"], {"config": {"agent": {}}})
        self.assertEqual(second["params"],
                         {"config": {"agent": {"model": "m"}}, "expected_generation": 3})

    async def test_an_event_without_a_kind_goes_to_the_external_lane(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        await session.send(payload={"alert": "x"}, source="monitoring")
        await session.send_external_event("deploy_complete", {"env": "prod"})
        with self.assertRaises(CapabilityUnavailableError):
            await session.send({"kind": "peer_message", "to": "b", "body": "x"})
        with self.assertRaises(CapabilityUnavailableError):
            await session.peers()
        first, second = await self.sent(client, "session/external_event")
        self.assertEqual(first["params"], {
            "session_id": "s1", "payload": {"alert": "x"}, "source": "monitoring"})
        self.assertEqual(second["params"], {
            "session_id": "s1", "payload": {"env": "prod"}, "kind": "generic_json",
            "event_type": "deploy_complete"})

    async def test_a_skill_as_text_still_works_and_is_deprecated(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            await session.invoke_skill("abc/review", "go")
        self.assertTrue(any(w.category is DeprecationWarning for w in caught))
        [turn] = await self.sent(client, "turn/start")
        self.assertEqual(turn["params"]["skill_refs"], ["abc/review"])

    async def test_turns_of_one_session_keep_their_order_and_sessions_overlap(self) -> None:
        client = await self.connected()
        one, two = await asyncio.gather(
            client.create_session("a"), client.create_session("b"))
        await asyncio.gather(one.turn("meet"), two.turn("meet"))
        done: list[str] = []

        async def turn(text: str) -> None:
            done.append((await one.turn(text)).text)

        await asyncio.gather(turn("sleep 0.2"), turn("b"), turn("c"))
        self.assertEqual(done, ["You said: sleep 0.2", "You said: b", "You said: c"])

    async def test_interrupt_ends_the_turn_with_an_error(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        turn = asyncio.ensure_future(session.turn("wait"))
        await asyncio.sleep(0.05)
        await session.interrupt()
        with self.assertRaises(MeerkatError) as caught:
            await turn
        self.assertIn("cancelled", caught.exception.message)

    async def test_a_cancelled_task_cancels_its_run(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(session.turn("wait"), 0.2)
        [cancel] = await self.sent(client, "cancel")
        [turn] = await self.sent(client, "turn/start")
        self.assertEqual(cancel["params"], {"request_id": turn["id"]})
        self.assertNotIn("id", cancel)
        self.assertEqual((await session.turn("next")).text, "You said: next")

    async def test_what_is_no_json_is_refused_here_and_not_sent(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        for prompt in ("\ud800", [{"type": "text", "text": float("nan")}], [{"x": object()}]):
            with self.assertRaises(MeerkatError) as caught:
                await session.turn(prompt)
            self.assertEqual(caught.exception.code, "INVALID_PARAMS")
        self.assertEqual((await session.turn("\u00e9\U0001f600")).text, "You said: \u00e9\U0001f600")

    async def test_a_reply_without_a_session_is_an_error(self) -> None:
        client = await self.connected()
        with self.assertRaises(MeerkatError) as caught:
            await client.create_session("nameless")
        self.assertEqual(caught.exception.code, "INVALID_RESPONSE")


class Death(FakeCase):
    async def test_the_death_of_the_server_fails_all_that_waits(self) -> None:
        client = await self.connected()
        one = await client.create_session("a")
        two = await client.create_session("b")
        waiting = asyncio.ensure_future(two.turn("wait"))
        stream = one.stream("die")
        with self.assertRaises(MeerkatError) as caught:
            async with stream:
                async for _ in stream:
                    pass
        self.assertEqual(caught.exception.code, "CONNECTION_CLOSED")
        self.assertIn("(exit status 7): out of luck", caught.exception.message)
        with self.assertRaises(MeerkatError):
            await waiting
        with self.assertRaises(MeerkatError) as caught:
            await one.turn("more")
        self.assertEqual(caught.exception.code, "CONNECTION_CLOSED")
        await client.close()
        await client.connect()
        self.assertEqual((await client.create_session("c")).text, "You said: c")

    async def test_a_signal_is_named_and_subscriptions_end(self) -> None:
        client = await self.connected()
        session = await client.create_session("a")
        subscription = await session.subscribe_events()
        with self.assertRaisesRegex(MeerkatError, "signal 9"):
            await session.turn("killed")
        with self.assertRaises(MeerkatError):
            async for _ in subscription:
                pass
        self.assertEqual(subscription.outcome, "terminal_error")
        await subscription.close()

    async def test_a_dead_server_whose_child_holds_its_pipes_is_noticed(self) -> None:
        client = await self.connected()
        session = await client.create_session("a")
        began = time.monotonic()
        with self.assertRaisesRegex(MeerkatError, "exit status 9"):
            await session.turn("orphan")
        self.assertLess(time.monotonic() - began, 15)


class Tools(FakeCase):
    async def test_tools_declared_before_and_after_connect_are_called(self) -> None:
        client = self.client()

        @client.tool("add", description="Adds.", input_schema={"type": "object", "a": 1})
        def add(arguments: dict[str, Any]) -> int:
            return int(arguments["a"]) + int(arguments["b"])

        await client.connect()
        session = await client.create_session('tool add {"a":1,"b":2}')
        self.assertEqual(session.text, '{"content": "3", "is_error": false}')

        @client.tool()
        async def inside(arguments: dict[str, Any]) -> str:
            """Asks the server from within."""
            return str(len(await client.list_sessions()))

        self.assertIn('"1"', (await session.turn("tool inside")).text)
        registered = [m["params"]["tools"] for m in await self.sent(client, "tools/register")]
        self.assertEqual(registered[0], [{"name": "add", "description": "Adds.",
                                          "input_schema": {"type": "object", "a": 1}}])
        self.assertEqual(registered[1], [{"name": "inside", "input_schema": {"type": "object"},
                                          "description": "Asks the server from within."}])

    async def test_a_tool_that_raises_and_one_that_is_unknown_are_told_to_the_model(self) -> None:
        client = await self.connected()

        def broken(arguments: dict[str, Any]) -> str:
            raise ValueError("no luck")

        await client.register_tool("broken", broken)
        session = await client.create_session("tool broken")
        self.assertEqual(session.text, '{"content": "Tool error: no luck", "is_error": true}')
        await client.register_tool("odd", lambda arguments: "\ud800")
        self.assertIn("cannot be sent", (await session.turn("tool odd")).text)
        result = await session.turn("tool none")
        self.assertEqual(result.text, '{"content": "Unknown tool: none", "is_error": true}')


class Errors(FakeCase):
    async def test_an_unknown_session_has_its_own_class(self) -> None:
        client = await self.connected()
        session = await client.resume_session("gone")
        with self.assertRaises(SessionNotFoundError) as caught:
            await session.turn("hi")
        self.assertEqual(caught.exception.code, "SESSION_NOT_FOUND")
        self.assertEqual(caught.exception.rpc_code, -32001)

    async def test_failed_turns_keep_their_code_and_the_session(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        for number, name in ((-32010, "PROVIDER_ERROR"), (-32011, "BUDGET_EXHAUSTED"),
                             (-32012, "HOOK_DENIED"), (-32099, "-32099")):
            with self.assertRaises(MeerkatError) as caught:
                await session.turn(f"fail {number}")
            self.assertEqual((caught.exception.code, caught.exception.rpc_code), (name, number))
        self.assertEqual(session.text, "You said: hi")

    def test_errors_of_every_shape_are_read(self) -> None:
        error = error_from_wire({"code": -32603, "message": "m", "data": {
            "code": "peer_unreachable", "message": "better", "reason": "offline"}})
        self.assertEqual((error.code, error.message, error.details),
                         ("peer_unreachable", "better", "offline"))
        error = error_from_wire({"code": 1, "message": '{"code":"SKILL_NOT_FOUND","message":"s"}'})
        self.assertIsInstance(error, SkillNotFoundError)
        hint = {"capability_id": "mob", "message": "no"}
        error = error_from_wire({"code": -32020, "message": "x", "data": {"capability_hint": hint}})
        self.assertIsInstance(error, CapabilityUnavailableError)
        self.assertEqual(error.capability_hint, hint)
        self.assertEqual(str(error), "[CAPABILITY_UNAVAILABLE] x")
        odds: tuple[Any, ...] = (
            None, 7, "text", [], {}, {"code": None, "message": None}, {"message": "{"})
        for odd in odds:
            self.assertIsInstance(error_from_wire(odd), MeerkatError)


class Mobs(FakeCase):
    async def test_a_server_with_mobs_is_driven_by_handles(self) -> None:
        client = await self.connected("mob")
        self.assertTrue(client.has_capability("mob"))
        [summary] = await client.list_mobs()
        self.assertEqual((summary.mob_id, summary.status), ("mob-1", "Running"))
        mob = await client.create_mob(definition={"id": "x"})
        [member] = await mob.members()
        self.assertEqual((member.meerkat_id, member.profile, member.wired_to),
                         ("m1", "worker", ("m2",)))
        await mob.wire("m1", "m2")
        await mob.wire("m1", {"external": {"name": "e"}})
        await mob.member("m1").send("work", handling_mode="steer")
        wires = await self.sent(client, "mob/wire")
        self.assertEqual([w["params"]["peer"] for w in wires],
                         [{"local": "m2"}, {"external": {"name": "e"}}])
        [send] = await self.sent(client, "mob/member_send")
        self.assertEqual(send["params"], {"mob_id": "mob-1", "meerkat_id": "m1",
                                          "content": "work", "handling_mode": "steer"})
        with self.assertRaises(CapabilityUnavailableError):
            await mob.run_flow("f")
        subscription = await mob.subscribe_events()
        event = await subscription.__anext__()
        self.assertEqual((event.source, event.profile), ("m1", "worker"))
