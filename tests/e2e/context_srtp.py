# SPDX-License-Identifier: BSD-3-Clause
"""A controller that gives keys of SRTP with contexts: context_srtp.py CLIENT_NS PEER_NS CLIENT PEER.

One end is libsrtp's, the other has plain RTP. Ends with 0 if all passes that shall, unchanged, and no answer has a key."""
import base64
import json
import os
import sys

import gatelib as g
import srtp_rekey as r


def crypto(suite, key):
    return f"1 {suite} inline:{base64.b64encode(key).decode()}"


class Ends:
    def __init__(self, client_ns, peer_ns, client, peer):
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.a, self.b = r.socket_in(client_ns, client), r.socket_in(peer_ns, peer)
        assert r.libc.setns(here, 0) == 0
        self.seq = 100

    def packet(self):
        self.seq += 1
        return bytes([0x80, 0]) + self.seq.to_bytes(2, "big") + bytes(4) + b"SSRC" + bytes([self.seq & 0xff]) * 160

    def up(self, session, to):
        """From libsrtp's end. False: nothing comes."""
        plain = self.packet()
        self.a.sendto(session.protect(plain), to)
        try:
            got = self.b.recv(2048)
        except TimeoutError:
            return False
        assert got == plain, f"{got.hex()} came, not {plain.hex()}"
        return True

    def down(self, session, to):
        plain = self.packet()
        self.b.sendto(plain, to)
        got = self.a.recv(2048)
        assert plain[12:] not in got and session.unprotect(got) == plain, f"it cannot be read: {got.hex()}"


def sessions(suite, theirs, ours):
    return r.Session(suite, theirs, True), r.Session(suite, ours, False)


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    assert r.srtp.srtp_init() == 0
    ends, rpc = Ends(*sys.argv[1:5]), g.Rpc()
    keys = [os.urandom(r.LENGTH[r.CM]) for _ in range(3)]
    other = [os.urandom(r.LENGTH[r.GCM]) for _ in range(2)]
    answers = []

    def ask(method, **params):
        answers.append(rpc.ask(method, **params))
        return answers[-1]

    def remote(s):
        return "%s:%d" % s.getsockname()

    c = ask("context.add", call="keys", terminations=[
        {"transport": "udp", "realm": "access", "rtp": True, "rtcp_mux": True, "remote": remote(ends.a), "srtp": "sdes",
         "crypto_in": crypto(r.CM, keys[0]), "crypto_out": crypto(r.CM, keys[1])},
        {"transport": "udp", "realm": "core", "rtp": True, "rtcp_mux": True, "remote": remote(ends.b)}])
    to = [address(t["local"]) for t in c["terminations"]]

    def talk(pair, what):
        # The answer may be here before the worker has obeyed.
        ends.b.settimeout(0.5)
        assert any(ends.up(pair[0], to[0]) for _ in range(20)), f"{what}: nothing comes"
        ends.b.settimeout(5)
        for _ in range(20):
            assert ends.up(pair[0], to[0]), f"{what}: nothing comes"
            ends.down(pair[1], to[1])

    first = sessions(r.CM, keys[0], keys[1])
    talk(first, "keys given with the context")
    ask("context.modify", context=c["context"], side=0, crypto_in=crypto(r.CM, keys[2]))
    second = sessions(r.CM, keys[2], keys[1])
    talk((second[0], first[1]), "another key of the remote's, and ours goes on")
    ask("context.modify", context=c["context"], side=0, crypto_in=crypto(r.GCM, other[0]), crypto_out=crypto(r.GCM, other[1]))
    talk(sessions(r.GCM, *other), "another suite")
    ends.b.settimeout(0.5)
    assert not ends.up(r.Session(r.GCM, os.urandom(r.LENGTH[r.GCM]), True), to[0]), "a stranger's key fits"
    answers.append(rpc.ask("context.show", context=c["context"]))
    assert answers[-1]["terminations"][0]["srtp"] == "sdes"
    told = json.dumps(answers)
    for key in keys + other:
        assert base64.b64encode(key).decode().rstrip("=") not in told, "a key is told"
    rpc.ask("context.delete", context=c["context"])


main()
