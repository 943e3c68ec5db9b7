"""What the suites share: a client of the fake server."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from meerkat import MeerkatClient  # noqa: E402


class FakeCase(unittest.IsolatedAsyncioTestCase):
    """Each test has its own directory; clients are closed at the end."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)
        self.program = self.dir / "rkat-rpc"
        self.program.write_text(
            f'#!/bin/sh\necho "$@" >"{self.dir}/argv"\n'
            f'exec "{sys.executable}" "{HERE}/fake_rpc.py"\n'
        )
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        patched = mock.patch.dict(os.environ)
        patched.start()
        self.addCleanup(patched.stop)
        os.environ.pop("MEERKAT_BIN_PATH", None)
        os.environ.pop("FAKE_RPC", None)

    def client(self, mode: str = "", **options: Any) -> MeerkatClient:
        os.environ["FAKE_RPC"] = mode
        client = MeerkatClient(str(self.program), **options)
        self.addAsyncCleanup(client.close)
        return client

    async def connected(self, mode: str = "", **options: Any) -> MeerkatClient:
        return await self.client(mode, **options).connect()

    async def sent(self, client: MeerkatClient, method: str) -> list[dict[str, Any]]:
        """The messages of this method that the server has read."""
        log = await client._call("test/log")
        return [message for message in log if message.get("method") == method]
