"""Which reader gets which notification."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from .errors import MeerkatError
from .events import Event, RunStarted, bare_event
from .streams import EventSubscription, Run

# Events that may wait for their stream or their session to become known.
_EARLY_MAX = 10_000


class Router:
    """Runs of a session are served in the order in which they were asked for.

    So the events of a session belong to its oldest run without a reply, be
    somebody reading it or not.  A run that makes its session has no id yet:
    it is told by its prompt, or by being the only one, or else its events
    wait for the reply.
    """

    def __init__(self) -> None:
        self._runs: dict[str, deque[Run]] = {}
        self._creating: list[Run] = []
        self._sessions: set[str] = set()
        self._early: dict[str, list[Any]] = {}
        self._waiting = 0
        self._streams: dict[str, tuple[EventSubscription[Any], Callable[[Any], None]]] = {}

    # ---- runs ----

    def begin(self, run: Run, session_id: str | None) -> None:
        if session_id is None:
            self._creating.append(run)
        else:
            self._bind(run, session_id)

    def end(self, run: Run, session_id: str | None, error: MeerkatError | None) -> None:
        """The reply is here: a new session's id is known, a run is over."""
        if run in self._creating:
            self._creating.remove(run)
            if session_id is not None:
                self._bind(run, session_id)
                for event in self._pop_early(session_id):
                    run.put(event)
        runs = self._runs.get(run.session_id or "")
        if runs is not None and run in runs:
            runs.remove(run)
            if not runs:
                del self._runs[run.session_id or ""]
        if not self._creating:
            self._drop_early_runs()
        if run.channel is not None:
            run.channel.close(error)

    def know(self, session_id: str) -> None:
        """This session is nobody's that is being created."""
        self._sessions.add(session_id)

    def forget(self, session_id: str) -> None:
        self._sessions.discard(session_id)

    def _bind(self, run: Run, session_id: str) -> None:
        run.session_id = session_id
        self._sessions.add(session_id)
        self._runs.setdefault(session_id, deque()).append(run)

    def _of_session(self, session_id: str, event: Event) -> None:
        runs = self._runs.get(session_id)
        if runs:
            runs[0].put(event)
            return
        if session_id in self._sessions or not self._creating:
            return
        if isinstance(event, RunStarted):
            fits = [run for run in self._creating if run.prompt == event.prompt]
            one = fits if len(fits) == 1 else self._creating
            if len(one) == 1:
                run = one[0]
                self._creating.remove(run)
                self._bind(run, session_id)
                run.put(event)
                return
        self._keep_early(session_id, event)

    # ---- subscriptions ----

    def subscribe(self, stream: EventSubscription[Any], put: Callable[[Any], None]) -> None:
        self._streams[stream.stream_id] = (stream, put)
        for method, params in self._pop_early(stream.stream_id):
            self.notification(method, params)

    # ---- in ----

    def notification(self, method: str, params: Mapping[str, Any]) -> None:
        if method.endswith("/stream_event") or method.endswith("/stream_end"):
            self._of_stream(method, params)
            return
        session_id, event = params.get("session_id"), params.get("event")
        if isinstance(session_id, str) and isinstance(event, dict):
            self._of_session(session_id, bare_event(event))

    def _of_stream(self, method: str, params: Mapping[str, Any]) -> None:
        stream_id = params.get("stream_id")
        if not isinstance(stream_id, str):
            return
        if stream_id not in self._streams:
            self._keep_early(stream_id, (method, params))
            return
        stream, put = self._streams[stream_id]
        if method.endswith("/stream_event"):
            put(params.get("event"))
            return
        del self._streams[stream_id]
        raw = params.get("error")
        error = None
        if isinstance(raw, dict):
            code = str(raw.get("code", "STREAM_FAILED"))
            error = MeerkatError(code, str(raw.get("message", code)), details=raw)
        stream._ended(str(params.get("outcome", "remote_end")), error)

    def close(self, error: MeerkatError) -> None:
        streams, self._streams = self._streams, {}
        for stream, _ in streams.values():
            stream._ended("terminal_error", error)
        self._early.clear()
        self._waiting = 0

    # ---- what came before it could be placed ----

    def _keep_early(self, key: str, item: Any) -> None:
        if self._waiting < _EARLY_MAX:
            self._waiting += 1
            self._early.setdefault(key, []).append(item)

    def _pop_early(self, key: str) -> list[Any]:
        items = self._early.pop(key, [])
        self._waiting -= len(items)
        return items

    def _drop_early_runs(self) -> None:
        for key in [key for key, items in self._early.items() if isinstance(items[0], Event)]:
            self._pop_early(key)
