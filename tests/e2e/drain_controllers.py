# SPDX-License-Identifier: BSD-3-Clause
"""For live_drain_test.sh: what controllers meet while a node is emptied.

  drain_controllers.py FAIRLEAD CONFIG

One of ng and one of H.248 have a call each. From the drain on both are refused new ones, with why, at the first
try, and /readyz says 503 at the first look; their calls go on, are changed and asked for. The controller of
H.248 is told of the drain and of its end (H.248.1 7.2.8). After undrain both have new ones."""

import http.client
import re
import subprocess
import sys
import time

import gatelib as g
from h248lib import Controller, termination
from netns import namespace

CLI, CONFIG = sys.argv[1:]
CLIENT, PEER = "10.1.0.2", "10.2.0.2"
CONTROLLER = "127.0.0.5"
ADD = f"C=${{{termination('access', CLIENT, 40000)},{termination('core', PEER, 42000)}}}"


def fairlead(*words):
    subprocess.run([CLI, "--config", CONFIG, *words], check=True, stdout=subprocess.DEVNULL, timeout=30)


def ready():
    with namespace("fl-relay"):
        conn = http.client.HTTPConnection("127.0.0.1", 9643, timeout=10)
        conn.connect()
    conn.request("GET", "/readyz")
    return conn.getresponse().status


def offer(ng, call, port):
    return ng.ask("offer", call_id=call, from_tag="a", direction=["access", "core"], sdp=g.audio(CLIENT, port))


def refused(ng, call):
    try:
        offer(ng, call, 40020)
    except g.Refused as why:
        return str(why)
    return "it is not refused"


def hears(mgc, what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = mgc.hear(end - time.monotonic())
        if text and what in text:
            return
    sys.exit(f"the controller of H.248 is not told {what}")


def context(reply):
    found = re.search(r"(?:Context|C) ?= ?(\d+)", reply)
    return found[1] if found else sys.exit(f"no context: {reply}")


def main():
    mgc, ng = Controller(CONTROLLER), g.Ng()
    if not mgc.registered(40):
        sys.exit("the gateway does not register")
    assert ready() == 200
    offer(ng, "there", 40010)
    ng.ask("answer", call_id="there", from_tag="a", to_tag="b", sdp=g.audio(PEER, 42010))
    there = context(mgc.ask(ADD))

    fairlead("drain")
    assert ready() == 503, "ready at the first look after the drain"
    why = refused(ng, "new")
    assert "drained" in why, why
    hears(mgc, "905")
    reply = mgc.ask(ADD)
    assert re.search(r"(?:ER|Error) ?= ?503", reply), reply
    offer(ng, "there", 40014)
    assert ng.ask("query", call_id="there")["result"] == "ok"
    reply = mgc.ask(f"C={there}{{AV=*{{AT{{M}}}}}}")
    assert not re.search(r"(?:ER|Error) ?=", reply), reply

    fairlead("undrain")
    assert ready() == 200, "not ready at the first look after undrain"
    hears(mgc, "918")
    new = context(mgc.ask(ADD))
    offer(ng, "new", 40020)
    for call in ("there", "new"):
        ng.ask("delete", call_id=call, from_tag="a")
    for c in (there, new):
        mgc.ask(f"C={c}{{W-S=*{{AT{{}}}}}}")
    print(f"refused: {why}")


if __name__ == "__main__":
    main()
