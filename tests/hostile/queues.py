# SPDX-License-Identifier: BSD-3-Clause
"""Send and media queues: clients with an account who do not read. Their peers send them datagrams, most of them
empty, over TCP and TLS; and peers fill data connections of TCP allocations (RFC 6062) that nobody reads."""

import os
import socket
import ssl
import threading
import time

from hostile import PEER, SERVER, Tally, client, run, s
from load import enter

COMPONENTS, STREAMS, PORT = 8, 20, 7070


def deaf(tls):
    """A client whose window is small and shut."""
    c = client(5349, tls=tls) if tls else client(tcp=True)
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reply = c.allocate()
    assert reply.error() == 0, reply.error()
    assert c.permit(PEER).error() == 0
    return c, reply.address(s.RELAYED)


def flood(relayed, end, got):
    enter("fl-peer")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((PEER, 0))
    while time.monotonic() < end:
        for at in relayed:
            for data in (b"", b"", b"", bytes(1200)):
                sock.sendto(data, at)
                got.add("datagrams")
        time.sleep(0.005)


def filler(listener, end, got):
    """Peers that send all they can."""
    listener.settimeout(0.5)
    socks = []
    while time.monotonic() < end:
        try:
            c = listener.accept()[0]
            c.setblocking(False)
            socks.append(c)
        except socket.timeout:
            pass
        for c in socks:
            try:
                while True:
                    got.add("bytes_in_streams", c.send(bytes(65536)))
            except OSError:
                pass


def take(end):
    got = Tally()
    enter("fl-peer")
    listener = socket.create_server((PEER, PORT), backlog=100)
    enter("fl-client")
    tls = ssl.create_default_context(cafile=os.environ["CA"])
    clients = [deaf(tls if n % 2 else None) for n in range(COMPONENTS)]
    threads = [threading.Thread(target=flood, args=([r for _, r in clients], end, got)),
               threading.Thread(target=filler, args=(listener, end, got))]
    for t in threads:
        t.start()
    streams = []
    while time.monotonic() < end:
        if len(streams) == STREAMS:
            time.sleep(0.1)
            continue
        try:
            c = client(tcp=True)
            assert c.allocate_tcp().error() == 0 and c.permit(PEER).error() == 0
            ids = [c.connect(PEER, PORT).get(s.CONNECTION_ID) for _ in range(2)]
            streams.append((c, [c.data_connection(i) for i in ids if i]))
            got.add("streams")
        except (OSError, AssertionError):
            got.add("refused")
            time.sleep(0.1)
    for t in threads:
        t.join()
    return got


if __name__ == "__main__":
    run(take)
