# SPDX-License-Identifier: BSD-3-Clause
"""For known_holes_test.sh: known_holes.py FAIRLEAD CONFIG. Holes that other relays had, each a function named after
it: what an attacker sent there is sent here, and must get what the standard says, or nothing."""

import json
import os
import random
import re
import socket
import struct
import subprocess
import sys

import stunlib as s
from gatelib import CONTROL, Rpc
from load import enter
from netns import namespace

SERVER4, SERVER6, PEER4, PEER6 = "10.1.0.1", "fd00:1::1", "10.2.0.2", "fd00:2::2"
LOG, METRICS = os.environ["RUN"] + "/fairlead-cp.log", ("127.0.0.1", 9643)
FORBIDDEN = 403
REFUSALS = {400, FORBIDDEN}
QUIET = 0.5  # seconds in which what must not come would have come
FAIRLEAD = sys.argv[1:3]


def fairlead(*words):
    done = subprocess.run([FAIRLEAD[0], "--config", FAIRLEAD[1], *words], capture_output=True, text=True)
    assert done.returncode == 0, f"fairlead {words}: {done.stderr}"
    return done.stdout


def served(family=4, tcp=False, **how):
    c = s.Client(SERVER4 if family == 4 else SERVER6, tcp=tcp, **how)
    reply = c.allocate((s.FAMILY, s.V6)) if family == 6 else c.allocate()
    assert reply.error() == 0, f"Allocate: {reply.error()}"
    return c, reply.address(s.RELAYED)


def refused(family, *peers):
    """CreatePermission, ChannelBind and, over TCP, Connect: none is granted for these peers. One that is no address
    of its family is a bad request."""
    c, _ = served(family)
    for host in peers:
        errors = c.permit(host).error(), c.bind(0x4000, host, 80).error()
        assert not set(errors) - REFUSALS, f"a permission for and a channel to {host}: {errors}"
    c.refresh((s.LIFETIME, s.u32(0)))
    t = s.Client(SERVER4 if family == 4 else SERVER6, tcp=True)
    assert (t.allocate_tcp((s.FAMILY, s.V6)) if family == 6 else t.allocate_tcp()).error() == 0
    for host in peers:
        error = t.connect(host, 80).error()
        assert error in REFUSALS, f"a connection to {host}: {error}"
    t.refresh((s.LIFETIME, s.u32(0)))


def cve_2018_4056():
    """SQL in a user's name reached the database; here names in logs and on terminals as well."""
    before = fairlead("user", "list")
    names = ["' OR '1'='1", "demo' --", 'x"; DROP TABLE users; --', "a'; DELETE FROM user; --", "%s%n%x", "demo\\"]
    for name in names + ["demo\nfairlead-cp: all is well", "\x1b[2Jdemo", "demo\0", "a" * 508]:
        reply = s.Client(SERVER4, user=name).allocate()
        assert reply.error() in (400, 401), f"{name!r}: {reply.error()}"
    assert fairlead("user", "list") == before, "users are not what they were"
    with open(LOG, "rb") as f:
        log = f.read()
    assert b"\x1b" not in log and not re.search(rb"^fairlead-cp: all is well", log, re.M), "a name is a line of the log"


def cve_2018_4058():
    """The loopback network was no forbidden peer unless somebody said so."""
    refused(4, "127.0.0.1", "127.255.255.254")
    refused(6, "::1")


def cve_2018_4059():
    """An administrator's TCP port that asked nobody for a password."""
    with namespace("fl-relay"):
        out = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True).stdout
    listening = {line.split()[3] for line in out.splitlines()}
    assert listening == {"%s:%d" % METRICS}, f"TCP ports of the kernel's: {listening}"
    mode = os.stat(CONTROL).st_mode & 0o777
    assert mode & 0o007 == 0, f"the control socket's mode is {mode:o}"


def http(data):
    with namespace("fl-relay"):
        c = socket.create_connection(METRICS, s.PATIENCE)
    try:
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
        out = b""
        while got := c.recv(65536):
            out += got
        return out
    except ConnectionResetError:
        return out
    finally:
        c.close()


def cve_2020_6061_6062():
    """POST requests without a body, or with lengths that were not true, crashed the web server."""
    for head in (b"", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
                 b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 4294967296\r\n",
                 b"Transfer-Encoding: chunked\r\n", b"Content-Type: x\r\nContent-Type:\r\n", b":\r\n"):
        for path in (b"/", b"/metrics", b"/logon?user=%&pwd=%0&=", b"/%", b"/../../etc/passwd", b"x" * 4000):
            for body in (b"", b"%", b"a=%4&b", b"7fffffff\r\n\r\n"):
                out = http(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + body)
                assert not out.startswith(b"HTTP/1.1 2"), f"POST {path[:20]} {head}: {out[:80]}"
    assert http(b"GET /metrics HTTP/1.0\r\n\r\n").split(b"\r\n")[0].endswith(b"200 OK"), "metrics are gone"


def padding(message):
    """The bytes behind attributes whose length is no multiple of four (RFC 8489 14)."""
    pos = 20
    while pos < len(message):
        n = struct.unpack("!H", message[pos + 2 : pos + 4])[0]
        end = pos + 4 + n
        pos = end + -n % 4
        yield message[end:pos]


def cve_2020_4067():
    """Padding showed what the buffer had held before, of other clients."""
    c, relayed = served()
    c.sock.send(os.urandom(600))  # so that buffers are not clean
    seen, replies = 0, [c.once(s.ALLOCATE, [(s.TRANSPORT, s.UDP)], auth=False), c.allocate(), c.refresh(),
                        c.permit(PEER4), c.permit("127.0.0.1"), c.once(s.BINDING, auth=False),
                        c.once(s.REFRESH, [(0x7777, b"x")])]
    with namespace("fl-peer"):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for size in range(64):
        peer.sendto(os.urandom(1400), relayed)
        peer.sendto(bytes([0xAA]) * size, relayed)
        for _ in range(2):
            replies.append(s.Message(c.receive_raw(s.PATIENCE)))
    for r in replies:
        for pad in padding(r.raw):
            seen += len(pad)
            assert not any(pad), f"method {r.method}: padding {pad.hex()}"
    assert seen > 50, "nothing was padded"


def cve_2020_26262():
    """Loopback by other names: 0.0.0.0, [::] and [::1]."""
    refused(4, "0.0.0.0", "0.0.0.1", "0.255.255.255")
    refused(6, "::", "::1", "::2")


def cve_2026_27624():
    """Loopback, and what is denied, as IPv4 addresses inside IPv6 ones."""
    refused(6, "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:10.1.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
            "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a01:1")


def cve_2025_69217():
    """Ports and nonces came from a generator that could be guessed."""
    ports, nonces, tokens, clients = [], set(), set(), []
    for n in range(120):
        c = s.Client(SERVER4)
        reply = c.allocate((s.EVEN_PORT, b"\x80")) if n < 20 else c.allocate()
        assert reply.error() == 0
        clients.append(c)
        nonces.add(c.nonce)
        if n < 20:
            tokens.add(reply.get(s.TOKEN))
        else:
            ports.append(reply.address(s.RELAYED)[1])
    for c in clients:
        c.refresh((s.LIFETIME, s.u32(0)))
    assert len(tokens) == 20, "tokens repeat"
    shared = set.intersection(*({t[i : i + 4] for i in range(len(t) - 3)} for t in tokens))
    assert not shared, f"all tokens have {shared} in common"
    assert len(nonces) == 120, "nonces are the same for several ports"
    steps = [b - a for a, b in zip(ports, ports[1:])]
    common = max(steps.count(d) for d in steps)
    assert common <= 5, f"{common} of {len(steps)} ports are the one before and {max(steps, key=steps.count)}"


def cve_2026_40613():
    """Attributes at odd places were read through pointers to 16-bit words."""
    rng = random.Random(1)
    c, _ = served(tcp=True)
    udp = s.Client(SERVER4)
    for n in range(200):
        attrs = [(rng.choice((s.USERNAME, s.PAYLOAD, 0x7000, s.SOFTWARE, s.PEER, s.ERROR_CODE)), rng.randbytes(n % 23))
                 for _ in range(4)]
        message = s.build(s.PERMISSION, s.REQUEST, attrs)
        udp.sock.send(message)  # padded as it must be
        odd = message[:20] + b"".join(struct.pack("!HH", t, len(v)) + v for t, v in attrs)
        odd = odd[:2] + struct.pack("!H", (len(odd) - 20) & ~3) + odd[4:]
        udp.sock.send(odd[: 20 + ((len(odd) - 20) & ~3)])  # and not
        c.sock.sock.sendall(message[:1 + n % 7])  # in pieces that begin anywhere
        c.sock.sock.sendall(message[1 + n % 7 :])
    while udp.receive_raw(0.2):
        pass
    assert udp.once(s.BINDING, auth=False).error() == 0
    assert c.refresh().error() == 0, "the client over TCP"


def cve_2026_43994():
    """An ACCESS-TOKEN (RFC 7635 6.2) whose nonce is longer than the buffer it was copied to."""
    access_token = 0x001B
    c, _ = served()
    for length in (0, 12, 255, 256, 257, 735, 0x7FFF, 0xFFFF):
        value = struct.pack("!H", length) + os.urandom(min(length, 1000))
        reply = c.once(s.REFRESH, [(access_token, value)])
        assert reply.error() in (400, 401, 420), f"a token with a nonce of {length}: {reply.error()}"
    assert c.refresh().error() == 0


def behind_integrity():
    """What stands behind MESSAGE-INTEGRITY is not what was signed (RFC 8489 14.5)."""
    c, _ = served()
    tid = os.urandom(12)
    attrs = [(s.PEER, s.xor_address(PEER4, 0, tid))] + c.credentials()
    data = s.put(s.build(s.PERMISSION, s.REQUEST, attrs, tid, c.key(), with_fingerprint=False),
                 s.PEER, s.xor_address("10.2.0.77", 0, tid))
    assert c.exchange(data).error() == 0
    listed = json.dumps(json.loads(fairlead("--json", "sessions")))
    c.send("10.2.0.77", 4000, b"by a permission that nobody signed")
    tid = os.urandom(12)
    lifetime = s.put(s.build(s.REFRESH, s.REQUEST, c.credentials(), tid, c.key(), with_fingerprint=False),
                     s.LIFETIME, s.u32(0))
    assert c.exchange(lifetime).error() == 0
    assert c.refresh().error() == 0, "a LIFETIME that nobody signed has ended the allocation"
    assert "10.2.0.77" not in listed


def ipv6_ranges():
    """Prefixes of IPv6 were compared by part of the address. Denied here: fd00:2:0:8000::/49."""
    c, _ = served(6)
    for host, want in (("fd00:2:0:7fff:ffff:ffff:ffff:ffff", 0), ("fd00:2:0:8000::", FORBIDDEN),
                       ("fd00:2:0:ffff:ffff:ffff:ffff:ffff", FORBIDDEN), ("fd00:2:1::", 0), ("fe00::1", FORBIDDEN),
                       ("fc00::1", FORBIDDEN), ("fd00:2:0:c000::1", FORBIDDEN)):
        assert c.permit(host).error() == want, f"{host}: not {want}"
    c.refresh((s.LIFETIME, s.u32(0)))


def even_port_leak():
    """Reserved ports that were never given back. reservation-lifetime is 1 s here."""
    def free():
        c = s.Client(SERVER4)
        reply = c.allocate((s.EVEN_PORT, b"\x80"))
        if reply.error() == 0:
            c.refresh((s.LIFETIME, s.u32(0)))
        c.close()
        return reply.error() == 0

    assert free()
    for _ in range(300):
        free()
    s.await_true("no reservation is left", lambda: Rpc().ask("status")["allocations"]["reservations"] == 0)
    s.await_true("there are pairs again", free)


def metadata():
    """Where clouds tell machines their secrets."""
    refused(4, "169.254.169.254", "169.254.0.1")
    refused(6, "fe80::a9fe:a9fe", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe")


def nonce_of_another(tcp):
    """A nonce from one address and port, used from another (RFC 8489 9.2.4)."""
    a, _ = served(tcp=tcp)
    for family in (4, 6):
        b = s.Client(SERVER4 if family == 4 else SERVER6, tcp=tcp)
        b.realm, b.nonce, b.algorithms = a.realm, a.nonce, a.algorithms
        for method, attrs in ((s.ALLOCATE, [(s.TRANSPORT, s.UDP)]), (s.REFRESH, []), (s.PERMISSION, [])):
            error = b.once(method, attrs).error()
            assert error == 438, f"over {'TCP' if tcp else 'UDP'}, method {method}, a nonce of another port: {error}"
    a.refresh((s.LIFETIME, s.u32(0)))


def nonce_replay():
    nonce_of_another(False)
    nonce_of_another(True)


def confusion():
    """Permissions and channels are of one client: another's do not help."""
    a, at_a = served()
    b, at_b = served()
    assert a.permit(PEER4).error() == 0 and a.bind(0x4001, PEER4, 3480).error() == 0
    with namespace("fl-peer"):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((PEER4, 0))
    echo.bind((PEER4, 3480))
    for sock in (peer, echo):
        sock.settimeout(QUIET)
    peer.sendto(b"to b", at_b)
    assert b.receive(QUIET) is None, "b hears a peer of a's"
    b.send_channel(0x4001, b"by a's channel")
    b.send(*echo.getsockname(), b"by a's permission")
    try:
        raise AssertionError(f"a peer of a's hears b: {echo.recv(100)}")
    except socket.timeout:
        pass
    peer.sendto(b"to a", at_a)
    assert a.receive(s.PATIENCE)[1] == b"to a"
    # A client that comes to the five-tuple of one who has gone has nothing of his.
    a.refresh((s.LIFETIME, s.u32(0)))
    assert a.allocate().error() == 0
    a.send_channel(0x4001, b"by a channel of before")
    try:
        raise AssertionError(f"a channel outlived its allocation: {echo.recv(100)}")
    except socket.timeout:
        pass
    b.refresh((s.LIFETIME, s.u32(0)))
    a.refresh((s.LIFETIME, s.u32(0)))


RTP = b"\x80\0" + bytes(170)


def termination(rpc, **more):
    with namespace("fl-client"):
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with namespace("fl-peer"):
        core = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("10.1.0.2", 0))
    stranger.bind(("10.1.0.2", 0))
    core.bind((PEER4, 0))
    for sock in (phone, stranger, core):
        sock.settimeout(QUIET)
    side = {"transport": "udp", "rtp": True}
    r = rpc.ask("context.add", call="bleed", terminations=[
        side | {"realm": "access", "remote": "%s:%d" % phone.getsockname()} | more,
        side | {"realm": "core", "remote": "%s:%d" % core.getsockname()}])
    at = [(t["local"].rsplit(":", 1)[0], int(t["local"].rsplit(":", 1)[1])) for t in r["terminations"]]
    return r["context"], phone, stranger, core, at


def hears(sock):
    try:
        return sock.recv(2000)
    except socket.timeout:
        return None


def rtp_bleed():
    """Media that goes to whoever sent last, and media that a stranger puts in between (RTP injection)."""
    rpc = Rpc()
    for more in ({}, {"latch": "on"}):
        ident, phone, stranger, core, at = termination(rpc, **more)
        phone.sendto(RTP, at[0])
        assert hears(core) == RTP, "the phone's media does not pass"
        for data in (RTP, b"", b"x", bytes(12), b"\x80\xc8" + bytes(26)):
            stranger.sendto(data, at[0])
        assert hears(core) is None, f"a stranger's packet passes, {more}"
        core.sendto(RTP, at[1])
        assert hears(phone) == RTP, f"the phone hears nothing, {more}"
        assert hears(stranger) is None, f"a stranger hears the call, {more}"
        phone.sendto(RTP, at[0])
        assert hears(core) == RTP, f"the phone is shut out, {more}"
        rpc.ask("context.delete", context=ident)


def main():
    enter("fl-client")
    for hole in (cve_2018_4056, cve_2018_4058, cve_2018_4059, cve_2020_6061_6062, cve_2020_4067, cve_2020_26262,
                 cve_2025_69217, cve_2026_27624, cve_2026_40613, cve_2026_43994, behind_integrity, ipv6_ranges,
                 even_port_leak, metadata, nonce_replay, confusion, rtp_bleed):
        if sys.argv[3:] and hole.__name__ not in sys.argv[3:]:
            continue
        try:
            hole()
            print(f"{hole.__name__}: shut", flush=True)
        except AssertionError as e:
            FAILED.append(hole.__name__)
            print(f"{hole.__name__}: OPEN: {e}", flush=True)
    sys.exit(len(FAILED) > 0)


FAILED = []
if __name__ == "__main__":
    main()
