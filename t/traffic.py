"""What rkat-serve's clients were told (a record of t/tool/spy.c), as lines for
t/tool/schema_check: SCHEMA, a tab, JSON - each by our schema in share/ and by the
contract's, where there is one.

usage: traffic.py RECORD SHARE CONTRACT
"""
import json
import os
import sys

share, contract = sys.argv[2], sys.argv[3]
RPC = share + "/rpc.schema.json#/$defs/"

# Results that have a schema in the contract: file!Name, or what is done to get there.
RESULTS = {
    "session/read": "wire-types.json!WireSessionInfo",
    "session/history": "wire-types.json!WireSessionHistory",
    "capabilities/get": "capabilities.json!CapabilitiesResponse",
    "models/catalog": "models.json!ModelsCatalogResponse",
    "runtime/state": "wire-types.json!RuntimeStateResult",
    "runtime/accept": "wire-types.json!RuntimeAcceptResult",
    "runtime/retire": "wire-types.json!RuntimeRetireResult",
    "runtime/reset": "wire-types.json!RuntimeResetResult",
    "input/state": "wire-types.json!InputStateResult",
    "input/list": "wire-types.json!InputListResult",
}


def say(schema, value):
    print(schema, json.dumps(value, ensure_ascii=True), sep="\t")


def by_contract(name, value):
    if os.path.isdir(contract):
        say(contract + "/" + name, value)


def ours(name, value):
    say(RPC + name.replace("/", "~1"), value)


def rpc_result(method, result):
    ours(method + ".result", result)
    if method in RESULTS:
        by_contract(RESULTS[method], result)
    elif method == "session/list":
        for row in result["sessions"]:
            by_contract("wire-types.json!WireSessionSummary", row)
    elif "usage" in result:
        by_contract("wire-types.json!WireUsage", result["usage"])


def rpc_line(line, asked):
    """One line of the server; asked: the methods of the requests by the text of their ids."""
    if "method" in line:
        ours("Request" if "id" in line else "Notification", line)
        ours(line["method"] + ".params", line["params"])
        if line["method"] in ("session/event", "session/stream_event"):
            by_contract("events.json!AgentEvent", line["params"]["event"]["payload"])
        return
    if "error" in line:
        ours("Failure", line)
        return
    ours("Answer", line)
    methods = asked.get(json.dumps(line["id"]))
    if not methods:
        sys.exit("an answer to nothing: %s" % line)
    # An id that was used again: answered in the order of asking, as far as one can tell.
    rpc_result(methods.pop(0) if len(methods) > 1 else methods[0], line["result"])


def rpc(sent, told):
    asked = {}
    for text in sent.split(b"\n"):
        try:
            line = json.loads(text)
            id = line.get("id") if line["method"] == "tools/register" else line["id"]
            asked.setdefault(json.dumps(id), []).append(line["method"])
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # no request
    for text in told.split(b"\n")[:-1]:
        rpc_line(json.loads(text), asked)


def connections(record):
    found = {}
    while head := record.readline():
        number, way, size = head.split()
        sent, told = found.setdefault(number, (bytearray(), bytearray()))
        (sent if way == b"<" else told).extend(record.read(int(size)))
    return found.values()


with open(sys.argv[1], "rb") as record:
    for sent, told in connections(record):
        if not told.startswith(b"HTTP/"):
            rpc(sent, told)
