"""Seeds of the cbor driver: the test vectors' frames, what they sign, and each kind."""
import re
import sys
import zlib

folder = sys.argv[1]


def keep(data):
    with open(f"{folder}/{zlib.crc32(data):08x}", "wb") as f:
        f.write(data)


text = re.sub(r'"\n\s*"', "", sys.stdin.read())
for found in re.findall(r'"([0-9a-f]{100,})"', text):
    data = bytes.fromhex(found)
    if data[0] == 0:  # a frame: id, from, to, kind, sig
        data = data[4:]
        kind = data.index(b"dkind") + 5
        keep(data[kind:data.rindex(b"csig")])
    keep(data)
