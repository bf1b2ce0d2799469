# SPDX-License-Identifier: BSD-3-Clause
"""For tcp_alloc_test.sh: tcp_alloc.py FAIRLEAD CONFIG FILE [download]. Clients and peers of TCP allocations;
nginx on port 8080 of the peer serves FILE as /file. With "download" a client fetches that by IPv4, and no more."""

import hashlib
import os
import socket
import sys
import threading

import stunlib as s
from badinput import Relay
from load import enter

SERVER = {4: "10.1.0.1", 6: "fd00:1::1"}
PEER = {4: "10.2.0.2", 6: "fd00:2::2"}
WEB, CLOSED = 8080, 9
SMALL = 65536  # socket buffers of those that shall fill up
MANY = 8 << 20  # bytes; more than all buffers on the way


def client(family=4):
    enter("fl-client")
    c = s.Client(SERVER[family], tcp=True)
    reply = c.allocate_tcp((s.FAMILY, s.V4 if family == 4 else s.V6))
    assert reply.error() == 0, f"Allocate: {reply.error()}"
    c.relayed = reply.address(s.RELAYED)
    assert c.permit(PEER[family]).error() == 0
    return c


def listener(family=4):
    enter("fl-peer")
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    sock.bind((PEER[family], 0))
    sock.listen()
    sock.settimeout(s.PATIENCE)
    return sock


def peer_socket(family=4):
    enter("fl-peer")
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    sock.settimeout(s.PATIENCE)
    return sock


def outgoing(c, sock):
    """A connection of the allocation to a listener: (client's end, peer's end)."""
    reply = c.connect(*sock.getsockname()[:2])
    assert reply.error() == 0, f"Connect: {reply.error()}"
    enter("fl-client")
    data = c.data_connection(reply.get(s.CONNECTION_ID))
    peer, source = sock.accept()
    assert source[:2] == c.relayed, f"the peer sees {source}, not {c.relayed}"
    peer.settimeout(s.PATIENCE)
    return data, peer


def incoming(c, family=4):
    """A peer that connects to the allocation: (client's end, peer's end)."""
    peer = peer_socket(family)
    peer.connect(c.relayed)
    attempt = c.attempt()
    assert attempt, "no ConnectionAttempt"
    assert attempt[1] == peer.getsockname()[:2], attempt
    enter("fl-client")
    return c.data_connection(attempt[0]), peer


def leave(c):
    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
    c.close()


def refuses(what, reply, code):
    assert reply.error() == code, f"{what}: {reply.error()}, not {code}"


def download(family):
    """RFC 6062 4.3: what nginx sends arrives whole, and its FIN after it."""
    c = client(family)
    reply = c.connect(PEER[family], WEB)
    assert reply.error() == 0, f"Connect: {reply.error()}"
    data = c.data_connection(reply.get(s.CONNECTION_ID))
    data.sendall(b"GET /file HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n")
    answer = data.read(1 << 30)
    body = answer.partition(b"\r\n\r\n")[2]
    assert hashlib.sha256(body).digest() == WANT, f"{len(body)} bytes, with another hash"
    data.close()
    leave(c)


def upload():
    """Much from the client; its FIN reaches the peer, which then still answers (RFC 6062 4.6)."""
    c = client()
    data, peer = outgoing(c, listener())
    file = os.urandom(MANY)
    sender = threading.Thread(target=data.sendall, args=(file,), daemon=True)
    sender.start()
    got = hashlib.sha256()
    for _ in range(0, MANY, SMALL):
        got.update(receive(peer, SMALL))
    sender.join()
    data.sock.shutdown(socket.SHUT_WR)
    assert peer.recv(1) == b"", "the peer does not see the end"
    peer.sendall(got.digest())
    peer.close()
    assert data.read(64) == hashlib.sha256(file).digest(), "the peer got something else"
    data.close()
    leave(c)


def receive(sock, size):
    out = b""
    while len(out) < size:
        got = sock.recv(size - len(out))
        assert got, f"the end after {len(out)} of {size} bytes"
        out += got
    return out


def comes_in(family):
    """RFC 6062 4.4: two peers connect in; what one sends before the ConnectionBind waits for it."""
    c = client(family)
    first, second = peer_socket(family), peer_socket(family)
    first.connect(c.relayed)
    first.sendall(b"early")
    a = c.attempt()
    second.connect(c.relayed)
    b = c.attempt()
    assert a and b and a[0] != b[0] and a[1] != b[1], (a, b)
    enter("fl-client")
    for attempt, peer, early in ((b, second, b""), (a, first, b"early")):
        data = c.data_connection(attempt[0])
        peer.sendall(b"later")
        assert data.read(len(early) + 5) == early + b"later"
        data.sendall(b"back")
        assert receive(peer, 4) == b"back"
        data.close()
        assert peer.recv(1) == b""
        peer.close()
    leave(c)


def slow_reader(relay):
    """The client takes nothing: the peer is held back, and the relay's table shows a window of 0.
    Then it takes all."""
    c = client()
    data, peer = incoming(c)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    peer.setblocking(False)
    file, sent = os.urandom(MANY), 0
    name = "%s:%d" % data.sock.getsockname()

    def stalled():
        nonlocal sent
        try:
            while sent < MANY:
                sent += peer.send(file[sent : sent + SMALL])
        except BlockingIOError:
            pass
        mine = [i for i in relay.ask("connections", "--limit", "0")["connections"] if i["remote"] == name]
        return mine and mine[0]["send_window"] < 1460 and mine[0]["role"] == "data"

    s.await_true("a closed window", stalled)
    assert sent < MANY, "the relay takes all the peer has"
    peer.settimeout(s.PATIENCE)
    sender = threading.Thread(target=peer.sendall, args=(file[sent:],), daemon=True)
    sender.start()
    assert data.read(MANY) == file, "other bytes"
    sender.join()
    peer.close()
    assert data.recv() == b""
    data.close()
    leave(c)
    return sent


def resets():
    """RST is passed on, in both directions."""
    c = client()
    data, peer = outgoing(c, listener())
    data.reset()
    expect_reset(peer, "the peer")
    data, peer = incoming(c)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    expect_reset(data.sock, "the client")
    leave(c)


def expect_reset(sock, who):
    try:
        got = sock.recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"{who} got {got!r}, no RST")


def errors():
    c = client()
    refuses("Connect where nobody listens", c.connect(PEER[4], CLOSED), 447)
    refuses("Connect without permission", c.connect("127.0.0.1", WEB), 403)
    sock = listener()
    data, peer = outgoing(c, sock)
    refuses("a second Connect", c.connect(*sock.getsockname()), 446)
    bind, _ = c.bind_connection(b"\0\1\2\3")
    refuses("ConnectionBind of nothing", bind, 400)
    refuses("a channel of a TCP allocation", c.bind(0x4001, PEER[4], WEB), 403)
    u = s.Client(SERVER[4])
    assert u.allocate().error() == 0
    refuses("Connect of a UDP allocation", u.connect(PEER[4], WEB), 403)
    assert u.refresh((s.LIFETIME, s.u32(0))).error() == 0
    stranger = peer_socket()
    stranger.bind((PEER[4], 0))
    leave(c)
    # With the allocation its connections go (RFC 6062 4.7).
    for end, who in ((data.sock, "client"), (peer, "peer")):
        try:
            assert end.recv(1) == b"", f"the {who} got something"
        except ConnectionResetError:
            pass
    try:
        stranger.connect(c.relayed)
        raise AssertionError("the relayed address still takes connections")
    except ConnectionRefusedError:
        pass


def main():
    if sys.argv[4:] == ["download"]:
        return download(4)
    relay = Relay(*sys.argv[1:3])
    for family in (4, 6):
        download(family)
        comes_in(family)
    upload()
    sent = slow_reader(relay)
    resets()
    errors()
    print(f"ok: {MANY} bytes whole each way, {sent} under way to a reader that stopped")


if __name__ == "__main__":
    with open(sys.argv[3], "rb") as f:
        WANT = hashlib.sha256(f.read()).digest()
    main()
