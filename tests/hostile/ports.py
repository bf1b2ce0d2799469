# SPDX-License-Identifier: BSD-3-Clause
"""Relayed ports: allocations without end, over UDP and TCP, of both kinds, by one account after the other."""

import time

from hostile import USERS, Tally, client, run, s


def take(end):
    got, clients, n, user = Tally(), [], 0, 0
    while time.monotonic() < end:
        n += 1
        try:
            c = client(user=USERS[user % len(USERS)], tcp=n % 2 == 0)
            reply = c.allocate_tcp() if n % 4 == 0 else c.allocate()
            got.add(f"allocate_{reply.error() or 'granted'}")
            if reply.error():
                c.close()
                user += 1
                time.sleep(0.02)
            else:
                clients.append(c)
        except (TimeoutError, OSError):
            got.add("not_answered")
    for c in clients:
        try:
            c.refresh((s.LIFETIME, s.u32(0)))
        except (TimeoutError, OSError):
            pass
    return got


if __name__ == "__main__":
    run(take)
