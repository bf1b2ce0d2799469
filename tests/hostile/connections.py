# SPDX-License-Identifier: BSD-3-Clause
"""Connections: thousands over TCP and to the TLS port, by strangers who keep each of theirs by a Binding request
now and then. The table has room for fewer."""

import socket
import time

from hostile import SERVER, Tally, run, s

PING = s.build(s.BINDING, s.REQUEST)
MOST = 6000


def opened(port):
    c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    c.setblocking(False)
    c.connect_ex((SERVER, port))
    return c


def take(end):
    got, socks = Tally(opened=0), []
    while time.monotonic() < end:
        for port in (3478, 3478, 5349, 80):
            if len(socks) < MOST:
                socks.append(opened(port))
                got.add("opened")
        if len(socks) == MOST or len(socks) % 400 == 0:
            for c in socks:
                try:
                    c.send(PING)
                except OSError:
                    pass
            if len(socks) == MOST:
                time.sleep(0.2)
        time.sleep(0.001)
    got.add_held(socks)
    return got


if __name__ == "__main__":
    run(take)
