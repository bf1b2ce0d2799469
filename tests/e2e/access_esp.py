# SPDX-License-Identifier: BSD-3-Clause
"""For access_esp_test.sh: access_esp.py OURS CLIENT PEER CK IK."""

import socket
import struct
import sys
import time

from esp import Phone
from gatelib import Rpc
from netns import namespace

OURS, CLIENT, PEER, CK, IK = sys.argv[1:]
INNER = "10.77.0.9"
USER = "001010000000001@ims.example"
rpc = Rpc()


def follow(after, *want):
    """The next events are these, in this order; the number of the last."""
    got = []
    until = time.monotonic() + 20
    while len(got) < len(want) and time.monotonic() < until:
        page = rpc.ask("ipsec.events", after=after, wait_ms=5000)
        assert page["lost"] == 0, page
        after = page["last"]
        got += page["events"]
    assert [e["what"] + (f" {e['why']}" if e["why"] else "") for e in got] == list(want), got
    return after, got


def tunnel(**more):
    a = rpc.ask("ipsec.add", remote=CLIENT, local=OURS, user=USER, mod="UDP-enc-tun", inner=INNER, spi_c=7001,
                ck=CK, ik=IK, **more)
    return a["phone"], a["lanes"][0]["spi_in"], Phone(OURS, bytes.fromhex(IK), (7001,), CLIENT, INNER)


def rtp(seq):
    return struct.pack("!BBHII", 0x80, 0, seq, 160 * seq, 0x1234) + b"\xd5" * 160


def media(spi, phone):
    """RTP of a context whose one side is reached by the association alone (R24, R25)."""
    with namespace("fl-peer"):
        far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.bind((PEER, 0))
    far.settimeout(10)
    context = rpc.ask("context.add", call="esp", terminations=[
        {"transport": "udp", "realm": "phones", "rtp": True, "remote": f"{INNER}:4000"},
        {"transport": "udp", "realm": "core", "rtp": True, "remote": f"{PEER}:{far.getsockname()[1]}"}])
    near, out = ((t["local"].rsplit(":", 1)[0], int(t["local"].rsplit(":", 1)[1])) for t in context["terminations"])
    assert near[0] == OURS, near
    for n in range(1, 51):
        phone.send(spi, 4000, near, rtp(n))
        assert far.recvfrom(2048) == (rtp(n), out), "RTP of the phone"
        far.sendto(rtp(1000 + n), out)
        assert phone.receive() == (7001, near, 4000, rtp(1000 + n)), "RTP to the phone"
    # Its address without ESP is nobody's.
    with namespace("fl-client"):
        clear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    clear.sendto(rtp(99), near)
    far.settimeout(0.5)
    try:
        raise AssertionError(f"in clear: {far.recv(2048)}")
    except socket.timeout:
        pass
    shown = rpc.ask("context.delete", context=context["context"])
    assert [t["counters"]["packets"] for t in shown["terminations"]] == [50, 50], shown


after, _ = follow(0)
name, spi, phone = tunnel()
media(spi, phone)
after, events = follow(after, "used", "moved")
assert events[0]["phone"] == name and events[0]["user"] == USER, events
assert events[-1]["remote"] == f"{CLIENT}:{phone.port}", events
phone.move()
phone.send(spi, 4000, (OURS, 9), b"here")
after, events = follow(after, "moved")
assert events[0]["remote"] == f"{CLIENT}:{phone.port}", events
rpc.ask("ipsec.delete", phone=name)
after, _ = follow(after, "ended deleted")
name, spi, phone = tunnel(lifetime_s=2)
after, _ = follow(after, "ending", "ended lifetime")
print("RTP passed both ways, and what became of associations was told")
