"""Streams of events: of one run, and of what a session or a mob does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from ._wire import build
from .errors import MeerkatError
from .events import Event, RunCompleted, RunFailed, StreamTruncated, TextDelta
from .types import RunResult

T = TypeVar("T")


class Channel(Generic[T]):
    """A bounded queue between the reader and one consumer.

    The reader never waits.  When the consumer is too slow, what does not fit
    is left out and one marker says where; `keep` is for what must not be lost.
    """

    def __init__(self, limit: int, marker: Callable[[str], T]) -> None:
        self._items: deque[T] = deque()
        self._limit = limit
        self._marker = marker
        self._gap = False
        self._closed = False
        self._error: MeerkatError | None = None
        self._changed = asyncio.Event()

    def put(self, item: T, keep: bool = False) -> None:
        if self._closed:
            return
        if keep or len(self._items) < self._limit:
            self._gap = False
            self._items.append(item)
        elif not self._gap:
            self._gap = True
            self._items.append(self._marker(f"reader too slow: over {self._limit} waiting"))
        self._changed.set()

    def close(self, error: MeerkatError | None = None) -> None:
        if not self._closed:
            self._closed = True
            self._error = error
            self._changed.set()

    async def get(self) -> T:
        """The next item; at the end StopAsyncIteration, or what broke it."""
        while not self._items:
            if self._closed:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()


class Run:
    """A run that was asked for, as the router of events sees it."""

    def __init__(self, prompt: object, limit: int | None) -> None:
        self.prompt = prompt
        self.session_id: str | None = None
        self.channel: Channel[Event] | None = None
        if limit is not None:
            self.channel = Channel(limit, StreamTruncated)

    def put(self, event: Event) -> None:
        if self.channel is not None:
            self.channel.put(event, keep=isinstance(event, (RunCompleted, RunFailed)))


class EventStream:
    """The events of one run, then its result.

    Use it as ``async with ... as events: async for event in events``; the
    request leaves when the block is entered.  Leaving the block early lets
    the run go on unwatched; cancelling the task inside cancels the run.
    """

    def __init__(
        self,
        run: Run,
        start: Callable[[Run], tuple[asyncio.Future[Any], Callable[[], None]]],
    ) -> None:
        self._run = run
        self._start = start
        self._reply: asyncio.Future[Any] | None = None
        self._cancel: Callable[[], None] = lambda: None
        self._result: RunResult | None = None

    @property
    def session_id(self) -> str:
        """Known from the first event on."""
        if self._run.session_id is None:
            raise MeerkatError("STREAM_NOT_CONSUMED", "no session id yet: read events first")
        return self._run.session_id

    @property
    def result(self) -> RunResult:
        """The outcome of the run, once all events are read."""
        if self._result is None:
            raise MeerkatError("STREAM_NOT_CONSUMED", "read the events to their end first")
        return self._result

    async def __aenter__(self) -> EventStream:
        if self._reply is None:
            self._reply, self._cancel = self._start(self._run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self._cancel()
        if self._run.channel is not None:
            self._run.channel.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        channel = self._run.channel
        assert channel is not None
        await self.__aenter__()
        try:
            return await channel.get()
        except StopAsyncIteration:
            if self._result is None and self._reply is not None and self._reply.done():
                self._result = build(RunResult, self._reply.result())
            raise

    async def collect(self) -> RunResult:
        """Read all events away and return the result."""
        async with self:
            async for _ in self:
                pass
        return self.result

    async def collect_text(self) -> tuple[str, RunResult]:
        """The text deltas, joined, and the result."""
        parts: list[str] = []
        async with self:
            async for event in self:
                if isinstance(event, TextDelta):
                    parts.append(event.delta)
        return "".join(parts), self.result


class EventSubscription(Generic[T]):
    """Everything that a session, a member or a mob does from now on.

    Iterate it; it ends when the source ends or it is closed.  outcome says
    which: remote_end, explicit_close or terminal_error (the iteration then
    raises what the server said).
    """

    def __init__(
        self, stream_id: str, channel: Channel[T], close: Callable[[], Awaitable[None]]
    ) -> None:
        self.stream_id = stream_id
        self.outcome: str | None = None
        self._channel = channel
        self._close = close
        self._open = True

    def _ended(self, outcome: str, error: MeerkatError | None) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._channel.close(error)

    async def close(self) -> None:
        """Stop the stream; what has arrived can still be read."""
        if not self._open:
            return
        self._open = False
        if self.outcome is None:
            await self._close()
            self._ended("explicit_close", None)

    async def __aenter__(self) -> EventSubscription[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        return await self._channel.get()
