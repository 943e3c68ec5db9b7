"""Errors.  Every error of this package is a MeerkatError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# JSON-RPC number -> the contract's stable name for it.
_NAMES = {
    -32700: "PARSE_ERROR",
    -32600: "INVALID_REQUEST",
    -32601: "METHOD_NOT_FOUND",
    -32602: "INVALID_PARAMS",
    -32603: "INTERNAL_ERROR",
    -32001: "SESSION_NOT_FOUND",
    -32002: "SESSION_BUSY",
    -32003: "SESSION_NOT_RUNNING",
    -32004: "DUPLICATE_INPUT",
    -32005: "REQUEST_CANCELLED",
    -32010: "PROVIDER_ERROR",
    -32011: "BUDGET_EXHAUSTED",
    -32012: "HOOK_DENIED",
    -32013: "AGENT_ERROR",
    -32020: "CAPABILITY_UNAVAILABLE",
    -32021: "SKILL_NOT_FOUND",
    -32022: "SKILL_RESOLUTION_FAILED",
    -32023: "SCHEDULE_NOT_FOUND",
}


class MeerkatError(Exception):
    """What went wrong, by name.

    code: a stable name such as ``SESSION_BUSY`` or ``NOT_CONNECTED``.
    rpc_code: the JSON-RPC number, when the server sent the error.
    details: whatever else the server said about it.
    capability_hint: ``{"capability_id", "message"}`` when a capability is missing.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Any = None,
        capability_hint: Mapping[str, Any] | None = None,
        rpc_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.capability_hint = dict(capability_hint) if capability_hint else None
        self.rpc_code = rpc_code

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}"


class CapabilityUnavailableError(MeerkatError):
    """The server lacks, or has switched off, what the call needs."""


class SessionNotFoundError(MeerkatError):
    """There is no such session, or it is archived."""


class SkillNotFoundError(MeerkatError):
    """A skill reference names no skill."""


_CLASSES: dict[str, type[MeerkatError]] = {
    "METHOD_NOT_FOUND": CapabilityUnavailableError,
    "CAPABILITY_UNAVAILABLE": CapabilityUnavailableError,
    "SESSION_NOT_FOUND": SessionNotFoundError,
    "SKILL_NOT_FOUND": SkillNotFoundError,
}


def missing_capability(capability: str, message: str) -> CapabilityUnavailableError:
    return CapabilityUnavailableError(
        "CAPABILITY_UNAVAILABLE",
        message,
        capability_hint={"capability_id": capability, "message": message},
    )


def error_from_wire(raw: object) -> MeerkatError:
    """The error member of a reply as an exception, whatever its shape."""
    error = raw if isinstance(raw, Mapping) else {"message": str(raw)}
    number = error.get("code")
    message = str(error.get("message") or "the server gave no reason")
    data = error.get("data")
    if not isinstance(data, Mapping):
        # Servers without a data member put the whole error, as JSON, in the text.
        data = _json_object(message) or {}
    code = str(data.get("code") or _name(number))
    details = error.get("data")
    for key in ("details", "reason"):
        if data.get(key) is not None:
            details = data[key]
            break
    hint = data.get("capability_hint")
    return _CLASSES.get(code, MeerkatError)(
        code,
        str(data.get("message") or message),
        details=details,
        capability_hint=hint if isinstance(hint, Mapping) else None,
        rpc_code=number if isinstance(number, int) else None,
    )


def _name(number: object) -> str:
    if isinstance(number, int):
        return _NAMES.get(number, str(number))
    return str(number) if number else "UNKNOWN"


def _json_object(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, Mapping) else None
