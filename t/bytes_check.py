#!/usr/bin/python3
"""Are tool arguments the same everywhere?  A reader of JSON that is not ours.

usage: bytes_check.py ARGS TRANSCRIPT EVENTS EXPORT SIMLOG
       bytes_check.py ARGS --json FILE...     only: is every line JSON?
"""
import json
import re
import sys


def exact(text):
    """A value in which numbers, their spelling, and repeated keys can be seen."""
    number = lambda s: ("number", s)
    return json.loads(text, parse_int=number, parse_float=number,
                      object_pairs_hook=lambda pairs: ("object", pairs))


def sent(value):
    """As a provider may be sent it: half characters are no UTF-8, U+FFFD is."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, (list, tuple)):
        return type(value)(sent(v) for v in value)
    return value


def strings_and_values(value):
    yield value
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from strings_and_values(v)


def main():
    args = open(sys.argv[1], "rb").read()
    if sys.argv[2] == "--json":
        for name in sys.argv[3:]:
            for line in open(name, "rb"):
                json.loads(line)
        return
    transcript, events, export, simlog = sys.argv[2:]
    assert open(transcript, "rb").read().count(args) == 1, "transcript"
    requested = [line for line in open(events, "rb") if json.loads(line)
                 ["payload"]["type"] == "tool_call_requested"]
    assert len(requested) == 1 and args in requested[0], "event"
    assert args in open(export, "rb").read(), "export"
    want = sent(exact(args))
    request = exact(open(simlog, "rb").readlines()[-1])
    for v in strings_and_values(request):
        if sent(v) == want:
            return
        if isinstance(v, str) and v.startswith("{"):
            try:
                if sent(exact(v)) == want:
                    return
            except ValueError:
                pass
    sys.exit("not in the request: %.300s" % args.decode())


main()
