# SPDX-License-Identifier: BSD-3-Clause
"""For access_aka_test.sh, in fl-peer: access_registrar.py ADDRESS PORT is a registrar over TCP that
authenticates by AKA. The home network is here, with the key of test set 2 of TS 35.207 (sipp takes none with the byte of "["); challenges
and verdicts are Fairlead's, by its control socket. It prints the user of From and the verdict of each
answer. Of these users it is not itself:

  elsewhere   the home network's RES is another's
  twice       the answer is judged twice, as if somebody had sent it again
  late        the challenge is for a second, and the answer waits until that is over

With --radius behind the port vectors come from aka.servers. access_registrar.py --vector prints one: RAND, AUTN, XRES,
CK and IK.
"""

import re
import secrets
import socketserver
import subprocess
import sys

from gatelib import Rpc, await_that

K = bytes.fromhex("0396eb317b6d1c36f19c1c84cd6ffd16")
OP = bytes.fromhex("ff53bade17df5d4e793073ce9d7579fa")
AMF = bytes.fromhex("af17")
USER, REALM = "user1_private@home1.net", "home1.net"


def xor(*parts):
    return bytes(a ^ b for a, b in zip(*parts)) if len(parts) == 2 else xor(xor(*parts[:2]), *parts[2:])


def encrypt(block):
    return subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", K.hex()], input=block,
                          check=True, capture_output=True).stdout


def quintuplet(sqn):
    """TS 35.206. RES has no byte of zero: sipp 3.6 takes its password to end there."""
    while 0 in (made := milenage(sqn, secrets.token_bytes(16)))["xres"]:
        pass
    return made


def milenage(sqn, rand):
    opc = xor(OP, encrypt(OP))
    temp = encrypt(xor(rand, opc))

    def out(x, y, turn, c):
        y = xor(y, opc)
        return xor(encrypt(xor(x, y[turn:] + y[:turn], bytes(15) + bytes([c]))), opc)
    mac = out(temp, 2 * (sqn + AMF), 8, 0)[:8]
    two = out(bytes(16), temp, 0, 1)
    return {"rand": rand, "autn": xor(sqn, two[:6]) + AMF + mac, "xres": two[8:],
            "ck": out(bytes(16), temp, 4, 2), "ik": out(bytes(16), temp, 8, 4)}


class Phone(socketserver.StreamRequestHandler):
    def handle(self):
        rpc, sqn = Rpc(), 1
        while request := self.request_read():
            user = re.search(r"^From: <sip:(\w+)@", request, re.M)[1]
            answer = re.search(r"^Authorization: (.*)$", request, re.M)
            if not answer:
                self.challenge(rpc, request, user, sqn.to_bytes(6, "big"))
                sqn += 32
                continue
            verdict = self.judge(rpc, user, answer[1])
            print(user, verdict["verdict"], flush=True)
            if verdict["verdict"] == "accepted":
                assert verdict["user"] == USER and verdict["uri"], verdict
                self.respond(request, "200 OK", f"Authentication-Info: {verdict['authentication_info']}")
            else:
                self.respond(request, "403 Forbidden")

    def request_read(self):
        head = ""
        while (line := self.rfile.readline().decode()) not in ("", "\r\n"):
            head += line.rstrip("\r\n") + "\n"
        return head

    @staticmethod
    def challenge_of(rpc, user, sqn):
        if "--radius" in sys.argv:
            return rpc.ask("aka.challenge", user=USER, realm=REALM)
        v = quintuplet(sqn)
        if user == "elsewhere":
            v["xres"] = xor(v["xres"], bytes(7) + b"\1")
        return rpc.ask("aka.challenge", user=USER, realm=REALM, lifetime_s=1 if user == "late" else 240,
                       **{name: value.hex() for name, value in v.items()})

    def challenge(self, rpc, request, user, sqn):
        made = self.challenge_of(rpc, user, sqn)
        self.respond(request, "401 Unauthorized", f"WWW-Authenticate: {made['www_authenticate']}")

    @staticmethod
    def judge(rpc, user, answer):
        if user == "late":
            held = rpc.ask("status")["aka"]["challenges"]
            await_that("the challenge is over", lambda: rpc.ask("status")["aka"]["challenges"] < held)
        if user == "twice":
            rpc.ask("aka.judge", authorization=answer, method="REGISTER")
        return rpc.ask("aka.judge", authorization=answer, method="REGISTER")

    def respond(self, request, status, *more):
        kept = [line for line in request.split("\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line)]
        kept = [line + ";tag=registrar" if line.startswith("To:") else line for line in kept]
        self.wfile.write("\r\n".join([f"SIP/2.0 {status}", *kept, *more, "Content-Length: 0", "", ""])
                         .encode())


class Registrar(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if sys.argv[1] == "--vector":
    print(*(value.hex() for value in quintuplet((1).to_bytes(6, "big")).values()))
    sys.exit()
Registrar((sys.argv[1], int(sys.argv[2])), Phone).serve_forever()
