# SPDX-License-Identifier: BSD-3-Clause
"""A strict MSRP end for tests (RFC 4975; AUTH of RFC 4976): it frames what it sends as section 9 has it,
refuses anything that is not so, and answers as section 7 says. A session runs over a socket, plain or
of TLS."""

import collections
import hashlib
import os
import re

TID = rb"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
START = re.compile(rb"MSRP (" + TID + rb") (?:([A-Z]+)|(\d{3})(?: ([^\r\n]*))?)\r\n")
HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9\-]*): ([^\r\n]*)\r\n")
URI = re.compile(r"msrps?://[^ /;]+(/[A-Za-z0-9\-_.!~*'()+=/]+)?;tcp(;[^ ;]+)*")
RANGE = re.compile(r"(\d+)-(\d+|\*)/(\d+|\*)")

Frame = collections.namedtuple("Frame", "tid method code comment headers body flag")


class Malformed(Exception):
    pass


class Closed(Exception):
    """The other side ended the connection, with nothing of a frame before."""


def tid():
    return os.urandom(6).hex().encode()


def build(start, headers, body=None, flag=b"$", ident=None):
    """A frame of this start (method, or code and comment); Content-Type comes last."""
    ident = ident or tid()
    lines = [b"MSRP " + ident + b" " + start] + [f"{k}: {v}".encode() for k, v in headers]
    head = b"\r\n".join(lines) + b"\r\n"
    if body is not None:
        head += b"\r\n" + body + b"\r\n"
    return ident, head + b"-------" + ident + flag + b"\r\n"


def parse(data):
    """(frame, rest) of the bytes at the front, or None while it is not whole."""
    end = data.find(b"\r\n")
    if end < 0:
        if len(data) > 256 or not b"MSRP ".startswith(data[:5]):
            raise Malformed(data[:256])
        return None
    start = START.match(data)
    if not start:
        raise Malformed(data[: end + 2])
    ident, at, headers = start[1], start.end(), []
    mark = b"-------" + ident
    while header := HEADER.match(data, at):
        headers.append((header[1].decode(), header[2].decode()))
        at = header.end()
    body = None
    if data[at : at + 2] == b"\r\n":
        stop = data.find(b"\r\n" + mark, at + 2)
        if stop < 0:
            return None
        body, at = data[at + 2 : stop], stop + 2
    if b"\r\n" not in data[at:]:
        return None  # a line that is not whole
    tail = data[at : at + len(mark) + 3]
    if not re.fullmatch(re.escape(mark) + rb"[+$#]\r\n", tail):
        raise Malformed(tail)
    names = [k for k, _ in headers]
    if names[:2] != ["To-Path", "From-Path"] or len(set(names)) != len(names):
        raise Malformed(names)
    if (body is not None) != ("Content-Type" in names) or (body is not None and names[-1] != "Content-Type"):
        raise Malformed(names)
    for k in ("To-Path", "From-Path"):
        if not all(URI.fullmatch(u) for u in dict(headers)[k].split(" ")):
            raise Malformed(dict(headers)[k])
    frame = Frame(ident, (start[2] or b"").decode(), int(start[3] or 0), (start[4] or b"").decode(),
                  dict(headers), body, tail[-3:-2])
    return frame, data[at + len(tail) :]


class Session:
    """own and peer are paths: lists of URIs, the session's own last, and the nearest hop first."""

    def __init__(self, sock, own, peer):
        self.sock, self.own, self.peer = sock, own, peer
        self.raw, self.frames, self.parts, self.last = b"", collections.deque(), {}, None

    def frame(self):
        while not (whole := self.raw and parse(self.raw)):
            data = self.sock.recv(65536)
            if not data:
                if self.raw:
                    raise Malformed(f"the end, after {self.raw[-80:]}")
                raise Closed
            self.raw += data
        frame, self.raw = whole
        return frame

    def await_frame(self, wanted):
        """The first frame that wanted() likes; others are kept."""
        for frame in self.frames:
            if wanted(frame):
                self.frames.remove(frame)
                return frame
        while not wanted(frame := self.frame()):
            self.frames.append(frame)
        return frame

    def request(self, method, headers=(), body=None, flag=b"$", to=None):
        paths = [("To-Path", " ".join(to or self.peer)), ("From-Path", " ".join(self.own))]
        ident, data = build(method.encode(), [*paths, *headers], body, flag)
        self.sock.sendall(data)
        return ident

    def response(self, ident):
        return self.await_frame(lambda f: f.code and f.tid == ident)

    def taken(self, ident):
        answer = self.response(ident)
        assert answer.code == 200, f"{answer.code} {answer.comment}"

    def send(self, data, chunk=2048, kind="text/plain", report=False, one_by_one=False):
        """One message in chunks, each of which is answered with 200, with one_by_one before the next is
        sent; with report a success report of all of it must come (RFC 4975 7.1.2)."""
        message, waiting = tid().decode(), []
        for at in range(0, len(data), chunk) or [0]:
            part = data[at : at + chunk]
            last = at + chunk >= len(data)
            headers = [("Message-ID", message)]
            if report:
                headers.append(("Success-Report", "yes"))
            headers += [("Byte-Range", f"{at + 1}-{at + len(part)}/{len(data)}"), ("Content-Type", kind)]
            waiting.append(self.request("SEND", headers, part, b"$" if last else b"+"))
            if one_by_one:
                self.taken(waiting.pop())
        for ident in waiting:
            self.taken(ident)
        if not report:
            return
        done = 0
        while done < len(data):
            got = self.await_frame(lambda f: f.method == "REPORT")
            assert got.headers["Message-ID"] == message and got.headers["Status"] == "000 200 OK", got
            first, last, total = RANGE.fullmatch(got.headers["Byte-Range"]).groups()
            assert (int(first), int(total)) == (done + 1, len(data)), got
            done = int(last)

    def receive(self):
        """The bytes of one whole message; its chunks are answered, and reported if that is asked for."""
        while True:
            f = self.await_frame(lambda f: f.method == "SEND")
            assert f.headers["To-Path"].split(" ")[-1] == self.own[-1], f"not for us: {f.headers}"
            first, _, total = RANGE.fullmatch(f.headers["Byte-Range"]).groups()
            parts = self.parts.setdefault(f.headers["Message-ID"], {})
            parts[int(first)] = f.body
            back = f.headers["From-Path"].split(" ")
            self.sock.sendall(build(b"200 OK", [("To-Path", back[0]), ("From-Path", self.own[-1])],
                                    ident=f.tid)[1])
            if f.flag != b"$":
                continue
            data = b"".join(parts[k] for k in sorted(parts))
            assert len(data) == int(total), f"{len(data)} bytes of {total}"
            self.last = f.headers["Message-ID"]
            del self.parts[self.last]
            if f.headers.get("Success-Report") == "yes":
                self.report(self.last, int(total), back)
            return data

    def report(self, message, size, to=None):
        self.request("REPORT", [("Message-ID", message), ("Byte-Range", f"1-{size}/{size}"),
                                ("Status", "000 200 OK")], to=to)

    def auth(self, relay, user, password):
        """AUTH towards a relay by Digest; returns what Use-Path names (RFC 4976 5.1)."""
        first = self.response(self.request("AUTH", to=[relay]))
        assert first.code == 401, first
        asked = dict(re.findall(r'(\w+)="?([^",]*)"?', first.headers["WWW-Authenticate"]))
        realm, nonce, cnonce, count = asked["realm"], asked["nonce"], os.urandom(8).hex(), "00000001"

        def md5(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        answer = md5(md5(user, realm, password), nonce, count, cnonce, "auth", md5("AUTH", relay))
        digest = ", ".join((f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{relay}"',
                            f'response="{answer}"', "qop=auth", f'cnonce="{cnonce}"', f"nc={count}"))
        second = self.response(self.request("AUTH", [("Authorization", "Digest " + digest)], to=[relay]))
        assert second.code == 200, second
        return second.headers["Use-Path"].split(" ")
