# SPDX-License-Identifier: BSD-3-Clause
"""TLS handshakes: connections that say nothing, that send the beginning of a record, that send a ClientHello and
stop, and whole handshakes one after the other by as many as there can be."""

import socket
import ssl
import time

from hostile import SERVER, Tally, run

HALF = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20)
MOST = 3000


def hello():
    """A ClientHello as a client writes it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="relay.fairlead.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def take(end):
    got, socks = Tally(opened=0), []
    says = (b"", HALF, hello(), HALF)
    while time.monotonic() < end:
        c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        c.settimeout(0.2)
        try:
            c.connect((SERVER, 5349 if len(socks) % 2 else 443))
            c.setblocking(False)
            c.send(says[got["opened"] % len(says)])
            got.add("opened")
            socks.append(c)
        except OSError:
            got.add("refused")
        if len(socks) > MOST:
            socks.pop(0).close()
        time.sleep(0.001)
    got.add_held(socks)
    return got


if __name__ == "__main__":
    run(take)
