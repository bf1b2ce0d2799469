#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""vlan.py LINK INNER VLAN: what an interface of the kernel for a VLAN of LINK would do, where it has
none (8021q): frames of LINK with that tag go to INNER without it, whose own go to LINK with it."""

import select
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, ETH_P_ALL, TAG = 263, 8, 4, 3, 0x8100
TP_STATUS_VLAN_VALID = 1 << 4


def opened(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.bind((name, 0))
    return s


def received(s):
    """A frame that came in, as it is without a tag, and its VLAN; the kernel may have taken it off."""
    frame, extra, _, (_, _, kind, _, _) = s.recvmsg(65536, 256)
    vlan = 0
    if kind == PACKET_OUTGOING:
        return None, 0
    for level, what, data in extra:
        if level == SOL_PACKET and what == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data[:20])
            vlan = tci & 0xFFF if status & TP_STATUS_VLAN_VALID else 0
    if frame[12:14] == struct.pack("!H", TAG):
        vlan, frame = struct.unpack("!H", frame[14:16])[0] & 0xFFF, frame[:12] + frame[16:]
    return frame, vlan


link, inner, own = opened(sys.argv[1]), opened(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
while True:
    for s in select.select([link, inner], [], [])[0]:
        frame, vlan = received(s)
        try:
            if frame and s is link and vlan == own:
                inner.send(frame)
            elif frame and s is inner and vlan == 0:
                link.send(frame[:12] + struct.pack("!HH", TAG, own) + frame[12:])
        except OSError as e:  # longer than the link carries, or it is down
            print(e, flush=True)
