# SPDX-License-Identifier: BSD-3-Clause
"""The client of errors_test.sh: each function provokes one error code of RFC 8656.
With the argument sha256-only, of a relay that accepts no MD5 keys."""

import os
import sys

from stunlib import *

SERVER, SERVER6, RELAY, PEER4, PEER6 = "10.1.0.1", "fd00:1::1", "10.2.0.1", "10.2.0.2", "fd00:2::2"


def expect(code, reply, what):
    assert reply.error() == code, f"{what}: got {reply.error()}, want {code}"


class Allocated(Client):
    """With an allocation, which goes at the end."""

    def __init__(self, *attrs, server=SERVER, **how):
        super().__init__(server, **how)
        reply = self.allocate(*attrs)
        expect(0, reply, "allocate")
        self.relayed = reply.address(RELAYED)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            expect(0, self.refresh((LIFETIME, u32(0))), "deleting the allocation")
        self.close()


def code_400():
    c = Client(SERVER)
    c.learn(c.once(ALLOCATE, [(TRANSPORT, UDP)]))
    expect(400, c.request(ALLOCATE), "no REQUESTED-TRANSPORT (7.2)")
    bad = [(USERNAME, b"demo"), (REALM, c.realm)]
    expect(400, c.exchange(build(ALLOCATE, REQUEST, bad, None, c.key())), "no NONCE (8489 9.2.4)")
    even, token = (EVEN_PORT, b"\x80"), (TOKEN, bytes(8))
    expect(400, c.allocate(even, token), "EVEN-PORT with RESERVATION-TOKEN")
    expect(400, c.allocate((FAMILY, V4), token), "a family with RESERVATION-TOKEN")
    expect(400, c.allocate((FAMILY, V4), (ADDITIONAL_FAMILY, V6)), "both families' attributes")
    expect(400, c.allocate((ADDITIONAL_FAMILY, V4)), "ADDITIONAL-ADDRESS-FAMILY other than IPv6")
    expect(400, c.allocate(even, (ADDITIONAL_FAMILY, V6)), "a pair with two families")
    c.close()
    with Allocated() as c:
        expect(400, c.request(PERMISSION), "no peer (10.2)")
        expect(400, c.request(CHANNEL, [(CHANNEL_NUMBER, channel_number(0x4000))]), "no peer (12.2)")
        for number in (0x0001, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF):
            expect(400, c.bind(number, PEER4, 3480), f"channel {number:#x}")
        expect(0, c.bind(0x4000, PEER4, 3480), "channel 0x4000")
        expect(0, c.bind(0x4000, PEER4, 3480), "the same binding again")
        expect(400, c.bind(0x4001, PEER4, 3480), "a peer's second channel")
        expect(400, c.bind(0x4000, PEER4, 3481), "a channel's second peer")


def code_401():
    c = Client(SERVER)
    reply = c.once(ALLOCATE, [(TRANSPORT, UDP)])
    expect(401, reply, "no credentials")
    assert reply.get(REALM) == b"fairlead.test", reply.get(REALM)
    assert reply.get(NONCE).startswith(b"obMatJos2"), "no nonce cookie (8489 9.2)"
    assert reply.get(ALGORITHMS) == SHA256 + MD5, reply.get(ALGORITHMS)
    c.learn(reply)
    for user, password in (("demo", "wrong"), ("nobody", "fairlead")):
        for c.sha256 in (False, True):
            c.user, c.password = user, password
            reply = c.allocate()
            expect(401, reply, f"{user}, password {password}")
            assert reply.get(NONCE), "a second 401 without a challenge"
    c.close()


def code_403():
    with Allocated() as c:
        for host in ("127.0.0.1", "0.0.0.0", "169.254.1.1", "192.0.2.1", "224.0.0.1", SERVER):
            expect(403, c.permit(host), f"peer {host}")
        expect(403, c.permit(PEER4, "127.0.0.1"), "one of two peers")
        expect(403, c.bind(0x4000, RELAY, 80), "the relay's port below the relayed ones")
        expect(403, c.bind(0x4000, SERVER, 3478), "the listener")
        with Allocated() as other:
            expect(0, c.bind(0x4000, *other.relayed), "another client's relayed address")
        expect(403, c.bind(0x4001, RELAY, other.relayed[1]), "one of nobody")
    with Allocated((FAMILY, V6)) as c:
        for host in ("::1", "::", "fe80::1", "2001:db8::1", "64:ff9b::7f00:1", "2002:7f00:1::", SERVER6):
            expect(403, c.permit(host), f"peer {host}")


def code_420():
    c = Client(SERVER)
    c.learn(c.once(ALLOCATE, [(TRANSPORT, UDP)]))
    reply = c.allocate((0x7FF0, b"what"), (0x7FF1, b""), (0xFFF0, b"optional"))
    expect(420, reply, "unknown attributes")
    assert reply.get(UNKNOWN) == b"\x7f\xf0\x7f\xf1", reply.get(UNKNOWN)
    c.close()


def code_437():
    c = Client(SERVER)
    # With a LIFETIME: without, a challenge would be more than three times as long, and 400 the answer.
    expect(437, c.refresh((LIFETIME, u32(600))), "Refresh without allocation (8.2)")
    expect(437, c.permit(PEER4), "CreatePermission without allocation")
    expect(437, c.bind(0x4000, PEER4, 3480), "ChannelBind without allocation")
    c.close()
    with Allocated() as c:
        tid = os.urandom(12)
        expect(437, c.once(ALLOCATE, [(TRANSPORT, UDP)], tid=tid), "a second Allocate (7.2)")


def retransmission():
    c = Client(SERVER)
    c.learn(c.once(ALLOCATE, [(TRANSPORT, UDP)]))
    tid = os.urandom(12)
    first, second = (c.once(ALLOCATE, [(TRANSPORT, UDP)], tid=tid) for _ in range(2))
    expect(0, first, "Allocate")
    assert first.raw == second.raw, "a retransmitted Allocate is answered otherwise (7.2)"
    expect(0, c.refresh((LIFETIME, u32(0))), "delete")
    c.close()


def code_438():
    a, b = Client(SERVER), Client(SERVER)
    a.learn(a.once(ALLOCATE, [(TRANSPORT, UDP)]))
    b.learn(b.once(ALLOCATE, [(TRANSPORT, UDP)]))
    nonce = b.nonce
    for b.nonce in (a.nonce, b"obMatJos2AAADmade-up", nonce[:-1], nonce + b"A"):
        reply = b.once(ALLOCATE, [(TRANSPORT, UDP)])
        expect(438, reply, f"nonce {b.nonce!r}")
        assert reply.get(NONCE) and reply.get(REALM), "438 without a challenge"
    a.close()
    b.close()


def code_440():
    c = Client(SERVER)
    for family in (b"\0\0\0\0", b"\3\0\0\0"):
        expect(440, c.allocate((FAMILY, family)), f"family {family[0]} (7.2)")
    c.close()


def code_441():
    with Allocated() as c:
        c.user, c.password = "other", "secret"
        expect(441, c.refresh(), "another user's Refresh (5)")
        expect(441, c.permit(PEER4), "another user's CreatePermission")
        expect(441, c.allocate(), "another user's Allocate")
        c.user, c.password = "demo", "fairlead"


def code_442():
    c = Client(SERVER)
    for protocol in (132, 0, 255):
        expect(442, c.request(ALLOCATE, [(TRANSPORT, bytes([protocol, 0, 0, 0]))]), f"protocol {protocol}")
    # TCP is served, but not over UDP (RFC 6062 5.1).
    expect(400, c.request(ALLOCATE, [(TRANSPORT, bytes([6, 0, 0, 0]))]), "protocol 6 over UDP")
    c.close()


def code_443():
    with Allocated() as c:
        expect(443, c.permit(PEER6), "an IPv6 peer (10.2)")
        expect(443, c.bind(0x4000, PEER6, 3480), "an IPv6 peer (12.2)")
        expect(443, c.refresh((FAMILY, V6)), "the family it has not (8.2)")
    with Allocated((FAMILY, V6)) as c:
        expect(443, c.permit(PEER4), "an IPv4 peer")


def code_486():
    with Allocated(), Allocated() as second:
        c = Client(SERVER)
        expect(486, c.allocate(), "a third allocation of two")
        c.user, c.password = "other", "secret"
        expect(0, c.allocate(), "another user")
        expect(0, c.refresh((LIFETIME, u32(0))), "delete")
        c.close()
        second.permit(PEER4)


def code_508():
    c = Client(SERVER)
    expect(508, c.allocate((TOKEN, b"nothing.")), "a token nobody was given (7.2)")
    c.close()
    with Allocated() as c:
        expect(508, c.permit("10.2.0.3", "10.2.0.4", "10.2.0.5"), "three permissions of two")
        expect(0, c.permit("10.2.0.3", "10.2.0.4", "10.2.0.3"), "all or none: two fit")
        expect(508, c.permit(PEER4), "a third permission (10.2)")
        expect(0, c.permit("10.2.0.3"), "a refreshed one")


def reservation():
    with Allocated((EVEN_PORT, b"\x80")) as c:
        reply = c.once(ALLOCATE, [(TRANSPORT, UDP)], tid=os.urandom(12))
        expect(437, reply, "second")
    c = Client(SERVER)
    expect(486, c.allocate((EVEN_PORT, b"\x80")), "a pair of a user whose reserved port still counts")
    c.close()
    c = Client(SERVER, user="other", password="secret")
    reply = c.allocate((EVEN_PORT, b"\x80"))
    expect(0, reply, "a pair (7.2)")
    port = reply.address(RELAYED)[1]
    assert port % 2 == 0, f"port {port} is odd"
    with_token = Client(SERVER, user="other", password="secret")
    other = with_token.allocate((TOKEN, reply.get(TOKEN)))
    expect(0, other, "the reserved port")
    assert other.address(RELAYED)[1] == port + 1, "not the port above"
    for each in (c, with_token):
        expect(0, each.refresh((LIFETIME, u32(0))), "delete")
        each.close()


def dual():
    for server in (SERVER, SERVER6):
        c = Client(server)
        reply = c.allocate((ADDITIONAL_FAMILY, V6))
        expect(0, reply, "a dual allocation (7.2)")
        got = [host for host, _ in reply.addresses(RELAYED)]
        assert got == [RELAY, "fd00:2::1"], got
        assert reply.address(MAPPED) == c.sock.getsockname()[:2], "XOR-MAPPED-ADDRESS"
        expect(0, c.permit(PEER4, PEER6), "peers of both families")
        expect(0, c.refresh((FAMILY, V6), (LIFETIME, u32(0))), "giving up one family (8.2)")
        expect(443, c.permit(PEER6), "a peer of the family given up")
        expect(0, c.permit(PEER4), "a peer of the family kept")
        expect(0, c.refresh((LIFETIME, u32(0))), "delete")
        c.close()


def dual_draft():
    """The number that the drafts gave ADDITIONAL-ADDRESS-FAMILY; coturn's client sends it."""
    c = Client(SERVER)
    assert len(c.allocate((0x8032, V6)).addresses(RELAYED)) == 2
    expect(0, c.refresh((LIFETIME, u32(0))), "delete")
    c.close()


def algorithms():
    """R75: MD5 and SHA-256 keys, each with USERNAME and USERHASH; replies are checked."""
    for sha256 in (False, True):
        for anonymous in (False, True):
            with Allocated(sha256=sha256, anonymous=anonymous) as c:
                expect(0, c.permit(PEER4), f"sha256 {sha256}, userhash {anonymous}")
                expect(443, c.permit(PEER6), "signed error")
    c = Client(SERVER, sha256=True)
    c.learn(c.once(ALLOCATE, [(TRANSPORT, UDP)]))
    c.algorithms = MD5  # somebody shortened the list on the way
    expect(400, c.allocate(), "bidding down (8489 9.2.4)")
    c.close()


def sha256_only():
    """Of a relay with md5: false."""
    c = Client(SERVER)
    reply = c.once(ALLOCATE, [(TRANSPORT, UDP)])
    assert reply.get(ALGORITHMS) == SHA256, reply.get(ALGORITHMS)
    c.learn(reply)
    expect(401, c.allocate(), "an MD5 key where none is accepted")
    c.close()
    for anonymous in (False, True):
        with Allocated(sha256=True, anonymous=anonymous) as c:
            expect(0, c.permit(PEER4), f"userhash {anonymous}")


EVERY = (code_400, code_401, code_403, code_420, code_437, retransmission, code_438, code_440, code_441,
         code_442, code_443, code_486, code_508, reservation, dual, dual_draft, algorithms)
for test in (sha256_only,) if sys.argv[1:] == ["sha256-only"] else EVERY:
    try:
        test()
    except AssertionError as e:
        raise SystemExit(f"errors_client: {test.__name__}: {e}")
    print("ok", test.__name__)
