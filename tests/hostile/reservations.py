# SPDX-License-Identifier: BSD-3-Clause
"""Reservations (RFC 8656 7.2): pairs of ports asked for with EVEN-PORT, given back at once, so that the reserved
port of each stays; by one account after the other."""

import time

from hostile import USERS, Tally, client, run, s


def take(end):
    got, user = Tally(), 0
    while time.monotonic() < end:
        c = client(user=USERS[user % len(USERS)])
        try:
            error = c.allocate((s.EVEN_PORT, b"\x80")).error()
            got.add(f"pairs_{error or 'granted'}")
            if error:
                user += 1
                time.sleep(0.02)
            else:
                c.refresh((s.LIFETIME, s.u32(0)))
        except TimeoutError:
            got.add("not_answered")
        c.close()
    return got


if __name__ == "__main__":
    run(take)
