# SPDX-License-Identifier: BSD-3-Clause
"""The event ring to the control process: Allocates without credentials over UDP from one address, many at
once and more than its prefix may send, and over many TCP connections, connections that come and go, and with an account
requests in rows."""

import socket
import time

from hostile import SERVER, Tally, client, run, s

BURST, EACH = 400, 0.25  # more than the ring takes of strangers at once; together beyond dataplane.request-rate
ASK = s.build(s.ALLOCATE, s.REQUEST, [(s.TRANSPORT, s.UDP)])


def stream():
    c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    c.settimeout(0.5)
    c.connect((SERVER, 3478))
    c.setblocking(False)
    return c


def take(end):
    got = Tally()
    own = client()
    assert own.allocate().error() == 0
    refresh = [s.build(s.REFRESH, s.REQUEST, own.credentials(), None, own.key()) for _ in range(50)]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect((SERVER, 3478))
    udp.setblocking(False)
    streams = [stream() for _ in range(20)]
    burst = 0
    while time.monotonic() < end:
        if time.monotonic() >= burst:
            burst = time.monotonic() + EACH
            for _ in range(BURST):
                try:
                    udp.send(ASK)
                    got.add("allocates_udp")
                except OSError:
                    pass
        for c in streams:
            try:
                c.send(ASK * 4)
                got.add("allocates_tcp", 4)
                c.recv(65536)
            except OSError:
                pass
        for r in refresh[:10]:
            own.sock.send(r)
        try:
            c = stream()
            c.send(ASK)
            c.close()
            got.add("connections")
        except OSError:
            pass
        time.sleep(0.005)
    return got


if __name__ == "__main__":
    run(take)
