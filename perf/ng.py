#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ng.py [OPTION...] legs N CLIENT PEER: N calls by rtpengine's ng protocol, an offer and an answer
each, which stay. Prints a line each: where the caller sends to, and where the callee does, as
turn_load --legs reads them. CLIENT and PEER are the first addresses of its --client and --peer.

ng.py [OPTION...] rate N: N calls, each offered, answered and deleted; as one JSON object, how many
a second.

Options: -s ADDR:PORT of the server (127.0.0.1:2223), -d FROM,TO directions, -w N calls under way at
a time (32)."""
import getopt
import ipaddress
import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
import gatelib

SESSION_PORTS, SESSION_PORT_MIN = 1 << 15, 16384  # as in perf/turn_load/turn_load.h
RESEND_S, GIVE_UP_S = 1.0, 30.0


def sdp_of(first, i):
    """That of call i's end, whose address turn_load gives it."""
    ip = ipaddress.ip_address(first) + i // SESSION_PORTS
    return gatelib.audio(str(ip), SESSION_PORT_MIN + i % SESSION_PORTS)


class Calls:
    """N calls through the same commands, so many at a time; command(i, step) makes one of steps."""

    def __init__(self, server, window):
        host, port = server.rsplit(":", 1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.connect((host, int(port)))
        self.window = window
        self.waiting = {}  # cookie: (call, step, message, when it is sent again, when given up)
        self.resent = 0

    def send(self, i, step, command):
        cookie = f"{i}.{step}"
        message = cookie.encode() + b" " + gatelib.bencode(command(i, step))
        now = time.monotonic()
        self.waiting[cookie] = [i, step, message, now + RESEND_S, now + GIVE_UP_S]
        self.socket.send(message)

    def again(self):
        now = time.monotonic()
        for w in self.waiting.values():
            if now > w[4]:
                sys.exit(f"ng.py: no answer to {w[2]!r}")
            if now > w[3]:
                w[3] = now + RESEND_S
                self.resent += 1
                self.socket.send(w[2])

    def run(self, n, steps, command, answered):
        begun = min(n, self.window)
        done, look = 0, time.monotonic() + RESEND_S
        for i in range(begun):
            self.send(i, 0, command)
        while done < n:
            if select.select([self.socket], [], [], RESEND_S)[0]:
                cookie, answer = self.socket.recv(65536).split(b" ", 1)
                w = self.waiting.pop(cookie.decode(), None)
                if not w:  # to what was sent twice
                    continue
                answered(w[0], w[1], answer)
                if w[1] + 1 < steps:
                    self.send(w[0], w[1] + 1, command)
                else:
                    done += 1
                    if begun < n:
                        self.send(begun, 0, command)
                        begun += 1
            if time.monotonic() > look:
                self.again()
                look = time.monotonic() + RESEND_S


def options(words):
    opts, rest = getopt.getopt(words, "s:d:w:")
    o = {"-s": "127.0.0.1:2223", "-d": "", "-w": "32"} | dict(opts)
    return o["-s"], [d for d in o["-d"].split(",") if d], int(o["-w"]), rest


def main():
    server, direction, window, rest = options(sys.argv[1:])
    what, n = rest[0], int(rest[1])
    client, peer = rest[2:4] if what == "legs" else ("10.9.1.1", "10.9.2.1")
    start = time.monotonic_ns()  # calls of this run only
    legs = {}

    def command(i, step):
        c = {"call-id": f"{start}-{i}", "from-tag": "a"}
        if step == 0:
            c |= {"command": "offer", "sdp": sdp_of(client, i)}
            return c | ({"direction": direction} if direction else {})
        if step == 1:
            return c | {"command": "answer", "to-tag": "b", "sdp": sdp_of(peer, i)}
        return c | {"command": "delete", "delete-delay": 0}

    def answered(i, step, answer):
        if b"6:result2:ok" not in answer:
            sys.exit(f"ng.py: call {i}, step {step}: {answer!r}")
        if what == "legs":  # what the offer becomes goes to the callee, the answer to the caller
            legs[i, step] = "%s:%d" % gatelib.Sdp(gatelib.bdecode(answer)["sdp"]).where()

    calls = Calls(server, window)
    begin, cpu = time.monotonic(), time.process_time()
    calls.run(n, 2 if what == "legs" else 3, command, answered)
    seconds = time.monotonic() - begin
    if what == "legs":
        for i in range(n):
            print(legs[i, 1], legs[i, 0])
    else:
        figures = {
            "contexts": n,
            "contexts_per_s": round(n / seconds, 1),
            "seconds": round(seconds, 3),
            "resent": calls.resent,
            "client_busy": round((time.process_time() - cpu) / seconds, 3),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main()
