# SPDX-License-Identifier: BSD-3-Clause
"""TCP segments in Ethernet frames, made and read; IPv4 only. For differ.py."""
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
NAMES = "FSRPAUEC"


def flags_text(f):
    return "".join(n for i, n in enumerate(NAMES) if f >> i & 1) or "-"


def checksum(b):
    if len(b) % 2:
        b += b"\0"
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def options_make(o):
    """mss, wscale, sack_ok, ts: (val, ecr), sack: [(start, end)]; padded."""
    b = b""
    if "mss" in o:
        b += struct.pack("!BBH", 2, 4, o["mss"])
    if o.get("sack_ok"):
        b += b"\4\2"
    if "ts" in o:
        b += b"\1\1" * (len(b) % 4 == 0) + struct.pack("!BBII", 8, 10, *o["ts"])
    if "wscale" in o:
        b += struct.pack("!BBBB", 1, 3, 3, o["wscale"])
    if o.get("sack"):
        b += b"\1\1" + struct.pack("!BB", 5, 2 + 8 * len(o["sack"]))
        b += b"".join(struct.pack("!II", *s) for s in o["sack"])
    return b + b"\1" * (-len(b) % 4)


def options_read(b):
    o, i = {}, 0
    while i < len(b) and b[i]:
        if b[i] == 1:
            i += 1
            continue
        kind, n = b[i], b[i + 1]
        v = b[i + 2:i + n]
        if kind == 2:
            o["mss"] = struct.unpack("!H", v)[0]
        elif kind == 3:
            o["wscale"] = v[0]
        elif kind == 4:
            o["sack_ok"] = True
        elif kind == 5:
            o["sack"] = [struct.unpack_from("!II", v, j) for j in range(0, len(v), 8)]
        elif kind == 8:
            o["ts"] = struct.unpack("!II", v)
        i += n
    return o


def frame_make(dmac, smac, src, dst, sport, dport, seq, ack, flags, wnd, options, data, bad=False):
    o = options_make(options)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                      (20 + len(o)) // 4 << 4, flags, wnd, 0, 0) + o + data
    c = checksum(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp) ^ bad
    tcp = tcp[:16] + struct.pack("!H", c) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, src, dst)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return dmac + smac + b"\x08\0" + ip + tcp


class Segment:
    """What came, its numbers as they stand."""

    def __init__(self, frame):
        ip = frame[14:]
        total = struct.unpack_from("!H", ip, 2)[0]
        ip, hl = ip[:total], (ip[0] & 15) * 4
        tcp = ip[hl:]
        self.src, self.dst = ip[12:16], ip[16:20]
        (self.sport, self.dport, self.seq, self.ack, off, self.flags, self.wnd, _,
         _) = struct.unpack_from("!HHIIBBHHH", tcp)
        off = (off >> 4) * 4
        self.options, self.data = options_read(tcp[20:off]), tcp[off:]
        self.good = (checksum(ip[:hl]) == 0 and
                     checksum(ip[12:20] + struct.pack("!HH", 6, len(tcp)) + tcp) == 0)


def is_tcp(frame):
    return len(frame) >= 54 and frame[12:14] == b"\x08\0" and frame[23] == 6
