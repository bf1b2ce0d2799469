# SPDX-License-Identifier: BSD-3-Clause
"""ng commands: garbage, commands that are refused and pings from a controller that may, faster than gateway.ng-rate,
and queries whose answers nobody reads (R27). What was answered of those that are read is counted."""

import random
import socket
import time

from hostile import Tally, run
import gatelib as g
from netns import namespace

CONTROLLER = "127.0.0.2"


def take(end):
    got, n, socks = Tally(answered=0), 0, []
    for _ in range(2):
        with namespace("fl-relay"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((CONTROLLER, 0))
        sock.connect(("127.0.0.1", g.NG_PORT))
        sock.setblocking(False)
        socks.append(sock)
    unread, sock = socks
    commands = [g.bencode({"command": "ping"}), g.bencode({"command": "query", "call-id": "none"}),
                g.bencode({"command": "list", "limit": 1000}), b"d7:command5:offere", b"l" * 3000]
    while time.monotonic() < end:
        for _ in range(20):
            n += 1
            try:
                (sock if n % 7 and n % len(commands) == 0 else unread).send(b"%d %s" % (n, commands[n % len(commands)] if n % 7 else random.randbytes(900)))
                got.add("pings", int(n % 7 and n % len(commands) == 0))
            except OSError:
                pass
        try:
            while sock.recv(65536):
                got.add("answered")
        except OSError:
            pass
        time.sleep(0.002)
    return got | {"commands": n}


if __name__ == "__main__":
    run(take)
