# SPDX-License-Identifier: BSD-3-Clause
"""A network between a gateway and a controller of H.248 over UDP that loses, doubles and delays datagrams:
h248_wire.py ADDRESS CONTROLLER PORT FILE. At ADDRESS it is the controller for the gateway, and the gateway for CONTROLLER;
what the gateway sends is written to FILE (pcap). Until SIGTERM; then it prints what it did, of both ways."""

import heapq
import json
import select
import signal
import socket
import struct
import sys
import time

ADDRESS, CONTROLLER, PORT, FILE = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
LATE, MOMENT = 0.35, 0.001  # seconds: by then others have passed
did = {"lost": 0, "doubled": 0, "late": 0, "all": 0}
waits, count = [], [0, 0]


def times(way):
    """When the next datagram of this way goes, maybe twice, maybe never. Not by chance, so that repeats of one are not all lost."""
    count[way] += 1
    n, now = count[way], time.monotonic()
    did["all"] += 1
    if n % 5 == 2:
        did["lost"] += 1
        return []
    if n % 7 == 3:
        did["doubled"] += 1
        return [now, now + LATE / 2]
    if n % 3 == 1:
        did["late"] += 1
        return [now + LATE]
    return [now]


def write(f, text):
    udp = struct.pack(">HHHH", PORT, PORT, 8 + len(text), 0) + text
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(ADDRESS), socket.inet_aton(CONTROLLER))
    now = time.time()
    f.write(struct.pack("=IIII", int(now), int(now % 1 * 1e6), len(ip + udp), len(ip + udp)) + ip + udp)
    f.flush()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(print(json.dumps(did), flush=True)))
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    ends[0].bind((ADDRESS, PORT))
    ends[1].bind((ADDRESS, 0))
    to = [None, (CONTROLLER, PORT)]
    with open(FILE, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        while True:
            wait = max(0, waits[0][0] - time.monotonic()) if waits else 1
            for end in select.select(ends, [], [], wait)[0]:
                text, source = end.recvfrom(65536)
                way = ends.index(end)
                if way == 0:
                    to[0] = source
                    write(f, text)
                for at in times(way):
                    heapq.heappush(waits, (at, did["all"], 1 - way, text))
            while waits and waits[0][0] <= time.monotonic() + MOMENT:
                _, _, way, text = heapq.heappop(waits)
                if to[way]:
                    ends[way].sendto(text, to[way])


main()
