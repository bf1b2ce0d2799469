# SPDX-License-Identifier: BSD-3-Clause
"""For granted_test.sh: what clients are told they have, they have, and what they must not have, nobody gives them."""

import base64
import hmac
import os
import re
import socket
import sys
import time

import stunlib as s
from gatelib import Rpc
from load import enter
from netns import namespace

SERVER, PEER, RELAY, ECHO = "10.1.0.1", "10.2.0.2", "10.2.0.1", 3480
PORTS = range(49152, 65536)  # of the sample's relays
PEERS, SECRET = 100, "s3cret"  # dataplane.peers, auth.rest-secrets


def served(**how):
    c = s.Client(SERVER, **how)
    reply = c.allocate()
    assert reply.error() == 0, f"Allocate: {reply.error()}"
    return c, reply.address(s.RELAYED)


def metric(name):
    with namespace("fl-relay"):
        sock = socket.create_connection(("127.0.0.1", 9643), s.PATIENCE)
    sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = b""
    while part := sock.recv(1 << 16):
        text += part
    found = re.findall(rf"^fairlead_{name}(?:{{[^}}]*}})? (\d+)$", text.decode(), re.M)
    assert found, f"no metric {name}"
    return sum(map(int, found))


def echoed(c):
    """Whether the peer's echo comes back."""
    for _ in range(3):
        c.send(PEER, ECHO, b"there and back")
        got = c.receive(1)
        if got and got[1] == b"there and back":
            return True
    return False


def one_takes_all():
    hogs, refused = [], 0
    for i in range(8):
        hogs.append(served()[0])
        for n in range(64):
            error = hogs[-1].permit(f"10.9.{i}.{n + 1}").error()
            assert error in (0, 508), error
            refused += error == 508
    assert refused, "nobody was refused: the pool is not full"
    s.await_true("the workers have what was granted", lambda: metric("worker_peers") <= PEERS)
    assert metric("peers_refused_total") == 0, "the dataplane had to refuse what was granted"
    # Whoever comes has his first peer, and hears about the second in time.
    c, _ = served()
    assert c.permit(PEER).error() == 0, "the first peer of a client is refused"
    assert echoed(c), "the first peer was granted, and does not exist"
    assert c.permit("10.8.0.1").error() == 508, "a second peer is granted, and cannot be"
    d, _ = served()
    error = d.permit("10.8.0.1", PEER).error()
    assert error == 508, f"two peers: {error}"
    # And what is given back is there again.
    hogs[0].refresh((s.LIFETIME, s.u32(0)))
    s.await_true("there is room", lambda: d.permit("10.8.0.1", PEER).error() == 0)
    assert echoed(d), "both were granted, and do not exist"
    for h in hogs[1:] + [c, d]:
        h.refresh((s.LIFETIME, s.u32(0)))
    print(f"{refused} of 512 permissions refused in time")


def call_is_not_hijacked():
    rpc = Rpc()
    with namespace("fl-client"):
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with namespace("fl-peer"):
        media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("10.1.0.2", 0))
    media.bind((PEER, 0))
    media.settimeout(s.PATIENCE)
    attacker, at = served()
    attacker.permit(RELAY)  # others of TURN are there: it may be granted
    side = {"transport": "udp", "rtp": True, "latch": "on"}
    call = rpc.ask("context.add", call="victim", terminations=[
        side | {"realm": "access"}, side | {"realm": "core", "remote": "%s:%d" % media.getsockname()}])
    local = [t["local"].rsplit(":", 1) for t in call["terminations"]]
    core = int(local[1][1])
    assert local[1][0] == RELAY, "the test wants a shared address"
    assert attacker.bind(0x4000, RELAY, core).error() == 403, "a channel to a termination"
    for port in PORTS:
        attacker.send(RELAY, port, b"\x80\0" + bytes(170))
        if port % 200 == 0:
            time.sleep(0.002)
    phone.sendto(b"\x80\0voice of the phone", (local[0][0], int(local[0][1])))
    assert media.recv(2000) == b"\x80\0voice of the phone", "the phone's media does not arrive"
    heard = attacker.receive(0.5)
    assert heard is None or b"voice" not in heard[1], f"the attacker hears the call: {heard}"
    shown = rpc.ask("context.show", context=call["context"])
    learnt = shown["terminations"][1].get("latched")
    assert learnt != "%s:%d" % at, "the termination has learnt a client of TURN"
    rpc.ask("context.delete", context=call["context"])
    # Two clients of TURN meet at the same address all the same.
    other, where = served()
    assert attacker.bind(0x4001, *where).error() == 0, "a channel to another client"
    assert other.permit(RELAY).error() == 0
    attacker.send_channel(0x4001, b"hello")
    assert other.receive(s.PATIENCE)[1] == b"hello", "two clients do not meet"
    for c in (attacker, other):
        c.refresh((s.LIFETIME, s.u32(0)))
    print("a call is neither taken over nor heard")


def data_connection_by_the_controls_nonce():
    c = s.Client(SERVER, tcp=True)
    assert c.allocate_tcp().error() == 0
    with namespace("fl-peer"):
        listener = socket.socket()
    listener.bind((PEER, 0))
    listener.listen()
    reply = c.connect(*listener.getsockname())
    assert reply.error() == 0, f"Connect: {reply.error()}"
    d = s.Client(SERVER, tcp=True)
    d.realm, d.nonce, d.algorithms = c.realm, c.nonce, c.algorithms
    error = d.once(s.REFRESH).error()
    assert error == 438, f"a Refresh with another connection's nonce: {error}"
    d.realm, d.nonce, d.algorithms = c.realm, c.nonce, c.algorithms
    error = d.once(s.CONNECTION_BIND, [(s.CONNECTION_ID, reply.get(s.CONNECTION_ID))]).error()
    assert error == 0, f"a ConnectionBind with the control connection's nonce: {error}"
    c.refresh((s.LIFETIME, s.u32(0)))
    print("a ConnectionBind comes with its control connection's nonce")


def credential(name, seconds):
    """As a web service makes it (draft-uberti-behave-turn-rest 2.2), with a fraction of a second."""
    user = f"{time.time() + seconds:.3f}:{name}"
    mac = hmac.new(SECRET.encode(), user.encode(), "sha1").digest()
    return {"user": user, "password": base64.b64encode(mac).decode()}


def asked(who):
    """What who's Allocate is answered; nothing is left, or the next client may get its port."""
    c = s.Client(SERVER, **who)
    error = c.allocate().error()
    if error == 0:
        assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0, "it cannot be given back"
    return error


def call_outlasts_its_credential():
    bob = credential("bob", 2)
    c, _ = served(**bob)
    assert c.permit(PEER).error() == 0
    s.await_true("the credential is over", lambda: asked(bob) == 401)
    assert c.refresh().error() == 0, "the allocation cannot be refreshed"
    assert c.permit(PEER).error() == 0, "its permission cannot"
    assert c.bind(0x4000, PEER, ECHO).error() == 0, "no channel can be bound"
    assert echoed(c), "its media does not pass"
    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0, "it cannot be given back"
    assert asked(credential("bob", 60)) == 0
    print("a call outlasts its time-limited credential")


def guesses_are_told():
    guess = s.Client(SERVER, user='de"mo\n', password="guess")
    before = metric("auth_wrong_total")
    assert guess.allocate().error() == 401
    assert metric("auth_wrong_total") > before
    port = guess.sock.getsockname()[1]
    line = f'authentication failed: address 10.1.0.2 port {port} user "de?mo?"'
    with open(os.environ["RUN"] + "/fairlead-cp.log") as log:
        assert line in log.read(), f"not in the log: {line}"
    print("a wrong password is told")


enter("fl-client")
one_takes_all()
call_outlasts_its_credential()
guesses_are_told()
call_is_not_hijacked()
data_connection_by_the_controls_nonce()
sys.exit(0)
