# SPDX-License-Identifier: BSD-3-Clause
"""For live_sessions_test.sh: whoever an operator ends is gone within a second, on both sides.

  killed.py FAIRLEAD CONFIG RECORDS

Allocations over UDP, TCP and TLS, the joined connections of a TCP allocation (RFC 6062), a connection over TLS
and the one over TCP to its back end, and a context with media each way. The time runs from before the command
until the client's side, the other side and the relay's own lists have it no more; each side is looked at all the
time. Of three times the best counts, since a machine may pause. The reason must be in the file of records."""

import json
import socket
import ssl
import subprocess
import sys
import time

import stunlib as s
from gatelib import Rpc, await_that
from netns import namespace
from tlslib import context

CLI, CONFIG, RECORDS = sys.argv[1:]
SERVER, CLIENT, PEER = "10.1.0.1", "10.1.0.2", "10.2.0.2"
LIMIT, TRIES, WAIT = 1.0, 3, 0.03
BACKEND = 5060


def bound(place, host, port=0, kind=socket.SOCK_DGRAM):
    with namespace(place):
        sock = socket.socket(socket.AF_INET, kind)
    sock.bind((host, port))
    return sock


def text(where):
    return "%s:%d" % where


def arrives(send, receive):
    """Whether a payload of its own that is sent is received in time; what came late is passed over."""
    arrives.count += 1
    payload = b"number %d" % arrives.count
    end = time.monotonic() + WAIT
    send(payload)
    while (left := end - time.monotonic()) > 0:
        try:
            if receive(left) == payload:
                return True
        except (socket.timeout, BlockingIOError):
            pass
        except ConnectionError:
            return False
    return False


arrives.count = 0


def receives(sock):
    def receive(left):
        sock.settimeout(left)
        return sock.recv(2048)
    return receive


def is_open(sock):
    """Whether a stream has not come to its end."""
    def look():
        sock.settimeout(WAIT)
        try:
            return sock.recv(2048) != b""
        except (socket.timeout, BlockingIOError, ssl.SSLWantReadError):
            return True
        except (OSError, ConnectionError):
            return False
    return look


def listed(rpc, method, **filters):
    member = method.split(".")[0]
    return lambda: bool(rpc.ask(method, **filters)[member])


def allocation(rpc, **how):
    """A client with a peer: words of the command, sides, and what the record says beside the reason."""
    with namespace("fl-client"):
        c = s.Client(SERVER, **how)
    reply = c.allocate()
    assert reply.error() == 0, f"Allocate: {reply.error()}"
    relayed = reply.address(s.RELAYED)
    peer = bound("fl-peer", PEER)
    assert c.permit(PEER).error() == 0
    at = peer.getsockname()

    def to_client(left):
        got = c.receive(left)
        return got and got[1]

    sides = {"fairlead-cp": listed(rpc, "sessions", relayed=text(relayed))}
    there = lambda: arrives(lambda p: c.send(*at, p), receives(peer))
    back = lambda: arrives(lambda p: peer.sendto(p, relayed), to_client)
    await_that("the peer hears the client", there)
    await_that("the client hears the peer", back)
    if how:
        # Its connection ends: what is read of it until then are the peer's datagrams, and no more of them come.
        mine = text(c.sock.getsockname())
        sides["client"] = is_open(c.sock.sock)
        sides["fairlead-dp"] = listed(rpc, "connections", remote=mine, role="client")
    else:
        mine = text(c.sock.getsockname())
        sides["client"], sides["peer"] = there, back
    return ["sessions", "kill", "--relayed", text(relayed)], sides, {"type": "allocation", "client": mine}, (c, peer)


def joined(rpc):
    """A TCP allocation's connection: the client's and the peer's, joined (RFC 6062)."""
    with namespace("fl-client"):
        c = s.Client(SERVER, tcp=True)
        assert c.allocate_tcp().error() == 0
    assert c.permit(PEER).error() == 0
    listener = bound("fl-peer", PEER, kind=socket.SOCK_STREAM)
    listener.listen()
    reply = c.connect(*listener.getsockname())
    assert reply.error() == 0, f"Connect: {reply.error()}"
    with namespace("fl-client"):
        data = c.data_connection(reply.get(s.CONNECTION_ID))
    peer, _ = listener.accept()
    data.sendall(b"across")
    assert peer.recv(6) == b"across"
    mine = text(data.sock.getsockname())
    sides = {"client": is_open(data.sock), "peer": is_open(peer),
             "fairlead-dp": listed(rpc, "connections", remote=mine)}
    return ["connections", "kill", "--remote", mine], sides, {"type": "connection", "client": mine}, (c, data, peer, listener)


def spliced(rpc):
    """A service's client over TLS, and its back end over TCP."""
    listener = bound("fl-peer", PEER, BACKEND, kind=socket.SOCK_STREAM)
    listener.listen()
    with namespace("fl-client"):
        plain = socket.create_connection((SERVER, 443), s.PATIENCE)
    tls = context(alpn=["sip"]).wrap_socket(plain, server_hostname="sip.fairlead.test")
    tls.sendall(b"across")
    peer, _ = listener.accept()
    assert peer.recv(6) == b"across"
    mine = text(plain_name(tls))
    sides = {"client": is_open(tls), "back end": is_open(peer), "fairlead-dp": listed(rpc, "connections", remote=mine)}
    return ["connections", "kill", "--remote", mine], sides, {"type": "connection", "client": mine}, (tls, peer, listener)


def plain_name(sock):
    return sock.getsockname()[:2]


def media(rpc):
    a, b = bound("fl-client", CLIENT), bound("fl-peer", PEER)
    made = rpc.ask("context.add", call="killed@home", terminations=[
        {"transport": "udp", "realm": "access", "remote": text(a.getsockname())},
        {"transport": "udp", "realm": "core", "remote": text(b.getsockname())}])
    at = [(host, int(port)) for host, port in (t["local"].rsplit(":", 1) for t in made["terminations"])]
    there = lambda: arrives(lambda p: a.sendto(p, at[0]), receives(b))
    back = lambda: arrives(lambda p: b.sendto(p, at[1]), receives(a))
    await_that("media from access to core", there)
    await_that("media from core to access", back)
    sides = {"access": there, "core": back, "fairlead-cp": listed(rpc, "contexts", call="killed@home")}
    return ["context", "kill", "--call", "killed@home", "--all"], sides, {"type": "context", "call": "killed@home"}, (a, b)


def took(words, sides):
    """Seconds from before the command until each side has it no more."""
    for side, there in sides.items():
        await_that(side, there)  # the lists of fairlead-dp are a moment behind
    begin, gone = time.monotonic(), {}
    command = subprocess.Popen([CLI, "--config", CONFIG, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while len(gone) < len(sides) or command.poll() is None:
        for side, there in sides.items():
            if there():
                gone.pop(side, None)  # what was only late was not gone
            elif side not in gone:
                gone[side] = time.monotonic() - begin
        assert not command.poll(), command.communicate()[0].decode()
        assert time.monotonic() < begin + 20, f"still there: {set(sides) - set(gone)}"
    said = command.communicate(timeout=20)[0].decode()
    assert command.returncode == 0 and said.startswith("Ended: 1 of "), said
    return gone


def recorded(want):
    with open(RECORDS) as f:
        ends = [r for r in map(json.loads, f) if r["event"] == "end"]
    return any(r["reason"] == "killed" and all(r.get(k) == v for k, v in want.items()) for r in ends)


def main():
    rpc = Rpc()
    for what, make in (("an allocation over UDP", lambda: allocation(rpc)),
                       ("one over TCP", lambda: allocation(rpc, tcp=True)),
                       ("one over TLS", lambda: allocation(rpc, tls=context(), port=5349)),
                       ("joined connections", lambda: joined(rpc)),
                       ("a connection over TLS and its back end", lambda: spliced(rpc)),
                       ("a context", lambda: media(rpc))):
        best = None
        for _ in range(TRIES):
            words, sides, record, socks = make()
            gone = took(words, sides)
            await_that(f"{what}: no record has the reason: {record}", lambda: recorded(record))
            for sock in socks:
                sock.close()
            if best is None or max(gone.values()) < max(best.values()):
                best = gone
            if max(best.values()) < LIMIT:
                break
        told = ", ".join(f"{side} after {1000 * t:.0f} ms" for side, t in best.items())
        assert max(best.values()) < LIMIT, f"{what}: {told}"
        print(f"{what}: {told}", flush=True)


if __name__ == "__main__":
    main()
