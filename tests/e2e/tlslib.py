# SPDX-License-Identifier: BSD-3-Clause
"""TLS clients for tests: programs (openssl s_client, gnutls-cli) that TURN is spoken through, and
Python's own ssl module with its records in our hands, so that they can be cut, altered, held back
or sent twice."""

import os
import re
import select
import socket
import ssl
import struct
import subprocess
import time

import stunlib as s

TLS_DIR = os.environ.get("TLS", "/var/lib/fairlead-quickstart/tls")
CA = TLS_DIR + "/ca.pem"
SERVER, NAME = "10.1.0.1", "relay.fairlead.test"
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23  # content types
HEADER = 5
PLAIN_MAX = 1 << 14


class Program:
    """A client that has a TLS connection, with its standard input and output as the stream. What it
    tells of itself and what comes over the stream are both in out; apart: what it writes to its
    standard error goes to ours instead."""

    def __init__(self, *command, apart=False):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=None if apart else subprocess.STDOUT)
        self.words, self.out = command, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def __str__(self):
        return " ".join(self.words) + ":\n" + self.text()[-2000:]

    def text(self):
        return self.out.decode("latin-1")

    def more(self, seconds):
        """Whether something came; False: the end, or nothing in time."""
        if not select.select([self.process.stdout], [], [], max(0, seconds))[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.out += data
        return bool(data)

    def until(self, pattern, seconds=s.PATIENCE):
        """The match of a pattern in what comes, or has come."""
        end, pattern = time.monotonic() + seconds, re.compile(pattern.encode(), re.DOTALL)
        while not (found := pattern.search(self.out)):
            assert self.more(end - time.monotonic()), f"no {pattern.pattern} from {self}"
        return found

    def ended(self):
        """All it said until it ended by itself."""
        end = time.monotonic() + s.PATIENCE
        while self.more(end - time.monotonic()):
            pass
        assert time.monotonic() < end, f"does not end: {self}"
        self.process.wait()
        return self.text()

    def send(self, data):
        """In one write: a program may take commands at the beginning of what it reads. One that has
        ended is found out by what it does not say."""
        try:
            os.write(self.process.stdin.fileno(), data)
        except BrokenPipeError:
            pass

    def command(self, letter, answer):
        """One of s_client's: what follows must not come in the same read."""
        seen = self.out.count(answer)
        self.send(letter + b"\n")
        end = time.monotonic() + s.PATIENCE
        while self.out.count(answer) == seen:
            assert self.more(end - time.monotonic()), f"no {answer} from {self}"

    def binding(self):
        """A STUN transaction over the stream."""
        request = s.build(s.BINDING, s.REQUEST)
        self.send(request)
        end = time.monotonic() + s.PATIENCE
        while request[4:20] not in self.out:
            assert self.more(end - time.monotonic()), f"no Binding response from {self}"
        return self

    def alert(self):
        """Number of the alert that ended it, None without."""
        found = re.search(r"alert number (\d+)|Received alert \[(\d+)\]", self.ended())
        return int(found[1] or found[2]) if found else None

    def resumed(self):
        return re.search(r"Reused, TLSv|This is a resumed session", self.text()) is not None


class Pipe:
    """The stream of a Program that has nothing else in its out, as a socket."""

    def __init__(self, program):
        self.program, self.timeout = program, s.PATIENCE

    def settimeout(self, seconds):
        self.timeout = seconds

    def setsockopt(self, *_):
        pass

    def sendall(self, data):
        self.program.send(data)

    def recv(self, size):
        p = self.program
        if not p.out and not p.more(self.timeout):
            if p.process.poll() is None:
                raise socket.timeout
            return b""
        data, p.out = p.out[:size], p.out[size:]
        return data

    def close(self):
        self.program.process.kill()
        self.program.process.communicate()


def s_client(*options, port=443, server=SERVER, apart=False):
    return Program("openssl", "s_client", "-connect", f"{server}:{port}", "-CAfile", CA, *options, apart=apart)


def s_client_pipe(*options):
    """Later OpenSSL names the address it connects to on its standard error, even when it is to be quiet."""
    return s_client("-quiet", "-verify_quiet", "-verify_return_error", *options, apart=True)


def ticket(version, path, *options, port=443):
    """Leaves the session in a file."""
    with s_client(version, "-sess_out", path, *options, port=port) as p:
        p.binding()
        p.send(b"Q\n")
        p.ended()


def resumes(version, path, *options, port=443):
    """Whether the session of that file is resumed; the connection serves in any case."""
    with s_client(version, "-sess_in", path, *options, port=port) as p:
        return p.binding().resumed()


def gnutls(*options, port=443, server=SERVER):
    return Program("gnutls-cli", "--x509cafile", CA, "--sni-hostname", NAME, "--verify-hostname", NAME,
                   "-p", str(port), *options, server)


# An SSLEOFError to newer versions of Python.
NO_CLOSE_NOTIFY = "UNEXPECTED_EOF_WHILE_READING"


def context(low=None, high=None, alpn=None):
    c = ssl.create_default_context(cafile=CA)
    c.minimum_version = low or ssl.TLSVersion.TLSv1_2
    c.maximum_version = high or low or ssl.TLSVersion.TLSv1_3
    if alpn:
        c.set_alpn_protocols(alpn)
    c.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # which makes an end without close_notify look like one
    return c


def records(data):
    """Whole records at the front of data: (type, record with its header)."""
    out = []
    while len(data) >= HEADER and len(data) >= HEADER + (n := struct.unpack("!H", data[3:5])[0]):
        out.append((data[0], data[: HEADER + n]))
        data = data[HEADER + n :]
    return out


def record(kind, payload, version=0x0303, length=None):
    return struct.pack("!BHH", kind, version, len(payload) if length is None else length) + payload


class Connection:
    """TLS over a socket of ours. What is to be sent is in out() until send() takes it; an alert that
    comes is in alert, what the other side said before it in plain."""

    def __init__(self, port=443, server=SERVER, ctx=None, session=None):
        self.sock = s.connect(server, port)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (ctx or context()).wrap_bio(self.incoming, self.outgoing, server_hostname=NAME,
                                               session=session)
        self.raw, self.alert, self.plain, self.over = b"", None, b"", False

    def out(self):
        return self.outgoing.read()

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        """More from the socket into the TLS machine; False at the end, RST included."""
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.raw += data
        self.incoming.write(data) if data else self.incoming.write_eof()
        self.over = not data
        return bool(data)

    def step(self):
        """One step of the handshake: whether it is finished."""
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def handshake(self, send=None):
        """To its end, with send() in place of the one that sends as it is."""
        while not self.step():
            (send or self.send)(self.out())
            assert self.fill(), f"the handshake ended: {self.ending()}"
        (send or self.send)(self.out())
        return self

    def seal(self, data):
        """Its records."""
        self.tls.write(data)
        return self.out()

    def read(self, size):
        """So many bytes of plaintext, or fewer at the end."""
        while len(self.plain) < size and not self.over:
            try:
                self.plain += self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.fill()
            except ssl.SSLError as e:
                self.alert, self.over = e.reason, True
            except (ssl.SSLEOFError, ConnectionError):
                self.over = True
        data, self.plain = self.plain[:size], self.plain[size:]
        return data

    def binding(self, send=None):
        """A STUN transaction; send() as above."""
        request = s.build(s.BINDING, s.REQUEST)
        (send or self.send)(self.seal(request))
        head = self.read(20)
        assert len(head) == 20 and head[4:20] == request[4:20], f"no Binding response: {self.ending()}"
        self.read(struct.unpack("!H", head[2:4])[0])
        return self

    def ending(self):
        """How the other side ended it: the alert's number or name, "closed" or "reset"."""
        self.sock.settimeout(s.PATIENCE)
        got = b""
        try:
            while data := self.sock.recv(65536):
                got += data
            how = "closed"
        except ConnectionError:
            how = "reset"
        except socket.timeout:
            raise AssertionError("the relay does not end the connection") from None
        self.raw += got
        clear = [r for kind, r in records(self.raw) if kind == ALERT]
        if clear and len(clear[-1]) == HEADER + 2:
            return clear[-1][HEADER + 1]
        if got:
            self.incoming.write(got)
        self.incoming.write_eof()
        try:
            while self.tls.read(65536):
                pass
        except ssl.SSLZeroReturnError:
            return "close_notify"
        except ssl.SSLEOFError:
            return how
        except ssl.SSLError as e:
            return how if e.reason == NO_CLOSE_NOTIFY else e.reason
        return "close_notify"

    def reset(self):
        """Ends it with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        """close_notify, both ways, and FIN."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.send(self.out())
        self.ending()
        self.sock.close()
