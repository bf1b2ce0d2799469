# SPDX-License-Identifier: BSD-3-Clause
"""The client of capture_test.sh: a packet of every kind, each with a payload of its own, which the
peer sends back. Prints what each must look like for capture_check.py, as JSON lines."""

import json

from stunlib import *

SERVERS = {4: "10.1.0.1", 6: "fd00:1::1"}
PEERS = {4: "10.2.0.2", 6: "fd00:2::2"}
BOUND, UNBOUND, NUMBER = 3480, 3481, 0x4000  # the peer with a channel, and the other
EVERY_TOS = (0x00, 0xB9, 0x4A, 0x03)  # EF with ECT(1), AF21 with ECT(0), CE
# Payloads: small; the largest Data indication over IPv6 still fits the MTU; more than the MTU.
SMALL, FULL, FRAGMENTED = 40, 1380, 3000


def conversation(client, peer):
    c = Client(SERVERS[client])
    reply = c.allocate((FAMILY, V4 if peer == 4 else V6))
    assert reply.error() == 0, reply.error()
    assert c.bind(NUMBER, PEERS[peer], BOUND).error() == 0
    n = 0
    for how in ("channel", "indication", "dont-fragment"):
        for df in (False, True) if client == 4 else (False,):
            for size in (SMALL, FULL) if df or how == "dont-fragment" else (SMALL, FULL, FRAGMENTED):
                ttl, tos = 40 + n % 20, EVERY_TOS[n % len(EVERY_TOS)]
                one(c, how, {"client": client, "peer": peer, "ttl": ttl, "tos": tos, "df": df}, size, n)
                n += 1
    assert c.refresh((LIFETIME, u32(0))).error() == 0
    c.close()


def one(c, how, marks, size, n):
    name = f"{'DF' if marks['df'] else '--'} {marks['client']}to{marks['peer']} {how} {size} #{n} "
    payload = name.encode().ljust(size, b".")
    mark_packets(c.sock, marks["tos"], marks["ttl"], marks["df"])
    exchanged(c, how, marks["peer"], payload)
    print(json.dumps({"payload": payload.hex(), "name": name, "how": how, **marks}))


def exchanged(c, how, peer, payload):
    def came():
        if how == "channel":
            c.send_channel(NUMBER, payload)
        else:
            more = [(DONT_FRAGMENT, b"")] if how == "dont-fragment" else []
            c.send(PEERS[peer], UNBOUND, payload, *more)
        got = c.receive(2)
        return got is not None and got[1] == payload

    await_true(f"the echo of {payload[:40]}", came)


def last():
    """The captures are whole when they hold this."""
    c = Client(SERVERS[4])
    c.allocate()
    assert c.bind(NUMBER, PEERS[4], BOUND).error() == 0
    exchanged(c, "channel", 4, b"the-very-last")
    c.refresh((LIFETIME, u32(0)))


for pair in ((4, 4), (6, 6), (4, 6), (6, 4)):
    conversation(*pair)
last()
