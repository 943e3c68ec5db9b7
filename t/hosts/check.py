"""check.py N SENT FROM_DB TO_DB SESSION PEER HISTORY: all that was accepted came once.

SENT: the receipts, as they were printed.  "number 1." to "number N." must stand in that
order in the sender's outbox (all delivered), the receiver's arrivals and inputs (all
consumed) and its transcript.
"""
import json
import re
import sqlite3
import sys

n, sent, from_db, to_db, session, peer, history = sys.argv[1:]
n = int(n)
want = list(range(1, n + 1))


def fail(what, got):
    missing = sorted(set(want) - set(got))
    double = sorted({k for k in got if got.count(k) > 1})
    sys.exit(f"{peer}: {what}: {len(got)} of {n}, missing {missing[:10]}, "
             f"twice {double[:10]}, in order: {got == sorted(got)}")


def number(text):
    return int(re.search(r"number (\d+)\.", text).group(1))


def rows(path, sql, *args):
    db = sqlite3.connect(path, timeout=10)
    return db.execute(sql, args).fetchall()


ids = [json.loads(line)["envelope_id"] for line in open(sent)]
if len(ids) != n:
    sys.exit(f"{peer}: {len(ids)} of {n} were accepted")
state = dict(rows(from_db, "SELECT id, state FROM letters"))
bad = [(i, state.get(i)) for i in ids if state.get(i) not in ("delivered", "admitted")]
if bad:
    sys.exit(f"{peer}: not delivered: {bad[:5]}")
came = rows(to_db, "SELECT a.id, a.json, i.state FROM arrivals a LEFT JOIN inputs i ON i.id = a.input"
            " WHERE a.session = ? AND a.sender = ? AND a.json LIKE '%number %' ORDER BY a.seq",
            session, peer)
got = [number(json_) for _, json_, _ in came]
if got != want:
    fail("arrivals", got)
if [i for i, _, _ in came] != ids:
    sys.exit(f"{peer}: other envelopes came than were sent")
left = [(k, s) for k, (_, _, s) in zip(got, came) if s != "consumed"]
if left:
    sys.exit(f"{peer}: not consumed: {left[:5]}")
got = []
for line in open(history):
    message = json.loads(line)
    if message.get("role") == "user":
        got += [int(k) for k in re.findall(r"number (\d+)\.", json.dumps(message))]
if got != want:
    fail("transcript", got)
