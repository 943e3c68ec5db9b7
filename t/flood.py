"""flood.py HOST PORT SECONDS FRAME: everything at once that a peer should not do.

From many addresses of the loopback: connections that stay silent or slow, lengths that
are wrong or huge, bytes that are no CBOR, FRAME (hex, of somebody who is not trusted)
over and over, and connections faster than they can be served.  After so many SECONDS,
or on SIGTERM, it prints how many there were.
"""
import os
import random
import signal
import socket
import sys
import threading
import time

host, port, seconds, frame = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), bytes.fromhex(sys.argv[4])
end = time.monotonic() + seconds
rnd = random.Random(1)
counts = {}


def connect(i):
    s = socket.socket()
    s.bind((f"127.0.{1 + i % 7}.{2 + i % 100}", 0))
    s.settimeout(2)
    s.connect((host, port))
    return s


def said(data):
    """One connection that says this and waits for what comes of it."""
    with connect(rnd.randrange(10000)) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            if s.recv(1):
                os._exit(3)  # something was answered
        except ConnectionError:
            pass


def garbage():
    n = rnd.choice([0, 1, 5, 100, 1 << 20, (1 << 20) + 1, 1 << 31, (1 << 32) - 1])
    return n.to_bytes(4, "big") + rnd.randbytes(rnd.randrange(400))


def flip():
    b = bytearray(frame)
    b[4 + rnd.randrange(len(b) - 4)] ^= 1 << rnd.randrange(8)
    return bytes(b)


def slow():
    """Hold as many as one may, a byte now and then."""
    held = []
    while time.monotonic() < end:
        if len(held) < 200:
            s = connect(len(held))
            s.send(b"\0")
            held.append(s)
        else:
            time.sleep(0.05)
        for s in rnd.sample(held, min(len(held), 5)):
            try:
                s.setblocking(False)
                s.send(b"\0" if rnd.random() < 0.2 else b"")
                if s.recv(1) == b"":
                    raise ConnectionError
            except BlockingIOError:
                pass
            except OSError:
                held.remove(s)
        yield


def big():
    """A megabyte that is announced, and half of it."""
    while True:
        with connect(rnd.randrange(10000)) as s:
            try:
                s.sendall((1 << 20).to_bytes(4, "big") + bytes(1 << 19))
            except ConnectionError:
                pass
        yield


def loop(make):
    while True:
        said(make())
        yield


def run(name, steps):
    while time.monotonic() < end:
        try:
            for _ in steps():
                counts[name] = counts.get(name, 0) + 1
                if time.monotonic() > end:
                    return
        except OSError:
            counts["cut off"] = counts.get("cut off", 0) + 1


kinds = {"slow": slow, "silent": slow, "big": big, "garbage": lambda: loop(garbage),
         "untrusted": lambda: loop(lambda: frame), "forged": lambda: loop(flip)}


def stop(*_):
    global end
    end = 0


signal.signal(signal.SIGTERM, stop)
threads = [threading.Thread(target=run, args=k, daemon=True) for k in kinds.items()]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(" ".join(f"{v} {k}" for k, v in sorted(counts.items())))
