# SPDX-License-Identifier: BSD-3-Clause
"""Fragments (RFC 791 3.2): first pieces from many hosts, whose other pieces never come, and pieces in the middle."""

import struct
import time

from hostile import Tally, run
from rawtcp import Wire

UDP, MORE = 17, 0x2000


def take(end):
    wire, n = Wire(), 0
    first = struct.pack("!HHHH", 4000, 3478, 2008, 0) + bytes(992)
    while time.monotonic() < end:
        for _ in range(20):
            n += 1
            at = 125 if n % 3 == 0 else 0  # in units of 8 bytes
            wire.packet(wire.hosts[n % len(wire.hosts)], UDP, bytes(1000) if at else first, n & 0xFFFF, MORE | at)
        wire.turn(0.007)
    return Tally(fragments=n)


if __name__ == "__main__":
    run(take)
