# SPDX-License-Identifier: BSD-3-Clause
"""What capture_tcp_test.sh looks at: media of all sizes over TCP to a UDP peer, and a TCP
allocation's connections in both directions. Every byte is checked."""

import socket

import stunlib as s
from load import PEER, SERVER, enter
from tcp_alloc import client, incoming, leave, listener, outgoing, receive

SIZES = (1, 2, 3, 4, 40, 1001, 1400, 3000, 8000)
NUMBER = 0x4000


def text_of(size):
    """Bytes that are others at every place, and begin as no protocol does: the dissector guesses."""
    return b"".join(b"x%d " % n for n in range(size))[:size]


def media(family):
    enter("fl-client")
    c = s.Client(SERVER[family], tcp=True)
    reply = c.allocate((s.FAMILY, s.V4 if family == 4 else s.V6))
    assert reply.error() == 0, f"Allocate: {reply.error()}"
    relayed = reply.address(s.RELAYED)
    enter("fl-peer")
    peer = socket.socket(c.sock.family, socket.SOCK_DGRAM)
    peer.settimeout(s.PATIENCE)
    peer.bind((PEER[family], 0))
    at = peer.getsockname()[:2]
    for how in ("indication", "channel"):
        assert (c.permit(at[0]) if how == "indication" else c.bind(NUMBER, *at)).error() == 0
        for size in SIZES:
            text = text_of(size)
            if how == "indication":
                c.send(*at, text)
            else:
                c.send_channel(NUMBER, text)
            assert peer.recv(65536) == text, f"{how}: {size} bytes did not reach the peer"
            peer.sendto(text, relayed)
            source = at if how == "indication" else NUMBER
            assert c.receive(s.PATIENCE) == (source, text), f"{how}: {size} bytes did not come back"
    leave(c)


def data():
    c = client()
    for make in (lambda: outgoing(c, listener()), lambda: incoming(c)):
        ours, theirs = make()
        text = text_of(200000)
        ours.sendall(text)
        assert receive(theirs, len(text)) == text
        theirs.sendall(text[::-1] + b"the-very-last")
        theirs.close()
        assert ours.read(1 << 20) == text[::-1] + b"the-very-last"
        ours.close()
    leave(c)


for f in (4, 6):
    media(f)
data()
