"""The client: one server process and what can be asked of it."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ._router import Router
from ._rpc import Connection
from ._wire import build, build_list
from .errors import MeerkatError, missing_capability
from .events import (
    AttributedEvent,
    EventEnvelope,
    StreamTruncated,
    parse_attributed,
    parse_envelope,
)
from .mob import Mob
from .session import DeferredSession, Session
from .streams import Channel, EventStream, EventSubscription, Run
from .types import (
    Blob,
    Capability,
    MobSummary,
    Prompt,
    RunResult,
    SessionHistory,
    SessionInfo,
    SessionMessage,
    SessionOptions,
    read_capability,
    status_name,
    wire_options,
    wire_prompt,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

CONTRACT_VERSION = "0.5.2"

# Served without being listed by initialize.
_UNLISTED = ("initialize", "tools/register")

T = TypeVar("T")
Handler = Callable[[dict[str, Any]], Any]
H = TypeVar("H", bound=Callable[[dict[str, Any]], Any])


@dataclass(frozen=True)
class _Tool:
    handler: Handler
    definition: dict[str, Any]


class MeerkatClient:
    """Starts ``rkat-rpc``, speaks to it, and ends it.

    rkat_path: the program; the environment's MEERKAT_BIN_PATH comes first.
    connect_timeout, request_timeout: seconds for the handshake and for each
    call that is not a run; None waits for ever.  Runs take the time they take.
    event_buffer: how many events may wait for a slow reader of a stream.
    """

    def __init__(
        self,
        rkat_path: str = "rkat-rpc",
        *,
        connect_timeout: float | None = 30.0,
        request_timeout: float | None = 60.0,
        event_buffer: int = 10_000,
    ) -> None:
        self._rkat_path = rkat_path
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout
        self._event_buffer = event_buffer
        self._connection: Connection | None = None
        self._closed = False
        self._router = Router()
        self._methods: frozenset[str] = frozenset()
        self._capabilities: list[Capability] = []
        self._tools: dict[str, _Tool] = {}
        self.server_version = ""

    # ---- life ----

    async def connect(
        self,
        *,
        realm_id: str | None = None,
        instance_id: str | None = None,
        realm_backend: str | None = None,
        isolated: bool = False,
        state_root: str | None = None,
        context_root: str | None = None,
        user_config_root: str | None = None,
    ) -> MeerkatClient:
        """Start the server and shake hands.  Without a realm it gets a new one."""
        if self._connection is not None:
            raise MeerkatError("INVALID_STATE", "already connected")
        if realm_id and isolated:
            raise MeerkatError("INVALID_PARAMS", "realm_id and isolated exclude each other")
        argv = _program(self._rkat_path)
        if isolated:
            argv.append("--isolated")
        for flag, value in (
            ("--realm", realm_id),
            ("--instance", instance_id),
            ("--realm-backend", realm_backend),
            ("--state-root", state_root),
            ("--context-root", context_root),
            ("--user-config-root", user_config_root),
        ):
            if value:
                argv += [flag, value]
        self._closed = False
        self._router = Router()
        self._connection = await Connection.open(
            argv, self._router.notification, self._on_request, self._router.close
        )
        try:
            await asyncio.wait_for(self._handshake(), self._connect_timeout)
        except BaseException as error:
            await self._disconnect()
            if isinstance(error, asyncio.TimeoutError):
                raise _late("initialize", self._connect_timeout) from error
            raise
        return self

    async def _handshake(self) -> None:
        hello = await self._call("initialize", limited=False)
        hello = hello if isinstance(hello, dict) else {}
        self.server_version = str(hello.get("contract_version", ""))
        if not _compatible(self.server_version):
            raise MeerkatError(
                "VERSION_MISMATCH",
                f"the server speaks contract {self.server_version or '(none)'},"
                f" this package {CONTRACT_VERSION}",
            )
        methods = hello.get("methods")
        self._methods = frozenset(methods if isinstance(methods, list) else ())
        raw = await self._list("capabilities/get", "capabilities", limited=False)
        self._capabilities = [read_capability(item) for item in raw]
        if self._tools:
            await self._register(list(self._tools.values()))

    async def close(self) -> None:
        """End the server: SIGTERM, five seconds, SIGKILL."""
        self._closed = True
        await self._disconnect()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._methods = frozenset()
        if connection is not None:
            await connection.close()

    async def __aenter__(self) -> MeerkatClient:
        if self._connection is None:
            await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # ---- calls ----

    def _ready(self, method: str) -> Connection:
        if self._connection is None:
            if self._closed:
                raise MeerkatError("CLIENT_CLOSED", "the client was closed")
            raise MeerkatError("NOT_CONNECTED", "call connect() first")
        if self._methods and method not in self._methods and method not in _UNLISTED:
            area = method.split("/")[0]
            raise missing_capability(area, f"this server has no {method}")
        return self._connection

    async def _call(
        self, method: str, params: Mapping[str, Any] | None = None, *, limited: bool = True
    ) -> Any:
        connection = self._ready(method)
        _, future = connection.request(method, params or {})
        try:
            return await asyncio.wait_for(future, self._request_timeout if limited else None)
        except asyncio.TimeoutError as error:
            raise _late(method, self._request_timeout) from error

    async def _dict(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = await self._call(method, params)
        return result if isinstance(result, dict) else {}

    async def _list(
        self,
        method: str,
        member: str,
        params: Mapping[str, Any] | None = None,
        *,
        limited: bool = True,
    ) -> list[dict[str, Any]]:
        result = await self._call(method, params, limited=limited)
        items = result.get(member) if isinstance(result, dict) else None
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    # ---- runs ----

    def _begin(
        self,
        run: Run,
        method: str,
        params: Mapping[str, Any],
        session_id: str | None,
        done: Callable[[RunResult], None],
    ) -> tuple[asyncio.Future[Any], Callable[[], None]]:
        """Send it; the future of the raw reply, and how to cancel the run."""
        connection = self._ready(method)

        def on_reply(raw: Any, error: MeerkatError | None) -> None:
            result = build(RunResult, raw)
            self._router.end(run, result.session_id or None, error)
            if error is None:
                done(result)

        number, future = connection.request(method, params, on_reply)
        self._router.begin(run, session_id)

        def cancel() -> None:
            connection.notify("cancel", {"request_id": number})

        return future, cancel

    async def _finish(
        self,
        method: str,
        params: Mapping[str, Any],
        session_id: str | None,
        done: Callable[[RunResult], None],
    ) -> RunResult:
        """A run that nobody watches, to its end."""
        run = Run(params["prompt"], None)
        future, cancel = self._begin(run, method, params, session_id, done)
        try:
            return build(RunResult, await future)
        except asyncio.CancelledError:
            cancel()
            raise

    async def _run(
        self, params: Mapping[str, Any], session_id: str, done: Callable[[RunResult], None]
    ) -> RunResult:
        return await self._finish("turn/start", params, session_id, done)

    def _stream(
        self,
        method: str,
        params: Mapping[str, Any],
        session_id: str | None,
        done: Callable[[RunResult], None],
    ) -> EventStream:
        def start(run: Run) -> tuple[asyncio.Future[Any], Callable[[], None]]:
            return self._begin(run, method, params, session_id, done)

        return EventStream(Run(params["prompt"], self._event_buffer), start)

    # ---- sessions ----

    async def create_session(self, prompt: Prompt, **options: Unpack[SessionOptions]) -> Session:
        """A new session, after its first turn."""
        params = _create_params(prompt, options, "create_session")
        result = await self._finish("session/create", params, None, lambda _: None)
        return Session(self, _with_id(result))

    def create_session_streaming(
        self, prompt: Prompt, **options: Unpack[SessionOptions]
    ) -> EventStream:
        """A new session; watch its first turn."""
        params = _create_params(prompt, options, "create_session_streaming")
        return self._stream("session/create", params, None, lambda _: None)

    async def create_deferred_session(
        self, prompt: Prompt, **options: Unpack[SessionOptions]
    ) -> DeferredSession:
        """A new session that waits for its first turn."""
        params = _create_params(prompt, options, "create_deferred_session")
        raw = await self._call("session/create", {**params, "initial_turn": "deferred"})
        result = _with_id(build(RunResult, raw))
        self._router.know(result.session_id)
        return DeferredSession(self, result.session_id, result.session_ref)

    async def resume_session(self, session_id: str) -> Session:
        """A handle on a session of the realm that exists already."""
        raw = await self.read_session(session_id)
        text = raw.get("last_assistant_text")
        result = build(RunResult, {"session_id": session_id, **raw, "text": text})
        self._router.know(result.session_id)
        return Session(self, result)

    async def list_sessions(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[SessionInfo]:
        """Those of the realm that are not archived; labels must all match."""
        params = _given(labels=labels, limit=limit, offset=offset)
        return build_list(SessionInfo, await self._call("session/list", params), "sessions")

    async def read_session(self, session_id: str) -> dict[str, Any]:
        """The session's state as the server tells it."""
        return await self._dict("session/read", {"session_id": session_id})

    async def read_session_history(
        self, session_id: str, offset: int = 0, limit: int | None = None
    ) -> SessionHistory:
        """Messages from the offset on, the oldest first."""
        params = {"session_id": session_id, "offset": offset, **_given(limit=limit)}
        return build(SessionHistory, await self._call("session/history", params))

    async def send_external_event(
        self,
        session_id: str,
        payload: Any,
        *,
        event_type: str | None = None,
        source: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Queue an event of the outside world; it wakes an idle session."""
        kind = None if event_type is None else "generic_json"
        more = _given(
            kind=kind, event_type=event_type, source=source, idempotency_key=idempotency_key
        )
        params = {"session_id": session_id, "payload": payload, **more}
        return await self._dict("session/external_event", params)

    async def inject_context(
        self,
        session_id: str,
        text: str,
        *,
        source: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        more = _given(source=source, idempotency_key=idempotency_key)
        params = {"session_id": session_id, "text": text, **more}
        return status_name((await self._dict("session/inject_context", params)).get("status"))

    async def get_blob(self, blob_id: str) -> Blob:
        return build(Blob, await self._call("blob/get", {"blob_id": blob_id}))

    # ---- subscriptions ----

    async def subscribe_session_events(self, session_id: str) -> EventSubscription[EventEnvelope]:
        return await self._subscribe(
            "session", {"session_id": session_id}, parse_envelope, _gap_envelope
        )

    async def subscribe_mob_events(self, mob_id: str) -> EventSubscription[AttributedEvent]:
        return await self._subscribe(
            "mob",
            {"mob_id": mob_id},
            parse_attributed,
            lambda reason: AttributedEvent(envelope=_gap_envelope(reason)),
        )

    async def subscribe_mob_member_events(
        self, mob_id: str, meerkat_id: str
    ) -> EventSubscription[EventEnvelope]:
        params = {"mob_id": mob_id, "member_id": meerkat_id}
        return await self._subscribe("mob", params, parse_envelope, _gap_envelope)

    async def _subscribe(
        self,
        area: str,
        params: Mapping[str, Any],
        parse: Callable[[object], T],
        gap: Callable[[str], T],
    ) -> EventSubscription[T]:
        reply = await self._dict(f"{area}/stream_open", params)
        stream_id = reply.get("stream_id")
        if not isinstance(stream_id, str):
            raise MeerkatError("INVALID_RESPONSE", f"{area}/stream_open gave no stream_id")
        channel = Channel(self._event_buffer, gap)

        async def close() -> None:
            await self._call(f"{area}/stream_close", {"stream_id": stream_id})

        subscription = EventSubscription(stream_id, channel, close)
        self._router.subscribe(subscription, lambda raw: channel.put(parse(raw)))
        return subscription

    # ---- capabilities ----

    @property
    def capabilities(self) -> list[Capability]:
        """What the server said at the handshake that it can do."""
        return list(self._capabilities)

    def has_capability(self, capability_id: str) -> bool:
        """Mobs count as a capability of a server that has their methods."""
        if capability_id == "mob" and not self._methods.isdisjoint(("mob/create", "mob/list")):
            return True
        return any(each.available for each in self._capabilities if each.id == capability_id)

    def require_capability(self, capability_id: str) -> None:
        """Raise CapabilityUnavailableError unless the server has it."""
        if self.has_capability(capability_id):
            return
        status = next((each.status for each in self._capabilities if each.id == capability_id), "")
        raise missing_capability(
            capability_id,
            f"the server's {capability_id} is not available" + (f": {status}" if status else ""),
        )

    # ---- configuration ----

    async def get_config(self) -> dict[str, Any]:
        """config, generation, realm_id and where it is kept."""
        return await self._dict("config/get")

    async def set_config(
        self, config: Mapping[str, Any], *, expected_generation: int | None = None
    ) -> dict[str, Any]:
        """Replace it.  Takes a configuration, or what get_config() gave."""
        inner = config.get("config")
        if isinstance(inner, Mapping) and "generation" in config:
            config = inner
        more = _given(expected_generation=expected_generation)
        return await self._dict("config/set", {"config": dict(config), **more})

    async def patch_config(
        self, patch: Mapping[str, Any], *, expected_generation: int | None = None
    ) -> dict[str, Any]:
        """Merge into it (RFC 7396: None deletes)."""
        more = _given(expected_generation=expected_generation)
        return await self._dict("config/patch", {"patch": dict(patch), **more})

    async def get_models_catalog(self) -> dict[str, Any]:
        return await self._dict("models/catalog")

    # ---- callback tools ----

    def tool(
        self,
        name: str | None = None,
        *,
        description: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
    ) -> Callable[[H], H]:
        """Decorator: the function is a tool that models may call.

        It gets the arguments as one dict; what it returns, as text, is the
        tool's answer.  A function that is not async runs in a thread.
        """

        def register(handler: H) -> H:
            tool = self._add_tool(name or handler.__name__, handler, description, input_schema)
            if self._connection is not None:
                # Sent here and now, so that a turn asked for after this knows the tool.
                self._connection.request("tools/register", {"tools": [tool.definition]})
            return handler

        return register

    async def register_tool(
        self,
        name: str,
        handler: Handler,
        *,
        description: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
    ) -> None:
        """The same as a call; the server knows the tool when it returns."""
        tool = self._add_tool(name, handler, description, input_schema)
        if self._connection is not None:
            await self._register([tool])

    def _add_tool(
        self,
        name: str,
        handler: Handler,
        description: str | None,
        input_schema: Mapping[str, Any] | None,
    ) -> _Tool:
        definition = {
            "name": name,
            "description": description or inspect.getdoc(handler) or f"Tool: {name}",
            "input_schema": dict(input_schema or {"type": "object"}),
        }
        self._tools[name] = _Tool(handler, definition)
        return self._tools[name]

    async def _register(self, tools: list[_Tool]) -> None:
        await self._call("tools/register", {"tools": [tool.definition for tool in tools]})

    async def _on_request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if method != "tool/execute":
            raise NotImplementedError(f"Method not supported: {method}")
        name = str(params.get("name", ""))
        tool = self._tools.get(name)
        if tool is None:
            return {"content": f"Unknown tool: {name}", "is_error": True}
        arguments = params.get("arguments")
        given = arguments if isinstance(arguments, dict) else {}
        try:
            if inspect.iscoroutinefunction(tool.handler):
                value = await tool.handler(given)
            else:
                value = await asyncio.to_thread(tool.handler, given)
                if inspect.isawaitable(value):
                    value = await value
        except Exception as error:  # whatever it is, the model is told
            return {"content": f"Tool error: {error}", "is_error": True}
        return {"content": str(value), "is_error": False}

    # ---- skills, live MCP servers ----

    async def list_skills(self) -> list[dict[str, Any]]:
        return await self._list("skills/list", "skills")

    async def inspect_skill(self, skill_id: str, *, source: str | None = None) -> dict[str, Any]:
        return await self._dict("skills/inspect", {"id": skill_id, **_given(source=source)})

    async def mcp_add(
        self,
        session_id: str,
        server_name: str,
        server_config: Mapping[str, Any],
        *,
        persisted: bool = False,
    ) -> dict[str, Any]:
        """Takes effect with the session's next turn, as the other two do."""
        return await self._dict(
            "mcp/add",
            {
                "session_id": session_id,
                "server_name": server_name,
                "server_config": dict(server_config),
                "persisted": persisted,
            },
        )

    async def mcp_remove(
        self, session_id: str, server_name: str, *, persisted: bool = False
    ) -> dict[str, Any]:
        params = {"session_id": session_id, "server_name": server_name, "persisted": persisted}
        return await self._dict("mcp/remove", params)

    async def mcp_reload(
        self, session_id: str, server_name: str | None = None, *, persisted: bool = False
    ) -> dict[str, Any]:
        more = _given(server_name=server_name)
        return await self._dict(
            "mcp/reload", {"session_id": session_id, "persisted": persisted, **more}
        )

    # ---- the runtime under a session ----

    async def runtime_state(self, session_id: str) -> str:
        reply = await self._dict("runtime/state", {"session_id": session_id})
        return status_name(reply.get("state"))

    async def runtime_accept(self, session_id: str, input: Mapping[str, Any]) -> dict[str, Any]:
        return await self._dict("runtime/accept", {"session_id": session_id, "input": dict(input)})

    async def runtime_retire(self, session_id: str) -> dict[str, Any]:
        return await self._dict("runtime/retire", {"session_id": session_id})

    async def runtime_reset(self, session_id: str) -> dict[str, Any]:
        return await self._dict("runtime/reset", {"session_id": session_id})

    async def input_state(self, session_id: str, input_id: str) -> dict[str, Any] | None:
        params = {"session_id": session_id, "input_id": input_id}
        state = await self._call("input/state", params)
        return state if isinstance(state, dict) else None

    async def input_list(self, session_id: str) -> list[str]:
        """The inputs that are not done with."""
        ids = (await self._dict("input/list", {"session_id": session_id})).get("input_ids")
        return [str(each) for each in ids] if isinstance(ids, list) else []

    # ---- schedules ----

    async def create_schedule(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """At least trigger and target."""
        return await self._dict("schedule/create", schedule)

    async def get_schedule(self, schedule_id: str) -> dict[str, Any]:
        return await self._dict("schedule/get", {"schedule_id": schedule_id})

    async def list_schedules(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[dict[str, Any]]:
        params = _given(labels=labels, limit=limit, offset=offset)
        return await self._list("schedule/list", "schedules", params)

    async def update_schedule(self, update: Mapping[str, Any]) -> dict[str, Any]:
        """schedule_id and what is to change."""
        return await self._dict("schedule/update", update)

    async def pause_schedule(self, schedule_id: str) -> dict[str, Any]:
        return await self._dict("schedule/pause", {"schedule_id": schedule_id})

    async def resume_schedule(self, schedule_id: str) -> dict[str, Any]:
        return await self._dict("schedule/resume", {"schedule_id": schedule_id})

    async def delete_schedule(self, schedule_id: str) -> dict[str, Any]:
        return await self._dict("schedule/delete", {"schedule_id": schedule_id})

    async def list_schedule_occurrences(
        self, schedule_id: str, *, include_terminal: bool | None = None
    ) -> list[dict[str, Any]]:
        params = {"schedule_id": schedule_id, **_given(include_terminal=include_terminal)}
        return await self._list("schedule/occurrences", "occurrences", params)

    async def list_schedule_tools(self) -> list[dict[str, Any]]:
        return await self._list("schedule/tools", "tools")

    async def call_schedule_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None
    ) -> Any:
        return await self._call("schedule/call", {"name": name, "arguments": dict(arguments or {})})

    # ---- mobs ----

    async def create_mob(
        self, *, prefab: str | None = None, definition: Mapping[str, Any] | None = None
    ) -> Mob:
        """A new mob, from a definition or the name of one that the server has."""
        reply = await self._dict("mob/create", _given(prefab=prefab, definition=definition))
        return Mob(self, str(reply.get("mob_id", "")))

    async def list_mobs(self) -> list[MobSummary]:
        """All mobs of the realm, with their status."""
        raw = await self._list("mob/list", "mobs")
        return [
            MobSummary(str(item.get("mob_id", "")), status_name(item.get("status"))) for item in raw
        ]

    def mob(self, mob_id: str) -> Mob:
        """A handle on a mob that exists already."""
        return Mob(self, mob_id)

    # ---- profiles that mobs share ----

    async def create_mob_profile(self, name: str, profile: Mapping[str, Any]) -> dict[str, Any]:
        return await self._dict("mob/profile/create", {"name": name, "profile": dict(profile)})

    async def get_mob_profile(self, name: str) -> dict[str, Any] | None:
        found = await self._dict("mob/profile/get", {"name": name})
        return None if found.get("not_found") else found

    async def list_mob_profiles(self) -> list[dict[str, Any]]:
        return await self._list("mob/profile/list", "profiles")

    async def update_mob_profile(
        self, name: str, profile: Mapping[str, Any], expected_revision: int
    ) -> dict[str, Any]:
        params = {"name": name, "profile": dict(profile), "expected_revision": expected_revision}
        return await self._dict("mob/profile/update", params)

    async def delete_mob_profile(self, name: str, expected_revision: int) -> dict[str, Any]:
        params = {"name": name, "expected_revision": expected_revision}
        return await self._dict("mob/profile/delete", params)


# ---- helpers ----


def _program(rkat_path: str) -> list[str]:
    """The server's argv so far: the environment, the argument, then PATH."""
    named = os.environ.get("MEERKAT_BIN_PATH") or rkat_path
    found = shutil.which(named)
    if found is None and named == "rkat-rpc":
        found = shutil.which("rkat")
    if found is None:
        raise MeerkatError(
            "BINARY_NOT_FOUND",
            f"{named} is not an executable program: install rkat, or give its place with"
            " MeerkatClient(rkat_path=...) or MEERKAT_BIN_PATH",
        )
    return [found, "rpc"] if os.path.basename(found) == "rkat" else [found]


def _compatible(version: str) -> bool:
    """Before 1.0 the minor number must be the same, later the major one."""
    try:
        theirs = [int(part) for part in version.split(".")]
    except ValueError:
        return False
    ours = [int(part) for part in CONTRACT_VERSION.split(".")]
    if len(theirs) < 2 or min(theirs) < 0 or theirs[0] != ours[0]:
        return False
    return ours[0] != 0 or theirs[1] == ours[1]


def _create_params(prompt: Prompt, options: Mapping[str, Any], call: str) -> dict[str, Any]:
    return {"prompt": wire_prompt(prompt), **wire_options(options, SessionOptions, call)}


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _with_id(result: RunResult) -> RunResult:
    if not result.session_id:
        raise MeerkatError("INVALID_RESPONSE", "session/create gave no session_id")
    return result


def _gap_envelope(reason: str) -> EventEnvelope:
    return EventEnvelope(payload=StreamTruncated(reason))


def _late(method: str, seconds: float | None) -> MeerkatError:
    return MeerkatError("TIMEOUT", f"no answer to {method} within {seconds:g} s")
