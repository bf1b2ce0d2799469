# SPDX-License-Identifier: BSD-3-Clause
"""Reservations (RFC 8656 7.2): pairs of ports asked for with EVEN-PORT, given back at once, so that the reserved
port of each stays."""

import time

from hostile import Tally, client, run, s


def take(end):
    got = Tally()
    while time.monotonic() < end:
        c = client()
        try:
            error = c.allocate((s.EVEN_PORT, b"\x80")).error()
            got.add(f"pairs_{error or 'granted'}")
            if error:
                time.sleep(0.02)
            else:
                c.refresh((s.LIFETIME, s.u32(0)))
        except TimeoutError:
            got.add("not_answered")
        c.close()
    return got


if __name__ == "__main__":
    run(take)
