#!/usr/bin/env python3
"""abuse.py rpc ADDR CASE: say what no client should, over a socket, and see that each
request gets its one answer and that the next good request works.  ADDR is HOST:PORT or
the path of a Unix socket.  Exits 1 with words about it when something is wrong."""
import json
import random
import socket
import sys

DEADLINE = 20       # seconds for any answer
LINE_LIMIT = 32 << 20


def connect(addr):
    if addr.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(addr)
    else:
        host, _, port = addr.rpartition(":")
        s = socket.create_connection((host.strip("[]"), int(port)), DEADLINE)
    return s


def claim(ok, *words):
    if not ok:
        print(*words)
        sys.exit(1)


# ---- JSON-RPC ----

class Rpc:
    """One connection; answers by their id, events dropped."""
    def __init__(self, addr):
        self.s = connect(addr)
        self.rest = b""
        self.n = 0
        self.answers = []

    def send(self, data):
        self.s.sendall(data)

    def line(self):
        while b"\n" not in self.rest:
            more = self.s.recv(1 << 16)
            claim(more, "the connection was closed")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def answer(self):
        """The next line that is no notification."""
        while True:
            v = json.loads(self.line().decode("utf-8"))
            claim(v.get("jsonrpc") == "2.0", "no JSON-RPC:", v)
            if "method" not in v:
                claim(("result" in v) != ("error" in v), "result and error:", v)
                return v

    def until(self, ident):
        """All answers up to the one with this id."""
        got = []
        while not got or got[-1]["id"] != ident:
            got.append(self.answer())
        return got

    def call(self, method, params=None):
        self.n += 1
        ident = "good-%d" % self.n
        v = {"jsonrpc": "2.0", "id": ident, "method": method}
        if params is not None:
            v["params"] = params
        self.send(json.dumps(v).encode() + b"\n")
        return self.until(ident)

    def good(self, after):
        """A good request works; what else was answered before it."""
        *before, last = self.call("session/list")
        claim("result" in last, "after", after[:200], "a good request got", last)
        return before


# Wrong in its kind for most members, or in its value.
VALUES = [None, True, False, 0, -1, 1.5, 1 << 70, "", "x", "\0", "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
          "019a0000-0000-7000-8000-000000000000", [], [[]], [None, 1, "x"], {}, {"type": "x"}, {"a": {"b": [1]}}, "x" * 70000]
RAW = [b"1e999", b"-0.0", b"9007199254740993", b'"\\ud800"', b'"\\u0000"', b"[" * 200 + b"]" * 200]

MEMBERS = """session_id prompt model provider max_tokens system_prompt output_schema structured_output_retries
hooks_override enable_builtins enable_shell enable_memory enable_mob budget_limits provider_params labels additional_instructions
app_context shell_env initial_turn keep_alive comms_name peer_meta external_tools preload_skills skill_refs skill_references
flow_tool_overlay limit offset blob_id text source idempotency_key kind event_type payload stream_id config expected_generation
patch request_id input_id input tools timeout_ms state mode lane""".split()

# A set of params that is good, but for what is named by SESSION.
BASE = {
    "session/create": {"prompt": "hi", "initial_turn": "deferred"},
    "turn/start": {"prompt": "hi"},
    "session/inject_context": {"text": "t"},
    "session/external_event": {"payload": {"a": 1}, "source": "s"},
    "blob/get": {"blob_id": "sha256:00"},
    "session/stream_close": {"stream_id": "x"},
    "config/set": {"config": {}, "expected_generation": 999999},
    "config/patch": {"patch": {}, "expected_generation": 999999},
}
# What is accepted here goes on to work: fewer of them.
WORK = {"session/create", "turn/start", "session/external_event", "runtime/accept", "input/accept"}


def rpc_types(addr):
    c = Rpc(addr)
    methods = c.call("initialize")[-1]["result"]["methods"]
    session = c.call("session/create", {"prompt": "hi", "initial_turn": "deferred"})[-1]["result"]["session_id"]
    asked = 0
    for method in methods[1:]:
        for member in MEMBERS:
            raws = [json.dumps(v).encode() for v in VALUES] + RAW
            if method in WORK:
                raws = [r for r in raws if len(r) < 1000][MEMBERS.index(member) % 8::8]
            want = []
            out = b""
            for raw in raws:
                params = dict(BASE.get(method, {}), session_id=session)
                if method == "session/archive":
                    params["session_id"] = "019a0000-0000-7000-8000-000000000001"
                params.pop(member, None)
                head = json.dumps(params).encode()[:-1]
                asked += 1
                want.append(asked)
                out += b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":%s%s%s:%s}}\n' % (
                    asked, json.dumps(method).encode(), head, b"," if len(head) > 1 else b"", json.dumps(member).encode(), raw)
            c.send(out)
            left = set(want)
            while left:
                v = c.answer()
                claim(v["id"] in left, method, member, "an answer to nothing:", v)
                left.discard(v["id"])
                if "error" in v:
                    claim(isinstance(v["error"]["message"], str) and v["error"]["message"], method, member, "no message:", v)
                    claim(v["error"]["code"] != -32603, method, member, raws[v["id"] - want[0]][:80], "an internal error:", v)
        c.good(method.encode())
    print(asked, "requests")


def nest(n):
    return b'{"jsonrpc":"2.0","id":1,"method":"session/list","params":{"labels":' + b"[" * n + b"]" * n + b"}}"


def rpc_lines(addr):
    good = b'{"jsonrpc":"2.0","id":1,"method":"session/list"}'
    lines = [
        b"{", b"}", b"[", b"[]", b"[" + good + b"]", b"[" + good + b"," + good + b"]", b"null", b"true", b"0", b'""', b'"x', b"\x00", b"\x00" * 1000,
        good[:-1] + b"\x00}", b"\x00" + good, good + b"\x00", b"\xef\xbb\xbf" + good, b"\xff\xfe" + good, good + good, good + b"}", good + b" x",
        good.replace(b"session/list", b"session\xff/list"), good.replace(b"session/list", b"session\xc0\xafl"), good.replace(b"list", b"li\x01st"),
        good.replace(b"session/list", b"\\ud800"), good.replace(b"session/list", b"\\u0000"), good.replace(b"session/list", b"x" * 1000000),
        good.replace(b'"id":1', b'"id":1,"id":2'), good.replace(b'"jsonrpc":"2.0"', b'"jsonrpc":"2.0","jsonrpc":"1.0"'),
        good.replace(b'"method"', b'"method":"initialize","method"'), good.replace(b"}", b',"params":{},"params":[]}'),
        good.replace(b"1", b"9" * 100000), good.replace(b"1", b"1e5"), good.replace(b"1", b"-0"), good.replace(b"1", b"01"), good.replace(b"1", b"NaN"),
        good.replace(b'"id":1', b'"id":"' + b"i" * 1000000 + b'"'), good.replace(b'"id":1', b'"id":[1]'), good.replace(b'"id":1', b'"id":{"a":1}'),
        b"{" + b'"a":1,' * 200000 + good[1:], good[:-1] + b',"a":"' + b"\\u00e9" * 100000 + b'"}', good[:-1] + b',"a":' + b"1" * 1000000 + b"}",
        nest(100), nest(5000), nest(1000000), b"[" * 3000000, b'{"a":' * 500000, b'{"jsonrpc":"2.0","id":{"a":' * 1000,
        b"GET / HTTP/1.1x", b"\r", b"  " + good + b"  \r", b"\t", b"'", b"//", b"\\", b"\x7f\x80\x81", bytes(range(1, 10)) + bytes(range(11, 256)),
    ]
    c = Rpc(addr)
    for line in lines:
        c.send(line + b"\n")
        before = c.good(line)
        claim(len(before) <= 1, line[:100], "got more than one answer:", before)
        if before and "error" in before[0]:
            claim(before[0]["error"]["code"] in (-32700, -32601, -32602), line[:100], "got", before[0])
    # The same without waiting, all in one go.
    c.send(b"\n".join(lines) + b"\n")
    c.good(b"all at once")
    print(len(lines), "lines")


def rpc_oversized(addr):
    c = Rpc(addr)
    for size in (LINE_LIMIT - 100, LINE_LIMIT + 1, 3 * LINE_LIMIT):
        sent = 0
        c.send(b'{"jsonrpc":"2.0","id":1,"method":"nope","params":{"a":"')
        while sent < size:
            sent += c.s.send(b"x" * min(1 << 20, size - sent))
        c.send(b'"}}\n')
        before = c.good(b"a long line")
        claim(len(before) == 1 and before[0]["error"]["code"] == (-32601 if size < LINE_LIMIT else -32700), size, before)
    print("3 lines")


def rpc_truncated(addr):
    good = '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"héllo","initial_turn":"deferred"}}'.encode()
    for n in range(len(good)):
        s = connect(addr)
        s.sendall(good[:n])
        if n % 2:
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        s.close()
    # One byte at a time.
    c = Rpc(addr)
    for b in good:
        c.send(bytes([b]))
    c.send(b"\r\n")
    claim("result" in c.until(1)[-1], "byte by byte")
    c.good(b"truncated")
    print(len(good), "connections")


def rpc_random(addr):
    rnd = random.Random(5)
    c = Rpc(addr)
    session = c.call("session/create", {"prompt": "hi", "initial_turn": "deferred"})[-1]["result"]["session_id"]
    seeds = [b'{"jsonrpc":"2.0","id":7,"method":"%s","params":{"session_id":"%s","limit":3,"text":"t","labels":{"a":"b"}}}'
             % (m.encode(), session.encode()) for m in c.call("initialize")[-1]["result"]["methods"][1:]
             if m not in ("session/create", "turn/start")]
    tokens = [b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"\\u", b"\x00", b"\xff", b"null", b"1e9", b"-", b"\r", b" "]
    for _ in range(200):
        out = b""
        for _ in range(50):
            line = bytearray(rnd.choice(seeds))
            for _ in range(rnd.randint(1, 4)):
                at = rnd.randrange(len(line))
                what = rnd.random()
                if what < 0.4:
                    line[at] = rnd.randrange(256)
                elif what < 0.7:
                    line[at:at] = rnd.choice(tokens)
                else:
                    del line[at:at + rnd.randint(1, 20)]
                if not line:
                    line = bytearray(b"x")
            out += bytes(line).replace(b"\n", b"") + b"\n"
        c.send(out)
        before = c.good(out)
        claim(len(before) <= 50, "more answers than requests")
    print("10000 lines")


CASES = {name: f for name, f in globals().items() if name.startswith(("rpc_", "http_"))}

if __name__ == "__main__":
    CASES["%s_%s" % (sys.argv[1], sys.argv[3])](sys.argv[2])
