#!/usr/bin/env python3
"""Bytes to a socket, and a service manager, for the HTTP suite.

raw WHERE [PART...]   send the parts (escapes decoded) one after the other and print
                      what comes back until the end; a PART "!N" waits N ms, "!shut"
                      ends our side, "!get" waits for some answer, "!cut" ends at once
stall WHERE REQUEST   send the request, read the first bytes, then nothing; says so on
                      stdout, and prints what is left to be read when a line comes in
manager DIR COMMAND   open sockets for COMMAND (LISTEN_FDS), write their ports to
                      DIR/rest and DIR/rpc; its notifications to DIR/notify
WHERE is a port of 127.0.0.1 or a path.
"""
import os
import signal
import socket
import sys
import time


def connect(where):
    if where.isdigit():
        return socket.create_connection(("127.0.0.1", int(where)), timeout=10)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(where)
    return s


def decode(text):
    return text.encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")


def raw(where, parts):
    s, got = connect(where), b""
    try:
        for part in parts:
            if part == "!shut":
                s.shutdown(socket.SHUT_WR)
            elif part == "!get":
                got += s.recv(65536)
            elif part == "!cut":
                s.close()
                return
            elif part.startswith("!"):
                time.sleep(int(part[1:]) / 1000)
            else:
                s.sendall(decode(part))
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        while True:
            some = s.recv(65536)
            if not some:
                break
            got += some
    except ConnectionResetError:
        got += b"<reset>"
    except socket.timeout:
        got += b"<open>"
    sys.stdout.buffer.write(got.replace(b"\r\n", b"\n"))


def stall(where, request):
    s = connect(where)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(decode(request))
    s.recv(1)
    print("stalled", flush=True)
    sys.stdin.readline()
    got = b""
    try:
        while True:
            some = s.recv(65536)
            if not some:
                break
            got += some
    except ConnectionResetError:
        got += b"<reset>"
    sys.stdout.buffer.write(got)


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(8)
    return s


def manager(directory, command):
    path = os.path.join(directory, "notify.sock")
    box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if os.environ.get("ABSTRACT"):
        box.bind("\0" + path)
        path = "@" + path
    else:
        box.bind(path)
    doors = {"rest": listener(), "rpc": listener()}
    for name, s in doors.items():
        with open(os.path.join(directory, name), "w") as f:
            f.write(str(s.getsockname()[1]))
    pid = os.fork()
    if pid == 0:
        held = [os.dup(s.fileno()) for s in doors.values()]
        held = [os.dup2(fd, 60 + i) for i, fd in enumerate(held)]
        for i, fd in enumerate(held):
            os.dup2(fd, 3 + i, inheritable=True)
        os.environ.update(LISTEN_FDS=str(len(held)), LISTEN_PID=str(os.getpid()),
                          LISTEN_FDNAMES=os.environ.get("NAMES", ":".join(doors)),
                          NOTIFY_SOCKET=path)
        os.execvp(command[0], command)
    for s in doors.values():
        s.close()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: os.kill(pid, signal.SIGHUP))
    box.settimeout(0.05)
    with open(os.path.join(directory, "notify"), "a") as log:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            try:
                while True:
                    log.write(box.recv(4096).decode().split("\n")[0] + "\n")
                    log.flush()
            except socket.timeout:
                pass
            if done:
                sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    mode, rest = sys.argv[1], sys.argv[2:]
    if mode == "raw":
        raw(rest[0], rest[1:])
    elif mode == "stall":
        stall(rest[0], rest[1])
    else:
        manager(rest[0], rest[1:])
