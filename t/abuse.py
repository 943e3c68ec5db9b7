#!/usr/bin/env python3
"""abuse.py rpc|http ADDR CASE: say what no client should, over a socket, and see that
each request gets its one answer and that the next good request works.  ADDR is HOST:PORT
or the path of a Unix socket.  Exits 1 with words about it when something is wrong."""
import json
import random
import socket
import sys
import time

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


# ---- HTTP ----

# What a request that is wrong in itself may get; or the connection is closed.
REFUSED = {400, 404, 405, 408, 411, 413, 414, 415, 417, 422, 431, 501, 505}
HEAD = b"Host: localhost\r\n"
JSON = HEAD + b"Content-Type: application/json\r\n"


def exchange(addr, *parts):
    """Send, end our side, read to the end: the statuses of all answers."""
    s = connect(addr)
    got = b""
    try:
        for p in parts:
            s.sendall(p)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass    # it would not hear more
    try:
        while more := s.recv(1 << 16):
            got += more
    except ConnectionResetError:
        pass
    except socket.timeout:
        claim(False, "no end within %d s:" % DEADLINE, b"".join(parts)[:200], "got", got[:200])
    s.close()
    return statuses(got)


def statuses(got):
    """By each answer's own length: what is in a body is no answer."""
    found = []
    while got:
        head, sep, got = got.partition(b"\r\n\r\n")
        claim(sep and head.startswith(b"HTTP/1.1 "), "no answer:", head[:200])
        found.append(int(head[9:12]))
        size = [int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
        claim(len(size) == 1 or found[-1] < 200, "an answer without a length:", head[:300])
        got = got[size[0]:] if size else got
    return found


def http_good(addr, after):
    found = exchange(addr, b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
    claim(found == [200], "after", after[:200], "a good request got", found)


def refuse_all(addr, cases, also=()):
    for raw in cases:
        found = exchange(addr, raw)
        claim(len(found) <= 1 and not set(found) - REFUSED - set(also), raw[:300], "got", found)
        http_good(addr, raw)
    print(len(cases), "requests")


def http_lines(addr):
    lines = [
        b"", b"\r\n" * 1000, b"\n\n\n", b"\x00" * 100, b"\xff" * 100, b"GET\r\n\r\n", b"GET /health\r\n\r\n", b"GET  /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1 \r\n\r\n", b"GET /health HTTP/9.9\r\n" + HEAD + b"\r\n", b"GET /health HTTP/2.0\r\n" + HEAD + b"\r\n",
        b"GET /health XTTP/1.1\r\n\r\n", b"GET /health http/1.1\r\n" + HEAD + b"\r\n", b"GET\t/health\tHTTP/1.1\r\n" + HEAD + b"\r\n", b"G\x00T /health HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET health HTTP/1.1\r\n" + HEAD + b"\r\n", b"CONNECT localhost:80 HTTP/1.1\r\n" + HEAD + b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get /health HTTP/1.1\r\n" + HEAD + b"\r\n", b"X" * 10000 + b" / HTTP/1.1\r\n" + HEAD + b"\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: \r\n\r\n", b"GET /health HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, b'{"jsonrpc":"2.0","id":1,"method":"initialize"}\n',
    ]
    refuse_all(addr, lines, also=(403, 421))


def http_headers(addr):
    def get(h):
        return b"GET /sessions/x HTTP/1.1\r\n" + HEAD + h + b"\r\n"
    refuse_all(addr, [get(h) for h in (
        b"X : y\r\n", b" X: y\r\n", b"X: a\r\n folded\r\n", b"NoColon\r\n", b": empty\r\n", b"X\x00: y\r\n", b"X: y\x00z\r\n", b"X: a\rb\r\n", b"X\xff: y\r\n",
        b"X: " + b"y" * 200000 + b"\r\n", b"X" * 200000 + b": y\r\n", b"X: y\r\n" * 20000, b"Content-Length: \r\n", b"Expect: nonsense\r\n",
        b"Transfer-Encoding: gzip\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Range: bytes=0-0\r\n", b"Connection: close, , ,\r\n")], also=(403,))


def http_smuggling(addr):
    """One request as one reads it, two as another does: one answer, and no second."""
    inner = b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n"

    def post(h, body):
        return b"POST /sessions HTTP/1.1\r\n" + JSON + h + b"\r\n" + body
    refuse_all(addr, [post(h, b) for h, b in (
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello" + inner), (b"Content-Length: 5, 5\r\n", b"hello" + inner), (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + inner),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + inner), (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + inner),
        (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + inner), (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + inner), (b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n" + inner),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + inner), (b"Transfer-Encoding: identity\r\n", inner),
        (b"Content-Length: +5\r\n", b"hello" + inner), (b"Content-Length: -1\r\n", inner), (b"Content-Length: 0x5\r\n", b"hello" + inner), (b"Content-Length: 5 5\r\n", b"hello" + inner),
        (b"Content-Length: 18446744073709551617\r\n", inner), (b"Content-Length: 99999999999999999999999999\r\n", inner), (b"Content-Length: 1e1\r\n", inner), (b"Content-Length: 5\x00\r\n", b"hello" + inner),
        (b"Content_Length: 5\r\nX: y\n\n", b"hello"), (b"\nContent-Length: 5\r\n", b"hello" + inner))])


def http_chunks(addr):
    def post(body):
        return b"POST /sessions HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n" + body
    refuse_all(addr, [post(b) for b in (
        b"", b"\r\n", b"x\r\n", b"-1\r\n\r\n", b"+1\r\na\r\n0\r\n\r\n", b"0x1\r\na\r\n0\r\n\r\n", b" 1\r\na\r\n0\r\n\r\n", b"1 \r\na\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1\r\na0\r\n\r\n",
        b"1\na\n0\n\n", b"ffffffff\r\n", b"7fffffffffffffff\r\na", b"ffffffffffffffff\r\na", b"10000000000000001\r\na", b"f" * 100 + b"\r\n", b"0" * 100000 + b"1\r\na\r\n0\r\n\r\n",
        b"1;" + b"x" * 100000 + b"\r\na\r\n0\r\n\r\n", b"1;a=\x00\r\na\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\n" + b"T: x\r\n" * 20000 + b"\r\n", b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"2\r\n{}\r\n0\r\nno trailer\r\n\r\n", b"2\r\n{}\r\n0\r\n", b"2\r\n{}\r\n", b"2\r\n{", b"1\r\n{\r\n" * 3000000 + b"0\r\n\r\n")])
    # One that never ends is refused at the limit, and hung up on.
    s = connect(addr)
    s.sendall(post(b""))
    end = time.time() + DEADLINE
    try:
        while time.time() < end:
            s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    except OSError:
        pass
    claim(time.time() < end, "a body without an end is read for ever")
    s.close()
    http_good(addr, b"endless chunks")


def http_truncated(addr):
    body = b'{"prompt":"hi","initial_turn":"deferred"}'
    whole = b"POST /sessions HTTP/1.1\r\n" + JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    for n in range(len(whole)):
        s = connect(addr)
        s.sendall(whole[:n])
        if n % 2:
            s.shutdown(socket.SHUT_WR)
            claim(200 not in statuses(b"".join(iter(lambda: s.recv(65536), b""))), n, "bytes of a request were taken for it")
        s.close()
    s = connect(addr)
    for b in whole.replace(b"\r\n", b"\r\nConnection: close\r\n", 1):
        s.sendall(bytes([b]))
    claim(statuses(b"".join(iter(lambda: s.recv(65536), b""))) == [200], "byte by byte")
    http_good(addr, b"truncated")
    print(len(whole), "connections")


def http_paths(addr):
    none = b"00000000-0000-7000-8000-000000000000"
    paths = [b"//", b"/..", b"/../../etc/passwd", b"/sessions/..%2f..%2fetc", b"/sessions/%", b"/sessions/%0", b"/sessions/%zz", b"/sessions/%00", b"/sessions/" + none + b"%00",
             b"/sessions/%ff%fe", b"/sessions/%c0%ae", b"/sessions/%ed%a0%80", b"/sessions/\xff", b"/sessions/\xc3\xa9", b"/sessions/a\x00b", b"/sessions/a\x01b", b"/sessions/" + none + b"/nope",
             b"/sessions/" + b"%41" * 20000, b"/sessions/" + b"a/" * 20000, b"/" + b"/" * 50000, b"/sessions/" + none + b"?after=%00", b"/sessions/" + none + b"/events?after=99999999999999999999",
             b"/sessions?limit=%ff", b"/sessions?limit=-1", b"/sessions?limit=99999999999999999999", b"/sessions?offset=x", b"/sessions?label=%00", b"/sessions?label=%zz%",
             b"/sessions?limit=%31%00", b"/blobs/..%2f..", b"/blobs/%00", b"/blobs/sha256:" + b"0" * 70000, b"/sessions/" + none + b"/history?limit=%2d1", b"*", b"http://[::1", b"http://evil.example/sessions/" + none]
    refuse_all(addr, [b"GET " + p + b" HTTP/1.1\r\n" + HEAD + b"\r\n" for p in paths], also=(403, 421))
    # What may be answered, but must be survived.
    for q in (b"?" + b"a=b&" * 10000, b"?limit=1&limit=2", b"?&&&&==", b"?%3d%26=1", b"?limit=1#x", b"?\xff=\xfe", b"?" + b"%00=%00&" * 100):
        found = exchange(addr, b"GET /sessions" + q + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        claim(len(found) <= 1 and not set(found) - REFUSED - {200}, q[:100], found)
        http_good(addr, q)


def http_bodies(addr):
    def post(path, body):
        return b"POST " + path + b" HTTP/1.1\r\n" + JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    bodies = [b"{", b"\x00", b'{"prompt":"\xff"}', b'{"prompt":"\x00"}', b"[" * 100000, b'{"a":' * 100000, b'{"prompt":' + b"[" * 5000 + b"]" * 5000 + b"}", b"null", b"7", b'""',
              b'{"prompt":"x"}x', b'{"prompt":"x","prompt":"y"}', b'{"prompt":1e999}', b" " * 1000000, b"x" * (3 << 20), b'{"prompt":"' + b"x" * (9 << 20) + b'"}']
    refuse_all(addr, [post(p, b) for p in (b"/sessions", b"/sessions/00000000-0000-7000-8000-000000000000/messages") for b in bodies])


def http_pipelined(addr):
    get = b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n"
    claim(exchange(addr, get * 200) == [200] * 200, "200 pipelined requests")
    for junk in (b"garbage\r\n\r\n", b"\x00\x01", b"GET /he", b"POST /sessions HTTP/1.1\r\n" + JSON + b"Content-Length: 100\r\n\r\n{}", b"\xff" * 100000):
        found = exchange(addr, get * 3 + junk)
        claim(found[:3] == [200] * 3 and len(found) <= 4 and not set(found[3:]) - REFUSED, junk[:50], found)
        http_good(addr, junk)
    # What comes behind an answer that closes is no request.
    found = exchange(addr, get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + get * 5)
    claim(found == [200], "behind close:", found)


def http_random(addr):
    rnd = random.Random(7)
    body = b'{"prompt":"hi","initial_turn":"deferred"}'
    seeds = [b"GET /sessions?limit=1 HTTP/1.1\r\n" + HEAD + b"\r\n", b"POST /sessions HTTP/1.1\r\n" + JSON + b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
             b"POST /sessions HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)]
    for _ in range(1500):
        raw = bytearray(rnd.choice(seeds))
        for _ in range(rnd.randint(1, 5)):
            at = rnd.randrange(len(raw))
            if rnd.random() < 0.5:
                raw[at] = rnd.randrange(256)
            elif rnd.random() < 0.5:
                raw[at:at] = rnd.choice([b"\r\n", b"\n", b"\x00", b" ", b":", b"%", b"\xff", b"0", b"f", b"Content-Length: 3\r\n"])
            else:
                del raw[at:at + rnd.randint(1, 9)]
        exchange(addr, bytes(raw))
    http_good(addr, b"random")
    print("1500 requests")


CASES = {name: f for name, f in globals().items() if name.startswith(("rpc_", "http_"))}

if __name__ == "__main__":
    CASES["%s_%s" % (sys.argv[1], sys.argv[3])](sys.argv[2])
