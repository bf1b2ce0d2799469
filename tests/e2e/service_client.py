# SPDX-License-Identifier: BSD-3-Clause
"""For service_test.sh, in fl-client: service_client.py [--alpn NAME] [--sni NAME] [--via PORT]
[--server ADDRESS] [--port PORT] [--plain] STEP... is one connection, of TLS and to 443 unless told
otherwise, on which the steps are taken in turn:

  options   an OPTIONS request and its 200
  ping      CRLF CRLF, answered with CRLF (RFC 5626 4.4.1)
  split     the same in two TLS records
  burst     two requests and a ping between them, in one record: all three are answered
  binding   a STUN transaction
  begin     an OPTIONS request, whose answer is not awaited
  junk      bytes that no service knows
  known     an OPTIONS request whose 200 says, in X-Source, the address that we have here
  told      the other side says both ends of this connection, address and port
  closed    the other side ends, over TLS with close_notify before FIN
"""

import argparse
import socket
import ssl

import stunlib as s
from tlslib import NAME, SERVER, context

USER = "sip:probe@sip.fairlead.test"


def request(cseq):
    head = (f"OPTIONS {USER} SIP/2.0", f"Via: SIP/2.0/TLS 10.1.0.2:5061;branch=z9hG4bK{cseq}",
            "Max-Forwards: 70", f"From: <{USER}>;tag=1", f"To: <{USER}>", "Call-ID: service-test",
            f"CSeq: {cseq} OPTIONS", "Content-Length: 0")
    return ("\r\n".join(head) + "\r\n\r\n").encode()


class Sip:
    def __init__(self, args):
        sock = s.connect(args.server, args.port, ("127.0.0.1", args.via) if args.via else None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got, self.cseq = b"", 0
        self.stream = sock if args.plain else self.handshake(sock, args)
        self.stream.settimeout(s.PATIENCE)

    @staticmethod
    def handshake(sock, args):
        tls = context(alpn=[args.alpn] if args.alpn else None).wrap_socket(
            sock, server_hostname=args.sni, suppress_ragged_eofs=False)
        assert tls.selected_alpn_protocol() == args.alpn, tls.selected_alpn_protocol()
        return tls

    def take(self, size):
        while len(self.got) < size:
            data = self.stream.recv(65536)
            assert data, f"the end, after {self.got}"
            self.got += data
        data, self.got = self.got[:size], self.got[size:]
        return data

    def responses(self, *numbers):
        """To these requests, in any order of pongs and responses; returns how many pongs."""
        pongs, waiting = 0, set(numbers)
        while waiting:
            data = self.take(2)
            if data == b"\r\n":
                pongs += 1
                continue
            while not data.endswith(b"\r\n\r\n"):
                data += self.take(1)
            assert data.startswith(b"SIP/2.0 200 "), data
            self.head = head = dict(line.lower().split(b":", 1) for line in data.split(b"\r\n")[1:] if line)
            self.take(int(head[b"content-length"]))
            waiting.remove(int(head[b"cseq"].split()[0]))
        return pongs

    def next(self):
        self.cseq += 1
        return request(self.cseq)

    def options(self):
        self.stream.sendall(self.next())
        assert self.responses(self.cseq) == 0

    def known(self):
        self.stream.sendall(self.next())
        assert self.responses(self.cseq) == 0
        assert self.head[b"x-source"].strip().decode() == self.stream.getsockname()[0], self.head

    def told(self):
        want = [*self.stream.getsockname()[:2], *self.stream.getpeername()[:2]]
        said = self.take(len(" ".join(map(str, want)))).decode()
        assert said.split() == list(map(str, want)), (said, want)

    def begin(self):
        self.stream.sendall(self.next())

    def ping(self):
        self.stream.sendall(b"\r\n\r\n")
        assert self.take(2) == b"\r\n"

    def split(self):
        for half in (b"\r\n", b"\r\n"):
            self.stream.sendall(half)
        assert self.take(2) == b"\r\n"

    def burst(self):
        self.stream.sendall(self.next() + b"\r\n\r\n" + self.next())
        pongs = self.responses(self.cseq - 1, self.cseq)
        if not pongs:
            assert self.take(2) == b"\r\n"

    def binding(self):
        message = s.build(s.BINDING, s.REQUEST)
        self.stream.sendall(message)
        head = self.take(20)
        assert head[:2] == b"\x01\x01" and head[4:] == message[4:20], head
        self.take(int.from_bytes(head[2:4], "big"))

    def junk(self):
        self.stream.sendall(b"GET / HTTP/1.1\r\nHost: fairlead.test\r\n\r\n")

    def closed(self):
        assert not self.got, self.got
        try:
            assert self.stream.recv(1) == b""
        except (ssl.SSLEOFError, ConnectionError) as e:
            raise AssertionError(f"no close_notify: {e!r}") from None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--alpn")
    p.add_argument("--sni", default=NAME)
    p.add_argument("--via", type=int)
    p.add_argument("--server", default=SERVER)
    p.add_argument("--port", type=int, default=443)
    p.add_argument("--plain", action="store_true", help="TCP, no TLS")
    p.add_argument("step", nargs="+")
    args = p.parse_args()
    c = Sip(args)
    for step in args.step:
        getattr(c, step)()
    c.stream.close()


if __name__ == "__main__":
    main()
