"""Start, handshake, end."""

from __future__ import annotations

import asyncio
import os
import time
from unittest import mock

from meerkat import CONTRACT_VERSION, CapabilityUnavailableError, MeerkatClient, MeerkatError

from .support import FakeCase


class Connect(FakeCase):
    async def test_the_context_manager_connects_and_ends_the_server(self) -> None:
        async with self.client() as client:
            assert client._connection is not None
            process = client._connection._process
            self.assertEqual(client.server_version, "0.5.2")
        self.assertIsNotNone(process.returncode)

    async def test_connect_passes_its_flags_in_the_order_of_the_contract(self) -> None:
        await self.client().connect(
            user_config_root="/u", context_root="/c", state_root="/s",
            realm_backend="sqlite", instance_id="i", realm_id="r",
        )
        self.assertEqual(
            (self.dir / "argv").read_text().strip(),
            "--realm r --instance i --realm-backend sqlite"
            " --state-root /s --context-root /c --user-config-root /u",
        )

    async def test_a_connected_client_is_not_started_again_by_async_with(self) -> None:
        async with await self.client().connect(isolated=True):
            self.assertEqual((self.dir / "argv").read_text().strip(), "--isolated")

    async def test_realm_id_and_isolated_exclude_each_other(self) -> None:
        with self.assertRaises(MeerkatError) as caught:
            await self.client().connect(realm_id="r", isolated=True)
        self.assertEqual(caught.exception.code, "INVALID_PARAMS")

    async def test_other_patch_versions_are_welcome_others_are_not(self) -> None:
        for version in ("0.5.0", "0.5.99", "0.5"):
            await self.connected(f"version={version}")
        for version in ("0.4.9", "0.6.0", "1.5.2", "", "0.5.2-rc1", "0"):
            with self.subTest(version), self.assertRaises(MeerkatError) as caught:
                await self.connected(f"version={version}")
            self.assertEqual(caught.exception.code, "VERSION_MISMATCH")
        self.assertTrue(CONTRACT_VERSION.startswith("0.5."))

    async def test_a_server_that_ends_at_once_says_why(self) -> None:
        with self.assertRaises(MeerkatError) as caught:
            await self.connected("quit")
        self.assertEqual(caught.exception.code, "CONNECTION_CLOSED")
        self.assertIn("exit status 2", caught.exception.message)
        self.assertIn("no such realm", caught.exception.message)

    async def test_a_server_that_says_nothing_is_given_up(self) -> None:
        client = self.client("mute", connect_timeout=0.3)
        with self.assertRaises(MeerkatError) as caught:
            await client.connect()
        self.assertEqual(caught.exception.code, "TIMEOUT")
        self.assertIsNone(client._connection)

    async def test_a_missing_program_is_named(self) -> None:
        for client in (MeerkatClient("/nowhere/rkat-rpc"), MeerkatClient(str(self.dir))):
            with self.assertRaises(MeerkatError) as caught:
                await client.connect()
            self.assertEqual(caught.exception.code, "BINARY_NOT_FOUND")

    async def test_meerkat_bin_path_comes_before_the_argument(self) -> None:
        with mock.patch.dict(os.environ, MEERKAT_BIN_PATH=str(self.program)):
            async with MeerkatClient("/nowhere/rkat-rpc") as client:
                self.assertTrue(client.has_capability("sessions"))

    async def test_a_program_named_rkat_is_asked_for_its_rpc_command(self) -> None:
        self.program.rename(self.dir / "rkat")
        async with MeerkatClient(str(self.dir / "rkat")) as client:
            self.assertTrue(client.capabilities)
        self.assertEqual((self.dir / "argv").read_text().strip(), "rpc")

    async def test_calls_before_and_after_the_connection_have_their_own_errors(self) -> None:
        client = self.client()
        with self.assertRaises(MeerkatError) as caught:
            await client.list_sessions()
        self.assertEqual(caught.exception.code, "NOT_CONNECTED")
        await client.connect()
        with self.assertRaises(MeerkatError):
            await client.connect()
        await client.close()
        await client.close()
        with self.assertRaises(MeerkatError) as caught:
            await client.list_sessions()
        self.assertEqual(caught.exception.code, "CLIENT_CLOSED")
        await client.connect()
        self.assertEqual(len(await client.list_sessions()), 1)

    async def test_calls_under_way_end_when_the_client_is_closed(self) -> None:
        client = await self.connected()
        session = await client.create_session("hello")
        turn = asyncio.ensure_future(session.turn("sleep 30"))
        await asyncio.sleep(0)
        await client.close()
        with self.assertRaises(MeerkatError) as caught:
            await turn
        self.assertEqual(caught.exception.code, "CLIENT_CLOSED")

    async def test_a_server_that_ignores_sigterm_is_killed(self) -> None:
        client = await self.connected("stubborn")
        began = time.monotonic()
        with mock.patch("meerkat._rpc._STOP_SECONDS", 0.3):
            await client.close()
        self.assertLess(time.monotonic() - began, 20)

    async def test_a_call_that_takes_too_long_is_given_up_and_others_go_on(self) -> None:
        client = await self.connected(request_timeout=2)
        with self.assertRaises(MeerkatError) as caught:
            await client.get_blob("b")
        self.assertEqual(caught.exception.code, "TIMEOUT")
        self.assertIn("blob/get", caught.exception.message)
        self.assertEqual(len(await client.list_sessions()), 1)

    async def test_capabilities_have_plain_names_for_their_status(self) -> None:
        client = await self.connected()
        shell = next(each for each in client.capabilities if each.id == "shell")
        self.assertEqual(shell.status, "DisabledByPolicy")
        self.assertFalse(shell.available)
        self.assertTrue(client.has_capability("skills"))
        self.assertFalse(client.has_capability("mob"))
        client.require_capability("sessions")
        with self.assertRaises(CapabilityUnavailableError) as caught:
            client.require_capability("shell")
        self.assertEqual(caught.exception.code, "CAPABILITY_UNAVAILABLE")
        hint = caught.exception.capability_hint
        assert hint is not None
        self.assertEqual(hint["capability_id"], "shell")

    async def test_what_the_server_lacks_is_refused_without_asking(self) -> None:
        client = await self.connected()
        for call in (client.list_mobs(), client.create_mob(prefab="x"), client.list_skills(),
                     client.mob("m").status(), client.mob("m").member("a").send("hi"),
                     client.subscribe_mob_events("m"), client.list_schedules()):
            with self.assertRaises(CapabilityUnavailableError):
                await call
        self.assertEqual(await self.sent(client, "mob/list"), [])

    async def test_a_chatty_server_does_not_stop_for_its_stderr(self) -> None:
        client = await self.connected()
        await asyncio.wait_for(client._call("test/stderr"), 10)
        self.assertEqual(len(await client.list_sessions()), 1)
