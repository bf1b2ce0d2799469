# SPDX-License-Identifier: BSD-3-Clause
"""Packet buffers of small holders (RFC 9293 3.10.7.4): clients with an allocation and guests of a service, each with a
dozen single bytes out of order, and never what is missing. All go on: they say a few bytes twice a second, so
that each has moved what it holds, and send again what was given up. The first of them stay as long as it lasts."""

import os
import selectors
import signal
import socket
import ssl
import struct
import time

from hostile import FRESH, PASSWORD, PEER, Tally, run, s
from load import enter
from rawtcp import ACK, RST, Wire

PING = s.build(s.BINDING, s.REQUEST)
CRUMBS, BATCH, AHEAD, SERVICE = 12, 8, 2000, 5060


class Reader(Wire):
    """What comes in order is acknowledged, and read once."""

    def answer(self, to, tcp):
        dport, seq, off, flags = struct.unpack("!2xHI4xBB", tcp[:14])
        c = self.conns.get((to, dport))
        if c and c.state == "open" and not flags & RST:
            data = tcp[(off >> 4) * 4 :]
            if not data or seq != c.ack:
                return
            c.received += data
            c.ack = (c.ack + len(data)) & 0xFFFFFFFF
            self.segment(c, ACK)
        else:
            super().answer(to, tcp)


class Holder:
    """A connection that somebody vouches for once ready() is true."""

    def __init__(self, wire, host, port):
        self.wire, self.c, self.step = wire, wire.open(host, port), 0

    def say(self, data):
        self.wire.send(self.c, data)

    def keep(self):
        for i in range(CRUMBS):
            self.wire.segment(self.c, ACK, b"x", seq=self.c.seq + AHEAD + 2 * i)


class Client(Holder):
    """Of TURN over TCP, with an allocation."""

    def __init__(self, wire, host):
        super().__init__(wire, host, 3478)
        self.turn = s.Client.__new__(s.Client)
        self.turn.user, self.turn.password, self.turn.sha256, self.turn.anonymous = FRESH, PASSWORD, False, False

    def reply(self):
        got = self.c.received
        if len(got) < 20 or len(got) < 20 + struct.unpack("!H", got[2:4])[0]:
            return None
        self.c.received = got[20 + struct.unpack("!H", got[2:4])[0] :]
        return s.Message(got[: len(got) - len(self.c.received)])

    def ready(self):
        allocate = [(s.TRANSPORT, s.UDP)]
        if self.c.state != "open":
            return False
        if self.step == 0:
            self.say(s.build(s.ALLOCATE, s.REQUEST, allocate))
            self.step = 1
        elif self.step == 1 and (reply := self.reply()):
            self.turn.learn(reply)
            self.say(s.build(s.ALLOCATE, s.REQUEST, allocate + self.turn.credentials(), key=self.turn.key()))
            self.step = 2
        elif self.step == 2 and (reply := self.reply()):
            self.step = 4 if reply.error() else 3
        return self.step == 3

    def go_on(self):
        self.say(PING)
        self.c.received = b""


class Guest(Holder):
    """Of a service behind TLS, which has its back end."""

    def __init__(self, wire, host):
        super().__init__(wire, host, 5349)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["sip"])
        context.set_ecdh_curve("prime256v1")  # a ClientHello of one segment with any OpenSSL
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.go)

    def ready(self):
        if self.c.state != "open":
            return False
        self.come.write(self.c.received)
        self.c.received = b""
        try:
            if self.step == 0:
                self.tls.do_handshake()
                self.step = 1
                self.tls.write(b"hello")
            self.step = 2 if self.tls.read(5) else 1  # the back end has said it, too
        except ssl.SSLWantReadError:
            pass
        if self.go.pending:
            self.say(self.go.read())
        return self.step == 2

    def go_on(self):
        self.tls.write(b"some twenty bytes...")
        self.say(self.go.read())
        self.c.received = b""


def back_end():
    """In fl-peer: says what it hears."""
    enter("fl-peer")
    listener = socket.create_server((PEER, SERVICE), backlog=1024)
    poll = selectors.DefaultSelector()
    poll.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in poll.select():
            if key.fileobj is listener:
                poll.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
                key.fileobj.send(data)
            except OSError:
                data = b""
            if not data:
                poll.unregister(key.fileobj)
                key.fileobj.close()


def take(end):
    wire, opening, kept, n, said = Reader(), [], [], 0, 0
    most = {Client: 0, Guest: 0}  # at once
    while time.monotonic() < end:
        for _ in range(BATCH):
            n += 1
            opening.append((Client, Guest)[n % 2](wire, wire.hosts[n % len(wire.hosts)]))
        wire.turn(0.05)
        for h in [h for h in opening if h.ready()]:
            opening.remove(h)
            kept.append(h)
            h.keep()
        opening = [h for h in opening if h.c.state in ("opening", "open")][-16 * BATCH :]
        if time.monotonic() - said >= 0.5:
            said = time.monotonic()
            kept = [h for h in kept if h.c.state == "open"]
            most = {kind: max(most[kind], sum(isinstance(h, kind) for h in kept)) for kind in most}
            for i, h in enumerate(kept):
                h.go_on()
                h.keep()
                if i % 8 == 0:
                    wire.turn(0.001)
    return Tally(opened=n, clients=most[Client], guests=most[Guest], held=wire.held())


if __name__ == "__main__":
    child = os.fork()
    if child == 0:
        back_end()
    try:
        run(take)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
