"""JSON-RPC over the pipes of a child process, one JSON value per line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import MeerkatError, error_from_wire

_CHUNK = 1 << 16
_LINE_MAX = 1 << 28  # a server that never ends its line is not one of ours
_STDERR_LINES = 20
_STOP_SECONDS = 5.0
_LAST_WORDS = 0.5
_POLL = 0.01

# Called with the result or the error, from the reader, before the next line is
# looked at: what the reply ends has ended when the next event arrives.
OnReply = Callable[[Any, "MeerkatError | None"], None]
OnRequest = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


@dataclass
class _Pending:
    future: asyncio.Future[Any]
    on_reply: OnReply | None


class Connection:
    """One running server.  Every request is answered, if only by its death."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        on_notification: Callable[[str, Mapping[str, Any]], None],
        on_request: OnRequest,
        on_end: Callable[[MeerkatError], None],
    ) -> None:
        self._process = process
        self._on_notification = on_notification
        self._on_request = on_request
        self._on_end = on_end
        self._pending: dict[int, _Pending] = {}
        self._next_id = 1
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._answers: set[asyncio.Task[None]] = set()
        self._ended: MeerkatError | None = None
        self._stderr_task = asyncio.create_task(self._read_stderr())
        self._reader_task = asyncio.create_task(self._read())
        self._pidfd = -1
        self._watch()

    @classmethod
    async def open(
        cls,
        argv: Sequence[str],
        on_notification: Callable[[str, Mapping[str, Any]], None],
        on_request: OnRequest,
        on_end: Callable[[MeerkatError], None],
    ) -> Connection:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise MeerkatError(
                "BINARY_NOT_FOUND", f"cannot start {argv[0]}: {error.strerror}"
            ) from error
        return cls(process, on_notification, on_request, on_end)

    # ---- out ----

    def request(
        self, method: str, params: Mapping[str, Any], on_reply: OnReply | None = None
    ) -> tuple[int, asyncio.Future[Any]]:
        """Queue a request; the lines leave in the order of these calls."""
        if self._ended is not None:
            raise self._ended
        number = self._next_id
        self._next_id += 1
        line = _line({"id": number, "method": method, "params": params})
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Somebody may have stopped waiting: an error is no less told for that.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._pending[number] = _Pending(future, on_reply)
        self._write(line)
        return number, future

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        if self._ended is None:
            self._write(_line({"method": method, "params": params}))

    def _write(self, line: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    # ---- in ----

    async def _read(self) -> None:
        why = "the reader was stopped"
        try:
            why = await self._read_stdout()
        except Exception as error:
            why = f"reading from the server failed: {error!r}"
        finally:
            self._end(why)

    async def _read_stdout(self) -> str:
        """Take all lines; returns why there are no more."""
        stdout = self._process.stdout
        assert stdout is not None
        parts: list[bytes] = []
        held = 0
        while chunk := await stdout.read(_CHUNK):
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                parts.append(line)
                self._take(b"".join(parts))
                parts, held = [], 0
            parts.append(rest)
            held += len(rest)
            if held > _LINE_MAX:
                self._process.kill()
                return "the server wrote a line without an end"
        return await self._death()

    async def _death(self) -> str:
        status = await self._gone()
        await asyncio.wait({self._stderr_task}, timeout=0.5)
        said = "; ".join(self._stderr)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"the server ended ({how})" + (f": {said}" if said else "")

    async def _read_stderr(self) -> None:
        # Read to the end whatever it says: a full pipe would stop the server.
        stderr = self._process.stderr
        assert stderr is not None
        rest = b""
        while chunk := await stderr.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            rest = rest[-_CHUNK:]
            for line in whole:
                if line.strip():
                    self._stderr.append(line.decode("utf-8", "replace").strip())
        if rest.strip():
            self._stderr.append(rest.decode("utf-8", "replace").strip())

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return  # not protocol: some library printed to stdout
        if not isinstance(message, dict):
            return
        method = message.get("method")
        params = message.get("params")
        if not isinstance(params, dict):
            params = {}
        if isinstance(method, str):
            if message.get("id") is None:
                self._on_notification(method, params)
            else:
                self._spawn(self._answer(message["id"], method, params))
            return
        number = message.get("id")
        pending = self._pending.pop(number, None) if isinstance(number, int) else None
        if pending is None:
            return
        failed = message.get("error")
        if failed is not None:
            self._settle(pending, None, error_from_wire(failed))
        else:
            self._settle(pending, message.get("result"), None)

    @staticmethod
    def _settle(pending: _Pending, result: Any, error: MeerkatError | None) -> None:
        if pending.on_reply is not None:
            pending.on_reply(result, error)
        if pending.future.done():
            return
        if error is not None:
            pending.future.set_exception(error)
        else:
            pending.future.set_result(result)

    # ---- a server whose pipes outlive it, in the hands of a child ----

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):
            return  # not Linux, or dead already: the end of its output must do
        asyncio.get_running_loop().add_reader(self._pidfd, self._exited)

    def _unwatch(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _exited(self) -> None:
        self._unwatch()
        self._spawn(self._bury())

    async def _bury(self) -> None:
        await asyncio.wait({self._reader_task}, timeout=_LAST_WORDS)
        if not self._reader_task.done():
            self._end(await self._death())

    # ---- requests of the server ----

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, number: Any, method: str, params: Mapping[str, Any]) -> None:
        try:
            reply: dict[str, Any] = {"result": await self._on_request(method, params)}
        except NotImplementedError as error:
            reply = {"error": {"code": -32601, "message": str(error)}}
        try:
            line = _line({"id": number, **reply})
        except MeerkatError as error:
            line = _line({"id": number, "error": {"code": -32603, "message": error.message}})
        self._write(line)

    # ---- end ----

    def _end(self, why: str, code: str = "CONNECTION_CLOSED") -> None:
        if self._ended is not None:
            return
        self._ended = MeerkatError(code, why)
        pending, self._pending = self._pending, {}
        for each in pending.values():
            self._settle(each, None, self._ended)
        self._on_end(self._ended)

    async def close(self) -> None:
        """Close the pipe, ask to stop, wait a little, then insist."""
        self._end("the client was closed", "CLIENT_CLOSED")
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await self._gone()
        finally:
            self._unwatch()
            tasks = [self._reader_task, self._stderr_task, *self._answers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # A grandchild may hold the pipes: there is no public way to let go of them.
            transport = getattr(self._process, "_transport", None)
            if transport is not None:
                transport.close()
                await asyncio.sleep(0)

    async def _gone(self) -> int:
        """The exit status, by force if it takes too long.

        Process.wait() may wait for the pipes as well, which a grandchild can
        hold open; so the status itself is looked at.
        """
        for _ in range(int(_STOP_SECONDS / _POLL)):
            if self._process.returncode is not None:
                return self._process.returncode
            await asyncio.sleep(_POLL)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        while self._process.returncode is None:
            await asyncio.sleep(_POLL)
        return self._process.returncode


def _line(message: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(
            {"jsonrpc": "2.0", **message},
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
        )
        return text.encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        # Sent anyhow, it would be answered without an id: nobody would know.
        raise MeerkatError("INVALID_PARAMS", f"this cannot be sent as JSON: {error}") from error
