"""check.py SENDERS N <HISTORY: each event of each sender stands there once, in order."""
import json
import re
import sys

senders, n = int(sys.argv[1]), int(sys.argv[2])
got = {i: [] for i in range(1, senders + 1)}


def texts(v):
    """Every string in a JSON value."""
    if isinstance(v, str):
        yield v
    elif isinstance(v, (list, dict)):
        for x in v.values() if isinstance(v, dict) else v:
            yield from texts(x)


for line in sys.stdin:
    message = json.loads(line)
    if message.get("role") == "user":
        for text in texts(message):
            for i, k in re.findall(r'"sender":\s*(\d+),\s*"number":\s*(\d+)', text):
                got[int(i)].append(int(k))
for i, numbers in got.items():
    if numbers != list(range(1, n + 1)):
        sys.exit(f"sender {i}: {len(numbers)} of {n}, missing "
                 f"{sorted(set(range(1, n + 1)) - set(numbers))[:10]}, twice "
                 f"{sorted({k for k in numbers if numbers.count(k) > 1})[:10]}, "
                 f"in order: {numbers == sorted(numbers)}")
