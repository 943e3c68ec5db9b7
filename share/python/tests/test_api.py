"""Every name that the documents promise is there and takes what they say."""

from __future__ import annotations

import dataclasses
import inspect
import re
import unittest
from collections.abc import Callable

import meerkat
from meerkat import DeferredSession, EventStream, EventSubscription, MeerkatClient, Mob, Session

CREATE = (
    "model provider system_prompt max_tokens output_schema structured_output_retries hooks_override "
    "enable_builtins enable_shell enable_memory enable_mob keep_alive comms_name peer_meta budget_limits "
    "provider_params preload_skills skill_refs skill_references"
)
TURN = "skill_refs skill_references"

# Class: its methods with the parameters that are named, its properties without.
CLASSES: dict[type, dict[str, str | None]] = {
    MeerkatClient: {
        "connect": "realm_id instance_id realm_backend isolated state_root context_root user_config_root",
        "close": "",
        "create_session": f"prompt {CREATE}",
        "create_session_streaming": f"prompt {CREATE}",
        "create_deferred_session": f"prompt {CREATE}",
        "list_sessions": "",
        "read_session": "session_id",
        "read_session_history": "session_id offset limit",
        "create_mob": "definition prefab",
        "list_mobs": "",
        "capabilities": None,
        "has_capability": "",
        "require_capability": "",
        "get_config": "",
        "set_config": "config",
        "patch_config": "patch",
    },
    Session: {
        **dict.fromkeys(
            ("text", "usage", "turns", "tool_calls", "structured_output", "last_result")),
        "turn": f"prompt {TURN}",
        "stream": f"prompt {TURN}",
        "history": "offset limit",
        "archive": "",
        "interrupt": "",
        "invoke_skill": "skill_ref prompt",
        "send": "",
        "peers": "",
        "subscribe_events": "",
    },
    DeferredSession: {"start_turn": "prompt"},
    Mob: {
        "status": "",
        "lifecycle": "action",
        "spawn": "",
        "retire": "meerkat_id",
        "respawn": "meerkat_id",
        "wire": "",
        "unwire": "",
        "members": "",
        "member": "meerkat_id",
        "flows": "",
        "run_flow": "flow_id params",
        "flow_status": "run_id",
        "cancel_flow": "run_id",
        "subscribe_member_events": "meerkat_id",
        "subscribe_events": "",
    },
    EventStream: {"session_id": None, "result": None, "collect": "", "collect_text": ""},
    EventSubscription: {"close": ""},
}

EVENTS = {
    "RunStarted": "session_id prompt",
    "TurnStarted": "turn_number",
    "TextDelta": "delta",
    "TextComplete": "content",
    "ToolCallRequested": "id name args",
    "ToolResultReceived": "id name is_error",
    "TurnCompleted": "stop_reason usage",
    "ToolExecutionStarted": "id name",
    "ToolExecutionCompleted": "id name result is_error duration_ms",
    "ToolExecutionTimedOut": "id name timeout_ms",
    "RunCompleted": "session_id result usage",
    "RunFailed": "session_id error",
    "CompactionStarted": "input_tokens estimated_history_tokens message_count",
    "CompactionCompleted": "summary_tokens messages_before messages_after",
    "CompactionFailed": "error",
    "BudgetWarning": "budget_type used limit percent",
    "Retrying": "attempt max_attempts error delay_ms",
    "HookStarted": "hook_id point",
    "HookCompleted": "hook_id point duration_ms",
    "HookFailed": "hook_id point error",
    "HookDenied": "hook_id point reason_code message",
    "HookRewriteApplied": "hook_id point patch",
    "SkillsResolved": "skills injection_bytes",
    "SkillResolutionFailed": "reference error",
    "InteractionComplete": "interaction_id result",
    "InteractionFailed": "interaction_id error",
    "StreamTruncated": "reason",
    "ToolConfigChanged": "payload",
    "UnknownEvent": "type data",
}

TYPES = {
    "RunResult": "session_id session_ref text turns tool_calls usage structured_output schema_warnings skill_diagnostics",
    "Usage": "input_tokens output_tokens cache_creation_tokens cache_read_tokens",
    "SessionInfo": "session_id session_ref created_at updated_at message_count total_tokens is_active",
    "Capability": "id description status",
    "SchemaWarning": "provider path message",
    "SkillKey": "source_uuid skill_name",
    "SkillRuntimeDiagnostics": "source_health quarantined",
    "SourceHealthSnapshot": "state invalid_ratio invalid_count total_count failure_streak handshake_failed",
    "SkillQuarantineDiagnostic": (
        "source_uuid skill_id location error_code error_class message first_seen_unix_secs last_seen_unix_secs"),
}


class Api(unittest.TestCase):
    def test_classes_have_their_methods_and_take_their_parameters(self) -> None:
        for cls, members in CLASSES.items():
            for name, parameters in members.items():
                with self.subTest(f"{cls.__name__}.{name}"):
                    member = inspect.getattr_static(cls, name)
                    if parameters is None:
                        self.assertIsInstance(member, property)
                    else:
                        self.assertLessEqual(set(parameters.split()), self.taken(member))

    @staticmethod
    def taken(function: Callable[..., object]) -> set[str]:
        """Its parameters, and the members of the TypedDict that it unpacks."""
        taken = {name for name in inspect.signature(function).parameters if name != "self"}
        unpacked = re.search(r"Unpack\[(\w+)]", str(inspect.get_annotations(function)))
        if unpacked:
            taken |= set(getattr(meerkat, unpacked[1]).__annotations__)
        return taken

    def test_exports_are_all_there(self) -> None:
        for name in [*meerkat.__all__, *EVENTS, *TYPES, *(cls.__name__ for cls in CLASSES)]:
            with self.subTest(name):
                self.assertIn(name, meerkat.__all__)
                self.assertTrue(hasattr(meerkat, name))

    def test_events_are_frozen_and_have_their_fields_with_defaults(self) -> None:
        for name, fields in EVENTS.items():
            with self.subTest(name):
                event = getattr(meerkat, name)()
                self.assertLessEqual(set(fields.split()), {field.name for field in dataclasses.fields(event)})
                with self.assertRaises(dataclasses.FrozenInstanceError):
                    event.nothing = 1

    def test_types_have_their_fields(self) -> None:
        for name, fields in TYPES.items():
            with self.subTest(name):
                have = {field.name for field in dataclasses.fields(getattr(meerkat, name))}
                self.assertLessEqual(set(fields.split()), have)

    def test_errors_are_of_one_family(self) -> None:
        for name in ("CapabilityUnavailableError", "SessionNotFoundError", "SkillNotFoundError"):
            self.assertTrue(issubclass(getattr(meerkat, name), meerkat.MeerkatError))
        error = meerkat.MeerkatError("CODE", "text")
        self.assertEqual((error.code, error.message, error.details, error.capability_hint), ("CODE", "text", None, None))

    def test_everything_says_what_it_is(self) -> None:
        for name in meerkat.__all__:
            thing = getattr(meerkat, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                with self.subTest(name):
                    self.assertTrue(inspect.getdoc(thing))
                    self.assertNotRegex(inspect.getdoc(thing) or "", rf"^{name}\(")
        for cls, members in CLASSES.items():
            for member in members:
                with self.subTest(f"{cls.__name__}.{member}"):
                    self.assertTrue(inspect.getdoc(getattr(cls, member)))
