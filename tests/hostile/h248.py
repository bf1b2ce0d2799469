# SPDX-License-Identifier: BSD-3-Clause
"""Controllers of H.248: first the one that the gateway asks, over TCP, which holds its connection, sends packets in
pieces and requests without end and never says that it is in charge, until it sends what is no packet; then, beside the
one that is, another of the configuration and strangers, with requests, garbage and the largest messages that there are,
as fast as they can (R27). What was answered of each is counted."""

import random
import socket
import struct
import time

from hostile import Tally, run
from h248lib import GATEWAY, PORT
from netns import namespace

ASKED, ALLOWED, STRANGERS = "127.0.0.6", "127.0.0.5", ("127.0.0.8", "127.0.0.9")
REQUEST = b"MEGACO/3 [127.0.0.5] T=%d{C=${A=ip/${M{L{\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}}}}}"
LARGE = b"MEGACO/3 [127.0.0.5] T=%d{C=-{" + b"AV=ROOT{AT{}}," * 3000 + b"AV=ROOT}}"
DEEP = b"MEGACO/3 [127.0.0.5] T=%d{C=-" + b"{A=ip/$" * 4000


def packet(text):
    return struct.pack(">BBH", 3, 0, 4 + len(text)) + text


def asked(listener, end, got):
    """The gateway connects, and is never told that this is a controller."""
    listener.settimeout(10)
    conn, _ = listener.accept()
    conn.settimeout(0.01)
    listener.setblocking(False)
    for number in range(1 << 30):
        if time.monotonic() > end:
            break
        text = packet(REQUEST % (number + 1))
        cut = random.randrange(len(text))
        try:
            conn.sendall(text[:cut])
            conn.sendall(text[cut:])
            got.add("half", 1)
        except OSError:
            pass
        try:
            got.add("asked_answered", conn.recv(65536).count(b"= 505 "))
        except OSError:
            pass
        try:
            listener.accept()
            got.add("connections")
        except OSError:
            pass
    # A packet whose end never comes, then what is none: the next of the list is asked.
    try:
        conn.settimeout(5)
        conn.sendall(packet(REQUEST % 1)[:30])
        conn.sendall(b"\0" * 70000)
        while conn.recv(65536):
            pass
    except OSError:
        pass
    conn.close()
    listener.close()


def flood(end, got):
    socks = {}
    for address in (ALLOWED, *STRANGERS):
        with namespace("fl-relay"):
            socks[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        socks[address].bind((address, 0))
        socks[address].setblocking(False)
    number = 0
    while time.monotonic() < end:
        for _ in range(5):
            number += 1
            for address, sock in socks.items():
                kind = random.randrange(20)
                text = (random.randbytes(900) if kind == 0 else LARGE % number if kind == 1 else
                        DEEP % number if kind == 2 else REQUEST % (number % 1000 + 1))
                try:
                    sock.sendto(text, GATEWAY)
                    got.add("allowed" if address == ALLOWED else "stranger")
                except OSError:
                    pass
        for address, sock in socks.items():
            try:
                while sock.recv(65536):
                    got.add("allowed_answered" if address == ALLOWED else "stranger_answered")
            except OSError:
                pass
        time.sleep(0.001)


def take(end):
    got = Tally(half=0, asked_answered=0, connections=1, allowed=0, allowed_answered=0, stranger=0, stranger_answered=0)
    with namespace("fl-relay"):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ASKED, PORT))
    listener.listen(16)
    print("listens", flush=True)
    seconds = end - time.monotonic()
    asked(listener, time.monotonic() + seconds / 2, got)
    flood(time.monotonic() + seconds, got)
    return got


if __name__ == "__main__":
    run(take)
