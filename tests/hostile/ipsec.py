# SPDX-License-Identifier: BSD-3-Clause
"""ESP (RFC 4303) that nobody sealed, or that came before: to SPIs that are guessed, by that of a phone whose packets
were overheard, from its own port and from others, each tag of which would have to be computed; and one phone's own
packets again and again (R19, R71)."""

import os
import struct
import time

from hostile import Tally, run
from espphone import ESP_PORT, OURS, UDP, Phone
from rawtcp import Wire


class EspWire(Wire):
    def esp(self, source, port, esp):
        """In UDP, from any address and port."""
        udp = struct.pack("!HHHH", port, ESP_PORT, 8 + len(esp), 0) + esp
        self.packet(source, UDP, udp, to=OURS)


def take(end):
    got, wire = Tally(), EspWire(1)
    mine, victim = Phone("10.77.9.1", "mallory"), Phone("10.77.9.2", "trudy")
    assert mine.asks(2, 5) and victim.asks(2, 5)
    port = victim.sock.getsockname()[1]
    old, forged, n = mine.sealed(mine.question()), os.urandom(600), 0
    mine.sock.send(old)
    while time.monotonic() < end:
        for _ in range(16):
            n += 1
            mine.sock.send(old)
            wire.esp("10.1.0.2", port, struct.pack("!II", victim.spi, victim.seq + 1 + n % 60) + forged)
            wire.esp(f"10.1.0.{64 + n % 32}", 1024 + n % 60000, struct.pack("!II", victim.spi, n) + forged)
            wire.esp("10.1.0.64", 4500, struct.pack("!II", 256 + n % (1 << 20), n) + forged[:64])
        wire.turn(0.01)
    got["packets"] = 4 * n
    got["victim_served"] = int(victim.asks(1, 5))
    mine.close()
    gone = victim.close()
    assert gone["remote"] == f"10.1.0.2:{port}", f"it was moved to {gone['remote']}"
    return got


if __name__ == "__main__":
    run(take)
