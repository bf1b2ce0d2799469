# SPDX-License-Identifier: BSD-3-Clause
"""Records of what is in flight (RFC 9293 3.8): connections whose SYN says a segment size of 1. Each asks for
answers to Binding requests and acknowledges none, so that every few bytes are a segment of their own."""

import time

from hostile import Tally, run, s
from rawtcp import Wire

PING = s.build(s.BINDING, s.REQUEST)


def take(end):
    wire, n = Wire(), 0
    while time.monotonic() < end:
        fresh = []
        for _ in range(10):
            n += 1
            fresh.append(wire.open(wire.hosts[n % len(wire.hosts)], (3478, 80)[n % 2], mss=1))
        wire.turn(0.03)
        for c in fresh:
            if c.state == "open":
                wire.send(c, PING * 15)
        wire.turn(0.03)
    return Tally(opened=n, held=wire.held(), bytes=sum(len(c.received) for c in wire.conns.values()))


if __name__ == "__main__":
    run(take)
