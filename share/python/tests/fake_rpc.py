"""A small rkat-rpc for tests.  What it does is told by the prompt of a turn,
and by FAKE_RPC (words) for what concerns the whole process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

MODES = os.environ.get("FAKE_RPC", "").split()
METHODS = """initialized initialize session/create session/list session/read
session/history session/archive session/external_event session/inject_context
session/stream_open session/stream_close turn/start turn/interrupt config/get config/set
config/patch capabilities/get models/catalog blob/get test/log test/stderr""".split()
MOB = "mob/create mob/list mob/status mob/members mob/wire mob/member_send mob/stream_open".split()

lock = threading.Lock()
answers: dict[str, Any] = {}
answered = threading.Condition()
interrupts: dict[str, threading.Event] = {}
log: list[dict[str, Any]] = []
sessions = 0
seq = 0
calls = 0
meeting = threading.Barrier(2)


def out(message: dict[str, Any]) -> None:
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def note(method: str, **params: Any) -> None:
    out({"method": method, "params": params})


def event(session: str, **event: Any) -> None:
    """Bare when the prompt asks for it, else as envelope with the members repeated."""
    global seq
    seq += 1
    envelope = {
        "event_id": f"e{seq}", "source_id": f"session:{session}", "seq": seq,
        "timestamp_ms": 1, "payload": event,
    }
    if "bare" in MODES:
        note("session/event", session_id=session, event=event)
    else:
        note("session/event", session_id=session, event={**event, **envelope})


def ask(name: str, arguments: Any) -> Any:
    global calls
    number = f"srv-{calls}"
    calls += 1
    out({"id": number, "method": "tool/execute",
         "params": {"tool_use_id": "t1", "name": name, "arguments": arguments}})
    with answered:
        answered.wait_for(lambda: number in answers, 5)
    return answers.pop(number)


class Refused(Exception):
    pass


def fail(number: int, message: str, /, **data: Any) -> None:
    raise Refused({"code": number, "message": message, **({"data": data} if data else {})})


def run(session: str, prompt: Any) -> dict[str, Any]:
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    word, _, rest = text.partition(" ")
    event(session, type="run_started", session_id=session, prompt=text)
    reply = f"You said: {text}"
    if word == "die":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(7)
    if word == "orphan":
        subprocess.Popen(["sleep", "20"])
        os._exit(9)
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "garbage":
        with lock:
            sys.stdout.write("Warning: not JSON\n\n[1,2]\n42\n\"x\"\n{\"id\":\n{\"id\":999,\"result\":1}\n")
            sys.stdout.write('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}\n')
            sys.stdout.write('{"method":"session/event","params":[1]}\n')
            sys.stdout.write('{"method":"session/event"}\n')
            sys.stdout.write('{"method":"x/stream_event","params":{"stream_id":7}}\n')
            sys.stdout.write('{"method":"session/event","params":{"session_id":"%s","event":7}}\n' % session)
            sys.stdout.buffer.flush()
            sys.stdout.flush()
            sys.stdout.buffer.write(b"\xff\xfe\xfd\n")
            sys.stdout.buffer.flush()
    if word == "unknown":
        event(session, type="brand_new", answer=42)
        event(session, type="text_delta", delta=7)
        event(session, type="turn_completed", stop_reason="end_turn", usage="many")
        event(session, type=None)
    if word == "flood":
        for n in range(int(rest)):
            event(session, type="text_delta", delta=f"{n} ")
        reply = "flooded"
    elif word == "big":
        reply = "x" * int(rest)
        event(session, type="text_delta", delta=reply)
    elif word == "wait":
        stopped = interrupts.setdefault(session, threading.Event())
        stopped.wait(10)
        fail(-32603, "turn abandoned: apply failed: agent error: Run was cancelled")
    elif word == "meet":
        meeting.wait(30)
    elif word == "sleep":
        time.sleep(float(rest))
    elif word == "fail":
        fail(int(rest), "it failed", code="BUDGET_EXHAUSTED" if rest == "-32011" else None)
    elif word == "tool":
        name, _, raw = rest.partition(" ")
        answer = ask(name, json.loads(raw or "{}"))
        reply = json.dumps(answer.get("result", answer.get("error")))
    if word not in ("flood", "big"):
        for part in (reply[: len(reply) // 2], reply[len(reply) // 2:]):
            event(session, type="text_delta", delta=part)
    event(session, type="text_complete", content=reply)
    usage = {"input_tokens": 3, "output_tokens": 5, "cache_creation_tokens": None}
    event(session, type="turn_completed", stop_reason="end_turn", usage=usage)
    event(session, type="run_completed", session_id=session, result=reply, usage=usage)
    return {
        "session_id": session, "session_ref": f"realm:{session}", "text": reply, "turns": 1,
        "tool_calls": 0, "usage": {**usage, "total_tokens": 8},
    }


def handle(method: str, params: dict[str, Any]) -> Any:
    global sessions
    if method == "initialize":
        if "mute" in MODES:
            time.sleep(60)
        if "quit" in MODES:
            print("rkat-rpc: no such realm", file=sys.stderr, flush=True)
            os._exit(2)
        version = next((m[8:] for m in MODES if m.startswith("version=")), "0.5.2")
        return {"contract_version": version, "methods": METHODS + (MOB if "mob" in MODES else [])}
    if method == "capabilities/get":
        return {"capabilities": [
            {"id": "sessions", "description": "s", "status": "Available"},
            {"id": "skills", "description": "k", "status": "Available"},
            {"id": "shell", "description": "sh",
             "status": {"DisabledByPolicy": {"description": "off"}}},
        ]}
    if method == "test/log":
        return log
    if method == "test/stderr":
        for _ in range(4000):
            print("x" * 99, file=sys.stderr)
        sys.stderr.flush()
        return {}
    if method == "tools/register":
        return {"registered": len(params["tools"])}
    if method == "session/create":
        with lock:
            sessions += 1
            session = f"s{sessions}"
        if params.get("initial_turn") == "deferred":
            return {"session_id": session, "session_ref": None}
        if params["prompt"] == "nameless":
            return {"text": "?"}
        return run(session, params["prompt"])
    if method == "turn/start":
        if params["session_id"] == "gone":
            fail(-32001, "Session not found: gone")
        return run(params["session_id"], params["prompt"])
    if method == "turn/interrupt":
        interrupts.setdefault(params["session_id"], threading.Event()).set()
        return {"interrupted": True}
    if method == "session/list":
        return {"sessions": [{"session_id": "s1", "message_count": 2, "total_tokens": 9,
                              "is_active": True, "created_at": 11, "labels": {"a": "b"},
                              "later": 1}, "junk"]}
    if method == "session/read":
        return {"session_id": params["session_id"], "message_count": 2,
                "last_assistant_text": "before"}
    if method == "session/history":
        return {"session_id": params["session_id"], "message_count": 2, "has_more": False,
                "messages": [{"role": "user", "content": "hi"},
                             {"role": "block_assistant", "stop_reason": "end_turn", "blocks": [
                                 {"block_type": "reasoning", "data": {"text": "hm"}},
                                 {"block_type": "text", "data": {"text": "hello"}}]}]}
    if method == "config/get":
        return {"config": {"agent": {}}, "generation": 4}
    if method.endswith("/stream_open"):
        area = method.split("/")[0]
        envelope = {"event_id": "e", "source_id": "session:s1", "seq": 1, "timestamp_ms": 5,
                    "payload": {"type": "text_delta", "delta": "early"}}
        if area == "mob" and "member_id" not in params:
            envelope = {"source": "m1", "profile": "worker", "envelope": envelope}
        note(f"{area}/stream_event", stream_id="st1", sequence=1, event=envelope)
        if params.get("session_id") == "slow":
            note("session/stream_end", stream_id="st1", outcome="terminal_error",
                 error={"code": "stream_queue_overflow", "message": "too slow"})
        if params.get("session_id") == "archived":
            note("session/stream_end", stream_id="st1", outcome="remote_end")
        return {"stream_id": "st1", "opened": True}
    if method.endswith("/stream_close"):
        note("session/stream_end", stream_id=params["stream_id"], outcome="explicit_close")
        return {"closed": True}
    if method == "mob/create":
        return {"mob_id": "mob-1"}
    if method == "mob/list":
        return {"mobs": [{"mob_id": "mob-1", "status": {"Running": {}}}]}
    if method == "mob/members":
        return {"members": [{"meerkat_id": "m1", "profile_name": "worker", "wired_to": ["m2"]}]}
    if method == "session/inject_context":
        return {"status": "staged"}
    if method == "blob/get":
        time.sleep(60)
    if method not in METHODS and method not in MOB:
        fail(-32601, f"Method not found: {method}")
    return {}


def serve(message: dict[str, Any]) -> None:
    try:
        reply = {"result": handle(message["method"], message["params"])}
    except Refused as refused:
        reply = {"error": refused.args[0]}
    out({"id": message["id"], **reply})


def main() -> None:
    if "stubborn" in MODES:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    turns: dict[str, threading.Thread] = {}
    for line in sys.stdin:
        message = json.loads(line)
        log.append(message)
        method = message.get("method")
        if method is None:
            with answered:
                answers[message["id"]] = message
                answered.notify_all()
        elif method == "cancel":
            for stop in interrupts.values():
                stop.set()
        elif "id" in message:
            session = message["params"].get("session_id")
            before = turns.get(session) if method == "turn/start" else None

            def work(message: dict[str, Any] = message, before: Any = before) -> None:
                if before is not None:
                    before.join()
                serve(message)

            thread = threading.Thread(target=work, daemon=True)
            if method == "turn/start":
                turns[session] = thread
            thread.start()
    while "stubborn" in MODES:
        time.sleep(1)


main()
