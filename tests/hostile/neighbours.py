# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours (RFC 826): media to peers in the core's subnet that do not exist, and requests in the name of hosts of
the access network that do not, each of which wants an address resolved and packets kept meanwhile."""

import time

from hostile import Tally, client, run, s
from rawtcp import Wire, ip

UDP, EACH = 17, 60


def take(end):
    got, wire = Tally(), Wire(1)
    ghosts = [f"10.2.0.{n}" for n in range(10, 250)]
    clients = []
    for n in range(0, len(ghosts), EACH):  # as many as an allocation may have
        c = client()
        assert c.allocate().error() == 0 and c.permit(*ghosts[n : n + EACH]).error() == 0
        clients.append(c)
        got.add("permissions", EACH)
    ping = s.build(s.BINDING, s.REQUEST)
    packet = b"\x0f\xa0\x0d\x96" + (8 + len(ping)).to_bytes(2, "big") + b"\0\0" + ping  # no checksum (RFC 768)
    n = 0
    while time.monotonic() < end:
        for _ in range(16):
            n += 1
            ghost = n % len(ghosts)
            clients[ghost // EACH].send(ghosts[ghost], 4000, bytes(200))
            wire.packet(f"10.1.0.{128 + n % 120}", UDP, packet)
        wire.turn(0.01)
    got["packets"] = 2 * n
    assert ip("10.1.0.128") not in wire.known
    return got


if __name__ == "__main__":
    run(take)
