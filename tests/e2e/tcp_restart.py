# SPDX-License-Identifier: BSD-3-Clause
"""For tcp_restart_test.sh: clients over TCP that live through the ends of both processes. Says a
word on standard output after each act and waits for a line before the next."""

import threading

import stunlib as s
from tcp_alloc import PEER, SERVER, client, incoming, listener, outgoing, receive
from load import enter


def say(word):
    print(word, flush=True)
    input()


def echo(pair):
    data, peer = pair
    data.sendall(b"there")
    assert receive(peer, 5) == b"there"
    peer.sendall(b"back")
    assert data.read(4) == b"back"


def media(c):
    c.send_channel(0x4000, b"media")
    got = c.receive(s.PATIENCE)
    assert got and got[-1] == b"media", got


def ended(c):
    """Whether the connection is reset when the client uses it again."""
    try:
        c.sock.settimeout(s.PATIENCE)
        c.sock.send(s.build(s.REFRESH, s.REQUEST))
        c.sock.recv()
    except ConnectionError:
        return True
    return False


def goes_on(c, udp, server, pair):
    """Without a fairlead-cp, and with its successor."""
    echo(pair)
    media(udp)
    waiting = []
    thread = threading.Thread(target=lambda: waiting.append(c.connect(*server.getsockname()[:2])))
    thread.start()
    say("asked")
    thread.join()
    assert waiting[0].error() == 446, waiting[0].error()  # to where the pair leads
    echo(pair)
    media(udp)
    assert c.refresh().error() == 0 and udp.refresh().error() == 0
    echo(incoming(c))
    echo(outgoing(c, listener()))
    say("kept")


def main():
    c, server = client(), listener()
    pair = outgoing(c, server)
    enter("fl-client")
    udp = s.Client(SERVER[4], tcp=True)
    assert udp.allocate().error() == 0
    assert udp.bind(0x4000, PEER[4], 3480).error() == 0
    echo(pair)
    media(udp)
    say("up")
    for _ in range(2):
        goes_on(c, udp, server, pair)
    assert ended(c) and ended(udp), "a connection that the dataplane cannot know is answered"
    c = client()
    echo(outgoing(c, listener()))
    say("again")


if __name__ == "__main__":
    main()
