# SPDX-License-Identifier: BSD-3-Clause
"""For badstream_test.sh: badstream.py FAIRLEAD CONFIG. Each connection here ends for the reason
that is named, and for no other; or, where it is slow but right, does not."""

import socket
import struct
import sys
import threading
import time

import stunlib as s
from badinput import TCP, Relay, Wire, tcp
from load import enter

SERVER, PEER, PORT = "10.1.0.1", "10.2.0.2", 3478
NOBODY = "10.1.0.77"  # answers no ARP
CHANNEL = 0x4000

# What no TURN client sends: (what it is, bytes).
NONSENSE = (
    ("HTTP", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"),
    ("a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(502)),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    ("a STUN length of 3", struct.pack("!HHI", 3, 3, s.MAGIC) + bytes(15)),
    ("STUN without its cookie", struct.pack("!HHI", 3, 0, 0x12345678) + bytes(12)),
    ("reserved first bits", b"\xc0\x00\x00\x00" * 8),
    ("a channel of 65,535 bytes", b"\x40\x00\xff\xff" + bytes(1000)),
)


def client():
    enter("fl-client")
    return s.Client(SERVER, tcp=True)


class Check:
    def __init__(self, relay):
        self.relay = relay
        self.n = 0

    def ends(self):
        return {e["name"]: e["total"] for e in self.relay.ask("tcp")["ends"]}

    def ended(self, what, reason, before, number=1):
        """So many connections more have ended for that reason, and none for another."""
        def came():
            return self.ends()[reason] >= before[reason] + number

        s.await_true(f"{what}: an end by {reason}", came)
        moved = {k: n - before[k] for k, n in self.ends().items() if n != before[k]}
        assert moved == {reason: number}, f"{what}: ends {moved}, not {number} {reason}"
        self.n += number

    def closes(self, what, sock, reason, before):
        """The relay closes it, too."""
        sock.settimeout(s.PATIENCE)
        try:
            while sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except socket.timeout:
            raise AssertionError(f"{what}: the relay does not close the connection") from None
        sock.close()
        self.ended(what, reason, before)

    def nonsense(self):
        for what, data in NONSENSE:
            for first in (b"", s.build(s.BINDING, s.REQUEST)):  # at once, and after a good message
                c, before = client(), self.ends()
                c.sock.sock.sendall(first + data)
                self.closes(what, c.sock.sock, "frame_bad", before)
        c, before = client(), self.ends()
        assert c.allocate().error() == 0
        assert c.bind(CHANNEL, PEER, 9).error() == 0
        c.sock.sock.sendall(b"\x40\x00\xff\xff" + bytes(1000))
        self.closes("a bound channel of 65,535 bytes", c.sock.sock, "frame_bad", before)

    def slow(self):
        """Slow-loris: nothing, a message that is never whole, and one that grows by a byte."""
        before = self.ends()
        silent = client()
        self.closes("nothing sent", silent.sock.sock, "idle", before)
        before = self.ends()
        c = client()
        c.sock.sock.sendall(s.build(s.ALLOCATE, s.REQUEST)[:19])
        self.closes("half a message", c.sock.sock, "frame_timeout", before)
        before = self.ends()
        c = client()
        dripping = threading.Thread(target=drip, args=(c.sock.sock, bytes([0, 3, 0xF, 0]), 0.2), daemon=True)
        dripping.start()
        self.closes("a byte at a time, for ever", c.sock.sock, "frame_timeout", before)

    def small_pieces(self):
        """One byte a segment, and many messages a segment: served like any other."""
        c, before = client(), self.ends()
        stream, send = c.sock.sock, c.sock.sock.sendall
        c.sock.send = lambda data: [stream.send(bytes([b])) for b in data + bytes(-len(data) % 4)]
        assert c.allocate().error() == 0
        assert c.bind(CHANNEL, PEER, PORT).error() == 0
        enter("fl-peer")
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.settimeout(s.PATIENCE)
        peer.bind((PEER, 0))
        assert c.bind(CHANNEL + 1, *peer.getsockname()).error() == 0
        c.send_channel(CHANNEL + 1, b"byte by byte")
        assert peer.recv(100) == b"byte by byte"
        texts = [b"message %d" % i for i in range(100)]
        send(b"".join(struct.pack("!HH", CHANNEL + 1, len(t)) + t + bytes(-len(t) % 4) for t in texts))
        assert [peer.recv(100) for _ in texts] == texts
        # As many to another client's relayed address, which are looped inside.
        enter("fl-client")
        other = s.Client(SERVER)
        at = other.allocate().address(s.RELAYED)
        assert other.permit(at[0]).error() == 0 and c.bind(CHANNEL + 2, *at).error() == 0
        other.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        texts = [b"looped %d" % i for i in range(300)]
        send(b"".join(struct.pack("!HH", CHANNEL + 2, len(t)) + t + bytes(-len(t) % 4) for t in texts))
        got = [other.receive(s.PATIENCE) for _ in texts]
        assert [text for _, text in got] == texts, "messages looped inside are missing"
        assert other.refresh((s.LIFETIME, s.u32(0))).error() == 0
        del c.sock.send
        assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
        c.close()
        self.ended("a client that goes", "done", before)

    def window_closed(self):
        """Media for a client that reads nothing: the oldest is dropped, and then the client."""
        c, before = client(), self.ends()
        c.sock.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        relayed = c.allocate().address(s.RELAYED)
        assert c.permit(PEER).error() == 0
        drops = self.relay.drops()
        enter("fl-peer")
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def ended():
            for _ in range(20):
                peer.sendto(bytes(1000), relayed)
            return self.ends()["stalled"] > before["stalled"]

        s.await_true("an end by stalled", ended)
        now = self.relay.drops()
        assert sum(now[k] - drops[k] for k in ("media_old", "media_full")) > 0, "no media was dropped"
        self.ended("a window closed for ever", "stalled", before)
        c.close()

    def half_open(self):
        before = self.ends()
        wire = Wire(self.relay, "client")
        for port in range(40000, 40010):
            segment = tcp(NOBODY, SERVER, port, PORT, seq=1, flags=2)
            wire.sock.send(wire.ip(4, TCP, segment, src=NOBODY))
        self.ended("handshakes nobody finishes", "half_open", before, 10)

    def reset(self):
        before = self.ends()
        c = client()
        c.sock.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert c.allocate().error() == 0
        c.close()
        self.ended("a client that resets", "reset", before)


def drip(sock, data, seconds):
    try:
        for i in range(1000):
            sock.send(data[i : i + 1] or b"\0")
            time.sleep(seconds)
    except OSError:
        pass


def main():
    check = Check(Relay(*sys.argv[1:3]))
    check.nonsense()
    check.small_pieces()
    check.reset()
    check.half_open()
    check.slow()
    check.window_closed()
    print(f"ok: {check.n} connections, each ended for its reason")


if __name__ == "__main__":
    main()
