# SPDX-License-Identifier: BSD-3-Clause
"""Urgent calls: a controller of H.248 that is in charge makes emergency calls without end, and keeps them all (R27)."""

import re
import time

from hostile import Tally, run
import h248lib as h

CONTROLLER = "127.0.0.4"
CALL = "C=${EG," + h.termination("access", "10.1.0.2", 20000) + "," + h.termination("core", "10.2.0.2", 20002) + "}"


def take(end):
    got, calls = Tally(urgent_taken=0, urgent_refused=0, other=0), []
    controller, seconds = h.Controller(CONTROLLER), end - time.monotonic()
    print("listens", flush=True)
    if not controller.registered(30):
        raise AssertionError("the gateway does not register")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reply = controller.ask(CALL)
        number = re.search(r"(?:Context|C) ?= ?(\d+) ?\{ ?(?:Add|A) ?=", reply)
        if number:
            calls.append(number[1])
        if number and not re.search(r"\b(?:Error|ER) ?=", reply):
            got.add("urgent_taken")
        elif re.search(r"\b(?:Error|ER) ?= ?510", reply):
            got.add("urgent_refused")
            got["why"] = reply[-160:]
            time.sleep(0.02)
        else:
            got.add("other")
            time.sleep(0.02)
    for number in calls:  # whoever comes next finds the table as it was
        controller.ask(f"C={number}{{W-S=*{{AT{{}}}}}}")
    return got


if __name__ == "__main__":
    run(take)
