# SPDX-License-Identifier: BSD-3-Clause
"""Phones with IPsec associations, by NULL and HMAC-SHA1-96 in tunnel mode in UDP (RFC 2410, 2404, 3948), which ask the
listener at the protected port for a Binding: a socket of UDP is all that they need."""

import hashlib
import hmac
import os
import socket
import struct

import stunlib as s
from gatelib import Rpc
from netns import namespace
from rawtcp import ip, ones_sum

OURS, ESP_PORT, SERVER_PORT, PORT, UDP, IPIP = "10.1.0.4", 4500, 5063, 5100, 17, 4
SPI = 7001  # by which a phone is sent to


class Phone:
    """inner: its address inside, which is its own."""

    def __init__(self, inner, user):
        self.inner, self.seq, self.ik, self.rpc = inner, 0, os.urandom(16), Rpc()
        with namespace("fl-client"):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("10.1.0.2", 0))
        self.sock.connect((OURS, ESP_PORT))
        told = self.rpc.ask("ipsec.add", remote="10.1.0.2", local=OURS, inner=inner, mod="UDP-enc-tun", user=user,
                            alg="hmac-sha-1-96", ealg="null", ck=os.urandom(16).hex(), ik=self.ik.hex(), spi_c=SPI)
        self.name, self.spi = told["phone"], told["lanes"][0]["spi_in"]

    def sealed(self, payload):
        """The next packet."""
        self.seq += 1
        pad = -(len(payload) + 2) % 4
        esp = struct.pack("!II", self.spi, self.seq) + payload + bytes(range(1, pad + 1)) + bytes([pad, IPIP])
        return esp + self.tag(esp)

    def tag(self, esp):
        return hmac.new(self.ik + bytes(4), esp, hashlib.sha1).digest()[:12]

    def question(self):
        ask = s.build(s.BINDING, s.REQUEST)
        udp = struct.pack("!HHHH", PORT, SERVER_PORT, 8 + len(ask), 0) + ask
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, UDP, 0, ip(self.inner), ip(OURS))
        return head[:10] + struct.pack("!H", 0xFFFF ^ ones_sum(head)) + head[12:] + udp

    def asks(self, patience, tries=1):
        """Whether an answer comes, by ESP whose tag is right."""
        for _ in range(tries):
            self.sock.send(self.sealed(self.question()))
            self.sock.settimeout(patience)
            try:
                got = self.sock.recv(2000)
            except socket.timeout:
                continue
            assert got[:4] == struct.pack("!I", SPI) and got[-12:] == self.tag(got[:-12]), "not by ESP of ours"
            return True
        return False

    def close(self):
        gone = self.rpc.ask("ipsec.delete", phone=self.name)
        self.sock.close()
        self.rpc.sock.close()
        return gone
