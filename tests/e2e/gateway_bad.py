# SPDX-License-Identifier: BSD-3-Clause
"""For gateway_bad_test.sh: gateway_bad.py STEP [WORD]. What controllers may do wrong to the ng protocol,
each step against the relay as that test configures it. A step leaves no context behind."""

import os
import random
import socket
import struct
import sys
import time

import gatelib as g
from netns import namespace

CLIENT, PEER = "10.1.0.2", "10.2.0.2"
OTHERS, STRANGER = "127.0.0.3", "127.9.9.9"  # controllers: one more; one that is not allowed
FLOODER, SOURCES = "127.0.0.2", "127.0.1.{}"
WEBSOCKET = 2224
FLOOD, GARBAGE = 5000, 1500
RESTS = 25  # seconds a port may not be another's after its call; a few less than it is (cp/ports.h)
CALLS, OPEN, ROTATE = 10000, 40, 100
DIRECTION = ["access", "core"]


def offer(ng, call, sdp=None, **keys):
    return ng.ask("offer", call_id=call, from_tag="a", direction=DIRECTION,
                  sdp=sdp or g.audio(CLIENT, 20000), **keys)


def answer(ng, call, sdp=None, **keys):
    return ng.ask("answer", call_id=call, from_tag="a", to_tag="b",
                  sdp=sdp or g.audio(PEER, 30000), **keys)


def delete(ng, call):
    return ng.ask("delete", call_id=call, from_tag="a")


def lives(rpc):
    """Commands are answered, all is as it should be, and nothing is left."""
    ng = g.Ng()
    assert ng.ask("ping")["result"] == "pong"
    offer(ng, "alive")
    answer(ng, "alive")
    delete(ng, "alive")
    g.await_that("no contexts", lambda: rpc.contexts() == 0)


# ---- what is no command ----


def commands():
    """Well-formed ones to be spoilt."""
    sdp = g.sdp(CLIENT, ("audio 20000 RTP/AVP 0 8 101", "rtpmap:0 PCMU/8000", "ptime:20", "sendrecv", "rtcp:20001"),
                ("message 20010 TCP/TLS/MSRP *", "setup:actpass", "connection:new", "path:msrps://10.1.0.2:20010/a;tcp",
                 "fingerprint:sha-256 " + ":".join(["AB"] * 32), "accept-types:*"))
    yield {"command": "offer", "call-id": "spoilt", "from-tag": "a", "sdp": sdp, "direction": DIRECTION,
           "flags": ["trust-address"], "replace": ["origin"], "ICE": "remove", "rtcp-mux": ["demux"]}
    yield {"command": "answer", "call-id": "spoilt", "from-tag": "a", "to-tag": "b", "sdp": g.audio(PEER, 30000)}
    yield {"command": "query", "call-id": "spoilt"}
    yield {"command": "list", "limit": 10}
    yield {"command": "delete", "call-id": "spoilt", "from-tag": "a"}


def spoilt(rng, data):
    kind, at = rng.randrange(5), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind == 2:
        return data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:]
    if kind == 3:
        return data[:at] + data[at + rng.randrange(1, 40) :]
    return data[:at] + data[at : at + 40] * 8 + data[at:]


def known_bad():
    huge = b"9" * 400
    yield from (b"", b" ", b"x", b"x ", b" d7:command4:pinge", b"x d7:command4:pinge" + b"e", b"x l" * 300)
    yield b"x " + b"l" * 20000
    yield b"x " + b"d1:a" * 8000
    yield b"x " + b"[" * 20000
    yield b"x " + b'{"a":' * 5000
    yield from (b"x d7:command" + huge + b":pinge", b"x d1:xi" + huge + b"e7:command4:pinge",
                b"x d7:command4:ping7:command6:deletee", b"x d7:command-1:e", b"x i-0e", b"x d3:\0a\0i1ee")
    yield b"x" * 60000 + b" d7:command4:pinge"
    for name, value in (("command", "x" * 30000), ("command", ""), ("call-id", "c" * 5000), ("sdp", "v=0\r\n" * 8000),
                        ("sdp", ""), ("sdp", "v=0"), ("from-tag", ["a"]), ("direction", ["nowhere", "core"]),
                        ("direction", []), ("flags", {"a": 1}), ("call-id", 7), ("replace", "everything")):
        command = {"command": "offer", "call-id": "spoilt", "from-tag": "a", "sdp": g.audio(CLIENT, 20000)}
        yield b"x " + g.bencode(command | {name: value})
    for lines in ("m=audio 0 RTP/AVP 0", "m=audio 65536 RTP/AVP 0", "m=audio 20000 RTP/AVP",
                  "m=audio 20000/0 RTP/AVP 0", "c=IN IP4 300.1.1.1", "c=IN IP6 10.1.0.2", "c=IN IP4 10.1.0.2/127/5",
                  "\r\n".join(["m=audio 20000 RTP/AVP 0"] * 500), "a=" + "x" * 50000, "m=message 9 TCP/TLS/MSRP *",
                  "m=message 9 TCP/TLS/MSRP *\r\na=fingerprint:sha-256 AB", "a=rtcp:70000", "\0"):
        command = {"command": "offer", "call-id": "spoilt", "from-tag": "a", "direction": DIRECTION,
                   "sdp": g.audio(CLIENT, 20000) + lines + "\r\n"}
        yield b"x " + g.bencode(command)


def drain(sock):
    """What came back is no more than it should be, and is read."""
    n = 0
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            n += 1
    except BlockingIOError:
        pass
    sock.settimeout(g.RETRY)
    return n


def garbage(rpc):
    """A seed is printed where something fails."""
    seed = int.from_bytes(os.urandom(4), "big")
    print("seed", seed)
    rng = random.Random(seed)
    ngs = [g.Ng(source=SOURCES.format(n + 1), as_json=n % 2 > 0) for n in range(8)]  # each may send so much
    good, answers = g.Ng(), 0
    for n, data in enumerate(known_bad()):
        ngs[0].send(data.replace(b"x ", b"%d_bad " % n, 1))
        assert good.ask("ping")["result"] == "pong", data[:200]
    for n in range(GARBAGE // 5):
        for command in commands():
            client = rng.choice(ngs)
            data = client.pack(command)[1]
            client.send(spoilt(rng, data) if rng.random() < 0.8 else data)
        answers += sum(drain(ng.sock) for ng in ngs)
        if n % 50 == 0:
            assert good.ask("ping")["result"] == "pong"
    assert answers, "nothing was answered"
    print("answers to garbage:", answers)
    sweep(rpc)


def sweep(rpc):
    """Calls that garbage began after all."""
    for context in list(rpc.each_context()):
        try:
            rpc.ask("context.delete", context=context["context"])
        except g.Refused:
            pass  # a timer was first
    lives(rpc)


def stranger(rpc):
    """A source that is not allowed is not answered, however right its commands are."""
    ng = g.Ng(source=STRANGER)
    for name in ("ping", "list", "statistics"):
        ng.send(ng.pack({"command": name})[1])
    ng.send(ng.pack({"command": "offer", "call-id": "stranger", "from-tag": "a", "sdp": g.audio(CLIENT, 20000)})[1])
    assert ng.silent(1), "a stranger was answered"
    assert rpc.contexts() == 0
    lives(rpc)


def flood(rpc):
    """Of one controller that sends more than it may some is dropped, another does not notice."""
    flooder, other, answers = g.Ng(source=FLOODER), g.Ng(source=OTHERS), 0
    for n in range(FLOOD):
        flooder.send(flooder.pack({"command": "ping"})[1])
        if n % 100 == 0:
            assert other.ask("ping")["result"] == "pong"
            answers += drain(flooder.sock)
    time_out = time.monotonic() + 1
    while time.monotonic() < time_out:
        answers += drain(flooder.sock)
        time.sleep(0.05)
    assert 0 < answers < FLOOD, f"{answers} of {FLOOD} were answered"
    print(f"{answers} of {FLOOD} pings of a flood were answered")
    lives(rpc)


# ---- controllers that go away ----


def unanswered(rpc):
    """Offers whose controller disappears end by gateway.answer-timeout."""
    before, ng = rpc.ended("answer_timeout"), g.Ng()
    for n in range(OPEN):
        offer(ng, f"unanswered-{n}")
    assert rpc.contexts() == OPEN, rpc.contexts()
    g.await_that("no contexts", lambda: rpc.contexts() == 0, 30)
    assert rpc.ended("answer_timeout") - before == OPEN
    lives(rpc)


def unconnected(rpc):
    """TCP and TLS that nobody connects end by gateway.connect-timeout."""
    before, ng = rpc.ended("connect_timeout"), g.Ng()

    def msrp(host, port, setup):
        return g.sdp(host, (f"message {port} TCP/MSRP *", f"setup:{setup}", "connection:new", "accept-types:*",
                            "msrp-cema", f"path:msrp://{host}:{port}/x;tcp"))

    for n in range(OPEN):
        offer(ng, f"unconnected-{n}", msrp(CLIENT, 20000 + n, "active"))
        answer(ng, f"unconnected-{n}", msrp(PEER, 30000 + n, "active"))
    assert rpc.contexts() == OPEN, rpc.contexts()
    g.await_that("no contexts", lambda: rpc.contexts() == 0, 30)
    assert rpc.ended("connect_timeout") - before == OPEN, rpc.ask("status")["gateway"]["ended"]
    lives(rpc)


def undeleted(rpc):
    """Calls that nobody deletes: those without media end by gateway.inactivity, those with it by
    gateway.lifetime."""
    silent, old, ng = rpc.ended("inactive"), rpc.ended("lifetime"), g.Ng()
    for n in range(OPEN):
        offer(ng, f"undeleted-{n}")
        answer(ng, f"undeleted-{n}")
    offer(ng, "busy")
    told = g.Sdp(answer(ng, "busy")["sdp"]).where()
    with namespace("fl-client"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((CLIENT, 20000))

    def over():
        sock.sendto(struct.pack("!BBHII", 0x80, 0, 1, 1, 1) + bytes(160), told)
        return rpc.contexts() == 0

    g.await_that("no contexts", over, 40)
    assert rpc.ended("inactive") - silent == OPEN, rpc.ask("status")["gateway"]["ended"]
    assert rpc.ended("lifetime") - old == 1, rpc.ask("status")["gateway"]["ended"]
    lives(rpc)


def quiet(rpc):
    """No more answers are kept than these commands': memory is compared then."""
    ng = g.Ng()

    def few():
        ng.ask("ping")
        return rpc.ask("status")["gateway"]["ng"]["kept"] < 1000

    g.await_that("few answers kept", few, 30)


# ---- ports ----


def ports(rpc, calls=CALLS):
    """So many calls, up to OPEN at a time: no port is given to two, nor to another right after its call."""
    taken, rested, opened = {}, {}, []
    ngs = [g.Ng(source=SOURCES.format(n + 1)) for n in range(ROTATE)]

    def take(where, call):
        assert where not in taken, f"{where} of {taken[where]} was given to {call}"
        since = time.monotonic() - rested.get(where, -RESTS)
        assert since >= RESTS, f"{where} was given to {call} {since:.1f} s after it was another's"
        taken[where] = call

    def close(call, ng, places):
        for where in places:
            del taken[where]
            rested[where] = time.monotonic()
        delete(ng, call)

    for n in range(int(calls)):
        ng, call = ngs[n % ROTATE], f"ports-{n}"
        places = [g.Sdp(offer(ng, call)["sdp"]).where()]
        if n % 4 == 0:
            places.append(g.Sdp(answer(ng, call)["sdp"]).where())
        for where in places:
            take(where, call)
        opened.append((call, ng, places))
        if len(opened) == OPEN:
            close(*opened.pop(random.randrange(OPEN)))
    for one in opened:
        close(*one)
    lives(rpc)


# ---- WebSocket ----


def websocket(_rpc=None, place="fl-relay", source=None, timeout=g.PATIENCE):
    with namespace(place):
        sock = socket.create_connection(("127.0.0.1", WEBSOCKET), timeout,
                                        source_address=(source, 0) if source else None)
    return sock


UPGRADE = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ng.rtpengine.com\r\n\r\n")


def upgraded():
    sock, got = websocket(), b""
    sock.sendall(UPGRADE)
    while b"\r\n\r\n" not in got:
        data = sock.recv(4096)
        assert data, got
        got += data
    assert got.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got, got
    return sock


def frame(op, payload, masked=True, first=0x80, size=None):
    size = len(payload) if size is None else size
    bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first | op, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first | op, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first | op, bit | 127, size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def ends(sock, seconds=g.PATIENCE):
    """Whether the other side ends it in time; what it said first is of no matter."""
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except socket.timeout:
        return False
    except ConnectionError:
        pass
    return True


def websockets(rpc):
    ws_works(rpc)
    for head in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
                 UPGRADE.replace(b"13", b"99"), UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
                 b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n"):
        sock = websocket()
        try:
            sock.sendall(head)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert ends(sock), f"stays open: {head[:60]}"
    ping = b"1_1 d7:command4:pinge"
    for what, data in (("unmasked", frame(2, ping, masked=False)), ("reserved opcode", frame(3, ping)),
                       ("reserved bit", frame(2, ping, first=0xC0)), ("long control frame", frame(9, b"x" * 200)),
                       ("fragmented control frame", frame(9, b"x", first=0)), ("huge", frame(2, b"x", size=1 << 40)),
                       ("text that is none", frame(1, b"\xff\xfe")), ("continuation of nothing", frame(0, ping))):
        sock = upgraded()
        sock.sendall(data)
        assert ends(sock), f"stays open: {what}"
    sock = upgraded()  # fragments without end
    try:
        sock.sendall(frame(2, b"x" * 1000, first=0))
        for _ in range(2000):
            sock.sendall(frame(0, b"x" * 1000, first=0))
    except OSError:
        pass
    assert ends(sock), "stays open: fragments without end"
    idle = [websocket() for _ in range(20)]  # who says nothing does not keep others out
    ws_works(rpc)
    for s in idle:
        s.close()
    rng = random.Random(os.urandom(8))
    ws = g.NgWebSocket(port=WEBSOCKET)
    for _ in range(40):
        for command in commands():
            cookie, data = ws.pack(command)
            try:
                ws.send(spoilt(rng, data))
            except OSError:
                ws = g.NgWebSocket(port=WEBSOCKET)
    cookie, data = ws.pack({"command": "ping"})
    ws.send(data)
    while not ws.receive().startswith(cookie + b" "):
        pass  # all that was sent before has been worked on
    sock = websocket(source=STRANGER)
    try:
        sock.sendall(UPGRADE)
    except OSError:
        pass
    sock.settimeout(g.PATIENCE)
    try:
        got = sock.recv(4096)
    except ConnectionError:
        got = b""
    assert not got.startswith(b"HTTP/1.1 101"), "a stranger was let in"
    sweep(rpc)
    ws_works(rpc)


def ws_works(rpc):
    for as_json in (False, True):
        ws = g.NgWebSocket(port=WEBSOCKET, as_json=as_json)
        assert ws.ask("ping")["result"] == "pong"
        offer(ws, "websocket")
        answer(ws, "websocket")
        assert ws.ask("query", call_id="websocket")["result"] == "ok"
        delete(ws, "websocket")
        ws.ws.close()
    assert rpc.contexts() == 0


if __name__ == "__main__":
    globals()[sys.argv[1]](g.Rpc(), *sys.argv[2:])
