# SPDX-License-Identifier: BSD-3-Clause
"""A phone whose ESP goes in UDP (RFC 3948, 4303), with NULL and HMAC-SHA1-96: what it takes is a socket of
UDP, so that no kernel has to have ESP. Inside is what the test makes: IPv4 with UDP, in tunnel mode whole, in
transport mode without its IP header. It is strict with what it gets: SPI, number, tag, padding, sums."""

import hmac
import ipaddress
import socket
import struct

from netns import namespace

PORT = 4500
IPV4, UDP = 4, 17
ICV = 12


def csum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return ipaddress.ip_address(address).packed


class Phone:
    """inner None: transport mode."""

    def __init__(self, server, ik, spi_in, address, inner=None):
        self.server, self.ik, self.spi_in = server, ik, spi_in
        self.address, self.inner = address, inner
        self.seq, self.heard, self.sock = {}, {}, None
        self.move()

    def move(self):
        """To another port, as a NAT would have it."""
        with namespace("fl-client"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((self.address, 0))
        sock.settimeout(10)
        if self.sock:
            self.sock.close()
        self.sock = sock

    @property
    def port(self):
        return self.sock.getsockname()[1]

    def tag(self, data):
        return hmac.new(self.ik, data, "sha1").digest()[:ICV]

    def seal(self, spi, payload, kind):
        self.seq[spi] = self.seq.get(spi, 0) + 1
        pad = -(len(payload) + 2) % 4
        esp = struct.pack("!II", spi, self.seq[spi]) + payload + bytes(range(1, pad + 1)) + bytes([pad, kind])
        return esp + self.tag(esp)

    def send(self, spi, sport, to, data):
        """A datagram to an address and port; in transport mode the address must be the server's."""
        src, dst = self.inner or self.address, to[0]
        pseudo = packed(src) + packed(dst) + struct.pack("!BBH", 0, UDP, 8 + len(data))
        head = struct.pack("!HHH", sport, to[1], 8 + len(data))
        datagram = head + struct.pack("!H", csum(pseudo + head + b"\0\0" + data) or 0xFFFF) + data
        if self.inner:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, UDP, 0) + packed(src) + packed(dst)
            datagram = ip[:10] + struct.pack("!H", csum(ip)) + ip[12:] + datagram
        self.sock.sendto(self.seal(spi, datagram, IPV4 if self.inner else UDP), (self.server, PORT))

    def open(self, esp):
        spi, seq = struct.unpack("!II", esp[:8])
        assert spi in self.spi_in, f"SPI {spi}"
        assert seq > self.heard.get(spi, 0), f"number {seq} after {self.heard.get(spi)}"
        self.heard[spi] = seq
        assert hmac.compare_digest(self.tag(esp[:-ICV]), esp[-ICV:]), "a wrong tag"
        pad, kind = esp[-ICV - 2 : -ICV]
        text = esp[8 : -ICV - 2]
        assert text[len(text) - pad :] == bytes(range(1, pad + 1)), "padding"
        assert kind == (IPV4 if self.inner else UDP), f"next header {kind}"
        return spi, text[: len(text) - pad]

    def receive(self):
        """SPI, where it came from, the port it is for, and its payload; keep-alives are passed over."""
        data = b"\xff"
        while data == b"\xff":
            data, source = self.sock.recvfrom(65536)
            assert source == (self.server, PORT), source
        spi, text = self.open(data)
        src, dst = self.server, self.inner or self.address
        if self.inner:
            assert text[0] == 0x45 and text[9] == UDP and csum(text[:20]) == 0, text[:20].hex()
            src, dst = str(ipaddress.ip_address(text[12:16])), str(ipaddress.ip_address(text[16:20]))
            assert dst == self.inner and struct.unpack("!H", text[2:4])[0] == len(text), text[:20].hex()
            text = text[20:]
        sport, dport, size, total = struct.unpack("!HHHH", text[:8])
        assert size == len(text), f"{size} bytes of {len(text)}"
        pseudo = packed(src) + packed(dst) + struct.pack("!BBH", 0, UDP, size)
        assert total == 0 or csum(pseudo + text) == 0, "sum of UDP"
        return spi, (src, sport), dport, text[8:]
