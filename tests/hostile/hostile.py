# SPDX-License-Identifier: BSD-3-Clause
"""What the hostile programs of this directory share. Each is a file NAME.py with a function take(end) that takes
all it can get of one resource until time.monotonic() is end, and returns figures of what it got:

  NAME.py SECONDS    runs it in fl-client, prints the figures as one line of JSON

It has accounts of its own (USERS, of one password) and the address of the honest clients, whose neighbour it is (R4)."""

import json
import os
import resource
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../e2e"), os.path.join(HERE, "../tcp")]

import stunlib as s
from load import enter

SERVER, PEER, SINK = "10.1.0.1", "10.2.0.2", 9
USERS, PASSWORD = ("mallory", "trudy", "craig"), "hostile"
FRESH = "walter"  # whose share of allocations no other row has used up: they live on after a row has ended


def client(port=3478, user=USERS[0], **how):
    return s.Client(SERVER, port, user, PASSWORD, **how)


def run(take):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    s.PATIENCE = 2  # who is refused asks again at once
    enter("fl-client")
    print(json.dumps(take(time.monotonic() + float(sys.argv[1]))), flush=True)


class Tally(dict):
    """Figures by name."""

    def add(self, name, n=1):
        self[name] = self.get(name, 0) + n

    def add_held(self, socks):
        """Connections, which do not block, by whether the relay still has them."""
        for c in socks:
            try:
                c.getpeername()
                alive = c.recv(65536, socket.MSG_PEEK) != b""
            except BlockingIOError:
                alive = True
            except OSError:
                alive = False
            self.add("held" if alive else "ended")
