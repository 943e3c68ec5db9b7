"""A session: a conversation that the server keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import MeerkatError
from .events import EventEnvelope
from .streams import EventStream, EventSubscription, Run
from .types import (
    FirstTurnOptions,
    Prompt,
    RunResult,
    SessionHistory,
    SkillRef,
    TurnOptions,
    Usage,
    wire_options,
    wire_prompt,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .client import MeerkatClient


class Session:
    """A handle on a session that has run at least once.

    Turns of one session run one after the other, in the order of the calls.
    """

    def __init__(self, client: MeerkatClient, result: RunResult) -> None:
        self._client = client
        self._last = result
        self.id = result.session_id
        self.ref = result.session_ref

    def __repr__(self) -> str:
        return f"Session({self.id!r})"

    # ---- the last run ----

    @property
    def last_result(self) -> RunResult:
        """All of the last run's result."""
        return self._last

    @property
    def text(self) -> str:
        """The answer of the last run."""
        return self._last.text

    @property
    def usage(self) -> Usage:
        """Tokens of the session, as the last run told them."""
        return self._last.usage

    @property
    def turns(self) -> int:
        """Calls of the model in the last run."""
        return self._last.turns

    @property
    def tool_calls(self) -> int:
        """Calls of tools in the last run."""
        return self._last.tool_calls

    @property
    def structured_output(self) -> Any:
        """The value that the last run gave for its schema."""
        return self._last.structured_output

    def _ran(self, result: RunResult) -> None:
        self._last = result

    # ---- turns ----

    async def turn(self, prompt: Prompt, **options: Unpack[TurnOptions]) -> RunResult:
        """Run a turn to its end.  Cancelling the task cancels the run."""
        params = _turn_params(self.id, prompt, options, TurnOptions, "turn")
        return await self._client._run(params, self.id, self._ran)

    def stream(self, prompt: Prompt, **options: Unpack[TurnOptions]) -> EventStream:
        """Run a turn and watch it."""
        params = _turn_params(self.id, prompt, options, TurnOptions, "stream")
        return self._client._stream("turn/start", params, self.id, self._ran)

    async def invoke_skill(self, skill_ref: SkillRef, prompt: Prompt) -> RunResult:
        """Run a turn with this skill."""
        self._client.require_capability("skills")
        return await self.turn(prompt, skill_refs=[skill_ref])

    async def interrupt(self) -> None:
        """Stop the turn that runs now; nothing happens when none does."""
        await self._client._call("turn/interrupt", {"session_id": self.id})

    # ---- state ----

    async def history(self, offset: int = 0, limit: int | None = None) -> SessionHistory:
        """Messages from the offset on, the oldest first."""
        return await self._client.read_session_history(self.id, offset, limit)

    async def archive(self) -> None:
        """Put the session away: it can be read, not run."""
        await self._client._call("session/archive", {"session_id": self.id})
        self._client._router.forget(self.id)

    async def inject_context(
        self, text: str, *, source: str | None = None, idempotency_key: str | None = None
    ) -> str:
        """Tell the model something before its next call; returns the status."""
        return await self._client.inject_context(
            self.id, text, source=source, idempotency_key=idempotency_key
        )

    # ---- the world ----

    async def send(self, command: Mapping[str, Any] | None = None, /, **members: Any) -> Any:
        """A comms command, as a mapping or as keywords.

        Without a kind, but with a payload, it is an external event.
        """
        params = {**(command or {}), **members}
        if "kind" not in params and "payload" in params:
            return await self._client._call(
                "session/external_event", {"session_id": self.id, **params}
            )
        return await self._client._call("comms/send", {"session_id": self.id, **params})

    async def peers(self) -> list[dict[str, Any]]:
        """The peers that this session can see."""
        return await self._client._list("comms/peers", "peers", {"session_id": self.id})

    async def send_external_event(
        self,
        event_type: str,
        payload: Any,
        *,
        source: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Queue an event of the outside world: accepted means it is on disk."""
        return await self._client.send_external_event(
            self.id,
            payload,
            event_type=event_type,
            source=source,
            idempotency_key=idempotency_key,
        )

    async def subscribe_events(self) -> EventSubscription[EventEnvelope]:
        """All events of this session from now on, whoever started the run."""
        return await self._client.subscribe_session_events(self.id)


class DeferredSession:
    """A session with an id and no run yet.  The prompt it was created with
    comes before the first turn's."""

    def __init__(self, client: MeerkatClient, session_id: str, ref: str | None) -> None:
        self._client = client
        self._session: Session | None = None
        self.id = session_id
        self.ref = ref

    def __repr__(self) -> str:
        return f"DeferredSession({self.id!r})"

    @property
    def session(self) -> Session:
        """The session, once its first turn is over."""
        if self._session is None:
            raise MeerkatError("INVALID_STATE", "the first turn has not run: call start_turn()")
        return self._session

    def _ran(self, result: RunResult) -> None:
        if self._session is None:
            self._session = Session(self._client, result)
        else:
            self._session._ran(result)

    async def start_turn(self, prompt: Prompt, **options: Unpack[FirstTurnOptions]) -> RunResult:
        """Run the first turn; what create_deferred_session() left open may be set here."""
        params = _turn_params(self.id, prompt, options, FirstTurnOptions, "start_turn")
        return await self._client._run(params, self.id, self._ran)

    def stream(self, prompt: Prompt, **options: Unpack[FirstTurnOptions]) -> EventStream:
        """Run the first turn and watch it."""
        params = _turn_params(self.id, prompt, options, FirstTurnOptions, "stream")
        return self._client._stream("turn/start", params, self.id, self._ran)

    async def archive(self) -> None:
        await self._client._call("session/archive", {"session_id": self.id})
        self._client._router.forget(self.id)


def _turn_params(
    session_id: str, prompt: Prompt, options: Mapping[str, Any], allowed: type[Any], call: str
) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "prompt": wire_prompt(prompt),
        **wire_options(options, allowed, call),
    }
