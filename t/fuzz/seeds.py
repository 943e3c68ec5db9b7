"""Seeds of the schema driver: each case of the public suite as schema, NUL, value."""
import json
import sys
import zlib

folder, *files = sys.argv[1:]
for name in files:
    for group in json.load(open(name, encoding="utf-8")):
        for case in group["tests"][:3]:
            text = json.dumps(group["schema"]) + "\0" + json.dumps(case["data"])
            data = text.encode()
            with open(f"{folder}/{zlib.crc32(data):08x}", "wb") as f:
                f.write(data)
