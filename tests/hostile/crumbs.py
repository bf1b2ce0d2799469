# SPDX-License-Identifier: BSD-3-Clause
"""Data out of order (RFC 9293 3.10.7.4): connections that send single bytes, each behind a gap of one byte, and
never what is missing. Each byte is a packet."""

import time

from hostile import Tally, run, s
from rawtcp import ACK, Wire

PING = s.build(s.BINDING, s.REQUEST)
CRUMBS, BATCH = 520, 8


def take(end):
    wire, n, sent = Wire(), 0, 0
    while time.monotonic() < end:
        fresh = []
        for _ in range(BATCH):
            n += 1
            fresh.append(wire.open(wire.hosts[n % len(wire.hosts)], (3478, 5349)[n % 2]))
        wire.turn(0.05)
        for c in fresh:
            if c.state != "open":
                continue
            if c.to_port == 3478:
                wire.send(c, PING)
            for i in range(CRUMBS):
                wire.segment(c, ACK, b"x", seq=c.seq + 2000 + 2 * i)
                sent += 1
                if i % 64 == 0:
                    wire.turn(0.005)
    return Tally(opened=n, held=wire.held(), crumbs=sent)


if __name__ == "__main__":
    run(take)
