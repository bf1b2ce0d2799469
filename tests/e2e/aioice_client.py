# SPDX-License-Identifier: BSD-3-Clause
"""The client of aioice_test.sh: what is sent must come back, in any order.
aioice_client.py udp|tcp|tls [HOST PORT]
With tls SSL_CERT_FILE must name the relay's CA."""

import asyncio
import sys

import aioice
from aioice import turn

TRANSPORT = sys.argv[1]
TLS = TRANSPORT == "tls"
SERVER = (sys.argv[2], int(sys.argv[3])) if sys.argv[2:] else ("10.1.0.1", 5349 if TLS else 3478)
CARRIER = "tcp" if TLS else TRANSPORT
PEER = ("10.2.0.2", 3480)
MESSAGES = 100


class Collector(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = set()

    def datagram_received(self, data, addr):
        self.got.add((bytes(data), addr[:2]))


async def until(condition, what, seconds=15):
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        if loop.time() > end:
            raise SystemExit(f"aioice_client: never came: {what}")
        await asyncio.sleep(0.02)


async def with_peer():
    """aioice's TURN endpoint, with a peer that sends everything back."""
    transport, protocol = await turn.create_turn_endpoint(
        Collector, server_addr=SERVER, username="demo", password="fairlead",
        transport=CARRIER, ssl=TLS)
    relayed = transport.get_extra_info("sockname")
    assert relayed[0] == "10.2.0.1", relayed
    want = {(b"message %d" % i, PEER) for i in range(MESSAGES)}
    for data, addr in sorted(want):
        transport.sendto(data, addr)
    await until(lambda: protocol.got == want, "what the peer sent back")
    transport.close()


async def relayed_only(name):
    """An ICE agent that offers its relayed address and nothing else."""
    c = aioice.Connection(ice_controlling=name == "a", components=1, use_ipv6=False, turn_server=SERVER,
                          turn_username="demo", turn_password="fairlead", turn_transport=CARRIER, turn_ssl=TLS)
    await c.gather_candidates()
    c.offered = [x for x in c.local_candidates if x.type == "relay"]
    assert [x.host for x in c.offered] == ["10.2.0.1"], c.offered
    return c


async def introduce(a, b):
    for candidate in a.offered:
        await b.add_remote_candidate(candidate)
    await b.add_remote_candidate(None)
    b.remote_username, b.remote_password = a.local_username, a.local_password


async def relay_to_relay():
    a, b = await relayed_only("a"), await relayed_only("b")
    # What sends from its own address is turned away: the pair must be relay to relay.
    for c in (a, b):
        c._protocols = [p for p in c._protocols if p.local_candidate.type == "relay"]
    await introduce(a, b)
    await introduce(b, a)
    await asyncio.gather(a.connect(), b.connect())
    for i in range(MESSAGES):
        await a.send(b"from a %d" % i)
        await b.send(b"from b %d" % i)
    got_a = {await asyncio.wait_for(a.recv(), 10) for _ in range(MESSAGES)}
    got_b = {await asyncio.wait_for(b.recv(), 10) for _ in range(MESSAGES)}
    assert got_a == {b"from b %d" % i for i in range(MESSAGES)}
    assert got_b == {b"from a %d" % i for i in range(MESSAGES)}
    await a.close()
    await b.close()


async def main():
    for test in (with_peer, relay_to_relay):
        await test()
        print("ok", test.__name__, TRANSPORT)


asyncio.run(main())
