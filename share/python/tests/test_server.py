"""The examples, as they stand, against rkat-rpc and rkat-sim."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

from meerkat import MeerkatClient, MeerkatError, TextDelta

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent.parent / "examples" / "python"
MISSING = [name for name in ("rkat-rpc", "rkat-sim") if shutil.which(name) is None]
PROVIDERS = ("ANTHROPIC", "OPENAI", "GEMINI")


@unittest.skipIf(MISSING, f"needs {' and '.join(MISSING)} on PATH")
@unittest.skipUnless(EXAMPLES.is_dir(), "the examples are in the repository only")
class WithServer(unittest.TestCase):
    """A model server for all tests of a class."""

    sim: subprocess.Popen[bytes]
    dir: Path
    environment: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.dir = Path(tempfile.mkdtemp())
        ready = cls.dir / "port"
        cls.sim = subprocess.Popen(
            ["rkat-sim", "--port", "0", "--ready", ready, "script", EXAMPLES / "sim.jsonl"],
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < deadline:  # it is there as a whole
            time.sleep(0.02)
        url = f"http://127.0.0.1:{ready.read_text().strip()}"
        cls.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RKAT_")},
            "HOME": str(cls.dir / "home"),
            "RKAT_STATE_ROOT": str(cls.dir / "state"),
            "PYTHONPATH": str(HERE.parent),
            **{f"{name}_BASE_URL": url for name in PROVIDERS},
            **{f"{name}_API_KEY": "sim-key" for name in PROVIDERS},
        }
        cls.environment.pop("MEERKAT_BIN_PATH", None)
        (cls.dir / "home").mkdir()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.sim.terminate()
        cls.sim.wait()
        shutil.rmtree(cls.dir)


class Examples(WithServer):
    """Each example says in its #> lines what it prints; ... stands for anything."""

    def play(self, path: Path) -> None:
        work = self.dir / path.stem
        work.mkdir()
        done = subprocess.run(
            [sys.executable, path], cwd=work, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = re.findall(r"^#>[ ]?(.*)$", path.read_text(), re.MULTILINE)
        want = re.escape("\n".join(lines)).replace(re.escape("..."), ".*")
        self.assertRegex(done.stdout, re.compile(rf"\A{want}\n\Z", re.DOTALL))
        self.assertEqual(done.stderr, "")


def _add(path: Path) -> None:
    def test(self: Examples) -> None:
        self.play(path)

    setattr(Examples, f"test_{path.stem}", test)


for _path in sorted(EXAMPLES.glob("*.py")):
    _add(_path)


class Server(WithServer):
    def run_async(self, work: Callable[[MeerkatClient], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with MeerkatClient() as client:
                await work(client)

        with mock.patch.dict(os.environ, self.environment, clear=True):
            asyncio.run(asyncio.wait_for(main(), 60))

    def test_parallel_new_sessions_stream_each_its_own_events(self) -> None:
        async def work(client: MeerkatClient) -> None:
            results = await asyncio.gather(*(
                client.create_session_streaming(f"number {n % 6}").collect_text()
                for n in range(12)))
            for n, (text, result) in enumerate(results):
                self.assertEqual(text, f"You said: number {n % 6}")
                self.assertEqual(text, result.text)

        self.run_async(work)

    def test_turns_and_streams_of_one_session_run_in_order(self) -> None:
        async def work(client: MeerkatClient) -> None:
            session = await client.create_session("hello")
            one, (text, _), two = await asyncio.gather(
                session.turn("one"), session.stream("watched").collect_text(), session.turn("two"))
            self.assertEqual((one.text, text, two.text),
                             ("You said: one", "You said: watched", "You said: two"))
            users = [m.text for m in (await session.history()).messages if m.role == "user"]
            self.assertEqual(users, ["hello", "one", "watched", "two"])

        self.run_async(work)

    def test_a_prompt_and_an_answer_of_a_megabyte_come_through_whole(self) -> None:
        async def work(client: MeerkatClient) -> None:
            prompt = "\u00e9x" * 400_000
            session = await client.create_session(prompt)
            self.assertEqual(session.text, f"You said: {prompt}")

        self.run_async(work)

    def test_a_killed_server_fails_the_turn_and_the_stream(self) -> None:
        async def work(client: MeerkatClient) -> None:
            session = await client.create_session("hello")
            assert client._connection is not None
            with self.assertRaises(MeerkatError) as caught:
                async with session.stream("count slowly") as events:
                    async for event in events:
                        if isinstance(event, TextDelta):
                            client._connection._process.kill()
            self.assertEqual(caught.exception.code, "CONNECTION_CLOSED")
            self.assertIn("signal 9", caught.exception.message)

        self.run_async(work)
