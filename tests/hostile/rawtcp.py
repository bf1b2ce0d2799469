# SPDX-License-Identifier: BSD-3-Clause
"""TCP by hand (RFC 9293), for who takes what a kernel would never ask for: hosts of the access network that no
kernel knows, 10.1.0.64 to 10.1.0.95. They answer ARP, open connections, and send what they are told; nothing
is acknowledged or sent again unless the test says so."""

import random
import select
import socket
import struct
import time

DEVICE, RELAY = "client0", "10.1.0.1"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETH_IP, ETH_ARP, ETH_ALL = 0x0800, 0x0806, 3
SO_RCVBUFFORCE = 33


def ip(text):
    return socket.inet_aton(text)


def ones_sum(data):
    data += bytes(len(data) % 2)
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return n


class Connection:
    def __init__(self, source, port, to_port):
        self.source, self.port, self.to_port = source, port, to_port
        self.seq, self.ack, self.state = random.randrange(1 << 32), 0, "closed"
        self.received = b""


class Wire:
    """The link, and the hosts on it."""

    def __init__(self, hosts=32):
        self.hosts = [f"10.1.0.{64 + n}" for n in range(hosts)]
        self.known = {ip(h) for h in self.hosts}
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.sock.bind((DEVICE, 0))
        self.sock.setblocking(False)
        self.mac, self.relay_mac = self.sock.getsockname()[4], None
        # Connections of earlier rows may live on: nobody resets them.
        self.conns, self.next_port, self.frames = {}, random.randrange(60000), 0
        end = time.monotonic() + 5
        while self.relay_mac is None:
            assert time.monotonic() < end, "the relay does not answer ARP"
            self.arp(1, b"\xff" * 6, ip(self.hosts[0]), bytes(6), ip(RELAY))
            self.turn(0.2)

    def arp(self, op, eth_to, sender, to_mac, to):
        self.sock.send(eth_to + self.mac + struct.pack("!HHHBBH", ETH_ARP, 1, ETH_IP, 6, 4, op)
                       + self.mac + sender + to_mac + to)

    def packet(self, source, proto, payload, ident=0, frag=0, to=RELAY):
        """One IPv4 packet from a host of ours to the relay, at that address of its."""
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, frag, 64, proto, 0,
                           ip(source), ip(to))
        head = head[:10] + struct.pack("!H", 0xFFFF ^ ones_sum(head)) + head[12:]
        try:
            self.sock.send(self.relay_mac + self.mac + struct.pack("!H", ETH_IP) + head + payload)
            self.frames += 1
        except (BlockingIOError, OSError):
            pass

    def segment(self, c, flags, data=b"", seq=None, options=b"", window=65535):
        seq = c.seq if seq is None else seq & 0xFFFFFFFF
        head = struct.pack("!HHIIBBHHH", c.port, c.to_port, seq, c.ack, (20 + len(options)) << 2, flags, window, 0, 0)
        body = head + options + data
        pseudo = ip(c.source) + ip(RELAY) + struct.pack("!BBH", 0, 6, len(body))
        self.packet(c.source, 6, body[:16] + struct.pack("!H", 0xFFFF ^ ones_sum(pseudo + body)) + body[18:])

    def open(self, source, to_port=3478, mss=None):
        """A SYN; turn() finishes the handshake."""
        self.next_port = self.next_port % 60000 + 1025
        c = Connection(source, self.next_port, to_port)
        self.conns[ip(source), c.port] = c
        c.state = "opening"
        self.segment(c, SYN, options=struct.pack("!BBH", 2, 4, mss) if mss else b"")
        c.seq = (c.seq + 1) & 0xFFFFFFFF
        return c

    def send(self, c, data):
        self.segment(c, ACK | PSH, data)
        c.seq = (c.seq + len(data)) & 0xFFFFFFFF

    def turn(self, seconds):
        """Takes what comes for so long: ARP is answered, handshakes are finished, RSTs are noted."""
        end = time.monotonic() + seconds
        while True:
            ready = select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]
            if not ready:
                return
            try:
                for _ in range(256):
                    self.frame(self.sock.recv(2048))
            except BlockingIOError:
                pass
            if time.monotonic() >= end:
                return

    def frame(self, data):
        kind = data[12:14]
        if kind == b"\x08\x06":
            op, sender_mac, sender, _, to = struct.unpack("!H6s4s6s4s", data[20:42])
            if sender == ip(RELAY) and sender_mac != self.mac:
                self.relay_mac = sender_mac
                if op == 1 and to in self.known:
                    self.arp(2, sender_mac, to, sender_mac, sender)
        elif kind == b"\x08\x00" and data[23] == 6 and data[26:30] == ip(RELAY):
            self.answer(data[30:34], data[14 + (data[14] & 15) * 4 : 14 + struct.unpack("!H", data[16:18])[0]])

    def answer(self, to, tcp):
        sport, dport, seq, ack, off, flags = struct.unpack("!HHIIBB", tcp[:14])
        c = self.conns.get((to, dport))
        if not c or sport != c.to_port:
            return
        if flags & RST:
            c.state = "reset"
        elif flags & SYN and c.state == "opening":
            c.ack, c.state = (seq + 1) & 0xFFFFFFFF, "open"
            self.segment(c, ACK)
        elif c.state == "open":
            c.received += tcp[(off >> 4) * 4 :]
            if flags & FIN:
                c.state = "finished"

    def held(self):
        return sum(c.state == "open" for c in self.conns.values())
