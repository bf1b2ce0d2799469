#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keys of SRTP that change in a call (RFC 4568 7.1.4): srtp_rekey.py CLIENT_NS PEER_NS RELAY_NS CLIENT PEER.

One end is libsrtp's, the other has plain RTP; ng commands go from RELAY_NS. Says "talks", and waits for a line:
meanwhile fairlead-cp is to be killed and started. Ends with 0 if all that shall pass has passed, unchanged."""
import base64
import ctypes
import json
import os
import re
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
srtp = ctypes.CDLL("libsrtp2.so.1")
ROOM = 256
CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
LENGTH = {CM: 30, GCM: 28}


class Crypto(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("cipher", "key_len", "auth", "auth_len", "tag_len", "services")]


class Policy(ctypes.Structure):
    _fields_ = [("ssrc_type", ctypes.c_int), ("ssrc", ctypes.c_uint), ("rtp", Crypto), ("rtcp", Crypto),
                ("key", ctypes.c_char_p), ("keys", ctypes.c_void_p), ("n_keys", ctypes.c_ulong),
                ("ekt", ctypes.c_void_p), ("window", ctypes.c_ulong), ("repeat", ctypes.c_int),
                ("extension", ctypes.c_void_p), ("n_extension", ctypes.c_int), ("next", ctypes.c_void_p)]


class Session:
    """A direction under one key."""

    def __init__(self, suite, key, outbound):
        policy = Policy(ssrc_type=3 if outbound else 2, window=128)
        setter = (srtp.srtp_crypto_policy_set_rtp_default if suite == CM else
                  srtp.srtp_crypto_policy_set_aes_gcm_128_16_auth)
        setter(ctypes.byref(policy, Policy.rtp.offset))
        setter(ctypes.byref(policy, Policy.rtcp.offset))
        self.key = ctypes.create_string_buffer(key, len(key))
        policy.key = ctypes.cast(self.key, ctypes.c_char_p)
        self.session = ctypes.c_void_p()
        assert srtp.srtp_create(ctypes.byref(self.session), ctypes.byref(policy)) == 0

    def run(self, function, packet):
        buffer = ctypes.create_string_buffer(packet, len(packet) + ROOM)
        length = ctypes.c_int(len(packet))
        status = function(self.session, buffer, ctypes.byref(length))
        return buffer.raw[:length.value] if status == 0 else None

    def protect(self, packet):
        return self.run(srtp.srtp_protect, packet)

    def protect_rtcp(self, packet):
        return self.run(srtp.srtp_protect_rtcp, packet)

    def unprotect(self, packet):
        return self.run(srtp.srtp_unprotect, packet)


def socket_in(namespace, address):
    with open(f"/run/netns/{namespace}") as f:
        if libc.setns(f.fileno(), 0):
            sys.exit(f"no namespace {namespace}")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    if address:
        s.bind((address, 0))
    return s


class Call:
    def __init__(self, client_ns, peer_ns, relay_ns, client, peer):
        self.a, self.b = socket_in(client_ns, client), socket_in(peer_ns, peer)
        self.ng = socket_in(relay_ns, None)
        self.cookie, self.seq, self.suite = 0, {"a": 100, "b": 65530}, None
        self.to = {}

    def ask(self, command, s, sdp):
        self.cookie += 1
        text = {"command": command, "call-id": "rekey", "from-tag": "a", "direction": ["access", "core"],
                "transport-protocol": "RTP/AVP", "sdp": sdp}
        if command == "answer" or self.suite:
            text["to-tag"] = "b"
        self.ng.sendto(f"{self.cookie}_rekey {json.dumps(text)}".encode(), ("127.0.0.1", 2223))
        answer = json.loads(self.ng.recv(65536).split(b" ", 1)[1])
        if answer["result"] != "ok":
            sys.exit(f"{command}: {answer}")
        host = re.search(r"c=IN IP4 (\S+)", answer["sdp"])[1]
        port = int(re.search(r"m=audio (\d+) ", answer["sdp"])[1])
        assert port, f"{command}: the m-line was rejected: {answer['sdp']}"
        self.to[s] = (host, port)
        return answer["sdp"]

    def sdp(self, s, proto, lines=""):
        host, port = (self.a if s == "a" else self.b).getsockname()
        return (f"v=0\r\no={s} 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
                f"m=audio {port} {proto} 0\r\n{lines}")

    def agree(self, suite):
        """An offer with a new key of this suite, and its answer: both directions of A."""
        key = os.urandom(LENGTH[suite])
        inline = base64.b64encode(key).decode().rstrip("=")
        offer = self.ask("offer", "b", self.sdp("a", "RTP/SAVP", f"a=crypto:1 {suite} inline:{inline}\r\n"))
        assert "crypto" not in offer, offer
        answer = self.ask("answer", "a", self.sdp("b", "RTP/AVP"))
        self.suite = suite
        ours = re.search(rf"a=crypto:1 {suite} inline:(\S+)", answer)[1]
        ours = base64.b64decode(ours + "=" * (-len(ours) % 4))
        return Session(suite, key, True), Session(suite, ours, False), ours

    def packet(self, s):
        self.seq[s] += 1
        seq = self.seq[s] & 0xffff
        return bytes([0x80, 0]) + seq.to_bytes(2, "big") + bytes(4) + (b"AAAA" if s == "a" else b"BBBB") + \
            bytes([seq & 0xff]) * 160

    def up(self, session, what):
        """From A to B. False: nothing comes."""
        plain = self.packet("a")
        self.a.sendto(session.protect(plain), self.to["a"])
        try:
            got = self.b.recv(2048)
        except socket.timeout:
            return False
        assert got == plain, f"{what}: B got {got.hex()}, not {plain.hex()}"
        return True

    def down(self, session, what):
        """From B to A."""
        plain = self.packet("b")
        self.b.sendto(plain, self.to["b"])
        got = self.a.recv(2048)
        assert plain[12:] not in got, f"{what}: it came as it was sent"
        assert session.unprotect(got) == plain, f"{what}: A cannot read {got.hex()}"

    def talk(self, sessions, what):
        # An answer may be here before the worker has obeyed what goes with it.
        self.b.settimeout(0.5)
        assert any(self.up(sessions[0], what) for _ in range(20)), f"{what}: nothing comes to B at all"
        self.b.settimeout(5)
        for _ in range(20):
            assert self.up(sessions[0], what), f"{what}: nothing comes to B"
            self.down(sessions[1], what)


def main():
    assert srtp.srtp_init() == 0
    call = Call(*sys.argv[1:])
    first = call.agree(CM)
    call.talk(first, "first keys; the sequence numbers of B wrap")
    second = call.agree(CM)
    assert second[2] == first[2], "ours is another, though suite and parameters are the same"
    # The answer may be on its way: what was sent by the old key is still taken.
    assert call.up(first[0], "late"), "a late packet by the old key does not come"
    call.talk((second[0], first[1]), "the second key of A")
    third = call.agree(GCM)
    call.talk(third, "another suite")
    call.b.settimeout(0.5)
    assert not call.up(Session(GCM, os.urandom(28), True), "a stranger's key"), "a stranger's key fits"
    call.b.settimeout(5)
    print("talks", flush=True)
    sys.stdin.readline()
    call.talk(third, "after fairlead-cp's restart")
    fourth = call.agree(GCM)
    assert fourth[2] != third[2], "a key that is not known any more was told again"
    call.talk(fourth, "keys after the restart")
    print("done", flush=True)


if __name__ == "__main__":
    main()
