# SPDX-License-Identifier: BSD-3-Clause
"""For access_tokens_test.sh, in fl-peer: access_pcscf.py ADDRESS PORT IK CHAIN is a P-CSCF behind a TLS
domain with a certificate that no CA vouches for. It knows a phone's connection by the PROXY protocol's
header, asks the control socket which certificate that connection has, puts s_token into the 401, and
judges c_token, which must come over that connection; where it does not, it has the connection ended.
It prints what came of each REGISTER.

s_token = HMAC-SHA1-96(IK, DER of the certificate), c_token = HMAC-SHA1-96(IK, the 12 bytes of s_token)."""

import hashlib
import hmac
import re
import socketserver
import ssl
import struct
import socket
import sys

from gatelib import Rpc, await_that

IK, CHAIN = bytes.fromhex(sys.argv[3]), sys.argv[4]
given = {}  # Call-ID -> c_token that is due, and the connection that it is due on


def token(data):
    return hmac.new(IK, data, "sha1").digest()[:12]


class Phone(socketserver.StreamRequestHandler):
    def handle(self):
        self.rpc, self.client = Rpc(), self.told()
        self.flow = self.flow_find()
        while request := self.request_read():
            call = re.search(r"^Call-ID: (\S+)$", request, re.M)[1]
            if "Authorization:" not in request:
                self.challenge(request, call)
            elif self.judge(request, call):
                self.respond(request, "200 OK")

    def told(self):
        """The header of the PROXY protocol, version 2."""
        head = self.rfile.read(16)
        assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n" and head[12] == 0x21 and head[13] == 0x11, head
        body = self.rfile.read(struct.unpack("!H", head[14:])[0])
        return f"{socket.inet_ntoa(body[:4])}:{struct.unpack('!H', body[8:10])[0]}"

    def flow_find(self):
        """The phone's connection as the edge has it; it is shown a moment after it is there."""
        found = []

        def there():
            found[:] = [c for c in self.rpc.ask("connections", remote=self.client)["connections"]
                        if c["local"].endswith((":5061", ":5070"))
                        and (c["tls"] or c["local"].endswith(":5070"))]
            return len(found) == 1
        await_that(f"the connection of {self.client}", there)
        return found[0]

    def certificate(self):
        """DER; None: this connection has shown none. With several of a domain it would not be known which."""
        tls = self.flow["tls"]
        if not tls or tls["resumed"]:
            return None
        mine = [c for c in self.rpc.ask("tls")["certificates"] if c["domain"] == tls["domain"]]
        with open(CHAIN, encoding="ascii") as chain:
            der = ssl.PEM_cert_to_DER_cert(chain.read())
        assert [c["sha256"] for c in mine] == [hashlib.sha256(der).hexdigest()], mine
        return der

    def place(self):
        return self.client, self.flow["worker"], self.flow["index"]

    def challenge(self, request, call):
        der, more = self.certificate(), ""
        if der:
            s_token = token(der)
            given[call] = (token(s_token).hex(), self.place())
            more = f', s_token="{s_token.hex()}"'
        print("token" if der else "no-token", flush=True)
        self.respond(request, "401 Unauthorized",
                     f'WWW-Authenticate: Digest realm="home1.net", nonce="bm9uY2U=", algorithm=AKAv1-MD5{more}')

    def judge(self, request, call):
        due, place = given.get(call, ("", None))
        came = re.search(r'c_token="([0-9a-f]*)"', request)
        if came and due and hmac.compare_digest(came[1], due) and place == self.place():
            print("right", flush=True)
            return True
        print("moved" if came and came[1] == due else "wrong", flush=True)
        self.rpc.ask("connections.kill", remote=self.client)
        return False

    def request_read(self):
        """Nothing at the end, which is a reset where the phone was killed, or its connection."""
        head = ""
        try:
            while (line := self.rfile.readline().decode()) not in ("", "\r\n"):
                head += line.rstrip("\r\n") + "\n"
        except ConnectionResetError:
            return ""
        return head

    def respond(self, request, status, *more):
        kept = [line for line in request.split("\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line)]
        self.wfile.write("\r\n".join([f"SIP/2.0 {status}", *kept, *more, "Content-Length: 0", "", ""])
                         .encode())


class Pcscf(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Pcscf((sys.argv[1], int(sys.argv[2])), Phone).serve_forever()
