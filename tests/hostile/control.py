# SPDX-License-Identifier: BSD-3-Clause
"""The control socket and the port of metrics: clients that connect and say nothing, that never end their request,
and that ask and do not read (R27)."""

import socket
import time

from hostile import Tally, run
from gatelib import CONTROL
from netns import namespace

ASK = b'{"jsonrpc":"2.0","id":1,"method":"status","params":{}}\n'
MOST = 800


def take(end):
    got, socks, n = Tally(), [], 0
    while time.monotonic() < end:
        n += 1
        try:
            if n % 2:
                c = socket.socket(socket.AF_UNIX)
                c.setblocking(False)
                c.connect(CONTROL)
                c.send((b"", ASK[:20], ASK * 50)[n // 2 % 3])
            else:
                with namespace("fl-relay"):
                    c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                c.setblocking(False)
                c.connect_ex(("127.0.0.1", 9643))
                if n % 4:
                    c.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
            socks.append(c)
            got.add("opened")
        except OSError:
            got.add("refused")
        if len(socks) > MOST:
            socks.pop(0).close()
        for c in socks[n % 20 :: 20]:
            try:
                c.send(b" ")
            except BlockingIOError:
                pass
            except OSError:
                c.close()
                socks.remove(c)
                got.add("ended")
        time.sleep(0.002)
    return got


if __name__ == "__main__":
    run(take)
