# SPDX-License-Identifier: BSD-3-Clause
"""Honest clients that come while others are hostile: one after the other over each of UDP, TCP and TLS, and as
calls by way of a context. Each opens its session, has a small datagram and one in fragments echoed, and goes. Others
have a peer that no worker has sent to before, and whose link-layer address it has to ask for. A controller of its own
offers a call over ng and ends it, one of H.248 (H248=ADDRESS) makes a call and ends it, an operator an urgent one (URGENT), phones have IPsec associations made, another has had its own before them, and whoever watches the relay reads all of its metrics. Runs until SIGTERM and
prints for each kind how many came, how long opening took (seconds: median and most), how many took more than one
second, and who failed of what."""

import faulthandler
import json
import os
import random
import re
import signal
import socket
import ssl
import statistics
import subprocess
import threading
import time

import hostile
import stunlib as s
from espphone import Phone
import gatelib as g
import h248lib as h
from gatelib import Rpc
from netns import namespace

ECHO = (hostile.PEER, 3480)
CONTROLLER, METRICS = "127.0.0.3", ("127.0.0.1", 9643)


class Kind:
    def __init__(self):
        self.took, self.failed = [], []

    def figures(self):
        t = sorted(self.took)
        return {"n": len(t), "median": round(statistics.median(t), 3) if t else None,
                "most": round(t[-1], 3) if t else None, "late": sum(x > 1 for x in t),
                "failures": len(self.failed), "failed": self.failed[:3]}


def echoed(c, channel, size):
    """A datagram comes back; one may be lost."""
    for number in range(20):
        c.send_channel(channel, b"%d" % number + bytes(size))
        if c.receive(0.3):
            return
    raise AssertionError(f"no echo of {size} bytes")


def allocation(*attributes, **how):
    """A client that has one; by another port if its first had been a hostile one's, whose allocation lives on
    (RFC 8656 5)."""
    for _ in range(3):
        with namespace("fl-client"):
            c = s.Client(hostile.SERVER, 5349 if "tls" in how else 3478, **how)
        error = c.allocate(*attributes).error()
        if error == 0:
            return c
        c.close()
        if error != 441:
            break
    raise AssertionError(f"Allocate {error}")


def turn(**how):
    c = allocation(**how)
    try:
        channel = 0x4000 + random.randrange(0x1000)
        reply = c.bind(channel, *ECHO)
        assert reply.error() == 0, f"ChannelBind {reply.error()}"
        for size in (100, 3000):  # the second in fragments
            echoed(c, channel, size)
        took = time.monotonic()
        c.refresh((s.LIFETIME, s.u32(0)))
        return took
    finally:
        c.close()


# A few: who answered stays in the worker's table for a while, and that has 128 places.
HOSTS = [f"fd00:2::{random.randrange(1, 1 << 16):x}:{n:x}" for n in range(1, 7)]


def neighbour():
    """A client whose peer is at an address that the worker has to ask for, the first time."""
    host = HOSTS[0]
    HOSTS.append(HOSTS.pop(0))
    address = ["ip", "-n", "fl-peer", "addr", "add", host + "/128", "dev", "peer0", "nodad"]
    subprocess.run(address, check=True)
    with namespace("fl-peer"):
        peer = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    c = None
    try:
        peer.bind((host, 0))
        peer.settimeout(0.3)
        c = allocation((s.FAMILY, s.V6))
        assert c.permit(host).error() == 0
        for number in range(20):
            c.send(host, peer.getsockname()[1], b"%d" % number)
            try:
                peer.recv(2000)
                break
            except socket.timeout:
                pass
        else:
            raise AssertionError("nothing comes to a new neighbour")
        return time.monotonic()
    finally:
        if c:
            c.refresh((s.LIFETIME, s.u32(0)))
            c.close()
        peer.close()
        address[4] = "del"
        subprocess.run(address[:-1], check=True)


def call(**more):
    """Both ends of RTP, and one packet that passes."""
    with namespace("fl-client"):
        a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind(("10.1.0.2", 0))
    with namespace("fl-peer"):
        b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b.bind((hostile.PEER, 0))
    b.settimeout(0.3)
    ident, rpc = None, None
    try:
        rpc = Rpc()
        side = {"transport": "udp", "rtp": True}
        r = rpc.ask("context.add", call="honest", **more, terminations=[
            side | {"realm": "access", "remote": "%s:%d" % a.getsockname()},
            side | {"realm": "core", "remote": "%s:%d" % b.getsockname()}])
        ident, local = r["context"], r["terminations"][0]["local"].rsplit(":", 1)
        for _ in range(20):
            a.sendto(b"\x80\0" + bytes(170), (local[0], int(local[1])))
            try:
                b.recv(2000)
                return time.monotonic()
            except socket.timeout:
                pass
        raise AssertionError("no RTP")
    finally:
        if ident is not None:
            rpc.ask("context.delete", context=ident)
        a.close()
        b.close()


def ng():
    """A command, and a call that is offered and ends."""
    c = g.Ng(source=CONTROLLER)
    try:
        c.ask("ping")
        name = f"honest-{random.randrange(1 << 60)}"
        c.ask("offer", call_id=name, from_tag="a", direction=["access", "core"], sdp=g.audio("10.1.0.2", 30000))
        took = time.monotonic()
        c.ask("delete", call_id=name, from_tag="a")
        return took
    finally:
        c.sock.close()


def h248(controller):
    """A call that is made and ends."""
    call = ("C=${" + h.termination("access", "10.1.0.2", 30000) + "," + h.termination("core", hostile.PEER, 30002) + "}")
    end = time.monotonic() + 5
    # Its reply to the gateway's ServiceChange may be lost, over UDP, and is asked for again.
    while "Error = 505" in (reply := controller.ask(call)) and time.monotonic() < end:
        controller.hear(0.3)
    number = re.search(r"(?:Context|C) ?= ?(\d+) ?\{ ?(?:Add|A) ?=", reply)
    assert number, reply
    took = time.monotonic()
    reply = controller.ask(f"C={number[1]}{{W-S=*{{AT{{}}}}}}")
    assert not re.search(r"\b(?:Error|ER) ?=", reply), reply
    return took


def phone():
    """One that registers: it has IPsec associations, and a Binding by them."""
    p = Phone(f"10.77.{random.randrange(8)}.{random.randrange(1, 255)}", "walter")
    try:
        assert p.asks(0.3, 20), "no answer by ESP"
        return time.monotonic()
    finally:
        p.close()


def metrics():
    with namespace("fl-relay"):
        c = socket.create_connection(METRICS, 10)
    with c:
        c.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b""
        while data := c.recv(65536):
            text += data
    assert text.startswith(b"HTTP/1.1 200") and b"fairlead_" in text, text[:80]
    return time.monotonic()


def keep_coming(way, kind, ending, ready):
    if not ready():
        kind.failed.append("the gateway does not register")
        return
    while not ending.is_set():
        begin = time.monotonic()
        try:
            kind.took.append(way() - begin)
        except Exception as e:  # a newcomer who was not served
            kind.failed.append(f"{type(e).__name__}: {e}")
        time.sleep(0.05)


def main():
    # A handler would not do: where a thread starts a program as the signal comes, it may run in no thread at all.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    faulthandler.register(signal.SIGUSR1)  # all stacks: what a newcomer that does not end is waiting for
    ending = threading.Event()
    tls = ssl.create_default_context(cafile=os.environ["CA"])
    registered = Phone("10.77.8.1", "wendy")

    def still():
        """The phone that was there before."""
        assert registered.asks(0.3, 20), "no answer by ESP"
        return time.monotonic()

    ways = {"udp": turn, "tcp": lambda: turn(tcp=True), "tls": lambda: turn(tls=tls), "context": call, "ng": ng,
            "metrics": metrics, "neighbour": neighbour, "phone": phone, "registered": still}
    if "H248" in os.environ:
        controller = h.Controller(os.environ["H248"])
        ways["h248"] = lambda: h248(controller)
    if "URGENT" in os.environ:
        ways["urgent"] = lambda: call(urgent=True)
    kinds = {name: Kind() for name in ways}
    ready = {"h248": lambda: controller.registered(30)}
    threads = [threading.Thread(target=keep_coming, args=(ways[name], kinds[name], ending, ready.get(name, lambda: True)))
               for name in ways]
    for t in threads:
        t.start()
    print("comes", flush=True)
    signal.sigwait({signal.SIGTERM})
    ending.set()
    for t in threads:
        t.join()
    print(json.dumps({name: k.figures() for name, k in kinds.items()}))


if __name__ == "__main__":
    main()
