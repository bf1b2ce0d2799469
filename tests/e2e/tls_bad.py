# SPDX-License-Identifier: BSD-3-Clause
"""For tls_bad_test.sh: tls_bad.py FAIRLEAD CONFIG. Each connection here ends with the alert (RFC 8446
6.2) and for the reason that are named, and for no other; or, where it is odd but right, does not."""

import os
import socket
import ssl
import struct
import sys
import time

import stunlib as s
import tlslib as t
from badinput import Relay
from badstream import Check
from load import enter

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
UNEXPECTED, BAD_MAC, OVERFLOW, ILLEGAL, DECODE, VERSION = 10, 20, 22, 47, 50, 70
NAMES = {UNEXPECTED: "UNEXPECTED_MESSAGE", BAD_MAC: "BAD_RECORD_MAC", OVERFLOW: "RECORD_OVERFLOW",
         DECODE: "DECODE_ERROR"}
SUITES = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305")
HELLO, SERVER_HELLO = b"\x01", b"\x02"
SILENT = None  # no alert: FIN or RST alone
FLOOD = 600  # handshakes begun at once
CHANNEL = 0x4000


def hello(version=None):
    """A good ClientHello, without its record's header."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = t.context(version).wrap_bio(incoming, outgoing, server_hostname=t.NAME)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()[t.HEADER :]


def old_hello():
    """TLS 1.1 is the highest it knows."""
    body = struct.pack("!H", 0x0302) + os.urandom(32) + b"\0" + struct.pack("!HH", 2, 0xC013) + b"\1\0"
    return HELLO + len(body).to_bytes(3, "big") + body


HANDSHAKE = t.HANDSHAKE
# Before there are keys: what it is, bytes, alert, why the connection ends.
CLEAR = (
    ("HTTP", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n", UNEXPECTED, "tls_plain"),
    ("a proxy's CONNECT", b"CONNECT relay:443 HTTP/1.1\r\n\r\n", UNEXPECTED, "tls_plain"),
    ("STUN", s.build(s.BINDING, s.REQUEST), UNEXPECTED, "tls_plain"),
    ("ChannelData", b"\x40\0\0\4abcd" * 8, UNEXPECTED, "tls_plain"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n", UNEXPECTED, "tls_plain"),
    ("SIP", b"REGISTER sip:fairlead.test SIP/2.0\r\n\r\n", UNEXPECTED, "tls_plain"),
    ("SSL 2", b"\x80\x2e\x01\x00\x02" + bytes(64), UNEXPECTED, "tls_plain"),
    ("a type that is none", t.record(24, b"\1\0\0"), UNEXPECTED, "tls_plain"),
    ("version 5", t.record(HANDSHAKE, hello(), 0x0500), (SILENT, VERSION), "tls_plain"),
    ("a record too long", t.record(HANDSHAKE, bytes(t.PLAIN_MAX + 1)), OVERFLOW, ("tls_record", "tls_handshake")),
    ("one far too long", t.record(t.DATA, b"", length=t.PLAIN_MAX + 2049), OVERFLOW, "tls_record"),
    ("a ServerHello", t.record(HANDSHAKE, SERVER_HELLO + hello()[1:]), UNEXPECTED, "tls_handshake"),
    ("a ClientHello of nonsense", t.record(HANDSHAKE, HELLO + b"\0\0\x40" + b"\xff" * 64), DECODE, "tls_handshake"),
    ("a ClientHello cut short", t.record(HANDSHAKE, HELLO + b"\0\0\2\3\3"), DECODE, "tls_handshake"),
    ("TLS 1.1", t.record(HANDSHAKE, old_hello(), 0x0301), VERSION, "tls_handshake"),
    ("data first", t.record(t.DATA, bytes(100)), UNEXPECTED, "tls_handshake"),
    ("an alert first", t.record(t.ALERT, b"\2\x28"), UNEXPECTED, "tls_handshake"),
    ("empty records", t.record(HANDSHAKE, b"") * 100, UNEXPECTED, "tls_handshake"),
    ("garbage behind a ClientHello", t.record(HANDSHAKE, hello(V12)) + b"garbage" * 10, (UNEXPECTED, VERSION),
     ("tls_record", "tls_handshake")),
    ("a ClientHello without end", (t.record(HANDSHAKE, HELLO + b"\1\xff\xff" + bytes(16000)) +
                                   t.record(HANDSHAKE, bytes(16000)) * 7), (SILENT, DECODE, ILLEGAL, UNEXPECTED),
     ("tls_flood", "tls_handshake")),
)


class TlsCheck(Check):
    def __init__(self, relay):
        super().__init__(relay)
        self.base = self.gauge("tls_conns")  # the media's

    def alert(self, what, conn, alert, reason, before):
        """That alert, and that end."""
        got = conn.ending()
        allowed = alert if isinstance(alert, tuple) else (alert,)
        good = got in allowed or any(isinstance(got, str) and NAMES.get(a, "-") in got for a in allowed) or \
            (SILENT in allowed and got in ("closed", "reset"))
        assert good, f"{what}: ended with {got}, not {allowed}"
        conn.sock.close()
        reasons = reason if isinstance(reason, tuple) else (reason,)
        s.await_true(f"{what}: an end by {reason}",
                     lambda: any(self.ends()[r] > before[r] for r in reasons))
        moved = {k: n - before[k] for k, n in self.ends().items() if n != before[k]}
        assert moved in [{r: 1} for r in reasons], f"{what}: ends {moved}, not 1 {reason}"
        self.n += 1

    def clear(self):
        for port in (443, 5349):
            for what, data, alert, reason in CLEAR:
                before, c = self.ends(), t.Connection(port)
                c.send(data)
                self.alert(f"{what} on {port}", c, alert, reason, before)

    def open(self, version, suite=None):
        ctx = t.context(version)
        if suite:
            ctx.set_ciphers(suite)
        return t.Connection(ctx=ctx).handshake().binding()

    def altered(self):
        """A bad tag in record N; records again, in another order, and left out."""
        for version, suite in ((V13, None), *((V12, suite) for suite in SUITES)):
            for n in (0, 1, 7):
                for where in (t.HEADER, -1):
                    before, c = self.ends(), self.open(version, suite)
                    for _ in range(n):
                        c.binding()
                    r = bytearray(c.seal(s.build(s.BINDING, s.REQUEST)))
                    r[where] ^= 1
                    c.send(r)
                    self.alert(f"{version.name} {suite}: a bad byte at {where} of record {n}", c, BAD_MAC, "tls_mac",
                               before)
            one = lambda c: c.seal(s.build(s.BINDING, s.REQUEST))
            for what, mix in (("again", lambda a, b: a + a), ("in another order", lambda a, b: b + a),
                              ("left out", lambda a, b: b)):
                before, c = self.ends(), self.open(version, suite)
                c.send(mix(one(c), one(c)))
                self.alert(f"{version.name} {suite}: a record {what}", c, BAD_MAC, "tls_mac", before)

    def opened(self):
        """After Finished: what is no record of this connection's."""
        both, only12, only13 = (V12, V13), (V12,), (V13,)
        cases = (
            (both, "plain text", b"GET / HTTP/1.1\r\n\r\n", UNEXPECTED, "tls_record"),
            (both, "a type that is none", t.record(99, bytes(40)), UNEXPECTED, "tls_record"),
            (both, "garbage", t.record(t.DATA, os.urandom(100)), BAD_MAC, "tls_mac"),
            (both, "no room for a tag", t.record(t.DATA, bytes(15)), BAD_MAC, ("tls_mac", "tls_record")),
            (both, "an empty one", t.record(t.DATA, b""), BAD_MAC, ("tls_mac", "tls_record")),
            (both, "the longest garbage", t.record(t.DATA, os.urandom(t.PLAIN_MAX + 17)), BAD_MAC, "tls_mac"),
            (only12, "too long", t.record(t.DATA, b"", length=t.PLAIN_MAX + 2049), OVERFLOW, "tls_record"),
            (only13, "too long", t.record(t.DATA, b"", length=t.PLAIN_MAX + 257), OVERFLOW, "tls_record"),
            (only13, "an alert in clear", t.record(t.ALERT, b"\1\0"), UNEXPECTED, "tls_record"),
            (only13, "ChangeCipherSpec", t.record(t.CCS, b"\1"), UNEXPECTED, "tls_record"),
            (only13, "a ClientHello in clear", t.record(HANDSHAKE, hello()), UNEXPECTED, "tls_record"),
            (only12, "a ClientHello in clear", t.record(HANDSHAKE, hello()), BAD_MAC, "tls_mac"),
        )
        for versions, what, data, alert, reason in cases:
            for version in versions:
                before, c = self.ends(), self.open(version)
                c.send(data)
                self.alert(f"{version.name}: {what}", c, alert, reason, before)

    def endings(self):
        """FIN with and without close_notify (RFC 8446 6.1), within a record, and RST."""
        for version in (V12, V13):
            before, c = self.ends(), self.open(version)
            c.close()
            self.ended("close_notify", "done", before)
            counted = sum(w["counters"]["tls_no_close"] for w in self.relay.ask("workers")["workers"])
            for last in (b"", b"\x17\3\3\0\x50" + bytes(10), b"\x17\3"):
                before, c = self.ends(), self.open(version)
                c.send(last)
                c.sock.shutdown(socket.SHUT_WR)
                assert c.ending() in ("close_notify", "closed", "reset"), f"after {len(last)} bytes"
                c.sock.close()
                self.ended("no close_notify", "tls_truncated", before)
            now = sum(w["counters"]["tls_no_close"] for w in self.relay.ask("workers")["workers"])
            assert now == counted + 3, f"tls_no_close: {now - counted} of 3"
            before, c = self.ends(), self.open(version)
            c.reset()
            self.ended("RST", "reset", before)

    def gone_at_each_step(self):
        """RST, and FIN, at every place of a handshake."""
        for version in (V12, V13):
            for leave, reason in (("reset", "reset"), ("shutdown", "tls_truncated")):
                for step in range(6):
                    before, c = self.ends(), t.Connection(ctx=t.context(version))
                    finished = self.go_to(c, step)
                    if leave == "reset":
                        c.reset()
                    else:
                        c.sock.shutdown(socket.SHUT_WR)
                        c.ending()
                        c.sock.close()
                    want = {reason, "done"} if not finished and step == 0 else {reason}
                    s.await_true(f"{version.name}: {leave} at step {step}", lambda: any(
                        self.ends()[r] > before[r] for r in want))
                    self.n += 1

    def go_to(self, c, step):
        """0: nothing sent; then half a ClientHello, a whole one, the answer read, half of what
        finishes the handshake, all."""
        c.step()
        out = c.out()
        for part in ((out[: len(out) // 2],) if step == 1 else (out,) if step > 1 else ()):
            c.send(part)
        if step < 3:
            return False
        while not c.step() and (out := c.out()) == b"":
            assert c.fill()
        out = out if (rest := c.out()) == b"" else rest
        if step > 3:
            c.send(out[: len(out) // 2] if step == 4 else out)
        return step == 5

    def small_pieces(self):
        """One byte a segment, one byte a record, and all at once: served like any other."""
        def bytewise(c):
            return lambda data: [c.send(bytes([b])) for b in data]

        def cut(c):
            """The ClientHello, which is the first that is sent; what is encrypted may begin like one."""
            first = iter((True,))

            def send(data):
                if next(first, False):
                    for b in data[t.HEADER :]:
                        c.send(t.record(HANDSHAKE, bytes([b]), 0x0301))
                else:
                    c.send(data)
            return send

        for version in (V12, V13):
            for how in (bytewise, cut):
                before, c = self.ends(), t.Connection(ctx=t.context(version))
                c.handshake(how(c)).binding(bytewise(c)).close()
                self.ended(f"{version.name}: {how.__name__}", "done", before)
            # Finished, and 300 requests, in as few segments as there can be.
            before, c = self.ends(), t.Connection(ctx=t.context(version))
            late = bytearray()
            first = []
            c.handshake(lambda data: (c.send(data), first.append(1)) if version == V12 or not first else late.extend(data))
            asked = [s.build(s.BINDING, s.REQUEST) for _ in range(300)]
            for request in asked:
                late += c.seal(request)
            c.send(late)
            for request in asked:
                head = c.read(20)
                assert head[4:20] == request[4:20], f"{version.name}: {head.hex()}"
                c.read(struct.unpack("!H", head[2:4])[0])
            c.close()
            self.ended(f"{version.name}: all at once", "done", before)

    def gauge(self, name):
        return sum(w["counters"][name] for w in self.relay.ask("workers")["workers"])

    def memory(self):
        pid = open(os.environ["RUN"] + "/fairlead-dp.pid").read().strip()
        return int(next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")))

    def flood(self):
        """Handshakes that nobody goes on with: so many are under way, so many wait, the rest is
        reset; each is given up in time, and what it took is free again."""
        for what, cut, reasons in (("half a ClientHello", -1, ("tls_timeout",)),
                                   ("a ClientHello", None, ("tls_timeout", "tls_busy"))):
            for turn in range(2):
                before, held = self.ends(), []
                begin = self.memory()
                for _ in range(FLOOD):
                    c = socket.create_connection((t.SERVER, 443), s.PATIENCE)
                    c.sendall(t.record(HANDSHAKE, hello())[:cut])
                    held.append(c)
                s.await_true(f"{what}: all ended", lambda: sum(
                    self.ends()[r] - before[r] for r in reasons) >= FLOOD)
                moved = {k: n - before[k] for k, n in self.ends().items() if n != before[k]}
                assert set(moved) == set(reasons) and sum(moved.values()) == FLOOD, f"{what}: ends {moved}"
                for c in held:
                    c.close()
            # The first time takes what stays taken. A sanitizer keeps what is freed.
            assert os.environ.get("E2E_BUILD") or self.memory() - begin < 4096, f"{what}: {self.memory() - begin} KiB more are taken"
            s.await_true(f"{what}: all free", lambda: (self.gauge("tls_conns"), self.gauge("tls_handshakes"),
                                                       self.gauge("tls_waiting")) == (self.base, 0, 0))
            self.n += 2 * FLOOD
            before = self.ends()
            self.open(V13).close()
            self.ended("an honest connection after them", "done", before)

    def key_updates(self):
        """More than anybody needs."""
        before = self.ends()
        with t.s_client("-tls1_3") as p:
            p.binding()
            for _ in range(5):
                p.command(b"k", b"KEYUPDATE")
                p.binding()
            p.command(b"k", b"KEYUPDATE")
            p.send(s.build(s.BINDING, s.REQUEST))
            assert p.alert() == UNEXPECTED, p
        self.ended("KeyUpdates", "tls_flood", before)


def main():
    check = TlsCheck(Relay(*sys.argv[1:3]))
    enter("fl-client")
    for test in (check.clear, check.opened, check.altered, check.endings, check.small_pieces, check.gone_at_each_step,
                 check.key_updates, check.flood):
        begin = time.monotonic()
        test()
        print(f"ok: {test.__name__}, {check.n} connections so far, {time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
