# SPDX-License-Identifier: BSD-3-Clause
"""What controllers speak, for tests: rtpengine's ng protocol (bencoded or JSON dictionaries behind a cookie,
over UDP or WebSocket), and JSON-RPC on the control socket. It sends what it is told, right or wrong,
and is strict with what it gets. And SDP, as far as tests make and read it."""

import itertools
import json
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tcp"))
from netns import namespace

NG_PORT = 2223
CONTROL = os.environ.get("OWN_RUN", "/run/fairlead-quickstart/control") + "/control.sock"
PATIENCE = 10  # seconds until an answer that does not come is a failure
RETRY = 2  # until a datagram's is asked for again, as controllers do


def bencode(value):
    if isinstance(value, bool) or value is None:
        raise TypeError(value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in value) + b"e"


def bdecode(data):
    """The value that is all of data; ValueError if it is not one."""
    value, end = item(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes after the value")
    return value


def item(data, at):
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        digits = data[at + 1 : end].decode("ascii")
        if str(int(digits)) != digits:
            raise ValueError(f"integer {digits}")
        return int(digits), end + 1
    if kind in (b"l", b"d"):
        at += 1
        values = []
        while data[at : at + 1] != b"e":
            value, at = item(data, at)
            values.append(value)
        if kind == b"l":
            return values, at + 1
        keys = values[::2]
        if len(values) % 2 or not all(isinstance(k, str) for k in keys) or len(set(keys)) != len(keys):
            raise ValueError("dictionary")
        return dict(zip(keys, values[1::2])), at + 1
    colon = data.index(b":", at)
    digits = data[at:colon].decode("ascii")
    size = int(digits)
    if str(size) != digits or colon + 1 + size > len(data):
        raise ValueError(f"string of {digits}")
    return data[colon + 1 : colon + 1 + size].decode(), colon + 1 + size


class Refused(Exception):
    """The answer was an error; its reason."""


class Ng:
    """Over UDP, from a namespace, from an address if one is given. No two commands have one cookie: the
    second would be a retransmission."""

    count = itertools.count(1)

    def __init__(self, server="127.0.0.1", port=NG_PORT, place="fl-relay", source=None, as_json=False):
        with namespace(place):
            self.sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((server, port))
        self.sock.settimeout(RETRY)
        self.as_json = as_json
        self.twice = set()  # cookies that were sent again: they may have two answers

    def pack(self, command):
        body = json.dumps(command).encode() if self.as_json else bencode(command)
        cookie = b"%d_%d" % (os.getpid(), next(self.count))
        return cookie, cookie + b" " + body

    def unpack(self, cookie, data):
        got, _, body = data.partition(b" ")
        assert got == cookie, f"cookie {got}, not {cookie}"
        return json.loads(body) if self.as_json else bdecode(body)

    def send(self, data):
        self.sock.send(data)

    def receive(self):
        return self.sock.recv(65536)

    def exchange(self, command):
        """The answer, whatever it says."""
        cookie, data = self.pack(command)
        for _ in range(PATIENCE // RETRY):
            self.send(data)
            try:
                answer = self.receive()
                while answer.partition(b" ")[0] in self.twice - {cookie}:
                    answer = self.receive()
                return self.unpack(cookie, answer)
            except socket.timeout:
                self.twice.add(cookie)
        raise AssertionError(f"no answer to {command}")

    def ask(self, name, **keys):
        """The answer to a command; in names of keys _ stands for what Python has no names with."""
        now = {"delete-delay": 0} if name == "delete" else {}
        command = {"command": name} | now | {k.replace("_", "-"): v for k, v in keys.items() if v is not None}
        answer = self.exchange(command)
        if answer["result"] == "error":
            raise Refused(answer["error-reason"])
        return answer

    def silent(self, seconds):
        """Whether nothing comes."""
        self.sock.settimeout(seconds)
        try:
            self.receive()
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(RETRY)


class NgWebSocket(Ng):
    """One command a message."""

    def __init__(self, server="127.0.0.1", port=NG_PORT, place="fl-relay", as_json=False,
                 protocol="ng.rtpengine.com"):
        import websocket

        with namespace(place):
            sock = socket.create_connection((server, port), PATIENCE)
        self.ws = websocket.create_connection(f"ws://{server}:{port}/", socket=sock, timeout=PATIENCE,
                                              subprotocols=[protocol] if protocol else None)
        self.sock = sock
        self.as_json = as_json
        self.twice = set()

    def send(self, data):
        if self.as_json:
            self.ws.send(data.decode())
        else:
            self.ws.send_binary(data)

    def receive(self):
        data = self.ws.recv()
        assert data, "the WebSocket is closed"
        return data if isinstance(data, bytes) else data.encode()


class Rpc:
    """JSON-RPC 2.0, one object a line."""

    def __init__(self, path=CONTROL):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.lines, self.count = self.sock.makefile("rwb"), itertools.count(1)

    def ask(self, method, /, **params):
        ident = next(self.count)
        call = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
        self.lines.write(json.dumps(call).encode() + b"\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        assert answer["id"] == ident, answer
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def contexts(self):
        return self.ask("status")["gateway"]["contexts"]

    def each_context(self):
        cursor = 0
        while cursor is not None:
            page = self.ask("contexts", cursor=cursor, limit=256)
            yield from page["contexts"]
            cursor = page["cursor"]

    def ended(self, why):
        return self.ask("status")["gateway"]["ended"][why]


def await_that(what, condition, seconds=PATIENCE):
    """Until it is so; AssertionError when the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not after {seconds} seconds: {what}"
        time.sleep(0.05)


# ---- SDP ----


def address(host):
    return f"IN IP{6 if ':' in host else 4} {host}"


def sdp(host, *media, version=1):
    """media: (m-line without "m=", attributes)."""
    lines = ["v=0", f"o=- 1 {version} {address(host)}", "s=-", f"c={address(host)}", "t=0 0"]
    for m, *attributes in media:
        lines += ["m=" + m, *("a=" + a for a in attributes)]
    return "\r\n".join(lines) + "\r\n"


def audio(host, port, *attributes):
    return sdp(host, (f"audio {port} RTP/AVP 0", *attributes))


class Sdp:
    """What tests look at in an SDP with one m-line."""

    def __init__(self, text):
        self.text, self.lines = text, text.split("\r\n")
        assert text.endswith("\r\n") and text.startswith("v=0\r\n"), text
        self.host = self.one("c", r"IN IP[46] (\S+)")[1]
        m = self.one("m", r"(\S+) (\d+) (\S+) (.+)")
        self.kind, self.port, self.proto, self.format = m[1], int(m[2]), m[3], m[4]
        assert self.port, text

    def one(self, letter, pattern):
        """The last such line must be so: of the m-line, if it has one."""
        values = [line[2:] for line in self.lines if line.startswith(letter + "=")]
        found = values and re.fullmatch(pattern, values[-1])
        assert found, f"no {letter}={pattern} in {self.text}"
        return found

    def attributes(self, name):
        return [line[len(name) + 3 :] for line in self.lines if line.startswith(f"a={name}:")]

    def attribute(self, name):
        values = self.attributes(name)
        assert len(values) == 1, f"{len(values)} of a={name} in {self.text}"
        return values[0]

    def where(self):
        return self.host, self.port
