# SPDX-License-Identifier: BSD-3-Clause
"""A small TURN client over UDP, TCP and TLS for tests: RFC 8489 messages, long-term credentials with MD5
and SHA-256 keys, RFC 8656 methods, ChannelData, TCP allocations (RFC 6062). It sends what it is
told, right or wrong, and checks what it gets. Only Python's own library."""

import hashlib
import hmac
import ipaddress
import os
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
import zlib

MAGIC = 0x2112A442
REQUEST, INDICATION, SUCCESS, ERROR = range(4)
BINDING, ALLOCATE, REFRESH, SEND, DATA, PERMISSION, CHANNEL = 1, 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 0xA, 0xB, 0xC

USERNAME, INTEGRITY, ERROR_CODE, UNKNOWN = 0x06, 0x08, 0x09, 0x0A
CHANNEL_NUMBER, LIFETIME, PEER, PAYLOAD, REALM, NONCE = 0x0C, 0x0D, 0x12, 0x13, 0x14, 0x15
RELAYED, FAMILY, EVEN_PORT, TRANSPORT, DONT_FRAGMENT = 0x16, 0x17, 0x18, 0x19, 0x1A
INTEGRITY256, ALGORITHM, USERHASH, MAPPED, TOKEN = 0x1C, 0x1D, 0x1E, 0x20, 0x22
ADDITIONAL_FAMILY, ADDRESS_ERROR, ALGORITHMS, ICMP, SOFTWARE = 0x8000, 0x8001, 0x8002, 0x8004, 0x8022
FINGERPRINT, CONNECTION_ID = 0x8028, 0x2A

MD5, SHA256 = b"\0\1\0\0", b"\0\2\0\0"  # values of PASSWORD-ALGORITHM
UDP, TCP = bytes([17, 0, 0, 0]), bytes([6, 0, 0, 0])  # of REQUESTED-TRANSPORT
V4, V6 = bytes([1, 0, 0, 0]), bytes([2, 0, 0, 0])  # of REQUESTED-ADDRESS-FAMILY
PATIENCE = 10  # seconds until a condition that does not come is a failure


class Malformed(Exception):
    pass


def u32(n):
    return struct.pack("!I", n)


def channel_number(n):
    return struct.pack("!HH", n, 0)


def xor_address(host, port, tid):
    """Value of an XOR-...-ADDRESS."""
    ip = ipaddress.ip_address(host)
    mask = u32(MAGIC) + tid
    body = bytes(a ^ b for a, b in zip(ip.packed, mask))
    return struct.pack("!BBH", 0, 1 if ip.version == 4 else 2, port ^ (MAGIC >> 16)) + body


class Message:
    """What was received. Attributes are (type, value) in their order."""

    def __init__(self, data):
        if len(data) < 20:
            raise Malformed("short")
        kind, length, magic = struct.unpack("!HHI", data[:8])
        if kind >> 14 or magic != MAGIC or length % 4 or length != len(data) - 20:
            raise Malformed("header")
        self.raw, self.tid = data, data[8:20]
        self.method = kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80
        self.cls = kind >> 4 & 1 | kind >> 7 & 2
        self.attrs, self.at = [], {}
        pos = 20
        while pos < len(data):
            if pos + 4 > len(data):
                raise Malformed("attribute header")
            t, n = struct.unpack("!HH", data[pos : pos + 4])
            if pos + 4 + n > len(data):
                raise Malformed("attribute length")
            self.attrs.append((t, data[pos + 4 : pos + 4 + n]))
            self.at.setdefault(t, pos)
            pos += 4 + (n + 3) // 4 * 4
        if FINGERPRINT in self.at and self.get(FINGERPRINT) != fingerprint(
            data[: self.at[FINGERPRINT]]
        ):
            raise Malformed("fingerprint")

    def get(self, kind):
        return next((v for t, v in self.attrs if t == kind), None)

    def u32(self, kind):
        v = self.get(kind)
        return None if v is None else struct.unpack("!I", v)[0]

    def error(self):
        """0 for a success."""
        v = self.get(ERROR_CODE)
        return 0 if v is None else v[2] % 8 * 100 + v[3]

    def addresses(self, kind):
        out = []
        for v in (v for t, v in self.attrs if t == kind):
            mask = u32(MAGIC) + self.tid
            port = struct.unpack("!H", v[2:4])[0] ^ (MAGIC >> 16)
            out.append((str(ipaddress.ip_address(bytes(a ^ b for a, b in zip(v[4:], mask)))), port))
        return out

    def address(self, kind):
        return self.addresses(kind)[0]

    def signed(self, key, kind):
        """Whether the integrity attribute of that kind is there and right."""
        return kind in self.at and self.get(kind) == integrity(self.raw[: self.at[kind]], key, kind)


def fingerprint(before):
    patched = before[:2] + struct.pack("!H", len(before) - 20 + 8) + before[4:]
    return u32(zlib.crc32(patched) ^ 0x5354554E)


def integrity(before, key, kind):
    algorithm = "sha1" if kind == INTEGRITY else "sha256"
    size = hashlib.new(algorithm).digest_size
    patched = before[:2] + struct.pack("!H", len(before) - 20 + 4 + size) + before[4:]
    return hmac.new(key, patched, algorithm).digest()


def put(data, kind, value):
    """data with one attribute more, its length in the header."""
    data += struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
    return data[:2] + struct.pack("!H", len(data) - 20) + data[4:]


def build(method, cls, attrs=(), tid=None, key=None, kind=INTEGRITY, with_fingerprint=True):
    bits = method & 0xF | (method & 0x70) << 1 | (method & 0xF80) << 2 | (cls & 1) << 4 | (cls & 2) << 7
    data = struct.pack("!HHI", bits, 0, MAGIC) + (tid or os.urandom(12))
    for t, v in attrs:
        data = put(data, t, v)
    if key is not None:
        data = put(data, kind, integrity(data, key, kind))
    if with_fingerprint:
        data = put(data, FINGERPRINT, fingerprint(data))
    return data


class Stream:
    """STUN and ChannelData over TCP (RFC 8656 3.1, 12.5), used like a datagram socket."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data + bytes(-len(data) % 4))

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def message_size(self):
        """Of the message at the front, 0 while that is not known."""
        if len(self.rest) < 4:
            return 0
        length = struct.unpack("!H", self.rest[2:4])[0]
        return 4 + (length + 3) // 4 * 4 if self.rest[0] & 0xC0 == 0x40 else 20 + length

    def recv(self, _=None):
        """The next whole message; ConnectionError at the end of the stream."""
        while not 0 < self.message_size() <= len(self.rest):
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self.rest += data
        message, self.rest = self.rest[: self.message_size()], self.rest[self.message_size():]
        return message


def connect(server, port, via=None):
    """A TCP connection, through an HTTP proxy (host, port) if there is one."""
    sock = socket.create_connection(via or (server, port), PATIENCE)
    if via:
        sock.sendall(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (server.encode(), port))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = sock.recv(1)  # not one of what follows
            assert byte, f"the proxy closed the connection: {answer!r}"
            answer += byte
        assert answer.split()[1] == b"200", answer
    return sock


class TlsSocket:
    """A socket with TLS, which behaves as one without where nothing has come yet or where the
    connection is no more, and with threads."""

    def __init__(self, sock):
        self.sock, self.lock = sock, threading.Lock()

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def call(self, method, argument):
        try:
            with self.lock:
                return method(argument)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLError as e:
            raise ConnectionResetError(e.reason) from None

    def sendall(self, data):
        self.call(self.sock.sendall, data)

    def recv(self, size):
        return self.call(self.sock.recv, size)


class Client:
    """A TURN client: one socket, one five-tuple. tls is an ssl.SSLContext, stream a connection that
    is there already."""

    def __init__(self, server, port=3478, user="demo", password="fairlead", sha256=False,
                 anonymous=False, tcp=False, via=None, tls=None, stream=None):
        self.server, self.tcp, self.via = (server, port), tcp or via or tls or stream, via
        self.tls = tls
        if stream:
            self.sock = Stream(stream)
        elif tls:
            plain = connect(server, port, via)
            self.sock = Stream(TlsSocket(tls.wrap_socket(plain, server_hostname=server)))
        elif self.tcp:
            self.sock = Stream(connect(server, port, via))
        else:
            family = socket.AF_INET6 if ":" in server else socket.AF_INET
            self.sock = socket.socket(family, socket.SOCK_DGRAM)
            self.sock.connect(self.server)
        self.user, self.password = user, password
        self.sha256, self.anonymous = sha256, anonymous
        self.realm = self.nonce = self.algorithms = None
        self.backlog = []  # datagrams that came while a reply was awaited

    def close(self):
        self.sock.close()

    def key(self):
        text = b":".join((self.user.encode(), self.realm, self.password.encode()))
        return hashlib.sha256(text).digest() if self.sha256 else hashlib.md5(text).digest()

    def credentials(self):
        out = [(REALM, self.realm), (NONCE, self.nonce)]
        if self.anonymous:
            out.append((USERHASH, hashlib.sha256(self.user.encode() + b":" + self.realm).digest()))
        else:
            out.append((USERNAME, self.user.encode()))
        if self.sha256:
            out += [(ALGORITHMS, self.algorithms), (ALGORITHM, SHA256)]
        return out

    def learn(self, reply):
        self.realm, self.nonce = reply.get(REALM), reply.get(NONCE)
        self.algorithms = reply.get(ALGORITHMS)

    def exchange(self, data):
        """Sends a request until its reply comes (RFC 8489 6.2.1, impatiently); over TCP once."""
        for _ in range(1 if self.tcp else 2 * PATIENCE):
            self.sock.send(data)
            end = time.monotonic() + (PATIENCE if self.tcp else 0.5)
            while time.monotonic() < end:
                got = self.receive_raw(end - time.monotonic())
                if got is None:
                    break
                if got[:1] < b"\x40" and got[8:20] == data[8:20]:
                    return Message(got)
                self.backlog.append(got)
        raise TimeoutError("no reply")

    def once(self, method, attrs=(), auth=True, tid=None):
        """One transaction with the credentials as they are. A signed reply is checked."""
        attrs, kind = list(attrs), INTEGRITY256 if self.sha256 else INTEGRITY
        if not auth or self.nonce is None:
            return self.exchange(build(method, REQUEST, attrs, tid))
        reply = self.exchange(build(method, REQUEST, attrs + self.credentials(), tid, self.key(), kind))
        if INTEGRITY in reply.at or INTEGRITY256 in reply.at:
            assert reply.signed(self.key(), kind), "the reply is not signed as it must be"
        else:
            assert reply.error() in (400, 401, 438), f"unsigned reply {reply.error()}"
        return reply

    def request(self, method, attrs=(), tid=None):
        """Goes on after a challenge and after a stale nonce, as clients do."""
        reply = self.once(method, attrs, tid=tid)
        if reply.error() == 401 and self.nonce is None or reply.error() == 438:
            self.learn(reply)
            reply = self.once(method, attrs)
        return reply

    def with_peers(self, method, attrs, *peers):
        """A request whose XOR-PEER-ADDRESSes come after attrs. peers: (host, port)."""
        for _ in range(2):
            tid = os.urandom(12)
            all_attrs = list(attrs) + [(PEER, xor_address(h, p, tid)) for h, p in peers]
            reply = self.once(method, all_attrs, tid=tid)
            if reply.error() != 438 and not (reply.error() == 401 and self.nonce is None):
                break
            self.learn(reply)
        return reply

    def allocate(self, *attrs):
        return self.request(ALLOCATE, [(TRANSPORT, UDP), *attrs])

    def allocate_tcp(self, *attrs):
        return self.request(ALLOCATE, [(TRANSPORT, TCP), *attrs])

    def connect(self, host, port):
        """RFC 6062 4.3. The reply has the CONNECTION-ID."""
        return self.with_peers(CONNECT, [], (host, port))

    def attempt(self, seconds=PATIENCE):
        """A ConnectionAttempt (RFC 6062 4.4): (CONNECTION-ID, peer's address); None if none comes."""
        data = self.backlog.pop(0) if self.backlog else self.receive_raw(seconds)
        if data is None:
            return None
        m = Message(data)
        if (m.method, m.cls) != (CONNECTION_ATTEMPT, INDICATION):
            raise Malformed(f"method {m.method}, class {m.cls}")
        return m.get(CONNECTION_ID), m.address(PEER)

    def bind_connection(self, connection_id):
        """ConnectionBind on a connection of its own (RFC 6062 4.3): the reply, and that connection
        as a Data object once it succeeded."""
        c = Client(*self.server, self.user, self.password, self.sha256, self.anonymous, True, self.via,
                   self.tls)
        c.realm, c.nonce, c.algorithms = self.realm, self.nonce, self.algorithms
        reply = c.request(CONNECTION_BIND, [(CONNECTION_ID, connection_id)])
        return reply, Data(c.sock)

    def data_connection(self, connection_id):
        reply, data = self.bind_connection(connection_id)
        assert reply.error() == 0, f"ConnectionBind: {reply.error()}"
        return data

    def refresh(self, *attrs):
        return self.request(REFRESH, attrs)

    def permit(self, *hosts):
        return self.with_peers(PERMISSION, [], *[(h, 0) for h in hosts])

    def bind(self, number, host, port):
        return self.with_peers(CHANNEL, [(CHANNEL_NUMBER, channel_number(number))], (host, port))

    def send(self, host, port, payload, *attrs):
        tid = os.urandom(12)
        peer = (PEER, xor_address(host, port, tid))
        self.sock.send(build(SEND, INDICATION, [peer, *attrs, (PAYLOAD, payload)], tid))

    def send_channel(self, number, payload):
        self.sock.send(struct.pack("!HH", number, len(payload)) + payload)

    def receive_raw(self, seconds):
        self.sock.settimeout(max(seconds, 0.001))
        try:
            return self.sock.recv(65536)
        except (socket.timeout, ConnectionError):
            return None

    def receive(self, seconds=0.5):
        """The next payload of a peer: (where from, bytes), where an address or a channel; or None."""
        data = self.backlog.pop(0) if self.backlog else self.receive_raw(seconds)
        if data is None:
            return None
        if data[0] & 0xC0 == 0x40:
            number, length = struct.unpack("!HH", data[:4])
            return number, data[4 : 4 + length]
        m = Message(data)
        if (m.method, m.cls) != (DATA, INDICATION):
            raise Malformed(f"method {m.method}, class {m.cls}")
        return m.address(PEER), m.get(PAYLOAD)


class Data:
    """What a client's data connection is after ConnectionBind: the peer's bytes and nothing else."""

    def __init__(self, stream):
        self.sock, self.rest = stream.sock, stream.rest
        self.sock.settimeout(PATIENCE)

    def sendall(self, data):
        self.sock.sendall(data)

    def recv(self, size=65536):
        if self.rest:
            data, self.rest = self.rest[:size], self.rest[size:]
            return data
        return self.sock.recv(size)

    def read(self, size):
        """So many bytes, fewer only at the end of the stream."""
        out = bytearray()
        while len(out) < size:
            data = self.recv(min(65536, size - len(out)))
            if not data:
                break
            out += data
        return bytes(out)

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def await_true(what, condition):
    """Until the condition holds; a failure after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)  # between two looks, which the relay answers


def mark_packets(sock, tos=0, ttl=64, df=False):
    """What the socket's packets carry: DSCP and ECN, TTL or hop limit, DF (IPv4 only)."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        sock.setsockopt(socket.IPPROTO_IP, 10, 2 if df else 0)  # IP_MTU_DISCOVER: DO or DONT
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)


def echo(ports, marks):
    """Sends every datagram back, for ever: peers of a test, on IPv4 and IPv6. A datagram that
    begins with DF comes back with DF set."""
    selector = selectors.DefaultSelector()
    for port in ports:
        for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            s = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((host, port))
            mark_packets(s, **marks)
            selector.register(s, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            try:
                data, source = key.fileobj.recvfrom(65536)
                mark_packets(key.fileobj, df=data.startswith(b"DF"), **marks)
                key.fileobj.sendto(data, source)
            except OSError:
                pass


if __name__ == "__main__":  # stunlib.py PORT... [tos=N] [ttl=N]
    words = [w.split("=") for w in sys.argv[1:]]
    echo([int(w[0]) for w in words if len(w) == 1], {w[0]: int(w[1]) for w in words if len(w) == 2})
