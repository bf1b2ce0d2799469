# SPDX-License-Identifier: BSD-3-Clause
"""Half-open connections (RFC 4987): SYNs of many hosts, on all ports, whose SYN-ACKs nobody answers."""

import time

from hostile import Tally, run
from rawtcp import SYN, Connection, Wire


def take(end):
    wire, n = Wire(), 0
    while time.monotonic() < end:
        for _ in range(30):
            n += 1
            c = Connection(wire.hosts[n % len(wire.hosts)], 1024 + n * 7 % 60000, (3478, 5349, 443, 80)[n % 4])
            wire.segment(c, SYN)
        wire.turn(0.01)
    return Tally(syns=n)


if __name__ == "__main__":
    run(take)
