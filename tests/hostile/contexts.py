# SPDX-License-Identifier: BSD-3-Clause
"""Contexts: a controller that offers calls without end and answers none (R27)."""

import time

from hostile import Tally, run
import gatelib as g

CONTROLLER = "127.0.0.2"


def take(end):
    got, n, ng = Tally(), 0, g.Ng(source=CONTROLLER)
    while time.monotonic() < end:
        n += 1
        try:
            ng.ask("offer", call_id=f"hostile-{n}", from_tag="a", direction=["access", "core"],
                   sdp=g.audio("10.1.0.2", 20000))
            got.add("offers_taken")
        except g.Refused as e:
            got.add("offers_refused")
            got["why"] = str(e)
            time.sleep(0.02)
    for i in range(1, n + 1):  # whoever comes next finds the table as it was
        try:
            ng.ask("delete", call_id=f"hostile-{i}", from_tag="a")
        except g.Refused:
            pass
    return got


if __name__ == "__main__":
    run(take)
