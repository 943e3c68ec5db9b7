"""Streams of runs, subscriptions, events."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import unittest
from typing import Any

import meerkat
from meerkat import (
    Event,
    MeerkatError,
    RunCompleted,
    RunStarted,
    StreamTruncated,
    TextDelta,
    ToolConfigChanged,
    TurnCompleted,
    UnknownEvent,
    Usage,
    parse_event,
)
from meerkat.events import _KINDS, bare_event, parse_attributed, parse_envelope

from .support import FakeCase


class Streams(FakeCase):
    async def test_a_stream_gives_typed_events_and_then_the_result(self) -> None:
        for mode in ("", "bare"):
            client = await self.connected(mode)
            session = await client.create_session("hi")
            kinds = []
            async with session.stream("tell") as events:
                with self.assertRaises(MeerkatError) as caught:
                    events.result
                self.assertEqual(caught.exception.code, "STREAM_NOT_CONSUMED")
                async for event in events:
                    kinds.append(type(event).__name__)
                    if isinstance(event, TurnCompleted):
                        self.assertEqual(event.usage, Usage(3, 5))
            self.assertEqual(kinds, ["RunStarted", "TextDelta", "TextDelta", "TextComplete",
                                     "TurnCompleted", "RunCompleted"])
            self.assertEqual(events.result.text, "You said: tell")
            self.assertEqual(session.last_result, events.result)

    async def test_a_new_session_is_streamed_from_its_first_event(self) -> None:
        client = await self.connected()
        stream = client.create_session_streaming("hello")
        with self.assertRaises(MeerkatError):
            stream.session_id
        parts = []
        async with stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    self.assertEqual(stream.session_id, "s1")
                    parts.append(event.delta)
        self.assertEqual("".join(parts), stream.result.text)
        self.assertEqual(stream.session_id, "s1")

    async def test_many_new_sessions_in_parallel_keep_their_events_apart(self) -> None:
        client = await self.connected()
        prompts = [f"prompt {n}" for n in range(8)] + ["same", "same"]
        results = await asyncio.gather(
            *(client.create_session_streaming(prompt).collect_text() for prompt in prompts))
        self.assertEqual([text for text, _ in results], [f"You said: {p}" for p in prompts])
        self.assertEqual(len({result.session_id for _, result in results}), len(prompts))

    async def test_turns_and_streams_of_one_session_do_not_mix(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        texts = await asyncio.gather(
            session.turn("sleep 0.1"), session.stream("b").collect_text(),
            session.turn("c"), session.stream("d").collect_text())
        self.assertEqual(texts[1][0], "You said: b")
        self.assertEqual(texts[3][0], "You said: d")

    async def test_unknown_and_damaged_events_come_through(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        seen: list[Event] = []
        async with session.stream("unknown") as events:
            async for event in events:
                seen.append(event)
        self.assertIn(UnknownEvent("brand_new", {"type": "brand_new", "answer": 42}), seen)
        self.assertIn(TextDelta(""), seen)
        self.assertIn(TurnCompleted("end_turn", Usage()), seen)
        self.assertEqual(events.result.text, "You said: unknown")

    async def test_lines_that_are_no_protocol_are_passed_over(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        text, _ = await session.stream("garbage").collect_text()
        self.assertEqual(text, "You said: garbage")

    async def test_a_line_of_megabytes_is_read(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        text, result = await session.stream("big 3000000").collect_text()
        self.assertEqual(len(text), 3_000_000)
        self.assertEqual(text, result.text)

    async def test_a_slow_reader_loses_events_in_one_marked_place_and_stops_nobody(self) -> None:
        client = await self.connected(event_buffer=100)
        session = await client.create_session("hi")
        async with session.stream("flood 5000") as events:
            first = await events.__anext__()
            self.assertIsInstance(first, RunStarted)
            # Meanwhile the run ends, and other calls are answered.
            await session.turn("next")
            rest = [event async for event in events]
        gaps = [n for n, event in enumerate(rest) if isinstance(event, StreamTruncated)]
        self.assertIn(gaps, ([99], [100]))
        self.assertIsInstance(rest[-1], RunCompleted)
        self.assertLessEqual(len(rest), 105)
        self.assertEqual(events.result.text, "flooded")

    async def test_a_fast_reader_loses_nothing(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        text, _ = await session.stream("flood 3000").collect_text()
        self.assertEqual(text.split(), [str(n) for n in range(3000)])

    async def test_a_failed_run_raises_at_the_end_of_its_events(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        seen = []
        with self.assertRaises(MeerkatError) as caught:
            async with session.stream("fail -32010") as events:
                async for event in events:
                    seen.append(event)
        self.assertEqual(caught.exception.code, "PROVIDER_ERROR")
        self.assertEqual(len(seen), 1)
        with self.assertRaises(MeerkatError):
            events.result
        with self.assertRaises(MeerkatError):
            await client.create_session_streaming("fail -32012").collect()

    async def test_leaving_early_lets_the_run_go_on(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        async with session.stream("sleep 0.2") as events:
            async for _ in events:
                break
        self.assertEqual((await session.turn("next")).text, "You said: next")
        self.assertEqual(await self.sent(client, "cancel"), [])

    async def test_a_cancelled_task_cancels_the_run_that_it_watches(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(session.stream("wait").collect(), 0.2)
        self.assertEqual(len(await self.sent(client, "cancel")), 1)

    async def test_the_request_leaves_when_the_block_is_entered(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        stream = session.stream("later")
        self.assertEqual(await self.sent(client, "turn/start"), [])
        self.assertEqual((await stream.collect()).text, "You said: later")


class Subscriptions(FakeCase):
    async def test_events_before_the_reply_are_kept_and_close_ends_it(self) -> None:
        client = await self.connected()
        session = await client.create_session("hi")
        async with await session.subscribe_events() as subscription:
            envelope = await subscription.__anext__()
            self.assertEqual(envelope.payload, TextDelta("early"))
            self.assertEqual((envelope.seq, envelope.timestamp_ms), (1, 5))
        self.assertEqual([event async for event in subscription], [])
        self.assertEqual(subscription.outcome, "explicit_close")
        await subscription.close()
        self.assertEqual(len(await self.sent(client, "session/stream_close")), 1)

    async def test_the_end_of_the_source_ends_the_iteration(self) -> None:
        client = await self.connected()
        subscription = await client.subscribe_session_events("archived")
        self.assertEqual(len([event async for event in subscription]), 1)
        self.assertEqual(subscription.outcome, "remote_end")

    async def test_an_overflow_at_the_server_is_an_error_after_what_came(self) -> None:
        client = await self.connected()
        subscription = await client.subscribe_session_events("slow")
        seen = []
        with self.assertRaises(MeerkatError) as caught:
            async for event in subscription:
                seen.append(event)
        self.assertEqual(caught.exception.code, "stream_queue_overflow")
        self.assertEqual(len(seen), 1)
        self.assertEqual(subscription.outcome, "terminal_error")


class Events(unittest.TestCase):
    def test_every_class_survives_an_empty_event_and_a_full_one(self) -> None:
        self.assertGreaterEqual(len(_KINDS), 33)
        for name, cls in _KINDS.items():
            with self.subTest(name):
                event = parse_event({"type": name})
                self.assertIs(type(event), cls)
                self.assertEqual(getattr(event, "type"), name)
                self.assertIn(cls.__name__, meerkat.__all__)
                values = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
                plain = json.loads(json.dumps(values, default=dataclasses.asdict))
                self.assertEqual(parse_event(plain), event)
                with self.assertRaises(dataclasses.FrozenInstanceError):
                    setattr(event, "type", "x")

    def test_events_can_be_matched_by_keyword_and_by_position(self) -> None:
        match parse_event({"type": "tool_call_requested", "id": "1", "name": "n", "args": [1]}):
            case meerkat.ToolCallRequested("1", name=name, args=args):
                self.assertEqual((name, args), ("n", [1]))
            case _:
                self.fail("no match")

    def test_nested_values_are_typed(self) -> None:
        event = parse_event({"type": "tool_config_changed", "payload": {
            "operation": "add", "target": "callback:x", "status": "applied",
            "persisted": True, "applied_at_turn": 2}})
        assert isinstance(event, ToolConfigChanged)
        self.assertEqual((event.payload.target, event.payload.applied_at_turn), ("callback:x", 2))

    def test_the_payload_of_a_hook_is_not_an_envelope(self) -> None:
        bare = {"type": "hook_denied", "hook_id": "h", "payload": {"type": "text_delta"}}
        self.assertIsInstance(bare_event(bare), meerkat.HookDenied)
        envelope = {"source_id": "s", "seq": 1, "payload": bare, **{"type": "hook_denied"}}
        denied = bare_event(envelope)
        assert isinstance(denied, meerkat.HookDenied)
        self.assertEqual(denied.payload, {"type": "text_delta"})

    def test_nonsense_is_an_unknown_event(self) -> None:
        nonsense: tuple[Any, ...] = (None, 1, [], "x", {}, {"type": 3}, {"type": []})
        for raw in nonsense:
            self.assertIsInstance(parse_event(raw), UnknownEvent)
            parse_envelope(raw)
            parse_attributed(raw)
