# SPDX-License-Identifier: BSD-3-Clause
"""For access_sip_test.sh: access_sip.py OURS CLIENT CORE CK IK."""

import re
import socket
import sys

from esp import Phone
from gatelib import Rpc
from netns import namespace

OURS, CLIENT, CORE, CK, IK = sys.argv[1:]
SERVER_PORT, CLIENT_PORT = 5063, 5062
DOMAIN = "ims.example"
rpc = Rpc()


class User:
    """A phone with four associations (TS 33.203 7.1): it sends from its client port, and is reached at its
    server port."""

    def __init__(self, name, n, **more):
        self.name, self.port_c, self.port_s, self.spi_s = name, 5100 + n, 5101 + n, 4097 + n
        self.told = rpc.ask("ipsec.add", remote=CLIENT, local=OURS, user=f"{name}@{DOMAIN}", ck=CK, ik=IK,
                            spi_c=4096 + n, spi_s=self.spi_s, port_c=self.port_c, port_s=self.port_s, **more)
        self.phone = Phone(OURS, bytes.fromhex(IK), (4096 + n, self.spi_s), CLIENT, more.get("inner"))
        self.address = more.get("inner", CLIENT)
        self.calls = 0

    def send(self, text):
        self.phone.send(self.told["lanes"][0]["spi_in"], self.port_c, (OURS, SERVER_PORT), text.encode())

    def receive(self):
        """By the association that requests and answers to the phone go by."""
        spi, source, port, data = self.phone.receive()
        assert (spi, source, port) == (self.spi_s, (OURS, CLIENT_PORT), self.port_s), (spi, source, port)
        return data.decode()

    def request(self, method, uri, to, body="", *more):
        self.calls += 1
        lines = [f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/UDP {self.address}:{self.port_s};branch=z9hG4bK{self.name}{self.calls};rport",
                 "Max-Forwards: 70", f"From: <sip:{self.name}@{DOMAIN}>;tag=1", f"To: <sip:{to}@{DOMAIN}>",
                 f"Call-ID: {self.name}-{self.calls}", f"CSeq: 1 {method}", *more, f"Content-Length: {len(body)}"]
        self.send("\r\n".join(lines) + "\r\n\r\n" + body)

    def registers(self):
        self.request("REGISTER", f"sip:{DOMAIN}", self.name, "",
                     f"Contact: <sip:{self.name}@{self.address}:{self.port_s}>", "Expires: 600")
        answer = self.receive()
        assert answer.startswith("SIP/2.0 200 "), answer
        # What the back end saw is a port that this phone alone has, and which its controller was told.
        via = re.search(r"^Via: (.*)\r$", answer, re.M)[1]
        assert f"received={CORE}" in via and f"rport={self.told['sip_port']}" in via, via


def header(text, name):
    return re.findall(rf"^{name}: .*\r$", text, re.M)


def message(sender, to, body):
    """To a phone and back, byte for byte what it was."""
    sender.request("MESSAGE", f"sip:{to.name}@{DOMAIN}", to.name, body, "Content-Type: text/plain")
    got = to.receive()
    assert got.startswith(f"MESSAGE sip:{to.name}@{to.address}:{to.port_s} ") and got.endswith("\r\n\r\n" + body), got
    head = ["SIP/2.0 200 OK\r", *header(got, "Via"), *header(got, "From"), *header(got, "To"), *header(got, "Call-ID"),
            *header(got, "CSeq"), "Content-Length: 0\r"]
    to.send("\n".join(head) + "\n\r\n")
    answer = sender.receive()
    assert answer.startswith("SIP/2.0 200 "), answer


first = User("user1", 0, mod="trans", udp=True)
second = User("user2", 10, mod="UDP-enc-tun", inner="10.77.0.9")
assert first.told["sip_port"] != second.told["sip_port"], (first.told, second.told)
first.registers()
second.registers()
message(first, second, "hello")
message(second, first, "hello yourself")
# Longer than the path's MTU, so that it is in fragments on each of its ways.
message(first, second, "x" * 1200)
# The NAT has another port for it, and what is for the phone goes there once it was heard.
first.phone.move()
first.registers()
message(second, first, "found")
# In clear nobody gets to the back end.
with namespace("fl-client"):
    clear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
clear.bind((CLIENT, first.port_c + 50))
clear.settimeout(0.5)
clear.sendto(b"OPTIONS sip:ims.example SIP/2.0\r\n\r\n", (OURS, SERVER_PORT))
try:
    raise AssertionError(f"in clear: {clear.recv(2048)}")
except socket.timeout:
    pass
print("two phones registered with kamailio and wrote to each other, all in ESP")
