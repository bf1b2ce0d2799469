# SPDX-License-Identifier: BSD-3-Clause
"""A controller of H.248 over UDP that runs beside the gateway, for tests that want few words of it and many times:
erlang-megaco (mgc.erl) is the one that judges what the gateway says."""

import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tcp"))
from netns import namespace

PORT = 2944
GATEWAY = ("127.0.0.1", PORT)
REGISTERED = "{C=-{SC=ROOT{SV{V=3}}}}"


def termination(realm, address, port):
    return (f"A=ip/{realm}/${{M{{ST=1{{O{{MO=SR}},L{{\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}},"
            f"R{{\nc=IN IP4 {address}\nm=audio {port} RTP/AVP -\n}}}}}}}}")


class Controller:
    """One that is in charge once registered() returns; requests of the gateway are answered meanwhile."""

    def __init__(self, address, port=PORT):
        self.mid = f"[{address}]:{port}"
        with namespace("fl-relay"):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.id = 0

    def say(self, text):
        self.sock.sendto(f"MEGACO/3 {self.mid} {text}".encode(), GATEWAY)

    def hear(self, seconds):
        """A message, whose requests have been answered; None: there was none in time."""
        self.sock.settimeout(max(seconds, 0.001))
        try:
            text = self.sock.recv(65536).decode()
        except socket.timeout:
            return None
        for number, body in re.findall(r"(?:Transaction|T) ?= ?(\d+) ?\{(.*)", text, re.S):
            service = re.search(r"(?:ServiceChange|SC) ?= ?ROOT", body)
            self.say(f"P={number}" + (REGISTERED if service else "{C=-{N=ROOT}}"))
        return text

    def registered(self, seconds):
        """Whether a gateway has asked for it in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.hear(end - time.monotonic())
            if text and re.search(r"(?:ServiceChange|SC) ?= ?ROOT", text):
                return True
        return False

    def ask(self, actions, seconds=5):
        """The reply; the request is sent again every 300 ms."""
        self.id += 1
        end = time.monotonic() + seconds
        reply = re.compile(r"(?:Reply|P) ?= ?%d ?\{" % self.id)
        while time.monotonic() < end:
            self.say(f"T={self.id}{{{actions}}}")
            again = time.monotonic() + 0.3
            while time.monotonic() < again:
                text = self.hear(again - time.monotonic())
                if text and reply.search(text):
                    return text
        raise AssertionError(f"no reply to {actions}")
