#!/usr/bin/env python3
"""The other end of a letter's connection, as tests want it; it knows no keys.

  other_end.py MODE READY RECORD [TARGET]

Listens on a free port of loopback, which it writes to the file READY, and appends what
comes in to RECORD, a line of hex for each connection's frame.  MODE:
  close   read one frame, close in order (a 0.5 peer that has no ACK for it)
  reset   read one frame, reset the connection
  mute    read one frame, say nothing
  lie     read one frame, answer with the same
  choosy  as proxy, but a frame with the word poison is read and dropped
  late    as proxy, but what comes back takes 4 s
  proxy   hand on to port TARGET, both ways; RECORD gets all bytes as they are
"""
import os
import socket
import struct
import sys
import threading
import time

mode, ready, record = sys.argv[1:4]


def note(data):
    with open(record, "ab") as f:
        f.write(data)


def read_frame(s):
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        part = s.recv(65536)
        data += part
        if not part or data[0]:
            break  # it ended, or it is no frame
    return data


def pump(a, b, wait=0):
    try:
        while data := a.recv(65536):
            note(data)
            time.sleep(wait)
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        b.close()


def serve(s):
    if mode in ("proxy", "late"):
        to = socket.create_connection(("127.0.0.1", int(sys.argv[4])))
        threading.Thread(target=pump, args=(to, s, 4 * (mode == "late")), daemon=True).start()
        pump(s, to)
        return
    data = read_frame(s)
    if mode == "choosy" and b"poison" not in data:
        with socket.create_connection(("127.0.0.1", int(sys.argv[4]))) as to:
            to.sendall(data)
            s.sendall(read_frame(to))
        s.close()
        return
    note(data.hex().encode() + b"\n")
    if mode == "mute":
        s.recv(1)
    elif mode == "lie":
        s.sendall(data)
    elif mode == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


listener = socket.create_server(("127.0.0.1", 0))
with open(ready + ".new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(ready + ".new", ready)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
