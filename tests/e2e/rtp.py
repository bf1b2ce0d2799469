# SPDX-License-Identifier: BSD-3-Clause
"""The media of a call: rtp.py [OPTION...] END END, an end being NAMESPACE,ADDRESS,PORT,REMOTE,PORT: where
it is, and the gateway's address that its SDP named. Both send RTP, every 50th time RTCP from the port
above to the port above, and everything must come to the other side once, unchanged, from the
gateway's address that its SDP named.

  --packets N    of RTP, each way (200); 0: until SIGTERM; "flows" is printed before
  --only 0|1     this end is the only one that sends
  --mux          RTCP uses the ports of RTP (RFC 5761)
  --stray        neither end may hear anything
  --skip N       of RTP, the number of each N-th is used up and nothing is sent
  --silent       what comes is silence of PCMU, with all else of RTP as it was sent
  --events N     each N-th is a telephone event (RFC 4733) of type 101; with --no-events none may come
  --reports      RTCP tells what a host does: report blocks, and extended reports (RFC 3611) with VoIP metrics, by which
                 end 0 hears the other with a MOS of 3.6, 3.4 in conversation, and end 1 with 4.2 and 4.0. End 0 claims
                 to be TRIP away by sub-blocks of DLRR alone, end 1 by its report blocks

Prints {"rtp": packets that came, "rtcp": likewise}, of each end."""

import argparse
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tcp"))
from netns import namespace

PATIENCE, PACE, RTCP_EVERY = 10, 0.002, 50
QUIET = 1  # seconds in which what must not come would have come
SO_RCVBUFFORCE, BUFFER = 33, 4 << 20
PCMU, EVENT, SR, RR, SDES, XR = 0, 101, 200, 201, 202, 207
RRTR, DLRR, VOIP = 4, 5, 7
TRIP = (0.080, 0.040)  # seconds from the gateway to each end and back
MOS = ((36, 34), (42, 40))


SILENCE = b"\xff"
events = 0  # each so many


def rtp(ssrc, n):
    kind = EVENT if is_event(n) else PCMU
    head = struct.pack("!BBHII", 0x80, kind, n & 0xFFFF, n * 160 & 0xFFFFFFFF, ssrc)
    return head + (struct.pack("!II", ssrc, n) * 20)


def is_event(n):
    return events and n % events == 0


def held(since, trip):
    """In units of 1/65536 s, less what the way here took."""
    return int(max(0, time.monotonic() - since - trip) * 65536)


def voip(ssrc, mos):
    """VoIP metrics (RFC 3611 4.7) about a source: what is 127 or 0 is not known."""
    return struct.pack("!BBHI4B4H10B3H", VOIP, 0, 8, ssrc, 0, 0, 0, 0, 0, 0, 0, 0, 127, 127, 127, 16, 127, 127, *mos, 0,
                       0, 0, 0, 0)


def rtcp(ssrc, n):
    """A sender report and a CNAME (RFC 3550 6.4.1, 6.5)."""
    report = struct.pack("!BBHIQIII", 0x80, SR, 6, ssrc, n, n, n, n * 160)
    return report + struct.pack("!BBHIBB", 0x81, SDES, 3, ssrc, 1, 3) + b"a@b" + bytes(3)


class End:
    def __init__(self, words, number):
        place, address, port, remote, remote_port = words.split(",")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.ssrc, self.sent, self.seen = 0x46414952 + number, [0, 0], [set(), set()]
        self.skipped = self.blocked = 0
        self.number, self.reports, self.heard = number, {}, None
        self.remote = [(remote, int(remote_port)), (remote, int(remote_port) + 1)]
        self.socks = []
        for part in (0, 1):
            with namespace(place):
                s = socket.socket(family, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            s.bind((address, int(port) + part))
            s.setblocking(False)
            self.socks.append(s)

    def report(self, n, full):
        if not full:
            data = rtcp(self.ssrc, n)
        elif self.number:
            data = self.receiver_report(n)
        else:
            data = self.sender_report(n)
        self.reports[data] = n
        return data

    def sender_report(self, n):
        """And how long ago the other's reference time came."""
        data = struct.pack("!BBHIQIII", 0x80, SR, 6, self.ssrc, n << 16, n, n, n * 160)
        blocks = voip(self.ssrc ^ 1, MOS[0])
        if self.heard:
            blocks += struct.pack("!BBHIII", DLRR, 0, 3, self.ssrc ^ 1, self.heard[0], held(self.heard[1], TRIP[0]))
        return data + struct.pack("!BBHI", 0x80, XR, 1 + len(blocks) // 4, self.ssrc) + blocks

    def receiver_report(self, n):
        """Of the other's last sender report, with a reference time of its own."""
        last, since = (self.heard[0], held(self.heard[1], TRIP[1])) if self.heard else (0, 0)
        data = struct.pack("!BBHIIIIIII", 0x81, RR, 7, self.ssrc, self.ssrc ^ 1, 0, n, 0, last, since)
        blocks = voip(self.ssrc ^ 1, MOS[1]) + struct.pack("!BBHQ", RRTR, 0, 2, n << 16)
        return data + struct.pack("!BBHI", 0x80, XR, 1 + len(blocks) // 4, self.ssrc) + blocks

    def send(self, part, mux, skip, no_events, reports=False):
        self.sent[part] += 1
        if not part and skip and self.sent[0] % skip == 0:
            self.skipped += 1
            return
        if not part and no_events and is_event(self.sent[0]):
            self.blocked += 1
        data = rtp(self.ssrc, self.sent[0]) if not part else self.report(self.sent[1], reports)
        use = part and not mux
        self.socks[use].sendto(data, self.remote[use])

    def due(self, part):
        return self.sent[part] - (0 if part else self.skipped + self.blocked)

    def take(self, sock, other, args):
        mux, no_events = args.mux, args.no_events
        data, source = sock.recvfrom(2048)
        part = int(200 <= data[1] < 212)
        port = part and not mux
        assert sock is self.socks[port], f"{'RTCP' if part else 'RTP'} came to the port of the other"
        assert source[:2] == self.remote[port], f"from {source[:2]}, not {self.remote[port]}"
        if part:
            n = other.reports.get(data)
            assert n, f"changed: {data.hex()}"
            self.heard = n, time.monotonic()
        elif args.silent:
            n = struct.unpack("!H", data[2:4])[0]
        else:
            n = struct.unpack("!I", data[16:20])[0]
        sent = data if part else rtp(other.ssrc, n)
        if args.silent and not part:
            sent = sent[:12] + SILENCE * (len(sent) - 12)
        assert data == sent, f"changed: {data.hex()}"
        assert part or not (no_events and is_event(n)), f"event {n} came"
        assert n not in self.seen[part], f"{n} came twice"
        self.seen[part].add(n)


class Media:
    def __init__(self, args):
        self.args, self.stop = args, False
        self.ends = [End(words, n) for n, words in enumerate(args.end)]
        self.senders = [e for n, e in enumerate(self.ends) if args.only in (None, n)]
        self.sel = selectors.DefaultSelector()
        for n, e in enumerate(self.ends):
            for s in e.socks:
                self.sel.register(s, selectors.EVENT_READ, (e, self.ends[1 - n]))

    def receive(self, seconds):
        for key, _ in self.sel.select(max(0, seconds)):
            key.data[0].take(key.fileobj, key.data[1], self.args)

    def missing(self):
        gone = [(n, part, self.ends[1 - n].due(part) - len(e.seen[part]))
                for n, e in enumerate(self.ends) for part in (0, 1)]
        return [g for g in gone if g[2]]

    def run(self):
        due = time.monotonic()
        for n in range(1, sys.maxsize):
            if self.stop or self.args.packets and n > self.args.packets:
                break
            for e in self.senders:
                e.send(0, self.args.mux, self.args.skip, self.args.no_events)
                if n % RTCP_EVERY == 0:
                    e.send(1, self.args.mux, 0, False, self.args.reports)
            if n == 100 and not self.args.packets:
                print("flows", flush=True)
            due += PACE
            while (left := due - time.monotonic()) > 0:
                self.receive(left)
        end = time.monotonic() + (QUIET if self.args.stray else PATIENCE)
        while self.missing() and time.monotonic() < end:
            self.receive(end - time.monotonic())
        if self.args.stray:
            heard = [len(s) for e in self.ends for s in e.seen]
            assert not any(heard), f"heard, RTP and RTCP of each end: {heard}"
        else:
            lost = "; ".join(f"end {n} lacks {k} {('RTP', 'RTCP')[part]}" for n, part, k in self.missing())
            assert not lost, f"{lost}, of {[e.sent for e in self.ends]}"
        print(json.dumps([{"rtp": len(e.seen[0]), "rtcp": len(e.seen[1])} for e in self.ends]))


def main():
    global events
    p = argparse.ArgumentParser()
    p.add_argument("--packets", type=int, default=200)
    p.add_argument("--only", type=int)
    p.add_argument("--mux", action="store_true")
    p.add_argument("--stray", action="store_true")
    p.add_argument("--skip", type=int, default=0)
    p.add_argument("--silent", action="store_true")
    p.add_argument("--events", type=int, default=0)
    p.add_argument("--no-events", action="store_true")
    p.add_argument("--reports", action="store_true")
    p.add_argument("end", nargs=2)
    args = p.parse_args()
    events = args.events
    media = Media(args)
    signal.signal(signal.SIGTERM, lambda *_: setattr(media, "stop", True))
    try:
        media.run()
    except AssertionError as e:
        sys.exit(f"rtp: {e}")


if __name__ == "__main__":
    main()
