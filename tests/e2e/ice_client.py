# SPDX-License-Identifier: BSD-3-Clause
"""The agents of ice_test.sh, in fl-client: aioice, a full one, against terminations with ICE, whose
partners are plain UDP to an echo in fl-peer. ice_client.py PORT: of the echo, RTP; RTCP one above."""

import asyncio
import os
import socket
import sys

import aioice

import gatelib
import stunlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tcp"))
from netns import namespace

PEER_PORT = int(sys.argv[1])
PEER = {4: "10.2.0.2", 6: "[fd00:2::2]"}
OWN = {4: "10.1.0.2", 6: "fd00:1::2"}
MESSAGES = 100
RTP, RTCP = b"\x80\x00", b"\x80\xc8"  # how packets of each begin (RFC 5761 4)
SILENCE = 0.5  # seconds in which what must not come would have come


def split(text):
    """ADDRESS:PORT or [ADDRESS]:PORT."""
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Call:
    """A context: ICE to fl-client, none to fl-peer."""

    def __init__(self, rpc, family, **terms):
        self.rpc, self.family = rpc, family
        rtp = {"transport": "udp", "rtp": True} | terms
        self.id, self.ice, self.plain = self.record(rpc.ask("context.add", terminations=[
            {"realm": "access", "family": family, "ice": True, **rtp},
            {"realm": "core", "remote": f"{PEER[family]}:{PEER_PORT}",
             "rtcp_remote": f"{PEER[family]}:{PEER_PORT + 1}", **rtp}]))
        self.counters()  # the dataplane answers: it has the context by now

    @staticmethod
    def record(r):
        return r["context"], *r["terminations"]

    def counters(self):
        _, ice, plain = self.record(self.rpc.ask("context.show", context=self.id))
        return ice["counters"], plain["counters"]

    def candidates(self, components):
        for component in range(1, components + 1):
            host, port = split(self.ice["local" if component == 1 else "rtcp_local"])
            yield aioice.Candidate(foundation="1", component=component, transport="udp",
                                   priority=aioice.candidate.candidate_priority(component, "host"),
                                   host=host, port=port, type="host")

    def end(self):
        self.rpc.ask("context.delete", context=self.id)


async def agent(call, components=1, controlling=True, password=None):
    c = aioice.Connection(ice_controlling=controlling, components=components,
                          use_ipv4=call.family == 4, use_ipv6=call.family == 6)
    await c.gather_candidates()
    assert {x.host for x in c.local_candidates} == {OWN[call.family]}, c.local_candidates
    c.remote_username = call.ice["ice_ufrag"]
    c.remote_password = password or call.ice["ice_pwd"]
    c.remote_is_lite = True
    for candidate in call.candidates(components):
        await c.add_remote_candidate(candidate)
    await c.add_remote_candidate(None)
    return c


async def echoed(c, component=1, head=RTP):
    """What is sent comes back from the peer, to the component that sent it."""
    for i in range(MESSAGES):
        data = head + b"component %d, message %d" % (component, i)
        await c.sendto(data, component)
        got = await asyncio.wait_for(c.recvfrom(), gatelib.PATIENCE)
        assert got == (data, component), got


async def passes(call, components, **how):
    c = await agent(call, components, **how)
    await asyncio.wait_for(c.connect(), 20)
    await echoed(c)
    if components == 2:
        await echoed(c, 2, RTCP)
    ice, plain = call.counters()
    # Once each to show who it is; the second time it nominates.
    assert ice["ice_checks"] >= 2 * components, ice
    assert ice["packets"] == plain["packets"] == MESSAGES, (ice, plain)
    assert ice["rtcp_packets"] == (MESSAGES if components == 2 else 0), ice
    await c.close()


async def rtp_and_rtcp(rpc, family):
    call = Call(rpc, family)
    await passes(call, 2)
    call.end()


async def multiplexed(rpc, family):
    call = Call(rpc, family, rtcp_mux=True)
    await passes(call, 1)
    call.end()


async def controlled(rpc, family):
    """Both controlled: the gateway, being lite, does not give way (RFC 8445 7.3.1.1)."""
    call = Call(rpc, family)
    await passes(call, 1, controlling=False)
    call.end()


async def another_takes_over(rpc, family):
    """Whoever nominates later is the remote from then on, as after a change of networks."""
    call = Call(rpc, family)
    first = await agent(call)
    await first.connect()
    await echoed(first)
    second = await agent(call)
    await second.connect()
    await echoed(second)
    await first.sendto(RTP + b"from the address of before", 1)
    await second.sendto(RTP + b"last", 1)
    assert (await asyncio.wait_for(second.recv(), 10)) == RTP + b"last"
    assert call.counters()[0]["dropped"] == 1, call.counters()
    await first.close()
    await second.close()
    call.end()


async def wrong_password(rpc, family):
    call = Call(rpc, family)
    c = await agent(call, password="x" * len(call.ice["ice_pwd"]))
    try:
        await c.connect()
        raise AssertionError("connected without the password")
    except ConnectionError:
        pass
    ice, plain = call.counters()
    assert ice["ice_checks"] == 0 and plain["packets"] == 0, (ice, plain)
    await c.close()
    call.end()


def asked(place, family, to, data):
    """What a stranger's datagram is answered; None: nothing."""
    with namespace(place):
        s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(SILENCE)
    s.sendto(data, to)
    try:
        return s.recv(2048)
    except TimeoutError:
        return None
    finally:
        s.close()


async def strangers(rpc, family):
    """Neither media nor STUN of somebody who was not nominated gets through."""
    call = Call(rpc, family)
    binding = stunlib.build(stunlib.BINDING, stunlib.REQUEST)
    to = split(call.ice["local"])
    assert asked("fl-client", family, to, RTP + b"who am I") is None
    answer = stunlib.Message(asked("fl-client", family, to, binding))
    assert answer.error() == 400, answer
    assert asked("fl-peer", family, split(call.plain["local"]), binding) is None
    ice, plain = call.counters()
    assert ice["packets"] == 0 and ice["dropped"] == 1, ice
    assert plain["packets"] == 0 and plain["dropped"] == 1, plain
    call.end()


async def main():
    rpc = gatelib.Rpc()
    for family in (4, 6):
        for test in (rtp_and_rtcp, multiplexed, controlled, another_takes_over, wrong_password, strangers):
            await test(rpc, family)
            print("ok", test.__name__, f"IPv{family}")


asyncio.run(main())
