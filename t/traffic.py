"""What rkat-serve's clients were told (a record of t/tool/spy.c), as lines for
t/tool/schema_check: SCHEMA, a tab, JSON - each by our schema in share/ and by the
contract's, where there is one.

usage: traffic.py RECORD SHARE CONTRACT
"""
import json
import os
import re
import sys

share, contract = sys.argv[2], sys.argv[3]
RPC = share + "/rpc.schema.json#/$defs/"
REST = share + "/openapi.json"

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
REST_BODIES = {
    "/capabilities": RESULTS["capabilities/get"],
    "/models/catalog": RESULTS["models/catalog"],
}

with open(REST) as f:
    document = json.load(f)
paths = document["paths"]


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


class Cut(Exception):
    """A message that is not whole, or none."""


def take(data, at):
    """One HTTP message from at on: its first line, headers, where its body begins."""
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise Cut
    first, *lines = data[at:end].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Cut
        headers[name.lower()] = value.strip()
    return first, headers, end + 4


def body(data, at, headers):
    """Its body and where the next message begins; a stream may be cut anywhere."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        try:
            size = int(headers.get("content-length", 0))
        except ValueError:
            raise Cut from None
        return bytes(data[at : at + size]), at + size
    whole = b""
    while True:
        end = data.find(b"\r\n", at)
        try:
            size = int(data[at:end], 16) if end >= 0 else -1
        except ValueError:
            raise Cut from None
        if size < 0 or len(data) < end + 2 + size:
            return whole, len(data)
        whole += data[end + 2 : end + 2 + size]
        at = end + size + 4
        if not size:
            return whole, at


def requests(data):
    at, found = 0, []
    try:
        while at < len(data):
            first, headers, at = take(data, at)
            method, path, _ = first.split(" ")
            _, at = body(data, at, headers)
            found.append((method, path.partition("?")[0]))
    except (Cut, ValueError):
        pass  # whatever it was, it was refused
    return found


def operation(method, path):
    """Where the document tells of this request: the JSON pointer and what is there."""
    hits = [
        (name, item[method])
        for name, item in paths.items()
        if method in item and re.fullmatch(re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(name)), path)
    ]
    if not hits:
        return None, None
    name, found = min(hits, key=lambda hit: "{" in hit[0].rpartition("/")[2])
    return "/paths/" + name.replace("/", "~1") + "/" + method, found


def events(where, text):
    for block in text.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        fields = dict(l.split(b": ", 1) for l in block.split(b"\n") if not l.startswith(b":") and b": " in l)
        if b"data" not in fields:
            continue  # a comment
        name, data = fields[b"event"].decode(), json.loads(fields[b"data"])
        framing = b"id" not in fields
        say(where.removesuffix("/schema") + "/x-events/" + (name if framing else "*"), data)
        if not framing:
            by_contract("events.json!AgentEvent", data["payload"])


def answer(asked, status, headers, text):
    """By the document: is such an answer to this request told of, and is it so?"""
    at, found = operation(*asked) if asked else (None, None)
    if not found:
        if status < 400 and (asked or ("",))[0] != "options":
            sys.exit("not in openapi.json: %s: %d" % (asked, status))
        return
    key = str(status) if str(status) in found["responses"] else "default"
    if key == "default" and status < 400:
        sys.exit("openapi.json has no %d for %s" % (status, asked))
    told, at = found["responses"][key], at + "/responses/" + key
    if "$ref" in told:
        at = told["$ref"][1:]
        told = document["components"]["responses"][at.rpartition("/")[2]]
    kind = headers.get("content-type", "")
    if not text or "*/*" in told["content"]:
        return
    if kind not in told["content"]:
        sys.exit("openapi.json has no %s for %d of %s" % (kind, status, asked))
    where = REST + "#" + at + "/content/" + kind.replace("/", "~1")
    if kind == "text/event-stream":
        events(where, text)
    elif kind == "application/json":
        say(where + "/schema", json.loads(text))
        if asked[1] in REST_BODIES:
            by_contract(REST_BODIES[asked[1]], json.loads(text))


def http(sent, told):
    asked, at = requests(sent), 0
    try:
        while at < len(told):
            first, headers, at = take(told, at)
            status = int(first.split(" ")[1])
            if status < 200:
                continue
            method, path = asked.pop(0) if asked else ("get", None)
            size = "0" if method == "HEAD" else headers.get("content-length", "0")
            text, at = body(told, at, {**headers, "content-length": size} if method != "HEAD" else {})
            answer((method.replace("HEAD", "GET").lower(), path) if path else None, status, headers, text)
    except Cut:
        pass  # killed in the middle of it


def connections(record):
    found = {}
    while head := record.readline():
        number, way, size = head.split()
        sent, told = found.setdefault(number, (bytearray(), bytearray()))
        (sent if way == b"<" else told).extend(record.read(int(size)))
    return found.values()


with open(sys.argv[1], "rb") as record:
    for sent, told in connections(record):
        (http if told.startswith(b"HTTP/") else rpc)(sent, told)
