"""Mobs: groups of agents.  Every call needs a server that has mobs; without
one it raises CapabilityUnavailableError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .events import AttributedEvent, EventEnvelope
from .streams import EventSubscription
from .types import MobMember, Prompt, SpawnSpec, read_member, status_name, wire_prompt

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .client import MeerkatClient


class Mob:
    """A handle on a mob."""

    def __init__(self, client: MeerkatClient, mob_id: str) -> None:
        self._client = client
        self.id = mob_id

    def __repr__(self) -> str:
        return f"Mob({self.id!r})"

    async def _call(self, method: str, wait: bool = False, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        return await self._client._call(
            f"mob/{method}", {"mob_id": self.id, **given}, limited=not wait
        )

    async def _get(self, method: str, wait: bool = False, **params: Any) -> dict[str, Any]:
        result = await self._call(method, wait, **params)
        return result if isinstance(result, dict) else {}

    # ---- the mob ----

    async def status(self) -> str:
        """Creating, Running, Stopped, Completed or Destroyed."""
        return status_name((await self._get("status")).get("status"))

    async def lifecycle(self, action: str) -> None:
        """action: stop, resume, complete, reset or destroy."""
        await self._call("lifecycle", action=action)

    async def events(self, after_cursor: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """What the mob's journal holds after a cursor."""
        found = (await self._get("events", after_cursor=after_cursor, limit=limit)).get("events")
        return list(found) if isinstance(found, list) else []

    async def subscribe_events(self) -> EventSubscription[AttributedEvent]:
        """The events of all members from now on."""
        return await self._client.subscribe_mob_events(self.id)

    # ---- members ----

    def member(self, meerkat_id: str) -> Member:
        """A handle on one member."""
        return Member(self, meerkat_id)

    async def members(self) -> list[MobMember]:
        """All members, also those that are on their way out."""
        found = (await self._get("members")).get("members")
        items = found if isinstance(found, list) else []
        return [read_member(item) for item in items if isinstance(item, Mapping)]

    async def spawn(self, **spec: Unpack[SpawnSpec]) -> dict[str, Any]:
        """A new member: profile=..., meerkat_id=... and what SpawnSpec has more."""
        return await self._get("spawn", **_spec(spec))

    async def spawn_many(self, specs: Sequence[SpawnSpec]) -> list[dict[str, Any]]:
        """Several members; a result for each, in order."""
        reply = await self._get("spawn_many", specs=[_spec(spec) for spec in specs])
        found = reply.get("results")
        return list(found) if isinstance(found, list) else []

    async def retire(self, meerkat_id: str) -> None:
        """End a member."""
        await self._call("retire", meerkat_id=meerkat_id)

    async def respawn(
        self, meerkat_id: str, initial_message: Prompt | None = None
    ) -> dict[str, Any]:
        """The member anew: status and receipt."""
        message = None if initial_message is None else wire_prompt(initial_message)
        return await self._get("respawn", meerkat_id=meerkat_id, initial_message=message)

    async def wait_kickoff(
        self, member_ids: Sequence[str] | None = None, timeout_ms: int | None = None
    ) -> list[dict[str, Any]]:
        """Until these members (default: all) have begun to work."""
        ids = None if member_ids is None else list(member_ids)
        reply = await self._get("wait_kickoff", True, member_ids=ids, timeout_ms=timeout_ms)
        found = reply.get("members")
        return list(found) if isinstance(found, list) else []

    async def spawn_helper(self, prompt: str, **options: Any) -> dict[str, Any]:
        """Let a short-lived member do this; its output."""
        return await self._get("spawn_helper", True, prompt=prompt, **options)

    async def fork_helper(
        self, source_member_id: str, prompt: str, **options: Any
    ) -> dict[str, Any]:
        """The same with the context of an existing member."""
        return await self._get(
            "fork_helper", True, source_member_id=source_member_id, prompt=prompt, **options
        )

    async def subscribe_member_events(self, meerkat_id: str) -> EventSubscription[EventEnvelope]:
        """All events of one member from now on."""
        return await self._client.subscribe_mob_member_events(self.id, meerkat_id)

    # ---- wiring: a peer is a member's id, or {"external": {name, peer_id, address}} ----

    async def wire(self, a: str, b: str | Mapping[str, Any]) -> None:
        """Let two members talk to each other."""
        await self._call("wire", member=a, peer=_peer(b))

    async def unwire(self, a: str, b: str | Mapping[str, Any]) -> None:
        """Let them talk no more."""
        await self._call("unwire", member=a, peer=_peer(b))

    # ---- flows ----

    async def flows(self) -> list[str]:
        """The names of the flows that can be run."""
        found = (await self._get("flows")).get("flows")
        return list(found) if isinstance(found, list) else []

    async def run_flow(self, flow_id: str, params: Mapping[str, Any] | None = None) -> str:
        """Start a flow; the id of its run."""
        reply = await self._get("flow_run", flow_id=flow_id, params=dict(params or {}))
        return str(reply.get("run_id", ""))

    async def flow_status(self, run_id: str) -> dict[str, Any] | None:
        """How far a run of a flow is; None if there is no such run."""
        run = (await self._get("flow_status", run_id=run_id)).get("run")
        return run if isinstance(run, dict) else None

    async def cancel_flow(self, run_id: str) -> None:
        """Stop a run of a flow."""
        await self._call("flow_cancel", run_id=run_id)


class Member:
    """A handle on a member of a mob."""

    def __init__(self, mob: Mob, meerkat_id: str) -> None:
        self._mob = mob
        self.id = meerkat_id

    def __repr__(self) -> str:
        return f"Member({self._mob.id!r}, {self.id!r})"

    async def send(
        self,
        content: Prompt,
        handling_mode: str = "queue",
        render_metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Give it work; steer reaches a running turn, queue waits for its end."""
        return await self._mob._get(
            "member_send",
            meerkat_id=self.id,
            content=wire_prompt(content),
            handling_mode=handling_mode,
            render_metadata=render_metadata,
        )

    async def status(self) -> dict[str, Any]:
        return await self._mob._get("member_status", meerkat_id=self.id)

    async def force_cancel(self) -> None:
        await self._mob._call("force_cancel", meerkat_id=self.id)

    async def append_system_context(
        self, text: str, *, source: str | None = None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        return await self._mob._get(
            "append_system_context",
            meerkat_id=self.id,
            text=text,
            source=source,
            idempotency_key=idempotency_key,
        )

    async def subscribe_events(self) -> EventSubscription[EventEnvelope]:
        return await self._mob.subscribe_member_events(self.id)


def _peer(peer: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"local": peer} if isinstance(peer, str) else dict(peer)


def _spec(spec: SpawnSpec) -> dict[str, Any]:
    params = {name: value for name, value in spec.items() if value is not None}
    message = spec.get("initial_message")
    if message is not None:
        params["initial_message"] = wire_prompt(message)
    return params
