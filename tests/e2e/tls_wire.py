# SPDX-License-Identifier: BSD-3-Clause
"""What TURN over TLS looks like from outside. tls_wire.py burst: media for one TLS client, more than
a turn's at once; prints its port. tls_wire.py CAPTURE PORT: every stream of a capture is whole
records of sizes that may be, in segments that fit the path, and that client's messages shared
records."""

import collections
import os
import signal
import socket
import struct
import subprocess
import sys

import stunlib as s
import tlslib
from load import PEER, enter

PORTS = (443, 5349)
MESSAGES, SIZE = 150, 100
PATH = 1500
FIELDS = ("tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.len", "ip.len", "ipv6.plen", "tcp.payload")


def burst():
    enter("fl-client")
    c = s.Client(tlslib.SERVER, 443, tls=tlslib.context())
    relayed = c.allocate().address(s.RELAYED)
    enter("fl-peer")
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((PEER[4], 0))
    assert c.bind(0x4000, *peer.getsockname()).error() == 0
    texts = [b"%0*d" % (SIZE, i) for i in range(MESSAGES)]
    relay = int(open(os.environ["RUN"] + "/fairlead-dp.pid").read())
    os.kill(relay, signal.SIGSTOP)  # finds them all when it goes on
    for text in texts:
        peer.sendto(text, relayed)
    os.kill(relay, signal.SIGCONT)
    for text in texts:
        assert c.receive(s.PATIENCE) == (0x4000, text), f"lost: {text}"
    print(c.sock.getsockname()[1])
    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
    c.sock.unwrap()


def tshark(capture, *arguments):
    ports = [word for p in PORTS for word in ("-d", f"tcp.port=={p},tls")]
    return subprocess.run(["tshark", "-n", "-r", capture, *ports, *arguments], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()


def streams(capture):
    """By (stream, source port, destination port): the bytes, as acknowledged ones are put together."""
    pieces = collections.defaultdict(dict)
    fields = [word for f in FIELDS for word in ("-e", f)]
    where = " || ".join(f"tcp.port == {p}" for p in PORTS)
    for line in tshark(capture, "-Y", f"tcp.len > 0 && ({where})", "-T", "fields", *fields):
        v = dict(zip(FIELDS, line.split("\t")))
        size = int(v["ip.len"] or int(v["ipv6.plen"]) + 40)
        assert size <= PATH or int(v["tcp.dstport"]) in PORTS, f"a segment of {size} bytes"
        key = v["tcp.stream"], int(v["tcp.srcport"]), int(v["tcp.dstport"])
        pieces[key][int(v["tcp.seq"])] = bytes.fromhex(v["tcp.payload"].replace(":", ""))
    for key, parts in pieces.items():
        data, at = b"", 1
        for seq in sorted(parts):
            assert seq <= at, f"stream {key}: {seq - at} bytes are not in the capture"
            data += parts[seq][at - seq :]
            at = max(at, seq + len(parts[seq]))
        yield key, data


def check(capture, port):
    bad = tshark(capture, "-Y", "_ws.malformed || tls.ignored_unknown_record")
    assert not bad, bad[:5]
    shared = total = 0
    for key, data in streams(capture):
        got = tlslib.records(data)
        rest = len(data) - sum(len(r) for _, r in got)
        assert rest == 0, f"stream {key} ends within a record, or is none: {rest} bytes are left"
        for kind, r in got:
            version, length = struct.unpack("!HH", r[1:5])
            assert tlslib.CCS <= kind <= tlslib.DATA and 0x0301 <= version <= 0x0303 and \
                0 < length <= tlslib.PLAIN_MAX + 256, f"stream {key}: record {r[:5].hex()}"
        total += len(got)
        if key[2] == port:
            media = [r for kind, r in got if kind == tlslib.DATA and len(r) > SIZE]
            shared += len(media)
    assert 0 < shared < MESSAGES / 2, f"{MESSAGES} messages that came at once took {shared} records"
    print(f"ok: {total} records; {MESSAGES} messages shared {shared} of them")


if __name__ == "__main__":
    burst() if sys.argv[1] == "burst" else check(sys.argv[1], int(sys.argv[2]))
