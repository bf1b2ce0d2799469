# SPDX-License-Identifier: BSD-3-Clause
"""Compares what capture_client.py sent with two captures, dissected by tshark:
capture_check.py SENT CLIENT-CAPTURE PEER-CAPTURE."""

import json
import subprocess
import sys

CHECKED = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
CHECKED += ["-o", "udp.ignore_ipv6_zero_checksum:FALSE"]
PEER_TOS, PEER_TTL = 74, 33  # of the echo that capture_test.sh starts
FIELDS = ["frame.number", "ip.src", "ipv6.src", "ip.dsfield", "ipv6.tclass", "ip.ttl", "ipv6.hlim",
          "ip.flags.df", "udp.payload", "icmp.type"]
wrong = []


def tshark(capture, *arguments):
    out = subprocess.run(["tshark", "-n", "-r", capture, *CHECKED, *arguments], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return out.splitlines()


def check_clean(capture):
    """No malformed packet, no bad checksum; and they were looked at."""
    bad = ("_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || "
           "icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || stun.att.crc32.status == 0")
    wrong.extend(f"{capture}: {line}" for line in tshark(capture, "-Y", bad))
    for what, seen in (("UDP", "udp"), ("IPv4", "ip && udp")):
        field = "udp.checksum.status" if what == "UDP" else "ip.checksum.status"
        some = len(tshark(capture, "-Y", seen))
        good = len(tshark(capture, "-Y", f"({seen}) && {field} == 1"))
        if some == 0 or some != good:
            wrong.append(f"{capture}: {good} of {some} {what} packets have a checksum seen as good")


class Packet:
    def __init__(self, line):
        v = dict(zip(FIELDS, line.split("\t")))
        self.number, self.src = v["frame.number"], v["ip.src"] or v["ipv6.src"]
        self.v4 = bool(v["ip.src"])
        self.tos = int(v["ip.dsfield"] or v["ipv6.tclass"], 0)
        self.ttl = int(v["ip.ttl"] or v["ipv6.hlim"])
        self.df = v["ip.flags.df"] in ("1", "True")
        self.payload = v["udp.payload"].replace(":", "")


def packets(capture):
    fields = [w for f in FIELDS for w in ("-e", f)]
    # Encapsulated headers of ICMP errors would put two values into a field.
    return [Packet(line) for line in tshark(capture, "-Y", "udp && !icmp && !icmpv6", "-T", "fields", *fields)]


def compare(name, direction, packet, tos, ttl, df):
    for what, got, want in (("DSCP and ECN", packet.tos, tos), ("TTL", packet.ttl, ttl), ("DF", packet.df, df)):
        if got != want:
            wrong.append(f"{name}{direction}, frame {packet.number}: {what} {got}, want {want}")


def find(sent, where, src):
    """The packets of one side that carry the payload; the last, should it have been sent twice."""
    found = [p for p in where if sent["payload"] in p.payload and (p.src in HOSTS) == src]
    if not found:
        wrong.append(f"{sent['name']}: not in the capture")
    return found[-1:]


HOSTS = ("10.1.0.2", "fd00:1::2", "10.2.0.2", "fd00:2::2")


def uncut(sent):
    """Whether an IPv6 packet of this payload is above the least MTU, yet in one piece."""
    return 1280 <= len(sent["payload"]) // 2 <= 1452


def check_sent(sent, client, peer):
    """The four packets of an exchange: from the client, to the peer, from it, to the client."""
    name = sent["name"]
    for p in find(sent, client, True):
        compare(name, "from the client", p, sent["tos"], sent["ttl"], sent["df"])
    # DONT-FRAGMENT asks for DF, otherwise DF is the client's; IPv6 has none to copy, and what is
    # below its least MTU, or was cut already, may be cut further on (RFC 7915 5.1).
    df = sent["how"] == "dont-fragment" or sent["df"]
    if sent["client"] == 6:
        df = df or uncut(sent)
    for p in find(sent, peer, False):
        compare(name, "to the peer", p, sent["tos"], sent["ttl"] - 1, p.v4 and df)
    for p in find(sent, client, False):
        echoed_df = sent["df"] if sent["peer"] == 4 else uncut(sent)
        compare(name, "to the client", p, PEER_TOS, PEER_TTL - 1, p.v4 and echoed_df)


def main():
    sent_file, client_file, peer_file = sys.argv[1:]
    for capture in (client_file, peer_file):
        check_clean(capture)
    client, peer = packets(client_file), packets(peer_file)
    with open(sent_file) as f:
        all_sent = [json.loads(line) for line in f]
    for sent in all_sent:
        check_sent(sent, client, peer)
    for what, want in (("stun.channel", 20), ("stun.type == 0x0016", 20), ("stun.type == 0x0017", 20)):
        if len(tshark(client_file, "-Y", what)) < want:
            wrong.append(f"too few of {what}")
    if wrong:
        raise SystemExit("\n".join(wrong[:20] + [f"{len(wrong)} wrong in all"]))
    print(f"{len(all_sent)} exchanges, {len(client)} packets seen by the client, {len(peer)} by the peer")


main()
