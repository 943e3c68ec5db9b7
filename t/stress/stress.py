#!/usr/bin/env python3
"""stress.py fanout SESSIONS STALLED | kill SESSIONS KILLS

Many at once against a server of its own, in the state root and realm of the environment
(t/helper.bash), with rkat-sim behind it.  Prints what was done; exits 1 with words when
something was lost, came twice, or hangs.

fanout: a session streams to each of SESSIONS readers; STALLED more never read theirs.
kill: kill -9 of the server in the midst of events, turns and readers, KILLS times;
readers come back with Last-Event-ID.
"""
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = "%s/%s" % (os.environ["RKAT_STATE_ROOT"], os.environ["RKAT_REALM"])
DEADLINE = 60


def claim(ok, *words):
    if not ok:
        print(*words)
        os._exit(1)


def log_of(session):
    with open("%s/events/%s.jsonl" % (ROOT, session), "rb") as f:
        return f.read().splitlines()


class Server:
    def __init__(self, *args):
        self.args = args
        self.at = "127.0.0.1:0"
        self.start()

    def start(self):
        self.err = open(os.environ["T"] + "/server.err", "w+b")
        self.p = subprocess.Popen(["rkat-serve", "--rest=" + self.at, *self.args], stderr=self.err)
        end = time.time() + 30
        while True:
            claim(time.time() < end and self.p.poll() is None, "no server:", open(self.err.name).read())
            said = open(self.err.name).read()
            if "http://" in said:
                self.at = said.split("http://", 1)[1].split()[0]
                break
            time.sleep(0.01)
        self.host, port = self.at.split(":")
        self.port = int(port)

    def kill(self):
        self.p.kill()
        self.p.wait()

    def stop(self):
        self.p.terminate()
        status = self.p.wait(DEADLINE)
        claim(status == 0, "the server ended with", status, open(self.err.name).read())

    def peak_kb(self):
        with open("/proc/%d/status" % self.p.pid) as f:
            return int(f.read().split("VmHWM:")[1].split()[0])


async def request(server, method, path, body=None):
    """(status, JSON or None); None if the connection failed, which is an error of its own."""
    try:
        r, w = await asyncio.open_connection(server.host, server.port)
    except OSError:
        return None
    try:
        data = b"" if body is None else json.dumps(body).encode()
        w.write(b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (method.encode(), path.encode(), server.at.encode(), len(data), data))
        answer = await asyncio.wait_for(r.read(), DEADLINE)
        head, _, text = answer.partition(b"\r\n\r\n")
        if not head:
            return None
        size = [int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")]
        if size and len(text) < size[0]:
            return None
        return int(head.split()[1]), json.loads(text) if text[:1] in (b"{", b"[") else None
    except OSError:
        return None
    finally:
        w.close()


class Reader:
    """Reads the events of a session, and comes back when the connection is lost."""
    def __init__(self, server, session):
        self.server, self.session = server, session
        self.lines, self.seq, self.back = [], 0, 0
        self.ready = asyncio.Event()

    async def run(self):
        while True:
            try:
                r, w = await asyncio.open_connection(self.server.host, self.server.port, limit=1 << 24)
                w.write(b"GET /sessions/%s/events HTTP/1.1\r\nHost: %s\r\nLast-Event-ID: %d\r\n\r\n"
                        % (self.session.encode(), self.server.at.encode(), self.seq))
                await self.read(r)
                w.close()
            except (OSError, asyncio.IncompleteReadError):
                pass
            self.back += 1
            await asyncio.sleep(0.02)

    async def read(self, r):
        head = await r.readuntil(b"\r\n\r\n")
        claim(b" 200 " in head.split(b"\r\n")[0], "events:", head)
        seq = None
        while True:
            line = (await r.readuntil(b"\n")).rstrip()
            if line.startswith(b"id: "):
                seq = int(line[4:])
            elif line.startswith(b"data: ") and seq is not None:
                claim(seq == self.seq + 1, self.session, "event", seq, "after", self.seq)
                self.lines.append(line[6:])
                self.seq, seq = seq, None
            elif line == b"event: session_loaded":
                self.ready.set()

    async def caught_up(self):
        """Everything that the log has, by number and by content."""
        end = time.time() + DEADLINE
        while self.lines != (want := log_of(self.session)):
            claim(time.time() < end, self.session, len(self.lines), "of", len(want), "events came")
            await asyncio.sleep(0.05)


async def new_session(server):
    status, v = await request(server, "POST", "/sessions", {"prompt": "hi", "initial_turn": "deferred"})
    claim(status == 200, "a session:", status, v)
    return v["session_id"]


# ---- fanout ----

async def fanout(sessions, stalled):
    limits = os.environ["T"] + "/limits.toml"
    with open(limits, "w") as f:
        f.write("stall_seconds = 2\nbuffered_bytes = 262144\n")
    server = Server("--limits", limits, "--rest-unix", os.environ["T"] + "/rest", "--workers", "32")
    ids = []
    for _ in range(sessions):
        ids.append(await new_session(server))
    readers = [Reader(server, i) for i in ids]
    tasks = [asyncio.create_task(r.run()) for r in readers]
    await asyncio.wait_for(asyncio.gather(*(r.ready.wait() for r in readers)), DEADLINE)
    lazy = []
    for i in range(stalled):
        r, w = await asyncio.open_unix_connection(os.environ["T"] + "/rest", limit=1024)
        w.transport.pause_reading()
        w.write(b"GET /sessions/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % ids[i].encode())
        lazy.append((r, w))
    t = time.time()
    # What has a reader that stalls says much more.
    turns = [request(server, "POST", "/sessions/%s/messages" % s, {"prompt": "much" if n < stalled else "some"})
             for n, s in enumerate(ids)]
    for status, v in await asyncio.gather(*turns):
        claim(status == 200, "a turn:", status, v)
    for r in readers:
        await r.caught_up()
    t = time.time() - t
    claim(not any(r.back for r in readers), "readers that read were cut off")
    end = time.time() + 45
    while True:
        with urllib.request.urlopen("http://%s/metrics" % server.at) as f:
            left = [int(float(x.split()[-1])) for x in f.read().decode().splitlines()
                    if "http_subscribers" in x and x[0] != "#"][0]
        if left == sessions:
            break
        claim(time.time() < end, "readers that stall are not cut off:", left, "streams of", sessions)
        await asyncio.sleep(0.1)
    peak = server.peak_kb()
    claim(peak < 65536 or os.environ.get("RKAT_SAN"), "the server grew to", peak, "kB")
    events = sum(len(r.lines) for r in readers)
    for task in tasks:
        task.cancel()
    for _, w in lazy:
        w.close()
    server.stop()
    print("fanout: %d sessions to %d readers, %d events in %.1f s (%.0f/s), each once; %d stalled readers cut off; peak %d kB"
          % (sessions, sessions, events, t, events / t, stalled, peak))


# ---- kill ----

class Traffic:
    def __init__(self, server, ids):
        self.server, self.ids, self.on = server, ids, True
        self.accepted, self.sent, self.answered, self.failed = set(), 0, 0, 0

    async def events(self, session, who):
        """External events, each with a word of its own; accepted is what was told so."""
        n = 0
        while self.on:
            n += 1
            word = "event-%d-%d." % (who, n)
            got = await request(self.server, "POST", "/sessions/%s/external-events" % session, {"word": word})
            self.sent += 1
            if got:
                claim(got[0] == 202, "an event:", got)
                self.accepted.add((session, word))
            await asyncio.sleep(random.random() * 0.02)

    async def turns(self, session):
        """Each turn has an answer, or its connection fails."""
        while self.on:
            got = await request(self.server, "POST", "/sessions/%s/messages" % session, {"prompt": "some"})
            if got:
                claim(got[0] in (200, 409, 503), "a turn:", got)
                self.answered += 1
            else:
                self.failed += 1
            await asyncio.sleep(0.01)


def words_of(session):
    out = subprocess.run(["rkat-session", "history", session], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [w for line in out.splitlines() if json.loads(line)["role"] == "user"
            for w in line.replace('"', " ").replace("\\", " ").split() if w.startswith("event-")]


async def kill(sessions, kills):
    server = Server("--workers", "8")
    ids = [await new_session(server) for _ in range(sessions)]
    readers = [Reader(server, i) for i in ids]
    tasks = [asyncio.create_task(r.run()) for r in readers]
    traffic = Traffic(server, ids)
    work = [asyncio.create_task(traffic.events(s, n)) for n, s in enumerate(ids)]
    work += [asyncio.create_task(traffic.turns(s)) for s in ids]
    for _ in range(kills):
        await asyncio.sleep(0.1 + random.random() * 0.6)
        server.kill()
        server.start()
    await asyncio.sleep(0.3)
    traffic.on = False
    await asyncio.wait_for(asyncio.gather(*work), DEADLINE)
    for s in ids:
        status, v = await request(server, "GET", "/sessions/" + s)
        claim(status == 200, "a session after it:", status, v)
        drain = subprocess.run(["rkat-turn", "--drain", s], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        claim(drain.returncode in (0, 11), "drain:", drain.stderr)
        words = words_of(s)
        claim(len(words) == len(set(words)), s, "events that ran twice")
        lost = {w for i, w in traffic.accepted if i == s} - set(words)
        claim(not lost, s, "accepted, but lost:", sorted(lost)[:5])
    for r in readers:
        await r.caught_up()
    for task in tasks:
        task.cancel()
    server.stop()
    claim(traffic.answered and traffic.accepted, "no traffic")
    print("kill: %d kills; %d of %d events accepted, each ran once; %d turns answered, %d connections lost; %d events to %d readers, each once, over %d reconnects"
          % (kills, len(traffic.accepted), traffic.sent, traffic.answered, traffic.failed,
             sum(len(r.lines) for r in readers), len(readers), sum(r.back for r in readers)))


signal.alarm(600)
random.seed(1)
asyncio.run({"fanout": fanout, "kill": kill}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
