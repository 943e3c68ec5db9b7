#!/usr/bin/env python3
"""A peer of rkat's, written apart from it with the standard library alone: frames, CBOR
and Ed25519 (RFC 8032) after the comms sheet, sections 3 to 7.  Slow, and no more than
tests need.

  peer.py key SEED                        its public key
  peer.py say ADDRESS SEED TO KIND [WORD...]
      Send one envelope; ADDRESS is tcp:HOST:PORT or uds:PATH, KIND the kind's map as
      JSON.  Prints ACK (checked in full) or closed.  WORDs: id=UUID; flip=sig|id|from|
      to|kind; twice; and forms of the frame: textid reversed indefinite trailing
      duplicate tagged short
  peer.py raw ADDRESS HEX [hold]          bytes as they are; prints what comes back
  peer.py flood ADDRESS SEED TO KIND N    N envelopes, over connections at once; counts
  peer.py many ADDRESS N                  N connections that say nothing, then their fate
  peer.py hear SEED READY N
      Be the receiver of N envelopes, as strict as 0.5: on a free port of the loopback,
      which is written to READY.  A line "ID SENDER KIND" for each, before the ACK of those
      that have one; what a 0.5 peer would drop is "dropped: WHY" and gets none.
"""
import base64
import hashlib
import json
import os
import selectors
import socket
import struct
import sys
import time
import uuid

# ---- Ed25519: RFC 8032, section 5.1 ----

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def root(y, sign):
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * I % P
    return P - x if x & 1 != sign else x


BY = 4 * pow(5, P - 2, P) % P
BX = root(BY, 0)
BASE = (BX, BY, 1, BX * BY % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def mul(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def pack(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def unpack(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = root(y, sign)
    return x, y, 1, x * y % P


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


class Key:
    def __init__(self, seed):
        h = hashlib.sha512(seed).digest()
        self.a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix = h[32:]
        self.public = pack(mul(self.a, BASE))

    def sign(self, m):
        r = number(self.prefix, m) % L
        big_r = pack(mul(r, BASE))
        s = (r + number(big_r, self.public, m) * self.a) % L
        return big_r + s.to_bytes(32, "little")


def verify(public, m, sig):
    s = int.from_bytes(sig[32:], "little")
    k = number(sig[:32], public, m) % L
    return s < L and pack(mul(s, BASE)) == pack(
        add(unpack(sig[:32]), mul(k, unpack(public))))


def text_of(public):
    return "ed25519:" + base64.b64encode(public).decode()


def key_of(text):
    return base64.b64decode(text[len("ed25519:"):])


# ---- CBOR: sheet section 4 ----


def head(major, n):
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError(n)


def real(v):
    for code, form in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            if struct.unpack(form, struct.pack(form, v))[0] == v:
                return bytes([code]) + struct.pack(form, v)
        except OverflowError:
            pass
    return b"\xfb" + struct.pack(">d", v)


def enc(v, canonical=False, indefinite=False):
    if v is None or isinstance(v, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[v]
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, float):
        return real(v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        b = v.encode()
        return head(3, len(b)) + b
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(enc(x, canonical, indefinite) for x in v)
    keys = [(k.encode(), x) for k, x in v.items()]
    if canonical:
        keys.sort(key=lambda kx: (len(kx[0]), kx[0]))
    body = b"".join(head(3, len(k)) + k + enc(x, canonical, indefinite) for k, x in keys)
    if indefinite and v.get("type") in ("image", "video"):
        return b"\xbf" + body + b"\xff"
    return head(5, len(keys)) + body


def dec(b, at=0):
    major, n, at = b[at] >> 5, b[at] & 31, at + 1
    if major == 7:
        size = {25: 2, 26: 4, 27: 8}.get(n, 0)
        if size:
            return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], b[at:at + size])[0], at + size
        return {20: False, 21: True, 22: None}[n], at
    if n >= 24:
        size = 1 << n - 24
        n, at = int.from_bytes(b[at:at + size], "big"), at + size
    if major < 2:
        return (n if major == 0 else -1 - n), at
    if major < 4:
        s = b[at:at + n]
        return (s if major == 2 else s.decode()), at + n
    out = [] if major == 4 else {}
    for _ in range(n):
        v, at = dec(b, at)
        if major == 4:
            out.append(v)
        else:
            out[v], at = dec(b, at)
    return out, at


# ---- envelopes ----


def kind_of(text):
    kind = json.loads(text)
    for name in ("in_reply_to", "objective_id"):
        if name in kind:
            kind[name] = uuid.UUID(kind[name]).bytes
    return kind


def signable(v):
    return enc([v["id"], v["from"], v["to"], v["kind"]], canonical=True)


def envelope(key, to, kind, ident=None):
    v = {"id": uuid.UUID(ident).bytes if ident else uuid.uuid4().bytes,
         "from": key.public, "to": to, "kind": kind}
    v["sig"] = key.sign(signable(v))
    return v


def flip(v, what):
    if what == "kind":
        name = "body" if "body" in v["kind"] else "intent"
        v["kind"][name] = chr(ord(v["kind"][name][0]) ^ 1) + v["kind"][name][1:]
    else:
        v[what] = bytes([v[what][0] ^ 1]) + v[what][1:]


def frame_of(v, words):
    if "textid" in words:
        v["id"] = str(uuid.UUID(bytes=v["id"]))
    if "short" in words:
        del v["kind"]["body"]
    if "reversed" in words:
        v = dict(reversed(v.items()))
        v["kind"] = dict(reversed(v["kind"].items()))
    b = enc(v, indefinite="indefinite" in words)
    if "duplicate" in words:
        b = b"\xa6" + b[1:] + enc("to") + enc(v["to"])
    if "tagged" in words:
        b = b"\xc1" + b
    if "trailing" in words:
        b += b"\x00"
    return len(b).to_bytes(4, "big") + b


def connect(address):
    if address.startswith("uds:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(address[4:])
    else:
        host, port = address[4:].rsplit(":", 1)
        s = socket.create_connection((host, int(port)))
    s.settimeout(20)
    return s


def read_all(s):
    out = b""
    try:
        while chunk := s.recv(65536):
            out += chunk
    except ConnectionError:
        pass
    return out


def judge(answer, sent, key):
    if not answer:
        return "closed"
    a, end = dec(answer, 4)
    assert int.from_bytes(answer[:4], "big") == len(answer) - 4 == end - 4
    assert a["from"] == sent["to"] and a["to"] == key.public, "not between us"
    assert a["kind"] == {"type": "ack", "in_reply_to": sent["id"]}, a["kind"]
    assert list(a) == ["id", "from", "to", "kind", "sig"] and len(a["id"]) == 16
    assert verify(a["from"], signable(a), a["sig"]), "a signature that is none"
    return "ACK"


def say(address, seed, to, kind, *words):
    opts = dict(w.split("=", 1) for w in words if "=" in w)
    key = Key(bytes.fromhex(seed))
    v = envelope(key, key_of(to), kind_of(kind), opts.get("id"))
    sent = dict(v)
    if "flip" in opts:
        flip(v, opts["flip"])
    frame = frame_of(v, words)
    for _ in range(2 if "twice" in words else 1):
        with connect(address) as s:
            s.sendall(frame)
            print(judge(read_all(s), sent, key))


def raw(address, data, *words):
    with connect(address) as s:
        start = time.monotonic()
        s.sendall(bytes.fromhex(data))
        if "hold" not in words:
            s.shutdown(socket.SHUT_WR)
        answer = read_all(s)
        print(answer.hex() if answer else "closed", end="")
        print(f" after {time.monotonic() - start:.0f}" if "hold" in words else "")


def flood(address, seed, to, kind, n):
    key = Key(bytes.fromhex(seed))
    frames = []
    for i in range(int(n)):
        k = kind_of(kind)
        if "body" in k:
            k["body"] += str(i)
        frames.append(frame_of(envelope(key, key_of(to), k), ()))
    socks = []
    for f in frames:
        s = connect(address)
        try:
            s.sendall(f)
        except ConnectionError:
            pass
        socks.append(s)
    print(sum(bool(read_all(s)) for s in socks), "ACKs")


def many(address, n):
    socks, fate = [connect(address) for _ in range(int(n))], selectors.DefaultSelector()
    for s in socks:
        fate.register(s, selectors.EVENT_READ)
    closed, until = 0, time.monotonic() + 20
    while closed < len(socks) and time.monotonic() < until:
        for k, _ in fate.select(0.1):
            fate.unregister(k.fileobj)
            closed += 1
    print(len(socks) - closed, "open", closed, "closed")


# ---- the receiving side: sheet sections 6.1, 7 and 8 ----

KINDS = {"message": ({"body"}, {"blocks", "handling_mode"}),
         "request": ({"intent", "params"}, {"handling_mode"}),
         "response": ({"in_reply_to", "status", "result"}, {"handling_mode"})}


def read_frame(s):
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        chunk = s.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


def complaint(data, v, end, key):
    must, may = KINDS.get(v["kind"]["type"], (set(), set()))
    members = set(v["kind"]) - {"type"}
    if end != len(data) or end - 4 != int.from_bytes(data[:4], "big"):
        return "length"
    if list(v) != ["id", "from", "to", "kind", "sig"] or len(v["id"]) != 16:
        return "members"
    if not must or not must <= members or not members <= must | may:
        return "kind"
    if not verify(v["from"], signable(v), v["sig"]):
        return "signature"
    return None if v["to"] == key.public else "misaddressed"


def hear_one(s, key):
    data = read_frame(s)
    v, end = dec(data, 4)
    why = complaint(data, v, end, key)
    if why:
        print("dropped:", why, flush=True)
        return
    ack = envelope(key, v["from"], {"type": "ack", "in_reply_to": v["id"]})
    answered = v["kind"]["type"] == "response"
    if answered:
        v["kind"]["in_reply_to"] = str(uuid.UUID(bytes=v["kind"]["in_reply_to"]))
    print(uuid.UUID(bytes=v["id"]), text_of(v["from"]),
          json.dumps(v["kind"], separators=(",", ":"), sort_keys=True), flush=True)
    if not answered:
        s.sendall(frame_of(ack, ()))


def hear(seed, ready, n):
    key = Key(bytes.fromhex(seed))
    with socket.create_server(("127.0.0.1", 0)) as server:
        with open(ready + ".new", "w") as f:
            print(server.getsockname()[1], file=f)
        os.rename(ready + ".new", ready)
        for _ in range(int(n)):
            s, _ = server.accept()
            with s:
                s.settimeout(20)
                hear_one(s, key)


if __name__ == "__main__":
    verbs = {"key": lambda seed: print(text_of(Key(bytes.fromhex(seed)).public)),
             "say": say, "raw": raw, "flood": flood, "many": many, "hear": hear}
    verbs[sys.argv[1]](*sys.argv[2:])
