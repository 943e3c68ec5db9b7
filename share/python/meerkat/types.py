"""Values that calls take and give."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Union

from ._wire import build, wire

ContentBlock = dict[str, Any]
Prompt = Union[str, Sequence[Mapping[str, Any]]]


@wire
@dataclass(frozen=True)
class Usage:
    """Tokens, as the server counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int | None = None
    cache_read_tokens: int | None = None


@wire
@dataclass(frozen=True)
class SchemaWarning:
    """A place where the output schema had to be bent for the provider."""

    provider: str = ""
    path: str = ""
    message: str = ""


@wire
@dataclass(frozen=True)
class SourceHealthSnapshot:
    """How well a source of skills can be read."""

    state: str = ""
    invalid_ratio: float = 0.0
    invalid_count: int = 0
    total_count: int = 0
    failure_streak: int = 0
    handshake_failed: bool = False


@wire
@dataclass(frozen=True)
class SkillQuarantineDiagnostic:
    """A skill that was found and is not fit for use."""

    source_uuid: str = ""
    skill_id: str = ""
    location: str = ""
    error_code: str = ""
    error_class: str = ""
    message: str = ""
    first_seen_unix_secs: int = 0
    last_seen_unix_secs: int = 0


@wire
@dataclass(frozen=True)
class SkillRuntimeDiagnostics:
    """What is wrong with skills, if anything."""

    source_health: SourceHealthSnapshot = SourceHealthSnapshot()
    quarantined: tuple[SkillQuarantineDiagnostic, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """What one run came to."""

    session_id: str = ""
    session_ref: str | None = None
    text: str = ""
    turns: int = 0
    tool_calls: int = 0
    usage: Usage = Usage()
    structured_output: Any = None
    schema_warnings: tuple[SchemaWarning, ...] = ()
    skill_diagnostics: SkillRuntimeDiagnostics | None = None


@dataclass(frozen=True)
class SessionInfo:
    """One line of list_sessions().  Times are Unix seconds."""

    session_id: str = ""
    session_ref: str | None = None
    created_at: int = 0
    updated_at: int = 0
    message_count: int = 0
    total_tokens: int = 0
    is_active: bool = False
    labels: dict[str, str] = field(default_factory=dict)


@wire
@dataclass(frozen=True)
class SessionMessage:
    """One message of the transcript; which fields are set depends on the role.

    system, user: content.  system_notice: kind, body.  block_assistant: blocks,
    stop_reason.  assistant: content, tool_calls, stop_reason.  tool_results: results.
    """

    role: str = ""
    content: Any = None
    kind: str | None = None
    body: str | None = None
    blocks: Any = None
    tool_calls: Any = None
    results: Any = None
    stop_reason: str | None = None

    @property
    def text(self) -> str:
        """The message's words, without media, reasoning and tool calls."""
        if self.body is not None:
            return self.body
        if isinstance(self.content, str):
            return self.content
        parts: list[str] = []
        for block in self.blocks or self.content or ():
            if not isinstance(block, Mapping):
                continue
            kind = block.get("block_type", block.get("type"))
            data = block.get("data") if "block_type" in block else block
            if kind == "text" and isinstance(data, Mapping):
                parts.append(str(data.get("text", "")))
        return "".join(parts)


@dataclass(frozen=True)
class SessionHistory:
    """A page of a session's transcript, oldest message first."""

    session_id: str = ""
    session_ref: str | None = None
    message_count: int = 0
    offset: int = 0
    limit: int | None = None
    has_more: bool = False
    messages: tuple[SessionMessage, ...] = ()


@dataclass(frozen=True)
class Capability:
    """Something that the server can do, or says why it cannot."""

    id: str = ""
    description: str = ""
    status: str = ""

    @property
    def available(self) -> bool:
        return self.status == "Available"


@dataclass(frozen=True)
class Blob:
    """An image or other content that a session refers to, in base64."""

    blob_id: str = ""
    media_type: str = ""
    data: str = ""


@dataclass(frozen=True)
class MobSummary:
    """One mob of a list."""

    mob_id: str = ""
    status: str = ""


@dataclass(frozen=True)
class MobMember:
    """A member of a mob, as the mob knows it."""

    meerkat_id: str = ""
    profile: str = ""
    runtime_mode: str = ""
    state: str = ""
    status: str = ""
    is_final: bool = False
    error: str | None = None
    peer_id: str | None = None
    current_session_id: str | None = None
    member_ref: Any = None
    wired_to: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SkillKey:
    """The name of a skill in one skill source."""

    source_uuid: str
    skill_name: str


SkillRef = Union[SkillKey, str]


class TurnOptions(TypedDict, total=False):
    """Keyword arguments of Session.turn() and Session.stream()."""

    skill_refs: Sequence[SkillRef] | None
    skill_references: Sequence[str] | None
    additional_instructions: Sequence[str] | None
    flow_tool_overlay: Mapping[str, Any] | None
    keep_alive: bool | None
    model: str | None
    provider: str | None
    provider_params: Mapping[str, Any] | None


class FirstTurnOptions(TurnOptions, total=False):
    """Keyword arguments of DeferredSession.start_turn(): more may still change."""

    max_tokens: int | None
    system_prompt: str | None
    output_schema: Mapping[str, Any] | None
    structured_output_retries: int | None


class SessionOptions(TypedDict, total=False):
    """Keyword arguments of the create_session family."""

    model: str | None
    provider: str | None
    system_prompt: str | None
    max_tokens: int | None
    output_schema: Mapping[str, Any] | None
    structured_output_retries: int | None
    hooks_override: Mapping[str, Any] | None
    enable_builtins: bool | None
    enable_shell: bool | None
    enable_memory: bool | None
    enable_mob: bool | None
    keep_alive: bool | None
    comms_name: str | None
    peer_meta: Mapping[str, Any] | None
    budget_limits: Mapping[str, Any] | None
    provider_params: Mapping[str, Any] | None
    preload_skills: Sequence[str] | None
    skill_refs: Sequence[SkillRef] | None
    skill_references: Sequence[str] | None
    labels: Mapping[str, str] | None
    additional_instructions: Sequence[str] | None
    app_context: Any
    shell_env: Mapping[str, str] | None
    external_tools: Sequence[Mapping[str, Any]] | None


class SpawnSpec(TypedDict, total=False):
    """A member to be: profile and meerkat_id must be there."""

    profile: str
    meerkat_id: str
    initial_message: Prompt | None
    runtime_mode: str | None
    backend: str | None
    resume_session_id: str | None
    labels: Mapping[str, str] | None
    context: Any
    additional_instructions: Sequence[str] | None


# An empty value of these means "the server's default", as if it were not given.
_DEFAULT_IF_EMPTY = ("model", "provider", "system_prompt", "max_tokens", "comms_name")


def wire_options(
    given: Mapping[str, Any], allowed: type[Any], call: str
) -> dict[str, Any]:
    """Keyword arguments as params: names checked, what is not set left out."""
    params: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _names(allowed):
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
        if value is None or (name in _DEFAULT_IF_EMPTY and not value):
            continue
        params[name] = [wire_skill(ref) for ref in value] if name == "skill_refs" else value
    return params


def _names(options: type[Any]) -> frozenset[str]:
    keys: frozenset[str] = options.__optional_keys__ | options.__required_keys__
    return keys


def wire_skill(ref: SkillRef) -> dict[str, str] | str:
    if isinstance(ref, SkillKey):
        return {"source_uuid": ref.source_uuid, "skill_name": ref.skill_name}
    warnings.warn(
        "skill references as text are deprecated: use SkillKey(source_uuid, skill_name)",
        DeprecationWarning,
        stacklevel=5,
    )
    return ref


def wire_prompt(prompt: Prompt) -> str | list[dict[str, Any]]:
    """The prompt as the wire has it: inline media say that they are inline."""
    if isinstance(prompt, str):
        return prompt
    blocks = [dict(block) for block in prompt]
    for block in blocks:
        if block.get("type") in ("image", "video"):
            block.setdefault("source", "blob" if "blob_id" in block else "inline")
    return blocks


def status_name(raw: object) -> str:
    """A status that is text, or an object whose one key is the status."""
    if isinstance(raw, Mapping):
        return str(next(iter(raw), ""))
    return raw if isinstance(raw, str) else ""


def read_capability(raw: Mapping[str, Any]) -> Capability:
    return build(Capability, {**raw, "status": status_name(raw.get("status"))})


def read_member(raw: Mapping[str, Any]) -> MobMember:
    return build(MobMember, {**raw, "profile": raw.get("profile_name", raw.get("profile"))})
