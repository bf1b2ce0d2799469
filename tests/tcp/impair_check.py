# SPDX-License-Identifier: BSD-3-Clause
"""Numbered datagrams through the impairment box: impair_check.py send COUNT SIZE FROM TO [RATE]

Sends COUNT datagrams of SIZE bytes from fltcp-linux to fltcp-agent, both kernels; prints as JSON
what came: which, how often, in what order, how late at the earliest, and over how long a time."""
import hashlib
import json
import select
import socket
import struct
import sys
import time

from netns import namespace

PORT = 4000
QUIET_S = 0.7  # longer than any delay of the test


def main():
    count, size = int(sys.argv[1]), int(sys.argv[2])
    with namespace("fltcp-linux"):
        tx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with namespace("fltcp-agent"):
        rx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rx.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    rx.bind(("10.9.0.1", PORT))
    rx.setblocking(False)
    tx.connect(("10.9.0.1", PORT))
    seen, latest, bad, earliest, first, last = {}, -1, 0, 1e9, 0, 0
    inversions = 0

    def take(wait):
        nonlocal latest, inversions, bad, earliest, first, last
        while select.select([rx], [], [], wait)[0]:
            try:
                d = rx.recv(65536)
            except BlockingIOError:  # its checksum was wrong
                continue
            now = time.monotonic()
            n, sent = struct.unpack_from("!Id", d)
            bad += d != body(n, sent)
            seen[n] = seen.get(n, 0) + 1
            inversions += n < latest
            latest = max(latest, n)
            earliest = min(earliest, now - sent)
            first, last = first or now, now
            wait = min(wait, QUIET_S)

    def body(n, sent):
        head = struct.pack("!Id", n, sent)
        return head + bytes([n & 0xff]) * (size - len(head))

    tx.send(body(0xffffffff, 0))  # ARP, before anything counts
    while not select.select([rx], [], [], 5)[0]:
        tx.send(body(0xffffffff, 0))
    time.sleep(QUIET_S)
    try:
        while True:
            rx.recv(65536)
    except BlockingIOError:
        pass
    print("go", flush=True)
    sys.stdin.readline()
    for n in range(count):
        tx.send(body(n, time.monotonic()))
        if n % 50 == 49:
            take(0)
    take(QUIET_S)
    which = hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()
    print(json.dumps({"came": sum(seen.values()), "different": len(seen), "bad": bad,
                      "inversions": inversions, "earliest_ms": earliest * 1000,
                      "seconds": last - first, "which": which}))


main()
