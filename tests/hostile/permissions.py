# SPDX-License-Identifier: BSD-3-Clause
"""Permissions and channels (RFC 8656 9, 12): all allocations an account may have, each with as many permissions
and channels as it may have."""

import time

from hostile import Tally, client, run, s

PEERS = 64


def take(end):
    got, clients = Tally(), []
    while time.monotonic() < end:
        c = client()
        try:
            error = c.allocate().error()
            got.add(f"allocate_{error or 'granted'}")
            if error:
                c.close()
                time.sleep(0.2)
                continue
            clients.append(c)
            third = len(clients) % 250
            error = c.permit(*[f"10.8.{third}.{n + 1}" for n in range(PEERS)]).error()
            got.add(f"permissions_{error or 'granted'}", 1 if error else PEERS)
            for n in range(PEERS):
                error = c.bind(0x4000 + n, f"10.9.{third}.{n + 1}", 4000).error()
                got.add(f"channels_{error or 'granted'}")
                if error or time.monotonic() > end:
                    break
        except TimeoutError:
            got.add("not_answered")
    for c in clients:
        c.refresh((s.LIFETIME, s.u32(0)))
    return got


if __name__ == "__main__":
    run(take)
