"""What an agent does, as it does it: one frozen dataclass for each kind of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ._wire import build, wire
from .types import Usage


@dataclass(frozen=True)
class Event:
    """Base of all events."""


E = TypeVar("E", bound=type[Event])
_KINDS: dict[str, type[Event]] = {}


def _kind(name: str) -> Callable[[E], E]:
    def register(cls: E) -> E:
        _KINDS[name] = cls
        return cls

    return register


# ---- run ----


@_kind("run_started")
@dataclass(frozen=True)
class RunStarted(Event):
    """A run has begun, with this prompt."""

    session_id: str = ""
    prompt: str = ""
    type: str = field(default="run_started", init=False, repr=False)


@_kind("run_completed")
@dataclass(frozen=True)
class RunCompleted(Event):
    """A run ended well; usage counts the whole session."""

    session_id: str = ""
    result: str = ""
    usage: Usage = Usage()
    type: str = field(default="run_completed", init=False, repr=False)


@_kind("run_failed")
@dataclass(frozen=True)
class RunFailed(Event):
    """A run ended with an error."""

    session_id: str = ""
    error: str = ""
    type: str = field(default="run_failed", init=False, repr=False)


# ---- model ----


@_kind("turn_started")
@dataclass(frozen=True)
class TurnStarted(Event):
    """A call of the model begins; they count from 0 within a run."""

    turn_number: int = 0
    type: str = field(default="turn_started", init=False, repr=False)


@_kind("reasoning_delta")
@dataclass(frozen=True)
class ReasoningDelta(Event):
    """A piece of what the model thinks."""

    delta: str = ""
    type: str = field(default="reasoning_delta", init=False, repr=False)


@_kind("reasoning_complete")
@dataclass(frozen=True)
class ReasoningComplete(Event):
    """All that the model thought before it went on."""

    content: str = ""
    type: str = field(default="reasoning_complete", init=False, repr=False)


@_kind("text_delta")
@dataclass(frozen=True)
class TextDelta(Event):
    """A piece of the answer, as it comes."""

    delta: str = ""
    type: str = field(default="text_delta", init=False, repr=False)


@_kind("text_complete")
@dataclass(frozen=True)
class TextComplete(Event):
    """The whole text of one answer."""

    content: str = ""
    type: str = field(default="text_complete", init=False, repr=False)


@_kind("turn_completed")
@dataclass(frozen=True)
class TurnCompleted(Event):
    """A call of the model ended, without a tool call."""

    stop_reason: str = "end_turn"
    usage: Usage = Usage()
    type: str = field(default="turn_completed", init=False, repr=False)


@_kind("retrying")
@dataclass(frozen=True)
class Retrying(Event):
    """The call of the model failed and is made again after a delay."""

    attempt: int = 0
    max_attempts: int = 0
    error: str = ""
    delay_ms: int = 0
    type: str = field(default="retrying", init=False, repr=False)


# ---- tools ----


@_kind("tool_call_requested")
@dataclass(frozen=True)
class ToolCallRequested(Event):
    """The model wants a tool to be called."""

    id: str = ""
    name: str = ""
    args: Any = None
    type: str = field(default="tool_call_requested", init=False, repr=False)


@_kind("tool_result_received")
@dataclass(frozen=True)
class ToolResultReceived(Event):
    """The result of a call goes to the model."""

    id: str = ""
    name: str = ""
    is_error: bool = False
    type: str = field(default="tool_result_received", init=False, repr=False)


@_kind("tool_execution_started")
@dataclass(frozen=True)
class ToolExecutionStarted(Event):
    """A tool begins its work."""

    id: str = ""
    name: str = ""
    type: str = field(default="tool_execution_started", init=False, repr=False)


@_kind("tool_execution_completed")
@dataclass(frozen=True)
class ToolExecutionCompleted(Event):
    """A tool is done; an error is a result, too."""

    id: str = ""
    name: str = ""
    result: str = ""
    is_error: bool = False
    duration_ms: int = 0
    has_images: bool = False
    type: str = field(default="tool_execution_completed", init=False, repr=False)


@_kind("tool_execution_timed_out")
@dataclass(frozen=True)
class ToolExecutionTimedOut(Event):
    """A tool took longer than it may."""

    id: str = ""
    name: str = ""
    timeout_ms: int = 0
    type: str = field(default="tool_execution_timed_out", init=False, repr=False)


@wire
@dataclass(frozen=True)
class ToolConfigChangedPayload:
    """What was done to which tools, and from when on."""

    operation: str = "reload"
    target: str = ""
    status: str = ""
    persisted: bool = False
    applied_at_turn: int | None = None
    domain: str | None = None


@_kind("tool_config_changed")
@dataclass(frozen=True)
class ToolConfigChanged(Event):
    """The tools of the session are others from here on."""

    payload: ToolConfigChangedPayload = ToolConfigChangedPayload()
    type: str = field(default="tool_config_changed", init=False, repr=False)


@_kind("background_job_completed")
@dataclass(frozen=True)
class BackgroundJobCompleted(Event):
    """A command that ran in the background has ended."""

    job_id: str = ""
    display_name: str = ""
    status: str = ""
    detail: str = ""
    type: str = field(default="background_job_completed", init=False, repr=False)


# ---- context and budget ----


@_kind("compaction_started")
@dataclass(frozen=True)
class CompactionStarted(Event):
    """The history grew too long and is summarized."""

    input_tokens: int = 0
    estimated_history_tokens: int = 0
    message_count: int = 0
    type: str = field(default="compaction_started", init=False, repr=False)


@_kind("compaction_completed")
@dataclass(frozen=True)
class CompactionCompleted(Event):
    """A summary stands where older messages were."""

    summary_tokens: int = 0
    messages_before: int = 0
    messages_after: int = 0
    type: str = field(default="compaction_completed", init=False, repr=False)


@_kind("compaction_failed")
@dataclass(frozen=True)
class CompactionFailed(Event):
    """There is no summary; the history stays as it was."""

    error: str = ""
    type: str = field(default="compaction_failed", init=False, repr=False)


@_kind("budget_warning")
@dataclass(frozen=True)
class BudgetWarning(Event):
    """A budget is nearly used up; at a percent of 1.0 it is."""

    budget_type: str = ""
    used: int = 0
    limit: int = 0
    percent: float = 0.0
    type: str = field(default="budget_warning", init=False, repr=False)


# ---- hooks ----


@_kind("hook_started")
@dataclass(frozen=True)
class HookStarted(Event):
    """A hook is called at this point of the run."""

    hook_id: str = ""
    point: str = ""
    type: str = field(default="hook_started", init=False, repr=False)


@_kind("hook_completed")
@dataclass(frozen=True)
class HookCompleted(Event):
    """A hook is done."""

    hook_id: str = ""
    point: str = ""
    duration_ms: int = 0
    type: str = field(default="hook_completed", init=False, repr=False)


@_kind("hook_failed")
@dataclass(frozen=True)
class HookFailed(Event):
    """A hook failed."""

    hook_id: str = ""
    point: str = ""
    error: str = ""
    type: str = field(default="hook_failed", init=False, repr=False)


@_kind("hook_denied")
@dataclass(frozen=True)
class HookDenied(Event):
    """A hook forbade what was about to happen."""

    hook_id: str = ""
    point: str = ""
    reason_code: str = ""
    message: str = ""
    payload: Any = None
    type: str = field(default="hook_denied", init=False, repr=False)


@_kind("hook_rewrite_applied")
@dataclass(frozen=True)
class HookRewriteApplied(Event):
    """A hook changed what was about to happen."""

    hook_id: str = ""
    point: str = ""
    patch: dict[str, Any] = field(default_factory=dict)
    type: str = field(default="hook_rewrite_applied", init=False, repr=False)


@_kind("hook_patch_published")
@dataclass(frozen=True)
class HookPatchPublished(Event):
    """A change that a hook made known later."""

    hook_id: str = ""
    point: str = ""
    envelope: dict[str, Any] = field(default_factory=dict)
    type: str = field(default="hook_patch_published", init=False, repr=False)


# ---- skills ----


@_kind("skills_resolved")
@dataclass(frozen=True)
class SkillsResolved(Event):
    """These skills are part of the prompt now."""

    skills: tuple[str, ...] = ()
    injection_bytes: int = 0
    type: str = field(default="skills_resolved", init=False, repr=False)


@_kind("skill_resolution_failed")
@dataclass(frozen=True)
class SkillResolutionFailed(Event):
    """A skill was asked for that cannot be had."""

    reference: str = ""
    error: str = ""
    type: str = field(default="skill_resolution_failed", init=False, repr=False)


# ---- comms ----


@_kind("interaction_complete")
@dataclass(frozen=True)
class InteractionComplete(Event):
    """Work that a peer asked for is done."""

    interaction_id: str = ""
    result: str = ""
    type: str = field(default="interaction_complete", init=False, repr=False)


@_kind("interaction_callback_pending")
@dataclass(frozen=True)
class InteractionCallbackPending(Event):
    """Work that a peer asked for waits for a tool of the client."""

    interaction_id: str = ""
    tool_name: str = ""
    args: Any = None
    type: str = field(default="interaction_callback_pending", init=False, repr=False)


@_kind("interaction_failed")
@dataclass(frozen=True)
class InteractionFailed(Event):
    """Work that a peer asked for failed."""

    interaction_id: str = ""
    error: str = ""
    type: str = field(default="interaction_failed", init=False, repr=False)


# ---- the stream itself ----


@_kind("stream_truncated")
@dataclass(frozen=True)
class StreamTruncated(Event):
    """Events are missing here: the server says so, or this reader was too slow."""

    reason: str = ""
    type: str = field(default="stream_truncated", init=False, repr=False)


@dataclass(frozen=True)
class UnknownEvent(Event):
    """An event that this package has no class for; data is all of it."""

    type: str = ""
    data: dict[str, Any] = field(default_factory=dict)


# ---- envelopes ----


@dataclass(frozen=True)
class EventEnvelope:
    """An event with its place: seq grows by one for each event of a source."""

    event_id: str = ""
    source_id: str = ""
    seq: int = 0
    timestamp_ms: int = 0
    mob_id: str | None = None
    payload: Event = UnknownEvent()


@dataclass(frozen=True)
class AttributedEvent:
    """An event of some member of a mob."""

    source: str = ""
    profile: str = ""
    envelope: EventEnvelope = EventEnvelope()


def parse_event(raw: object) -> Event:
    """A typed event from a bare event object."""
    if not isinstance(raw, Mapping):
        return UnknownEvent()
    name = raw.get("type")
    cls = _KINDS.get(name) if isinstance(name, str) else None
    if cls is None:
        return UnknownEvent(name if isinstance(name, str) else "", dict(raw))
    return build(cls, raw)


def parse_envelope(raw: object) -> EventEnvelope:
    """An envelope; a bare event gets an empty one."""
    if not isinstance(raw, Mapping):
        return EventEnvelope()
    if not is_envelope(raw):
        return EventEnvelope(payload=parse_event(raw))

    def text(name: str) -> str:
        value = raw.get(name)
        return value if isinstance(value, str) else ""

    def number(name: str) -> int:
        value = raw.get(name)
        return value if isinstance(value, int) else 0

    return EventEnvelope(
        text("event_id"),
        text("source_id"),
        number("seq"),
        number("timestamp_ms"),
        text("mob_id") or None,
        parse_event(raw.get("payload")),
    )


def parse_attributed(raw: object) -> AttributedEvent:
    if not isinstance(raw, Mapping):
        return AttributedEvent()
    return AttributedEvent(
        str(raw.get("source", "")),
        str(raw.get("profile", "")),
        parse_envelope(raw.get("envelope")),
    )


def is_envelope(raw: Mapping[str, Any]) -> bool:
    """A bare hook_denied has a payload as well; only an envelope has an origin."""
    return "payload" in raw and ("source_id" in raw or "event_id" in raw)


def bare_event(raw: object) -> Event:
    """The event in a session/event notification, bare or in its envelope."""
    if isinstance(raw, Mapping) and is_envelope(raw):
        return parse_event(raw["payload"])
    return parse_event(raw)
