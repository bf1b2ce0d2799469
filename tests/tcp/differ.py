# SPDX-License-Identifier: BSD-3-Clause
"""Differential fuzzer: the same segments and verbs go to Linux's TCP and to ours: differ.py --help

Runs in fltcp-box, whose two interfaces lead to Linux and to the agent. Many connections (lanes) run
their own seeded script at once, step by step: a segment to both, or a verb to both; then both may
answer for a while, and what they have said so far is compared: flags, relative sequence and
acknowledgement numbers, stream bytes, SACK blocks, RSTs with their numbers, and what the owners
received. A difference ends the lane and prints its script; --seed and --lane play it again.

A lane that differs is played again, as a timer may be late on a busy machine. Those that agree only
then are told, too, and more of them than AGAIN_MAX are a failure: it is no accident.

Not compared, since the standards leave it open:
  ACK timing       RFC 9293 3.8.6.3, 5681 4.2: at once or delayed; only the highest ACK counts, once
                   both had time
  window values    RFC 9293 3.8.6, 7323 2: how large a buffer is, and when its window opens again
  MSS, scale       RFC 9293 3.7.1, 7323 2.3: own choice; only which options are there
  segment sizes    RFC 9293 3.8.6.2, 1122 4.2.3.4: how a stream is cut; only its bytes and their end
  retransmission   RFC 6298, 8985: when, and how often; only that the bytes are the same
  timestamps       RFC 7323 5.4: own clock. The echo is compared behind segments that are
                   acceptable beyond doubt (ECHOED): one that ends where the window begins is to
                   Linux, and is not to RFC 9293 3.10.7.4
  limited ACKs     RFC 5961 7: answers to what is not acceptable may be limited; steps are so far
                   apart (SETTLE_S) that ours are not, and Linux is told not to (differ_test.sh)
  congestion       RFC 5681, 6298: how much may be out behind a timeout, or a lost SYN (of which
                   Linux forgives the first): a FIN, too, that close() would send
  RST's ACK        RFC 9293 3.10.7.1, 3.10.5: a RST may bear one; its sequence number is compared
  SYN with FIN     RFC 9293 3.10.7.4 would have it answered as a SYN, and 3.10.7.1 reset; no stack
                   sends it, we drop it
  RST behind a FIN RFC 9293 3.10.7.4: an owner that was not told of the FIN yet hears of that, or of
                   the RST
  RST, both open   RFC 9293 3.10.7.4: who opened from here is told that it was refused; Linux says
                   that it was reset
  ABORT at the end RFC 9293 3.10.5: where both have closed, nothing is left; Linux has TIME-WAIT
  TIME-WAIT        RFC 9293 3.10.7.4 knows of nothing that comes there but FINs: whether an ACK of
                   what was never sent is answered (RFC 5961 5.2) is not compared, nor how often
                   (RFC 5961 7), once both have closed. A RST does not end it (RFC 1337 3): Linux is
                   told so (differ_test.sh)
  idle ACKs        whether a segment is answered at all is compared while nothing of the stack's is
                   unacknowledged: else its own timers speak
"""
import argparse
import collections
import json
import random
import select
import socket
import struct
import sys
import time

from segment import (ACK, CWR, ECE, FIN, PSH, RST, SYN, Segment, flags_text, frame_make, is_tcp)

ME = socket.inet_aton("10.9.0.9")
MAC = b"\x02\0\0\0\0\x09"
PORT = 7000
SETTLE_S, PATIENCE_S = 0.11, 0.9
ATTEMPTS = 3
AGAIN_MAX = 0.02  # of the lanes
PORTS = 3000  # lanes that have ports of their own
M32 = 0xffffffff


def byte_at(n):
    """Of the scripts' stream, at relative sequence number n."""
    return (n * 31 + (n >> 8) * 7) & 0xff


def signed(x):
    return ((x & M32) ^ 0x80000000) - 0x80000000


# ---- the two sides ----


class Side:
    """A stack: its interface, its address, its agent."""

    def __init__(self, name, interface, ip, path):
        self.name, self.ip, self.mac = name, socket.inet_aton(ip), None
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
        self.raw.bind((interface, 0))
        self.raw.setblocking(False)
        self.agent = socket.socket(socket.AF_UNIX)
        self.agent.connect(path)
        self.agent.settimeout(5)
        self.lines = self.agent.makefile("r")
        self.lanes = {}  # by the port of ours

    def ask(self, *words):
        self.agent.sendall((" ".join(str(w) for w in words) + "\n").encode())
        return json.loads(self.lines.readline())

    def learn(self):
        """Its MAC address."""
        want = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, MAC, ME, bytes(6), self.ip)
        for _ in range(50):
            self.raw.send(b"\xff" * 6 + MAC + b"\x08\x06" + want)
            select.select([self.raw], [], [], 0.1)
            self.take()
            if self.mac:
                return
        raise SystemExit(f"{self.name} does not answer ARP")

    def take(self):
        """Takes all that came."""
        while True:
            try:
                f = self.raw.recv(65536)
            except BlockingIOError:
                return
            if f[12:14] == b"\x08\x06" and len(f) >= 42:
                self.arp(f[14:42])
            elif is_tcp(f):
                s = Segment(f)
                if s.dst == ME and s.dport in self.lanes:
                    self.lanes[s.dport].take(s)

    def arp(self, a):
        op, mac, ip, target = struct.unpack("!6xH6s4s6x4s", a)
        if ip == self.ip:
            self.mac = mac
        if op == 1 and target == ME:
            self.raw.send(mac + MAC + b"\x08\x06" +
                          struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 2, MAC, ME, mac, ip))


class Half:
    """What one side has said in a lane, in relative numbers: its SYN is 0, ours is 0."""

    def __init__(self, side, lane):
        self.side, self.lane = side, lane
        self.id = None
        self.closed = False  # by its owner, who knows no more of it
        self.iss = None  # its initial sequence number
        self.port = PORT
        self.log, self.trouble = [], []
        self.stream = {}  # relative number to byte
        self.end = 1  # of the stream in a row
        self.fin = None
        self.ack = None  # the highest
        self.rsts = collections.OrderedDict()
        self.opening = None  # flags and options of its SYN
        self.said = 0  # segments in this step
        self.last = self.first = None  # the first of a step
        self.tsval = 0
        self.delivered = b""
        self.reborn = False  # a later SYN opened another connection
        self.over = {"fin": False, "end": None}
        side.lanes[lane.port] = self

    def take(self, s):
        iss = self.iss
        if iss is None:
            # RSTs without ACK bear our numbers, and with nothing open ours is all there is.
            if s.flags & SYN:
                iss = self.iss = s.seq
        elif s.flags & SYN and s.seq != iss:
            self.reborn = True
            return
        seq = signed(s.seq - iss) if iss is not None else s.seq
        ack = signed(s.ack - self.lane.iss) if s.flags & ACK else None
        # Retransmissions and probes: its timers speak when they want.
        again = (s.flags & SYN and self.opening or s.flags & FIN and self.fin is not None or
                 not s.flags & (SYN | RST | FIN) and
                 (seq + len(s.data) <= self.end if s.data else seq < self.end))
        self.said += not again
        self.log.append(f"{flags_text(s.flags)} seq {seq} ack {ack} len {len(s.data)} wnd {s.wnd}"
                        f"{self.options_text(s, iss)}")
        if not s.good:
            self.trouble.append("wrong checksum")
        if s.flags & RST:
            if self.lane.history[-1][0] not in UNANSWERED:
                self.rsts[(seq if s.seq else 0, ack)] = True
            return
        if not again:
            self.last, self.first = s, self.first or s
        if "ts" in s.options and (s.flags & SYN or self.lane.acked):
            self.tsval = s.options["ts"][0]
        if s.flags & SYN:
            self.opening = self.opening or (flags_text(s.flags), sorted(set(s.options)))
            seq += 1
        if ack is not None and (self.ack is None or ack > self.ack):
            self.ack = ack
        for i, b in enumerate(s.data):
            if self.stream.setdefault(seq + i, b) != b:
                self.trouble.append(f"byte {seq + i} has changed")
        while self.end in self.stream:
            self.end += 1
        if s.flags & FIN:
            if self.fin not in (None, seq + len(s.data)):
                self.trouble.append("its FIN has moved")
            self.fin = seq + len(s.data)

    def options_text(self, s, iss):
        o = dict(s.options)
        if "sack" in o:
            o["sack"] = [tuple(signed(x - self.lane.iss) for x in b) for b in o["sack"]]
        if "ts" in o:
            o["ts"] = f"ecr {o['ts'][1]}"
        return f" {o}" if o else ""

    def seen(self):
        """The number behind all it has sent."""
        return self.end + (self.fin is not None and self.fin == self.end)

    def sacks(self):
        if not self.first or not self.first.flags & ACK:
            return []
        blocks = [tuple(signed(x - self.lane.iss) for x in b)
                  for b in self.first.options.get("sack", [])]
        fins = (self.lane.fin_hole, self.lane.fin_at)
        return [(a, b - 1 if b - 1 in fins else b) for a, b in blocks]

    def state(self):
        """What is compared."""
        ecr = None
        if self.first and "ts" in self.first.options:
            ecr = self.first.options["ts"][1]
        return {"trouble": self.trouble, "rst": sorted({seq for seq, _ in self.rsts}), "ack": self.ack,
                "opening": self.opening, "fin": self.fin, "end": self.end, "reborn": self.reborn,
                "stream": bytes(self.stream[i] for i in range(1, self.end)).hex(),
                "sack": sorted(self.sacks()), "sack_first": self.sacks()[:1], "ts_echo": ecr,
                "answered": self.said > 0, "delivered": self.delivered.hex(), "over": self.over}


# ---- scripts ----


class Lane:
    """One connection and its script."""

    def __init__(self, seed, number, sides, steps, attempt=0, place=0):
        self.r = random.Random(f"{seed}.{number}")
        place %= PORTS
        self.number, self.port = number, 20000 + place + 10000 * attempt
        self.their_port = 10000 + place + PORTS * attempt  # who opens
        self.iss = self.r.choice((self.r.getrandbits(32), M32 - self.r.randrange(3000), M32))
        self.active = self.r.random() < 0.25
        self.opts = self.r.choice((set(), {"mss"}, {"mss", "sack_ok"}, {"mss", "sack_ok", "ts", "wscale"},
                                   {"mss", "sack_ok", "ts", "wscale"}, {"mss", "ts"}))
        self.half = [Half(s, self) for s in sides]
        self.nxt, self.high, self.fin_at = 1, 1, None
        self.out = []  # ranges sent
        self.fin_hole = None  # a FIN out of order: its SACK may cover it
        self.was_closed = False  # our window
        self.both_open = False  # at once
        self.uneven = False  # ended where one had been let send more than the other
        self.forgotten = False  # by an owner that aborted, when both sides had closed
        self.wnd, self.ts = 65535, 1000
        self.told, self.history, self.difference = [], [], None
        self.acked = 0  # of what they sent
        self.echo_sure = True
        self.script = self.make_script(steps)
        self.at = 0

    def make_script(self, n):
        r, s = self.r, []
        s.append(r.choice(OPEN_ACTIVE if self.active else OPEN_PASSIVE))
        names, weights = zip(*STEPS)
        s += r.choices(names, weights, k=n)
        return s + ["drain", "rst_exact", "drain"]

    # -- sending --

    def options(self, half, syn=False, sack=()):
        o = {}
        if syn:
            o = {k: {"mss": 1000, "wscale": 0, "sack_ok": True}[k] for k in sorted(self.opts - {"ts"})}
        if "ts" in self.opts:
            o["ts"] = (self.ts, half.tsval)
        if sack and "sack_ok" in self.opts:
            o["sack"] = [((half.iss or 0) + a & M32, (half.iss or 0) + b & M32) for a, b in sack]
        return o

    def send(self, flags, seq, ack=None, data=b"", wnd=None, syn=False, bad=False, old_ts=False,
             sack=()):
        """One segment to both, numbers relative. ack None: all that both have sent."""
        self.ts += 10
        if ack is None:
            ack = min(h.seen() for h in self.half)
        wnd = self.wnd if wnd is None else wnd
        if self.history[-1][0] in ACCEPTED and all(h.ack is not None for h in self.half) and \
                ack <= min(h.seen() for h in self.half):
            self.acked = max(self.acked, ack)
        self.told.append(f"{flags_text(flags)} seq {seq} ack {ack} len {len(data)} wnd {wnd}"
                         f"{' wrong checksum' if bad else ''}{' old timestamp' if old_ts else ''}"
                         f"{' sack %s' % (sack,) if sack else ''}")
        for h in self.half:
            o = self.options(h, syn or flags & SYN, sack)
            if old_ts and "ts" in o:
                o["ts"] = (self.ts - 100000 & M32, h.tsval)
            a = (h.iss or 0) + ack if flags & ACK else 0
            h.side.raw.send(frame_make(h.side.mac, MAC, ME, h.side.ip, self.port, h.port,
                                       self.iss + seq, a, flags, wnd, o, data, bad))

    def data(self, start, n):
        return bytes(byte_at(i) for i in range(start, start + n))

    def length(self):
        return self.r.choice((1, 2, 10, 100, 536, 999, 1000))

    def verb(self, *words):
        """To both; "ID" stands for its own connection. Errors are not compared."""
        self.told.append("verb " + " ".join(str(w) for w in words))
        answers = []
        for h in self.half:
            if h.id is None:
                answers.append({})
                continue
            try:
                answers.append(h.side.ask(words[0], h.id, *words[1:]))
            except TimeoutError:
                self.difference = ["over"]
                raise SystemExit(f"{h.side.name} does not answer\n{self.text()}") from None
        return answers

    def forget(self, verb):
        self.verb(verb)
        for h in self.half:
            h.closed |= h.id is not None
            h.id = None

    def drain(self):
        for h, a in zip(self.half, self.verb("receive", "now", "hex")):
            h.delivered += bytes.fromhex(a.get("hex", ""))
            # "done" and the like end what both sides closed: a kernel socket tells nothing then.
            end = a.get("end") if a.get("end") in ("reset", "refused", "timeout") else None
            fin = a.get("fin", False) or h.over["fin"]
            h.over = {"fin": fin, "end": None if fin else end}  # a kernel socket ends once

    def step(self):
        for h in self.half:
            h.said, h.first = 0, None
        name, self.was_open = self.script[self.at], self.is_open()
        self.holes = False
        if not self.is_open() and name not in OPENING[self.active] and self.at:
            name = "handshake"
        if name in ("shutdown", "close") and self.was_closed:
            name = "ack"  # a FIN may be a probe of a closed window, or wait
        # Linux keeps a closed socket as a TIME-WAIT entry; that, too, is quiet where a state is not.
        if name == "rst_window" and self.half[1].closed or \
                name in ("syn_fin", "flags_none") and any(h.rsts for h in self.half):
            name = "ack"
        if name in ("fin", "fin_data") and self.high > self.nxt and self.fin_at is None or \
                self.fin_hole is not None and name in NEED_STREAM - {"data", "fill"}:
            name = "ack"  # no data behind a FIN
        # Whose window counts that was told by segments out of order: RFC 9293 goes by their sequence
        # numbers, Linux by their ACKs as well.
        if name.startswith("window") and self.out and self.high > self.nxt or \
                name.endswith("hole") and self.was_closed:
            name = "ack"
        if name.startswith("syn") and (self.half[1].closed or self.fin_at is not None):
            # Linux may keep no more than a TIME-WAIT entry, which resets, or nothing and open anew;
            # ours stands while its owner has yet to read.
            name = "ack"
        if name in NEED_STREAM and self.fin_at is not None:
            name = "ack"
        if name in ("data", "fill"):
            self.echo_sure = True
        elif name not in ECHOED:
            self.echo_sure = False
        self.holes = name in ("data", "fill") and self.high > self.nxt
        self.history.append((name, len(self.told), [len(h.log) for h in self.half]))
        getattr(self, "do_" + name)()
        self.at += 1

    # -- openings --

    def do_open(self):
        self.send(SYN, 0, 0)

    def do_open_ecn(self):
        self.send(SYN | ECE | CWR, 0, 0)

    def do_connect(self):
        self.told.append("verb connect")
        for h in self.half:
            a = h.side.ask("connect", "10.9.0.9", self.port, self.their_port, "now")
            h.id, h.port = a.get("id"), self.their_port

    # -- steps: what a name says --

    def do_handshake(self):
        if self.active and not self.both_open:
            self.send(SYN | ACK, 0, 1)
        else:
            self.send(ACK, 1, 1)

    def do_syn(self):
        self.both_open |= self.active and not self.is_open()
        self.send(SYN, 0, 0)

    def do_syn_other(self):
        self.send(SYN, self.r.choice((-1, 500, self.nxt, 1 << 30)), 0)

    def do_syn_ack(self):
        self.send(SYN | ACK, self.r.choice((0, self.nxt)) if self.is_open() else 0, self.r.choice((None, 1, 77)))

    def sent_data(self, start, n):
        """n bytes from start on are on their way; what is next may have been sent before."""
        if self.active and not self.is_open():
            return  # in SYN-SENT nobody takes them
        self.out.append((start, start + n))
        self.out.sort()
        for a, b in self.out:
            if a <= self.nxt < b:
                self.nxt = b
        self.high = max(self.high, self.nxt, start + n)
        if self.nxt == self.fin_hole:
            self.fin_sent()

    def do_data(self):
        n = min(self.length(), (self.fin_hole or 1 << 30) - self.nxt)
        self.send(ACK | PSH, self.nxt, data=self.data(self.nxt, n))
        self.sent_data(self.nxt, n)

    def do_hole(self):
        at = self.high + self.r.choice((1, 50, 1000, 3000))
        n = self.length()
        self.send(ACK, at, data=self.data(at, n))
        self.sent_data(at, n)

    def do_fill(self):
        n = min([a - self.nxt for a, _ in self.out if a > self.nxt] +
                [1000, (self.fin_hole or 1 << 30) - self.nxt])
        self.send(ACK, self.nxt, data=self.data(self.nxt, n))
        self.sent_data(self.nxt, n)

    def do_again(self):
        """Some of what has come, but its last byte: see ECHOED."""
        end = (self.fin_at or self.nxt) - 1
        at = self.r.randrange(max(1, end - 2000), max(2, end))
        n = min(self.length(), end - at)
        self.send(ACK, at, data=self.data(at, max(n, 0)))

    def do_overlap(self):
        """Begins before what is expected, ends behind it."""
        at = max(1, self.nxt - self.r.choice((1, 10, 500)))
        n = min(self.nxt - at + self.length(), 1400)
        self.send(ACK, at, data=self.data(at, n))
        self.sent_data(at, n)

    def do_beyond(self):
        """Behind any window."""
        self.send(ACK, self.nxt + (1 << 28), data=b"x" * self.length())

    def do_before(self):
        self.send(ACK, -(1 << 20), data=b"x" * self.length())

    def do_no_ack(self):
        self.send(PSH, self.nxt, data=b"no ACK flag")

    def do_wrong_checksum(self):
        self.send(ACK, self.nxt, data=b"broken", bad=True)

    def do_ack(self):
        self.send(ACK, self.nxt)

    def do_ack_some(self):
        top = min(h.seen() for h in self.half)
        self.send(ACK, self.nxt, self.r.randrange(1, top + 1) if top > 1 else top)

    def do_ack_future(self):
        self.send(ACK, self.nxt, min(h.seen() for h in self.half) + self.r.choice((100000, 1 << 30)))

    def do_ack_ancient(self):
        self.send(ACK, self.nxt, -(1 << 29))

    def do_ack_sack(self):
        top = min(h.end for h in self.half)
        if top > 3:
            a = self.r.randrange(2, top)
            self.send(ACK, self.nxt, 1, sack=((a, top),))
        else:
            self.do_ack()

    def do_window_closes(self):
        self.was_closed = True
        self.wnd = 0
        self.send(ACK, self.nxt)

    def do_window_opens(self):
        self.wnd = self.r.choice((5000, 65535))
        self.send(ACK, self.nxt)

    def do_probe(self):
        """Keep-alive: one before what is expected, with a byte or without; no news in its ACK: to
        Linux it is acceptable."""
        self.send(ACK, self.nxt - 1, max(self.acked, 1), data=self.r.choice((b"", b"\0")))

    def do_old_timestamp(self):
        if "ts" in self.opts:
            self.send(ACK, self.nxt, data=self.data(self.nxt, 10), old_ts=True)
        else:
            self.do_probe()

    def do_rst_exact(self):
        self.send(RST, self.nxt, 0)

    def do_rst_ack(self):
        self.send(RST | ACK, self.nxt)

    def do_rst_window(self):
        self.send(RST, self.nxt + self.r.choice((1, 100, 5000)), 0)

    def do_rst_outside(self):
        self.send(RST, self.r.choice((self.nxt - 1000, self.nxt + (1 << 28))), 0)

    def do_fin(self):
        if self.fin_at is None:
            self.send(FIN | ACK, self.nxt)
            if self.is_open() or not self.active:
                self.fin_sent()
        else:
            self.send(FIN | ACK, self.fin_at, max(self.acked, 1))

    def do_fin_data(self):
        n = self.length()
        self.send(FIN | ACK | PSH, self.nxt, data=self.data(self.nxt, n))
        self.nxt += n
        self.fin_sent()

    def fin_sent(self):
        self.fin_at = self.nxt
        self.nxt += 1
        self.high = max(self.high, self.nxt)

    def do_fin_hole(self):
        at = self.high + 100
        self.send(FIN | ACK, at, data=self.data(at, 10))
        if self.is_open() or not self.active:
            self.fin_hole = at + 10
        self.sent_data(at, 10)

    def do_syn_fin(self):
        self.send(SYN | FIN, self.nxt, 0)

    def do_flags_none(self):
        self.send(0, self.nxt, 0)

    def do_send(self):
        self.verb("send", self.r.choice((1, 10, 1000, 1001, 3500)), self.number)

    def do_drain(self):
        self.drain()

    def do_shutdown(self):
        self.verb("shutdown")

    def do_close(self):
        """What was not read is, first: else RST at once is right as well (RFC 1122 4.2.2.13)."""
        self.drain()
        self.forget("close")

    def do_abort(self):
        self.forget("abort")

    # -- comparing --

    def is_open(self):
        return self.acked > 0 and all(h.ack is not None for h in self.half)

    def compare(self):
        """Names of what differs now."""
        a, b = (h.state() for h in self.half)
        quiet = self.is_open() and self.acked >= max(h.seen() for h in self.half)
        name = self.history[-1][0]
        skip = set() if quiet and self.was_open and name not in UNANSWERED else {"answered"}
        both_closed = self.fin_at is not None and all(h.fin is not None for h in self.half)
        if both_closed or self.fin_at is not None and name in ("handshake", "ack_future"):
            skip.add("answered")  # it may be in TIME-WAIT
        if name == "abort" and both_closed:
            self.forgotten = True
        if self.forgotten:
            skip |= {"answered", "rst"}
        if self.fin_at is not None and all(h.over["fin"] or h.over["end"] == "reset" for h in self.half) or \
                self.both_open and {h.over["end"] for h in self.half} == {"reset", "refused"}:
            skip.add("over")
        if self.half[1].closed:
            skip |= {"answered", "sack", "sack_first"}  # Linux has an entry of TIME-WAIT by now
        if not (quiet and a["answered"] and b["answered"] and self.echo_sure and name in ECHOED):
            skip.add("ts_echo")
        # RFC 2883: a repeated FIN may be reported, need not; of several repeated ranges any one is.
        # TIME-WAIT, where one may be once our FIN went, knows no SACK.
        if name == "overlap" or self.holes or self.fin_at is not None or not (a["answered"] and b["answered"]):
            skip |= {"sack", "sack_first"}
        # Who is behind may be held back by its congestion window, until all it sent was acknowledged,
        # and by ours, if that was closed meanwhile.
        slow = min(self.half, key=lambda h: h.seen())
        if name in ENDING and len({h.seen() for h in self.half}) > 1:
            self.uneven = True
        if a["stream"][:len(b["stream"])] == b["stream"][:len(a["stream"])] and \
                (slow.seen() > self.acked or self.uneven or self.wnd == 0):
            skip |= {"stream", "end", "fin", "rst"}
        return [k for k in a if a[k] != b[k] and k not in skip]

    def text(self):
        out = [f"lane {self.number}, iss {self.iss:#x}, options {sorted(self.opts)}: "
               f"differs in {', '.join(self.difference)}"]
        ends = self.history[1:] + [(None, len(self.told), [len(h.log) for h in self.half])]
        for (name, t0, l0), (_, t1, l1) in zip(self.history, ends):
            out.append(f"  {name}")
            out += [f"    > {t}" for t in self.told[t0:t1]]
            for h, i, j in zip(self.half, l0, l1):
                out += [f"    < {h.side.name}: {t}" for t in h.log[i:j]]
        for h in self.half:
            s = h.state()
            out.append(f"  {h.side.name}: { {k: str(s[k])[:100] for k in self.difference} }")
        return "\n".join(out)


ECHOED = {"open", "handshake", "data", "fill", "hole", "overlap"}
# Before it is open, by who opens. Not verbs: what a socket does that is not open is its own; no SYN
# in SYN-RECEIVED: RFC 9293 3.10.7.4 goes back to LISTEN, Linux resets, we do as RFC 5961 4 does in
# later states; nothing there whose answer bears a newer timestamp: Linux takes only the SYN-ACK's.
OPENING = {False: {"handshake", "data", "fill", "hole", "syn", "ack", "ack_future", "rst_exact",
                   "rst_outside", "fin", "wrong_checksum", "flags_none", "no_ack", "drain"},
           True: {"handshake", "data", "fill", "hole", "syn", "ack", "ack_future", "rst_exact",
                  "rst_ack", "rst_outside", "fin", "wrong_checksum", "flags_none", "no_ack", "drain",
                  "syn_ack", "beyond", "ack_ancient"}}
# Steps whose ACK counts on both sides.
ACCEPTED = {"handshake", "data", "fill", "hole", "overlap", "ack", "ack_some", "ack_sack", "fin",
            "fin_data", "window_closes", "window_opens", "fin_hole"}
# What comes behind a FIN is ignored by RFC 9293 3.10.7.4, seventh, and reset by Linux.
NEED_STREAM = {"data", "hole", "fill", "overlap", "fin_data", "fin_hole", "old_timestamp",
               "ack_ancient", "no_ack"}
UNANSWERED = {"syn_fin"}
ENDING = {"abort", "close", "rst_exact", "rst_ack"}
OPEN_PASSIVE = ["open"] * 9 + ["open_ecn"]
OPEN_ACTIVE = ["connect"]
STEPS = [("handshake", 8), ("data", 10), ("hole", 5), ("fill", 5), ("again", 3), ("overlap", 3),
         ("beyond", 1), ("before", 1), ("no_ack", 1), ("wrong_checksum", 1), ("ack", 4),
         ("ack_some", 3), ("ack_future", 1), ("ack_ancient", 1), ("ack_sack", 1),
         ("window_closes", 1), ("window_opens", 2), ("probe", 1), ("old_timestamp", 1),
         ("rst_exact", .3), ("rst_ack", .2), ("rst_window", 1), ("rst_outside", 1), ("fin", 2),
         ("fin_data", .7), ("fin_hole", .5), ("syn", 1), ("syn_other", 1), ("syn_ack", .7),
         ("syn_fin", .5), ("flags_none", .5), ("send", 6), ("drain", 2), ("shutdown", 1.5),
         ("close", .7), ("abort", .3)]


# ---- all of them ----


class Fuzz:
    def __init__(self, o):
        self.sides = [Side("linux", "boxl", "10.9.0.2", o.linux),
                      Side("ours", "boxa", "10.9.0.1", o.agent)]
        self.o, self.shown, self.segments, self.place = o, 0, 0, 0
        for s in self.sides:
            s.learn()
            s.ask("listen", PORT)

    def pump(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for fd in select.select([s.raw for s in self.sides], [], [], left)[0]:
                next(s for s in self.sides if s.raw is fd).take()

    def accept(self):
        for i, side in enumerate(self.sides):
            while (a := side.ask("accept", PORT, "now")).get("id"):
                half = side.lanes.get(a["remote_port"])
                if half and half.id is None and not half.closed:
                    half.id = a["id"]

    def settle(self, lanes):
        """Lets both answer; lanes that differ get more time. Returns those that agree."""
        self.pump(SETTLE_S)
        end = time.monotonic() + PATIENCE_S
        while any(x.compare() for x in lanes) and time.monotonic() < end:
            self.pump(0.05)
        self.accept()
        for x in lanes:
            x.difference = x.compare()
        return [x for x in lanes if not x.difference and not x.half[0].reborn and
                x.at < len(x.script)]

    def round(self, seed, numbers, attempt=0):
        """Returns the lanes that differ."""
        lanes = every = [Lane(seed, n, self.sides, self.o.steps, attempt, self.place + n) for n in numbers]
        while lanes:
            for x in lanes:
                x.step()
            lanes = self.settle(lanes)
        for x in every:
            self.segments += len(x.told)
            for h in x.half:
                if h.id is not None:
                    h.side.ask("abort", h.id)
                del h.side.lanes[x.port]
        return [x for x in every if x.difference]

    def play(self, seed):
        """All lanes of a seed. False: some differ, or too many did at first."""
        o = self.o
        numbers = [o.lane] if o.lane is not None else range(o.lanes)
        differences, again = [], []
        self.segments = 0
        for i in range(0, len(numbers), o.at_once):
            differ = first = self.round(seed, numbers[i:i + o.at_once])
            for attempt in range(1, ATTEMPTS) if differ else ():
                differ = self.round(seed, [x.number for x in differ], attempt)
            for x in differ[:o.show - self.shown]:
                print(x.text(), flush=True)
                self.shown += 1
            differences += differ
            again += [x for x in first if x.number not in [d.number for d in differ]]
        self.place += len(numbers)
        print(f"seed {seed}: {len(numbers)} lanes, {self.segments} segments and verbs, "
              f"{len(differences)} differences; agreed at another attempt: {len(again)}"
              + "".join(f"\n  lane {x.number} differed in {', '.join(x.difference)}" for x in again), flush=True)
        return not differences and len(again) <= max(1, AGAIN_MAX * len(numbers))


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--linux", required=True, help="socket of kernel_agent.py in fltcp-linux")
    p.add_argument("--agent", required=True, help="socket of tcp-agent in fltcp-agent")
    p.add_argument("--seed", type=int, action="append", required=True, help="may be given several times")
    p.add_argument("--lanes", type=int, default=200, help="connections of a seed")
    p.add_argument("--at-once", type=int, default=100)
    p.add_argument("--steps", type=int, default=14, help="of a script")
    p.add_argument("--lane", type=int, help="this one alone")
    p.add_argument("--show", type=int, default=10, help="differences to print")
    o = p.parse_args()
    fuzz = Fuzz(o)
    good = [fuzz.play(seed) for seed in o.seed]
    sys.exit(0 if all(good) else 1)


main()
