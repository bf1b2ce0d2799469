# SPDX-License-Identifier: BSD-3-Clause
"""Load for tests that break something meanwhile. Both ends are here: clients in fl-client and
their peers in fl-peer, so every packet has a number and a lost one is known by it.

  load.py media [--tcp | --tls] [--port N] [--legs N] [--rate PPS] [--size BYTES] [--family 4|6|both]
      allocations that relay PPS packets a second each way, in turn over channels and indications;
      with --tcp the clients reach the relay over TCP, with --tls over TLS
  load.py churn
      allocations made and deleted one after the other

Commands come on standard input, each is answered by one line of JSON on standard output; the
first line says that the load runs."""

import argparse
import ctypes
import json
import os
import random
import queue
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
import zlib

import stunlib
from stunlib import PATIENCE

SERVER = {4: "10.1.0.1", 6: "fd00:1::1"}
PEER = {4: "10.2.0.2", 6: "fd00:2::2"}
OTHER_PEER = {4: "10.2.0.3", 6: "fd00:2::3"}
TICK = 0.005  # seconds between bursts
QUIET = 1.5  # seconds without a packet after which the rest is lost
HEAD = struct.Struct("!IIQ")  # leg, direction, number
TO_PEER, TO_CLIENT = 0, 1
SO_RCVBUFFORCE, BUFFER = 33, 8 << 20


def enter(namespace):
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(fd)


class Flow:
    """One direction of one leg."""

    def __init__(self, leg, direction, size):
        self.head, self.size = (leg, direction), size
        self.reset()

    def reset(self):
        self.sent, self.seen, self.twice, self.wrong = 0, set(), 0, 0

    def body(self, number):
        """Every byte of it, so that whoever gets it knows what came: the number's CRC fills it."""
        head = HEAD.pack(*self.head, number)
        return head + (zlib.crc32(head).to_bytes(4, "big") * (self.size // 4 + 1))[: max(self.size - HEAD.size, 0)]

    def payload(self):
        self.sent += 1
        return self.body(self.sent)

    def arrived(self, data, right):
        number = HEAD.unpack(data[: HEAD.size])[2]
        if not right or data != self.body(number):
            self.wrong += 1
        elif number in self.seen:
            self.twice += 1
        else:
            self.seen.add(number)


class Leg(stunlib.Client):
    """A client with one peer. Replies come by the thread that reads media."""

    def __init__(self, index, family, args):
        enter("fl-client")
        super().__init__(SERVER[family], args.port or (5349 if args.tls else 3478), tcp=args.tcp,
                         tls=ssl.create_default_context(cafile=os.environ["CA"]) if args.tls else None)
        self.index, self.family, self.channel = index, family, 0x4000 if index % 2 == 0 else None
        self.waiting, self.asked, self.ask_replies = {}, set(), []
        enter("fl-peer")
        self.peer_sock = socket.socket(self.sock.family, socket.SOCK_DGRAM)
        self.peer_sock.bind((PEER[family], 0))
        self.peer_at = self.peer_sock.getsockname()[:2]
        for s in (self.sock, self.peer_sock):
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self.to_peer = Flow(index, TO_PEER, args.size)
        self.to_client = Flow(index, TO_CLIENT, args.size)
        self.relayed = None

    def exchange(self, data):
        inbox = self.waiting[data[8:20]] = queue.SimpleQueue()
        try:
            for _ in range(1 if self.tcp else 4 * PATIENCE):
                self.sock.send(data)
                try:
                    return stunlib.Message(inbox.get(timeout=2 * PATIENCE if self.tcp else 0.5))
                except queue.Empty:
                    pass
            raise TimeoutError("no reply")
        finally:
            del self.waiting[data[8:20]]

    def open(self):
        reply = self.allocate((stunlib.FAMILY, stunlib.V6)) if self.family == 6 else self.allocate()
        assert reply.error() == 0, f"Allocate: {reply.error()}"
        self.relayed = reply.address(stunlib.RELAYED)
        self.renew(PEER)

    def renew(self, peers):
        """Permission or channel, and the lifetime."""
        replies = [self.permit(peers[self.family]), self.refresh()]
        if self.channel:
            replies.append(self.bind(self.channel, *self.peer_at))
        errors = [r.error() for r in replies if r.error()]
        assert not errors, f"leg {self.index}: {errors}"

    def ask(self):
        """A Refresh sent once, whose reply is awaited by answered()."""
        tid = os.urandom(12)
        self.asked.add(tid)
        self.sock.send(stunlib.build(stunlib.REFRESH, stunlib.REQUEST, self.credentials(), tid,
                                     self.key()))

    def send_media(self):
        payload = self.to_peer.payload()
        if self.channel:
            self.send_channel(self.channel, payload)
        else:
            self.send(*self.peer_at, payload)
        self.peer_sock.sendto(self.to_client.payload(), self.relayed)

    def read_client(self):
        data = self.sock.recv(65536)
        if data[0] & 0xC0 == 0x40:
            number, length = struct.unpack("!HH", data[:4])
            self.to_client.arrived(data[4 : 4 + length], number == self.channel)
            return
        m = stunlib.Message(data)
        if m.method == stunlib.DATA:
            self.to_client.arrived(m.get(stunlib.PAYLOAD), m.address(stunlib.PEER) == self.peer_at
                                   and not self.channel)
        elif m.tid in self.asked:
            self.asked.discard(m.tid)
            self.ask_replies.append(m.error())
        elif m.tid in self.waiting:
            self.waiting[m.tid].put(data)

    def read_peer(self):
        data, source = self.peer_sock.recvfrom(65536)
        self.to_peer.arrived(data, source[:2] == self.relayed)


class Media:
    """The thread that sends and reads."""

    def __init__(self, args):
        self.args, self.legs, self.ends = args, [], 0
        self.rate, self.flowing, self.turn, self.last = args.rate, False, 0, 0.0
        self.selector = selectors.DefaultSelector()
        threading.Thread(target=self.run, daemon=True).start()
        self.open()

    def open(self):
        """Clients with an allocation each, instead of those there were."""
        families = {"4": [4], "6": [6], "both": [4, 4, 6, 6]}[self.args.family]
        legs = [Leg(i, families[i % len(families)], self.args) for i in range(self.args.legs)]
        for leg in legs:
            self.selector.register(leg.sock, selectors.EVENT_READ, leg.read_client)
            self.selector.register(leg.peer_sock, selectors.EVENT_READ, leg.read_peer)
        for leg in legs:
            leg.open()
        self.legs, self.ends = legs, 0
        return {}

    def read(self, key):
        try:
            for _ in range(512):  # more messages than a stream gives at once
                key.data()
                self.last = time.monotonic()
        except BlockingIOError:
            pass
        except ConnectionError:
            # Over UDP an ICMP error: what it is about shows in the numbers.
            if isinstance(key.fileobj, stunlib.Stream):
                self.selector.unregister(key.fileobj)
                self.ends += 1

    def ended(self):
        """How many connections have come to their end."""
        return {"ends": self.ends}

    def run(self):
        start, sent = time.monotonic(), 0
        while True:
            for key, _ in self.selector.select(TICK):
                self.read(key)
            now = time.monotonic()
            if not self.flowing or now - start > 0.5:  # no bursts to make up for a silence
                start, sent = now, 0
            legs = self.legs
            while self.flowing and sent < (now - start) * self.rate:
                leg = legs[self.turn % len(legs)]
                try:
                    leg.send_media()
                except (BlockingIOError, ConnectionError):
                    pass
                self.turn += 1
                sent += 1

    def flows(self):
        return [f for leg in self.legs for f in (leg.to_peer, leg.to_client)]

    def count(self):
        """The flow that has got least, and how much all have got."""
        seen = [len(f.seen) for f in self.flows()]
        return {"least": min(seen), "received": sum(seen)}

    def go(self):
        self.flowing = True
        return {}

    def pause(self):
        """Stops, waits for what is under way, tells what came and starts counting anew."""
        self.flowing = False
        time.sleep(2 * TICK)
        self.last = time.monotonic()
        while (any(len(f.seen) < f.sent for f in self.flows())
               and time.monotonic() - self.last < QUIET):
            time.sleep(TICK)
        out = {key: sum(value(f) for f in self.flows()) for key, value in (
            ("sent", lambda f: f.sent), ("lost", lambda f: f.sent - len(f.seen)),
            ("twice", lambda f: f.twice), ("wrong", lambda f: f.wrong))}
        out["least"] = self.count()["least"]
        for f in self.flows():
            f.reset()
        return out

    def ask(self):
        for leg in self.legs:
            leg.ask()
        return {"asked": len(self.legs)}

    def answered(self):
        """How many of what was asked came back, and with which errors."""
        stunlib.await_true("answers", lambda: not any(leg.asked for leg in self.legs))
        return {"answered": sum(len(leg.ask_replies) for leg in self.legs),
                "errors": [e for leg in self.legs for e in leg.ask_replies if e]}

    def renew(self):
        for leg in self.legs:
            leg.renew(PEER)
            leg.renew(OTHER_PEER)
        return {"renewed": len(self.legs)}

    def quit(self):
        for leg in self.legs:
            assert leg.refresh((stunlib.LIFETIME, stunlib.u32(0))).error() == 0
        return {}


class Churn:
    """Allocations come and go, and the client's view of them stays right."""

    LIVE = 200

    def __init__(self, _):
        self.live, self.made, self.deleted, self.stop, self.trouble = [], 0, 0, False, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        enter("fl-client")
        try:
            while not self.stop:
                if len(self.live) < self.LIVE and random.random() < 0.6 or not self.live:
                    self.make()
                else:
                    self.delete(self.live.pop(random.randrange(len(self.live))))
        except Exception as e:  # told by the next command
            self.trouble = repr(e)

    def make(self):
        c = stunlib.Client(SERVER[random.choice((4, 6))])
        reply = c.allocate()
        assert reply.error() == 0, f"Allocate: {reply.error()}"
        self.live.append(c)
        self.made += 1
        for reply in (c.permit(PEER[4]), c.bind(0x4000, PEER[4], 4000)):
            assert reply.error() == 0, f"permission or channel: {reply.error()}"

    def delete(self, c):
        # 437: the reply to the first one was lost, the allocation is gone as it should be.
        error = c.refresh((stunlib.LIFETIME, stunlib.u32(0))).error()
        assert error in (0, 437), f"Refresh: {error}"
        self.deleted += 1
        c.close()

    def count(self):
        assert not self.trouble, self.trouble
        return {"made": self.made, "deleted": self.deleted, "live": len(self.live)}

    def pause(self):
        self.stop = True
        self.thread.join()
        return self.count()

    def quit(self):
        while self.live:
            self.delete(self.live.pop())
        return self.count()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=("media", "churn"))
    p.add_argument("--tcp", action="store_true")
    p.add_argument("--tls", action="store_true")
    p.add_argument("--port", type=int)
    p.add_argument("--legs", type=int, default=16)
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--size", type=int, default=160)
    p.add_argument("--family", default="both", choices=("4", "6", "both"))
    args = p.parse_args()
    load = Media(args) if args.what == "media" else Churn(args)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = line.strip()
        try:
            answer = getattr(load, command)()
        except Exception as e:
            answer = {"failed": f"{command}: {e!r}"}
        print(json.dumps(answer), flush=True)
        if command == "quit":
            break


if __name__ == "__main__":
    main()
