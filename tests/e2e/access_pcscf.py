# SPDX-License-Identifier: BSD-3-Clause
"""For access_tokens_test.sh, in fl-peer: access_pcscf.py ADDRESS PORT IK CHAIN is a P-CSCF behind a TLS
domain with a certificate that no CA vouches for. It knows a phone's connection by the PROXY protocol's
header, has the control socket make s_token for the 401, and judge c_token, which ends a connection whose
token is not right. It prints what came of each REGISTER."""

import hashlib
import re
import socketserver
import ssl
import struct
import socket
import sys
import threading

from gatelib import Rpc

IK, CHAIN = sys.argv[3], sys.argv[4]
JUDGES = threading.Lock()  # what a phone does next, since its connection has ended, is printed after why
flow = {}  # Call-ID -> the connection that the challenge went to


class Phone(socketserver.StreamRequestHandler):
    def handle(self):
        self.rpc, self.client = Rpc(), self.told()
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

    def challenge(self, request, call):
        made, more = self.rpc.ask("aka.token", remote=self.client, ik=IK), ""
        flow[call] = made["flow"]
        if made["s_token"]:
            with open(CHAIN, encoding="ascii") as chain:
                der = ssl.PEM_cert_to_DER_cert(chain.read())
            assert made["certificate"] == hashlib.sha256(der).hexdigest(), made
            more = f', s_token="{made["s_token"]}"'
        print(f"no-token {made['why']}" if not made["s_token"] else "token", flush=True)
        self.respond(request, "401 Unauthorized",
                     f'WWW-Authenticate: Digest realm="home1.net", nonce="bm9uY2U=", algorithm=AKAv1-MD5{more}')

    def judge(self, request, call):
        came = re.search(r'c_token="([0-9a-f]*)"', request)
        with JUDGES:
            verdict = self.rpc.ask("aka.token_judge", remote=self.client, ik=IK, flow=flow[call], c_token=came[1])
            print(verdict["verdict"], flush=True)
        assert verdict["ended"] == (verdict["verdict"] != "right"), verdict
        return verdict["verdict"] == "right"

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
