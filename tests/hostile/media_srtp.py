# SPDX-License-Identifier: BSD-3-Clause
"""SRTP (R89): from the address of a call's own phone, and in the name of its source, packets with made tags, with sequence
numbers far away (guesses of its roll-over counter), packets that were there before, SRTCP of both kinds, and RTP; the same
from another port, and to a call whose keys are not there yet. The phone talks on meanwhile, over a roll-over, and is
heard: afterwards by every packet."""

import base64
import os
import select
import socket
import struct
import time

from hostile import Tally, run
import gatelib as g
import srtp_rekey as r

CONTROLLER, HERE, THERE = "127.0.0.2", "10.1.0.2", "10.2.0.2"
SSRC, PACE, AFTERWARDS, PATIENCE = b"HONE", 0.02, 50, 5
ROUND = 1 / 500  # seconds, and nine packets: the wire is the honest clients' as well


def bound(place, host):
    with g.namespace(place):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((host, 0))
    return s


def rtp(seq, ssrc=SSRC):
    return struct.pack("!BBHI", 0x80, 0, seq & 0xffff, seq * 160 & 0xffffffff) + ssrc + bytes([seq & 0xff]) * 160


def report(n):
    return struct.pack("!BBH", 0x80, 200, 6) + SSRC + struct.pack("!QIII", n, n, n, n)


class Call:
    """The phone, with SRTP, and whom it talks to, without."""

    def __init__(self, ng, call):
        self.phone, self.other = bound("fl-client", HERE), bound("fl-peer", THERE)
        self.other.setblocking(False)
        key = os.urandom(r.LENGTH[r.CM])
        self.session, self.seq, self.sent, self.heard = r.Session(r.CM, key, True), 65500, 0, set()
        crypto = f"crypto:1 {r.CM} inline:{base64.b64encode(key).decode()}"
        ng.ask("offer", call_id=call, from_tag="a", direction=["access", "core"], transport_protocol="RTP/AVP",
               sdp=g.sdp(HERE, (f"audio {self.phone.getsockname()[1]} RTP/SAVP 0", crypto)))
        answer = g.Sdp(ng.ask("answer", call_id=call, from_tag="a", to_tag="b",
                              sdp=g.audio(THERE, self.other.getsockname()[1]))["sdp"])
        self.to, self.to_rtcp = (answer.host, answer.port), (answer.host, answer.port + 1)
        self.report = self.session.protect_rtcp(report(1))
        self.phone.sendto(self.report, self.to_rtcp)
        self.talk()

    def talk(self):
        self.seq, self.sent = self.seq + 1, self.sent + 1
        self.last = self.session.protect(rtp(self.seq))
        self.phone.sendto(self.last, self.to)
        self.hear(0)

    def hear(self, seconds):
        """All that has come. It is the phone's, or the relay was taken in."""
        while select.select([self.other], [], [], seconds)[0]:
            data = self.other.recv(2048)
            seq = self.seq - (self.seq - struct.unpack("!H", data[2:4])[0] & 0xffff)
            assert data == rtp(seq) and seq not in self.heard, f"{data.hex()} came, which the phone did not send"
            self.heard.add(seq)
            seconds = 0


def forged(call, turn):
    """Packets of one round, and where each goes."""
    near = rtp(call.seq + 1 + turn % 30) + os.urandom(10)
    far = rtp(turn * 9973) + os.urandom(10)
    srtcp = report(turn) + struct.pack("!I", 0x80000000 | turn & 0x7fffffff) + os.urandom(10)
    yield "forged", near, call.to
    yield "forged", rtp(turn, os.urandom(4)) + os.urandom(10), call.to
    yield "leaps", far, call.to
    yield "replays", call.last, call.to
    yield "reports", srtcp, call.to_rtcp
    yield "reports", call.report, call.to_rtcp
    yield "plain", rtp(call.seq + 1), call.to


def keyless(ng):
    """Where media of a call come to that was offered SRTP and has not answered."""
    offered = g.Sdp(ng.ask("offer", call_id="hostile-keyless", from_tag="a", direction=["core", "access"],
                           transport_protocol="RTP/SAVP", sdp=g.audio(THERE, 30000))["sdp"])
    return offered.host, offered.port


def take(end):
    assert r.srtp.srtp_init() == 0
    ng, got = g.Ng(source=CONTROLLER), Tally(forged=0, leaps=0, replays=0, reports=0)
    call, early, stranger = Call(ng, "hostile-srtp"), keyless(ng), bound("fl-client", HERE)
    begun = due = time.monotonic()
    turn = 0
    while time.monotonic() < end:
        if time.monotonic() >= due:
            call.talk()
            due += PACE
        call.hear(max(0, begun + turn * ROUND - time.monotonic()))
        turn += 1
        for name, packet, to in forged(call, turn):
            call.phone.sendto(packet, to)
            got.add(name)
        stranger.sendto(call.last, call.to)
        stranger.sendto(call.last, early)
    call.hear(1)
    got["sent"], got["heard"] = call.sent, len(call.heard)
    for _ in range(AFTERWARDS):
        call.talk()
        call.hear(PATIENCE)
    got["after"], got["afterwards"] = len(call.heard) - got["heard"], AFTERWARDS
    for name in "hostile-srtp", "hostile-keyless":
        ng.ask("delete", call_id=name, from_tag="a", delete_delay=0)
    return got


if __name__ == "__main__":
    run(take)
