# SPDX-License-Identifier: BSD-3-Clause
"""Frames that lie, from both hosts: each is dropped under the reason it names here and moves no
other counter. For badinput_test.sh: badinput.py FAIRLEAD CONFIG. Prints how many were sent."""

import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import time

import stunlib as s
from load import enter

CLIENT, PEER = "client", "peer"
HOST = {CLIENT: ("fl-client", "client0", "access"), PEER: ("fl-peer", "peer0", "core")}
IP = {CLIENT: {4: "10.1.0.2", 6: "fd00:1::2"}, PEER: {4: "10.2.0.2", 6: "fd00:2::2"}}
OURS = {CLIENT: {4: "10.1.0.1", 6: "fd00:1::1"}, PEER: {4: "10.2.0.1", 6: "fd00:2::1"}}
NOISE = {"ip_dst", "nd_other", "arp_other"}  # hosts' own multicast
UDP, TCP, ICMP, ICMP6, FRAGMENT = 17, 6, 1, 58, 44
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BASE_PORT, FREE_PORT = 40000, 16384
PATIENCE = 10
CONTROL = os.environ.get("OWN_RUN", "/run/fairlead-quickstart/control") + "/control.sock"


def packed(a):
    return ipaddress.ip_address(a).packed


def csum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, n):
    a, b = packed(src), packed(dst)
    if len(a) == 4:
        return a + b + struct.pack("!BBH", 0, proto, n)
    return a + b + struct.pack("!II", n, proto)


def ip4(src, dst, payload, proto=UDP, total=None, ver_ihl=0x45, frag=0, ident=1, bad=0, options=b""):
    total = 20 + len(options) + len(payload) if total is None else total
    h = struct.pack("!BBHHHBBH", ver_ihl, 0, total, ident, frag, 64, proto, 0) + packed(src) + packed(dst)
    c = csum(h + options) ^ bad
    return h[:10] + struct.pack("!H", c) + h[12:] + options + payload


def ip6(src, dst, payload, proto=UDP, length=None, nibble=6, hops=64):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", nibble << 28, length, proto, hops) + packed(src) + packed(dst) + payload


def udp(src, dst, sport, dport, payload=b"", length=None, bad=0, none=False):
    length = 8 + len(payload) if length is None else length
    h = struct.pack("!HHHH", sport, dport, length, 0)
    c = csum(pseudo(src, dst, UDP, len(h + payload)) + h + payload) or 0xFFFF
    return h[:6] + struct.pack("!H", 0 if none else c ^ bad) + payload


def tcp(src, dst, sport, dport, seq=0, ack=0, flags=ACK, payload=b"", options=b"", offset=None, bad=0):
    """A segment; options are a multiple of four bytes, offset is in words."""
    offset = 5 + len(options) // 4 if offset is None else offset
    h = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset << 4, flags,
                    65535, 0, 0) + options
    c = csum(pseudo(src, dst, TCP, len(h + payload)) + h + payload) ^ bad
    return h[:16] + struct.pack("!H", c) + h[18:] + payload


def icmp(kind, code, body, bad=0):
    m = struct.pack("!BBH", kind, code, 0) + body
    return m[:2] + struct.pack("!H", csum(m) ^ bad) + m[4:]


def icmp6(src, dst, kind, code, body, bad=0):
    m = struct.pack("!BBH", kind, code, 0) + body
    return m[:2] + struct.pack("!H", csum(pseudo(src, dst, ICMP6, len(m)) + m) ^ bad) + m[4:]


def frag6(data, offset, more, ident=7, next_header=UDP):
    return struct.pack("!BBHI", next_header, 0, offset | more, ident) + data


class Relay:
    """Its counters: what is a method without parameters by the control socket, else by its own command,
    which a sanitized build needs a third of a second to start."""
    METHODS = ("drops", "ports", "tcp", "tls", "workers")

    def __init__(self, program, config):
        self.command = [program, "--config", config, "--json"]

    def ask(self, *what):
        if len(what) == 1 and what[0] in self.METHODS:
            return self.call(what[0])
        return json.loads(subprocess.run([*self.command, *what], check=True, capture_output=True).stdout)

    def call(self, method):
        with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rwb") as lines:
            sock.settimeout(PATIENCE)
            sock.connect(CONTROL)
            lines.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n")
            lines.flush()
            return json.loads(lines.readline())["result"]

    def drops(self):
        return {d["name"]: d["total"] for d in self.ask("drops")["drops"]}

    def mac(self, port):
        info = next(p["info"] for p in self.ask("ports")["ports"] if p["info"]["name"] == port)
        return bytes.fromhex(info["mac"].replace(":", ""))


class Wire:
    """Raw frames from one host."""

    def __init__(self, relay, side):
        namespace, device, port = HOST[side]
        enter(namespace)
        self.side = side
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.sock.bind((device, 0))
        self.ours = self.sock.getsockname()[4]
        self.theirs = relay.mac(port)
        self.host, self.relay = IP[side], OURS[side]

    def eth(self, payload, kind=None, dst=None):
        kind = kind or (0x86DD if payload[0] >> 4 == 6 else 0x0800)
        return (dst or self.theirs) + self.ours + struct.pack("!H", kind) + payload

    def ip(self, version, proto, payload, src=None, **more):
        """An IP packet to the relay's address on this side."""
        src, dst = src or self.host[version], self.relay[version]
        make = ip4 if version == 4 else ip6
        return self.eth(make(src, dst, payload, proto, **more), 0x0800 if version == 4 else 0x86DD)

    def udp(self, version, dport, payload=b"", sport=BASE_PORT, src=None, to=None, **more):
        src, dst = src or self.host[version], to or self.relay[version]
        make = ip4 if version == 4 else ip6
        return self.eth(make(src, dst, udp(src, dst, sport, dport, payload, **more)))

    def tcp(self, version, dport, sport=BASE_PORT, to=None, **more):
        src, dst = self.host[version], to or self.relay[version]
        make = ip4 if version == 4 else ip6
        return self.eth(make(src, dst, tcp(src, dst, sport, dport, **more), TCP))

    def icmp(self, version, kind, code, body, bad=0):
        if version == 4:
            return self.ip(4, ICMP, icmp(kind, code, body, bad))
        return self.ip(6, ICMP6, icmp6(self.host[6], self.relay[6], kind, code, body, bad))


def ethernet(w):
    yield "eth_type", w.eth(bytes(46), 0x88CC)
    yield "eth_dst", w.eth(ip4(w.host[4], w.relay[4], bytes(8)), dst=b"\2\0\0\0\0\1")
    yield "vlan", w.eth(struct.pack("!HH", 7, 0x0800) + ip4(w.host[4], w.relay[4], bytes(8)), 0x8100)


def arp(w):
    def packet(op=1, hlen=6, spa=w.host[4], tpa=w.relay[4], sha=None):
        return w.eth(struct.pack("!HHBBH", 1, 0x0800, hlen, 4, op) + (sha or w.ours) + packed(spa) +
                     bytes(6) + packed(tpa), 0x0806)

    yield "arp_bad", packet()[:34]
    yield "arp_bad", packet(hlen=8)
    yield "arp_bad", packet(op=9)
    yield "arp_bad", packet(spa=w.relay[4])  # claims the relay's own address
    yield "arp_bad", packet(sha=b"\xff" * 6)
    yield "arp_other", packet(tpa="10.1.0.77")


def nd(w):
    target, option = packed(w.relay[6]), b"\1\1" + w.ours

    def packet(kind, body, hops=255, bad=0, to=w.relay[6]):
        m = icmp6(w.host[6], to, kind, 0, body, bad)
        return w.eth(ip6(w.host[6], to, m, ICMP6, hops=hops))

    yield "nd_bad", packet(135, bytes(4) + target + option, hops=64)
    yield "nd_bad", packet(135, bytes(4) + target + b"\1\0" + w.ours)  # an option of no length
    yield "nd_bad", packet(135, bytes(4) + target + b"\1\7" + w.ours)  # one past the end
    yield "nd_bad", packet(135, bytes(4) + target[:8])
    yield "nd_bad", packet(136, struct.pack("!I", 0x20000000) + target + b"\2\1" + w.ours)  # it is ours
    yield "icmp_bad", packet(135, bytes(4) + target + option, bad=1)
    yield "nd_other", packet(134, bytes(12))


def ip_headers(w):
    body = udp(w.host[4], w.relay[4], BASE_PORT, 3478)
    good = ip4(w.host[4], w.relay[4], body)
    yield "ip_short", w.eth(good[:10])
    yield "ip_short", w.ip(4, UDP, body, total=1200)
    yield "ip_short", w.ip(4, UDP, body, total=12)
    yield "ip_header", w.ip(4, UDP, body, ver_ihl=0x55)
    yield "ip_header", w.ip(4, UDP, body, ver_ihl=0x43)
    yield "ip_header", w.ip(4, UDP, body, ver_ihl=0x4F)
    yield "ip_csum", w.ip(4, UDP, body, bad=0x100)
    yield "ip_proto", w.ip(4, 99, body)
    yield "ip_short", w.eth(ip6(w.host[6], w.relay[6], b"")[:30])
    yield "ip_short", w.ip(6, UDP, bytes(8), length=900)
    yield "ip_header", w.ip(6, UDP, bytes(8), nibble=5)
    yield "ip_header", w.ip(6, 0, b"\0\0" + bytes(6) + b"\x11\xff" + bytes(6) + bytes(8))  # past the end
    yield "ip_header", w.ip(6, 0, (b"\0\0" + bytes(6)) * 6)  # headers without end
    yield "ip_header", w.ip(6, 43, b"\x11\0\0\1" + bytes(12))  # a route to go on
    yield "ip_proto", w.ip(6, 99, bytes(8))


def spoofed(w):
    for src in ("10.1.0.1", "10.2.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0"):
        yield "ip_src", w.udp(4, 3478, src=src)
    for src in ("fd00:1::1", "fd00:2::1", "ff02::1", "::1", "::ffff:10.1.0.2"):
        yield "ip_src", w.udp(6, 3478, src=src)


def udp_headers(w):
    for v in (4, 6):
        yield "udp_short", w.ip(v, UDP, bytes(4))
        for length in (0, 7, 9, 65535):
            yield "udp_short", w.udp(v, 3478, length=length)
        yield "udp_short", w.udp(v, 3478, sport=0)
        yield "udp_port", w.udp(v, 9)
        yield "relay_port", w.udp(v, FREE_PORT, to=OURS[PEER][v])
        if w.side == CLIENT:
            yield "udp_csum", w.udp(v, 3478, s.build(s.ALLOCATE, s.REQUEST), bad=1)
            yield "stun_bad", w.udp(v, 3478)
    yield "udp_csum", w.udp(6, 3478 if w.side == CLIENT else FREE_PORT, bytes(20), none=True)


def tcp_headers(w):
    """Segments of no connection."""
    listener = 3478 if w.side == CLIENT else FREE_PORT
    for v in (4, 6):
        yield "tcp_short", w.ip(v, TCP, bytes(19))
        yield "tcp_short", w.tcp(v, listener, offset=4)
        yield "tcp_short", w.tcp(v, listener, offset=6)  # past the end
        yield "tcp_short", w.tcp(v, listener, flags=SYN, options=b"\x02\x04\x05\xb4\x08\x0a\0\0")
        yield "tcp_short", w.tcp(v, listener, flags=SYN, options=b"\x03\0\0\0")  # an option of no length
        yield "tcp_csum", w.tcp(v, listener, flags=SYN, bad=1)
        for flags in (SYN | FIN, SYN | RST, SYN | FIN | RST | PSH | ACK):
            yield "tcp_flags", w.tcp(v, listener, flags=flags)
        # Nobody's is answered with RST, whatever it says (RFC 9293 3.10.7.1).
        yield "tcp_flags" if w.side == CLIENT else "tcp_port", w.tcp(v, listener, flags=0)
        yield "tcp_port", w.tcp(v, 9, flags=SYN)
        yield "tcp_port", w.tcp(v, 9, flags=RST)
        yield "tcp_port", w.tcp(v, listener, flags=SYN | ACK)


def stun(w):
    def lying(method, cls, length):
        """An attribute that is longer than the message."""
        m = s.put(s.build(method, cls, with_fingerprint=False), s.PAYLOAD, bytes(4))
        return m[:22] + struct.pack("!H", length) + m[24:]

    request = s.build(s.ALLOCATE, s.REQUEST)
    for v in (4, 6):
        yield "stun_bad", w.udp(v, 3478, b"\xff" * 50)
        yield "stun_bad", w.udp(v, 3478, request[:19])
        yield "stun_bad", w.udp(v, 3478, request + b"abcd")
        yield "stun_bad", w.udp(v, 3478, request[:2] + b"\xff\xfc" + request[4:])
        yield "stun_bad", w.udp(v, 3478, request[:4] + bytes(4) + request[8:])
        for length in (5, 9, 65535):
            yield "stun_attr", w.udp(v, 3478, lying(s.ALLOCATE, s.REQUEST, length))
        yield "stun_fingerprint", w.udp(v, 3478, request[:-1] + bytes([request[-1] ^ 1]))
        yield "stun_method", w.udp(v, 3478, s.build(s.ALLOCATE, s.SUCCESS))
        yield "stun_method", w.udp(v, 3478, s.build(s.DATA, s.INDICATION))
        yield "no_session", w.udp(v, 3478, s.build(s.SEND, s.INDICATION))
        yield "no_session", w.udp(v, 3478, b"\x40\0\0\4abcd")


def session(w, c):
    """From the five-tuple of a client with an allocation; c sends."""
    tid = os.urandom(12)
    peer, other = (s.PEER, s.xor_address(IP[PEER][4], 4000, tid)), (s.PEER, s.xor_address("10.2.0.77", 4000, tid))
    data, sport = (s.PAYLOAD, b"data"), c.sock.getsockname()[1]

    def send(*attrs, **more):
        return w.udp(4, 3478, s.build(s.SEND, s.INDICATION, attrs, tid, **more), sport=sport)

    def raw(payload):
        return w.udp(4, 3478, payload, sport=sport)

    whole = s.build(s.SEND, s.INDICATION, (peer, data), tid, with_fingerprint=False)
    yield "chandata_bad", raw(b"\x40\0\0\x20abcd")
    yield "chandata_bad", raw(b"\x40\0\xff\xff" + bytes(1000))
    yield "no_channel", raw(b"\x40\x77\0\4abcd")
    yield "send_bad", send(data)
    yield "send_bad", send(peer)
    yield "send_bad", send((s.PEER, b"\0\1" + bytes(2)), data)
    yield "send_bad", send((s.PEER, b"\0\7" + bytes(6)), data)
    yield "no_permission", send(other, data)
    yield "no_permission", send((s.PEER, s.xor_address(OURS[CLIENT][4], 3478, tid)), data)
    yield "peer_family", send((s.PEER, s.xor_address(IP[PEER][6], 4000, tid)), data)
    yield "stun_unknown_attr", send(peer, data, (0x7FFF, b"what"))
    yield "stun_attr", raw(whole[:-6] + b"\0\5" + whole[-4:])
    yield "stun_fingerprint", raw(s.put(whole, s.FINGERPRINT, bytes(4)))


def icmp_forged(w, c, relayed):
    """Errors about what was never sent. relayed: of the client c."""
    ours, host = w.relay[4], w.host[4]

    def quote(src, sport, dst, dport, proto=UDP):
        return ip4(src, dst, udp(src, dst, sport, dport, bytes(8)), proto)

    def unreachable(quoted):
        return w.icmp(4, 3, 3, bytes(4) + quoted)

    yield "icmp_bad", w.ip(4, ICMP, b"\3\3\0\0")
    yield "icmp_bad", w.icmp(4, 3, 3, bytes(4) + quote(ours, relayed[1], host, 4000), bad=1)
    yield "icmp_bad", unreachable(b"")
    yield "icmp_bad", unreachable(quote(ours, relayed[1], host, 4000)[:24])
    yield "icmp_bad", unreachable(quote(ours, relayed[1], host, 4000, proto=132))
    yield "icmp_no_session", unreachable(quote(ours, relayed[1], host, 4000, proto=TCP))
    yield "icmp_bad", unreachable(quote(OURS[CLIENT][4], 3478, host, 4000))  # not what it is sent to
    yield "icmp_no_session", unreachable(quote(ours, FREE_PORT, host, 4000))
    yield "no_permission", unreachable(quote(ours, relayed[1], "10.2.0.77", 4000))
    yield "icmp_type", w.icmp(4, 13, 0, bytes(16))
    yield "icmp_bad", w.icmp(6, 1, 4, bytes(4) + bytes(10))
    yield "icmp_bad", w.icmp(6, 1, 4, bytes(4) + ip6(w.relay[6], w.host[6], bytes(8), 132))
    yield "icmp_no_session", w.icmp(6, 1, 4, bytes(4) + ip6(w.relay[6], w.host[6], bytes(8), TCP))
    yield "icmp_type", w.icmp(6, 200, 0, bytes(4))
    yield "no_permission", w.udp(4, relayed[1], b"from a stranger", src="10.2.0.77")


def fragments(w):
    """Lists of frames that go together; each frame ends under the reason."""
    for v in (4, 6):
        def piece(offset, size, more, ident, v=v):
            if v == 4:
                return w.ip(4, UDP, bytes(size), frag=offset // 8 | more << 13, ident=ident)
            return w.ip(6, FRAGMENT, frag6(bytes(size), offset, more, ident))

        yield "frag_bad", [piece(0, 13, 1, 10)]  # no multiple of 8
        yield "frag_bad", [piece(65528, 64, 0, 11)]  # past 65,535
        yield "frag_bad", [piece(0, 1000, 1, 12), piece(504, 1000, 0, 12)]  # overlap
        yield "frag_bad", [piece(0, 800, 1, 13), piece(400, 800, 1, 13), piece(1600, 104, 0, 13)]
        yield "frag_timeout", [piece(0, 800, 1, 14), piece(1600, 8, 0, 14)]  # a hole for ever
        yield "frag_timeout", [piece(8, 800, 1, 15)]


class Check:
    def __init__(self, relay):
        self.relay, self.sent = relay, 0

    def expect(self, wire, want, frames, what):
        """The frames move these reasons by these numbers, and no other."""
        before = self.relay.drops()
        for f in frames:
            wire.sock.send(f)
        self.sent += len(frames)
        end = time.monotonic() + PATIENCE
        while True:
            now = self.relay.drops()
            moved = {k: n - before[k] for k, n in now.items() if n != before[k]}
            moved = {k: n for k, n in moved.items() if k in want or k not in NOISE}
            if sum(moved.values()) >= sum(want.values()):
                break
            assert time.monotonic() < end, f"{what}: moved {moved}, not {want}"
        if not NOISE & set(want):
            assert moved == want, f"{what}: moved {moved}, not {want}"

    def all(self, wire, cases):
        for i, (reason, frames) in enumerate(cases):
            frames = frames if isinstance(frames, list) else [frames]
            self.expect(wire, {reason: len(frames)}, frames,
                        f"{reason} {i} from {wire.side}: {frames[-1][:80].hex()}")

    def giant(self, wire):
        """A message of 65,535 bytes with its headers: put together, and then no message at all."""
        whole = udp(wire.host[4], wire.relay[4], BASE_PORT, 3478, b"\xff" * 65507)
        frames = [wire.ip(4, UDP, whole[i:i + 1480], ident=99,
                          frag=i // 8 | (i + 1480 < len(whole)) << 13)
                  for i in range(0, len(whole), 1480)]
        before = self.relay.drops()
        for f in frames:
            wire.sock.send(f)
        self.sent += 1
        end = time.monotonic() + PATIENCE
        moved = {}
        while moved != {"stun_bad": 1}:
            assert time.monotonic() < end, f"65,535 bytes: moved {moved}, not one stun_bad"
            now = self.relay.drops()
            moved = {k: n - before[k] for k, n in now.items() if n != before[k] and k not in NOISE}

    def long_request(self, wire):
        """Longer than what goes up to the control process: dropped once it is put together."""
        text = s.build(s.ALLOCATE, s.REQUEST, [(s.SOFTWARE, bytes(2996))])
        whole = udp(wire.host[4], wire.relay[4], BASE_PORT, 3478, text)
        frames = [wire.ip(4, UDP, whole[i:i + 1480], ident=98,
                          frag=i // 8 | (i + 1480 < len(whole)) << 13)
                  for i in range(0, len(whole), 1480)]
        self.expect(wire, {"stun_long": 1}, frames, "long request")


def main():
    relay = Relay(*sys.argv[1:3])
    check = Check(relay)
    wires = {side: Wire(relay, side) for side in (CLIENT, PEER)}
    enter("fl-client")
    c = s.Client(OURS[CLIENT][4])
    relayed = c.allocate().address(s.RELAYED)
    assert c.permit(IP[PEER][4]).error() == 0
    for side in (CLIENT, PEER):
        for cases in (ethernet, arp, nd, ip_headers, spoofed, udp_headers, tcp_headers, fragments):
            check.all(wires[side], cases(wires[side]))
    check.all(wires[CLIENT], stun(wires[CLIENT]))
    check.all(wires[CLIENT], session(wires[CLIENT], c))
    check.all(wires[PEER], icmp_forged(wires[PEER], c, relayed))
    check.long_request(wires[CLIENT])
    check.giant(wires[CLIENT])
    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
    print(check.sent)


if __name__ == "__main__":
    main()
