# SPDX-License-Identifier: BSD-3-Clause
"""For msrp_test.sh and call_test.sh: msrp.py DIRECTORY STEP... . Sessions of two ends through contexts made
over ng, one end in fl-client on the access side, the other in fl-peer on the core's. The directory
has one.pem, two.pem, other.pem, self-signed certificates with their keys; keys.log is written there."""

import hashlib
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time

import gatelib as g
import msrplib
from netns import namespace
from tlslib import CA, Program

RELAYED = "fl-client", "10.1.0.2", "fl-peer", "10.2.0.2"
SIZES = (1, 2047, 2048, 5000, 200000)
COMPLEMENT = {"active": "passive", "passive": "active"}


def fingerprint(path, name="SHA-256"):
    """As SDP has it, of a PEM file's certificate (RFC 8122 5)."""
    with open(path, encoding="ascii") as f:
        pem = f.read()
    pem = pem[pem.index("-----BEGIN CERTIFICATE") :]
    digest = hashlib.new(name.replace("-", ""), ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return f"{name} " + ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


class End:
    """A user agent's end of one session. kind is MSRP or BFCP; prints are fingerprints its SDP has."""

    def __init__(self, where, port, setup, certificate=None, prints=None, kind="MSRP"):
        self.place, self.host = where
        self.port, self.setup, self.kind, self.certificate = port, setup, kind, certificate
        self.prints = prints if prints is not None else [fingerprint(certificate)] if certificate else []
        with namespace(self.place):
            self.listener = socket.create_server((self.host, port))
        self.listener.settimeout(g.PATIENCE)
        self.path = f"msrp{'s' if certificate else ''}://{self.host}:{port}/{msrplib.tid().decode()};tcp"
        self.proto = f"TCP/TLS/{kind}" if certificate else f"TCP/{kind}"
        self.told = None

    def sdp(self):
        attributes = [f"setup:{self.setup}", "connection:new", *(f"fingerprint:{p}" for p in self.prints)]
        media = "application"
        if self.kind == "MSRP":
            media = "message"
            attributes += ["accept-types:text/plain", "msrp-cema", f"path:{self.path}"]
        else:
            attributes += ["floorctrl:c-only", "confid:1", "userid:2"]
        port = 9 if self.setup == "active" else self.port
        return g.sdp(self.host, (f"{media} {port} {self.proto} *", *attributes))

    def tell(self, text):
        """Takes the gateway's SDP; an actpass of ours, or of it, is settled now."""
        self.told = g.Sdp(text)
        assert self.told.proto == self.proto, text
        theirs = self.told.attribute("setup")
        if self.setup == "actpass":
            self.setup = COMPLEMENT[theirs]
        assert theirs in (COMPLEMENT[self.setup], "actpass"), f"{theirs} to {self.setup}"
        if self.kind == "MSRP":
            assert self.told.attributes("msrp-cema") == [] and "a=msrp-cema\r\n" in text, text
            self.peer = self.told.attribute("path")

    def connected(self):
        with namespace(self.place):
            sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        sock.settimeout(g.PATIENCE)
        sock.bind((self.host, 0))
        try:
            sock.connect(self.told.where())
        except ConnectionRefusedError:
            sock.close()
            return None
        return sock

    def tcp(self):
        """The connection, as the roles have it."""
        tries = 100
        if self.setup == "passive":
            sock, source = self.listener.accept()
            assert source[0] == self.told.host, f"from {source}, not {self.told.host}"
        else:
            # An answer may be here before the dataplane's command is.
            while not (sock := self.connected()):
                tries -= 1
                assert tries, f"refused at {self.told.where()}"
                time.sleep(0.01)
        sock.settimeout(g.PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def tls(self, sock, anonymous=False):
        """TLS over it, unless this end has none; who is active is the client."""
        if not self.certificate:
            return sock
        server = self.setup == "passive"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
        context.load_verify_locations(CA)
        if not anonymous:
            context.load_cert_chain(self.certificate)
        context.keylog_filename = KEYS
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        tls = context.wrap_socket(sock, server_side=server, suppress_ragged_eofs=False)
        der = tls.getpeercert(binary_form=True)
        mine = "sha-256 " + hashlib.sha256(der).hexdigest()
        offered = [p.replace(":", "").lower() for p in self.told.attributes("fingerprint")]
        assert mine in offered, f"the gateway's certificate is {mine}, its SDP has {offered}"
        return tls

    def session(self, sock):
        return msrplib.Session(sock, [self.path], [self.peer])


class Call:
    """The controller's: one offer, one answer."""

    count = 0

    def __init__(self, a, b, **keys):
        Call.count += 1
        self.a, self.b, self.ng, self.name = a, b, g.Ng(), f"msrp-{os.getpid()}-{Call.count}"
        self.seq = RPC.ask("status")["gateway"]["events"]
        b.tell(self.offer(a.sdp(), transport_protocol=b.proto, **keys))

    def offer(self, sdp, **keys):
        return self.ng.ask("offer", call_id=self.name, from_tag="a", sdp=sdp, direction=["access", "core"], **keys)["sdp"]

    def answer(self, sdp=None, **keys):
        self.a.tell(self.ng.ask("answer", call_id=self.name, from_tag="a", to_tag="b", sdp=sdp or self.b.sdp(), **keys)["sdp"])
        return self

    def delete(self):
        self.ng.ask("delete", call_id=self.name, from_tag="a")

    def context(self):
        return next((c for c in RPC.each_context() if c["call"] == self.name), None)

    def await_events(self, wanted):
        """Until events with these members, of this call, have come; in their order."""
        seen = []
        end = g.PATIENCE * 10

        def like(e, want):
            return all(e.get(k) == v for k, v in want.items())

        while not all(any(like(e, w) for e in seen) for w in wanted):
            end -= 1
            assert end, f"no {wanted} in {seen}"
            answer = RPC.ask("context.events", after=self.seq, wait_ms=100, limit=100)
            for e in answer["events"]:
                self.seq = e["seq"]
                if e["call"] == self.name:
                    seen.append(e)
        return seen


def pair(a, b):
    """Connects both ends, TLS and all, at once."""
    out = [None, None]

    def run(n, end):
        try:
            out[n] = end.tls(end.tcp())
        except Exception as e:  # told by whoever called
            out[n] = e

    threads = [threading.Thread(target=run, args=(n, e)) for n, e in enumerate((a, b))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one in out:
        if isinstance(one, Exception):
            raise one
    return out


def talk(one, two, sizes=SIZES):
    """Messages both ways, chunked, answered and reported."""
    for here, there in ((one, two), (two, one)):
        for size in sizes:
            data, got = os.urandom(size), []
            t = threading.Thread(target=lambda: got.append(there.receive()))
            t.start()
            here.send(data, report=size > 1)
            t.join()
            assert got == [data], f"{size} bytes did not come as they were sent"


# ---- steps ----


def ends(call_kind, setups, kind="MSRP"):
    """Both ends of a session: TLS by tls, else TCP; what SDP says of roles."""
    out = []
    for n, tls in enumerate(call_kind.split("_")):
        certificate = f"{DIRECTORY}/{('one', 'two')[n]}.pem" if tls == "tls" else None
        out.append(End(RELAYED[2 * n : 2 * n + 2], PORT.next(), setups[n], certificate, kind=kind))
    return out


class Ports:
    """Of the ends; none is used twice, so that no TIME-WAIT is in the way."""

    def __init__(self):
        self.port = 20000 + os.getpid() % 1000 * 20

    def next(self):
        self.port += 1
        return self.port


def roles(what):
    """Who connects is what SDP says, on either side."""
    for one, two in (("active", "passive"), ("active", "active"), ("passive", "active"), ("passive", "passive"),
                     ("actpass", "active"), ("actpass", "passive")):
        a, b = ends(what, (one, two))
        call = Call(a, b).answer()
        left, right = pair(a, b)
        events = call.await_events([{"what": "up", "side": 0}, {"what": "up", "side": 1}])
        for e in events:
            if e["what"] == "up":
                assert (e["tls"]["version"] == "TLS 1.3") if e["transport"] == "tls" else "tls" not in e, e
        talk(a.session(left), b.session(right))
        call.delete()
        for sock, end in ((left, a), (right, b)):
            assert quiet_end(sock) == ("close-notify" if end.certificate else "fin"), f"{end.proto}: {quiet_end(sock)}"
            sock.close()
        assert call.context() is None


def quiet_end(sock):
    """How the other side ended it, with nothing before."""
    try:
        data = sock.recv(65536)
    except ssl.SSLEOFError:
        return "fin"  # of TCP, and no close_notify
    except ssl.SSLError as e:
        return "fin" if e.reason == "UNEXPECTED_EOF_WHILE_READING" else e.reason
    except ConnectionResetError:
        return "rst"
    assert not data, f"{len(data)} bytes, not the end"
    return "close-notify" if isinstance(sock, ssl.SSLSocket) else "fin"


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def shut(sock):
    """In order, by whichever layer is the topmost; the TCP connection stays until the other side has closed."""
    if isinstance(sock, ssl.SSLSocket):
        try:
            sock.settimeout(g.PATIENCE)
            sock.unwrap()
        except (ssl.SSLError, OSError):
            pass
    else:
        sock.shutdown(socket.SHUT_WR)


def teardown():
    """Either side ends it in each way: what it sent before arrives, the other side is ended in order, or
    reset, and the controller is told of both with the reason (5.11.2.x.4.3, 5.11.2.x.5.2)."""
    last = b"last words " * 1000
    for side, how, why in ((0, shut, "close-notify"), (1, shut, "fin"), (0, reset, "reset"), (1, reset, "reset")):
        a, b = ends("tls_tcp", ("active", "passive"))
        call = Call(a, b).answer()
        socks = pair(a, b)
        talk(a.session(socks[0]), b.session(socks[1]))
        mine, other = socks[side], socks[1 - side]
        got = b""
        if how is shut:
            mine.sendall(last)
            t = threading.Thread(target=how, args=(mine,))
            t.start()
            while len(got) < len(last):
                got += other.recv(65536)
            assert got == last
            end = quiet_end(other)
            assert end == ("fin", "close-notify")[side], end
            other.close()
            t.join()
            mine.close()
        else:
            how(mine)
            end = quiet_end(other)
            assert end == "rst" if side == 0 else end in ("rst", "fin"), f"no abrupt end: {end}"
        call.await_events([{"what": "ended", "side": side, "why": why}, {"what": "context_ended", "why": "connection"}])
        call.delete()


def nothing_came(end):
    """Of a call that is deleted: whoever the gateway connected to was sent no byte of what was not to pass;
    no connection is as good."""
    end.listener.settimeout(0)
    try:
        sock, _ = end.listener.accept()
    except BlockingIOError:
        return
    sock.settimeout(g.PATIENCE)
    try:
        got = sock.recv(65536)
    except ConnectionResetError:
        got = b""
    assert not got, f"{got} passed unjudged"


def judged():
    """Fingerprints: right in lower case; of several hashes the strongest counts; wrong is bad_certificate
    and the end of the context; late is waited for, and what was sent meanwhile is not lost (R50, R51)."""
    right, wrong = f"{DIRECTORY}/one.pem", f"{DIRECTORY}/other.pem"
    good = {"lower case": [fingerprint(right).lower()], "upper case name": [fingerprint(right, "SHA-1").upper()],
            "several": [fingerprint(wrong, "sha-1"), fingerprint(wrong, "md5"), fingerprint(right, "SHA-512")],
            "one of several": [fingerprint(wrong, "sha-256"), fingerprint(right, "sha-256")]}
    for what, prints in good.items():
        a, b = ends("tls_tcp", ("active", "passive"))
        a.prints = prints
        call = Call(a, b).answer()
        left, right_sock = pair(a, b)
        talk(a.session(left), b.session(right_sock))
        call.delete()
        note(f"{what}: taken")
    bad = {"another's": [fingerprint(wrong)], "the weaker right, the stronger wrong": [fingerprint(right, "sha-1"), fingerprint(wrong, "sha-256")]}
    for what, prints in bad.items():
        a, b = ends("tls_tcp", ("active", "passive"))
        a.prints = prints
        call = Call(a, b).answer()
        try:
            tls = a.tls(a.tcp())
            tls.sendall(b"must not arrive")
            how = quiet_end(tls)
        except ssl.SSLError as e:
            how = e.reason
        assert how == "SSLV3_ALERT_BAD_CERTIFICATE", f"{what}: {how}"
        # It listens on for who shows the right one (R50), and is told of.
        call.await_events([{"what": "refused", "side": 0, "why": "tls_fingerprint"}])
        call.delete()
        nothing_came(b)
        note(f"{what}: bad_certificate")
    a, b = ends("tls_tcp", ("active", "passive"))
    call = Call(a, b).answer()
    try:
        tls = a.tls(a.tcp(), anonymous=True)
        tls.sendall(b"must not arrive")
        how = quiet_end(tls)
    except ssl.SSLError as e:
        how = e.reason
    assert how == "SSLV3_ALERT_BAD_CERTIFICATE", f"without a certificate: {how}"
    call.await_events([{"what": "refused", "side": 0, "why": "tls_fingerprint"}])
    call.delete()
    nothing_came(b)
    note(f"no certificate: {how}")


def late():
    """The one that is offered TLS connects and speaks before its answer has come (R51)."""
    a, b = ends("tcp_tls", ("passive", "active"))
    call = Call(a, b)
    tls = b.tls(b.tcp())
    early = os.urandom(1000)
    tls.sendall(early)
    call.await_events([{"what": "unjudged", "side": 1}])
    call.answer()
    sock = a.tcp()
    got = b""
    while len(got) < len(early):
        got += sock.recv(65536)
    assert got == early
    call.await_events([{"what": "up", "side": 1}])
    talk(a.session(sock), b.session(tls))
    call.delete()


def bfcp():
    """A Hello (RFC 8855 5.3.12, 5.1), byte for byte."""
    a, b = ends("tls_tcp", ("active", "passive"), "BFCP")
    call = Call(a, b).answer()
    left, right = pair(a, b)
    hello = struct.pack("!BBHIHH", 1 << 5, 11, 0, 1, 1, 2)
    ack = struct.pack("!BBHIHH", 1 << 5, 12, 2, 1, 1, 2)
    ack += struct.pack("!BBBB", 10 << 1 | 1, 4, 5 << 1, 6 << 1) + struct.pack("!BBBB", 11 << 1 | 1, 4, 11, 12)
    for here, there, data in ((left, right, hello), (right, left, ack)):
        here.sendall(data)
        got = there.recv(65536)
        assert got == data, got.hex()
    call.delete()


def syntax():
    """A session for tshark to judge: text, and no frame in two segments. Ports go to syntax.ports."""
    a, b = ends("tls_tcp", ("active", "passive"))
    call = Call(a, b).answer()
    with open(f"{DIRECTORY}/syntax.ports", "w", encoding="ascii") as f:
        print(a.told.port, b.port, file=f)
    left, right = pair(a, b)
    for here, there in ((a.session(left), b.session(right)), (b.session(right), a.session(left))):
        for text in (b"Hello.", b"The quick brown fox jumps over the lazy dog. " * 50):
            got = []
            t = threading.Thread(target=lambda: got.append(there.receive()))
            t.start()
            here.send(text, chunk=500, one_by_one=True)
            t.join()
            assert got == [text]
            there.report(there.last, len(text))
            here.await_frame(lambda f: f.method == "REPORT")
    call.delete()
    assert quiet_end(left) == "close-notify"
    assert quiet_end(right) == "fin"


def program(where, *words):
    return Program("nsenter", f"--net=/run/netns/{where[0]}", "openssl", *words)


def openssl():
    """openssl s_client and s_server, with certificates, are the ends."""
    for version in ("-tls1_2", "-tls1_3"):
        a, b = ends("tls_tls", ("active", "passive"))
        b.listener.close()
        call = Call(a, b)
        server = program(RELAYED[2:], "s_server", "-accept", f"{b.host}:{b.port}", "-cert", b.certificate,
                         "-CAfile", CA, "-Verify", "1", "-verify_return_error", version, "-naccept", "1")
        with server:
            server.until("ACCEPT")
            call.answer()
            client = program(RELAYED[:2], "s_client", "-connect", f"{a.told.host}:{a.told.port}", "-cert",
                             a.certificate, "-CAfile", CA, "-verify_return_error", version)
            with client:
                client.until("Verify return code: 0")
                client.send(b"from the client\n")
                server.until("from the client")
                server.send(b"from the server\n")
                client.until("from the server")
                call.await_events([{"what": "up", "side": 0}, {"what": "up", "side": 1}])
                client.send(b"Q\n")
                client.ended()
                call.await_events([{"what": "ended", "side": 0, "why": "close-notify"}])
                server.until("DONE|CONNECTION CLOSED|shutting down")
        call.delete()


class Relay:
    """Kamailio's SDP."""

    proto, setup, kind = "TCP/TLS/MSRP", "passive", "MSRP"
    host, port = RELAYED[3], 2855
    path = f"msrps://{host}:{port};tcp"

    def __init__(self):
        self.certificate = f"{DIRECTORY}/relay.pem"
        self.prints = [fingerprint(self.certificate)]

    sdp, tell = End.sdp, End.tell


def relay():
    """Two clients of a relay, each through a context whose other termination is a TCP and TLS client:
    they authorise, and exchange messages (RFC 4976)."""
    calls, sessions, socks = [], [], []
    for certificate in ("one", "two"):
        a = End(RELAYED[:2], PORT.next(), "active", f"{DIRECTORY}/{certificate}.pem")
        calls.append(Call(a, Relay()).answer())
        socks.append(a.tls(a.tcp()))
        session = a.session(socks[-1])
        sessions.append((session, session.auth(Relay.path, "user", "fairlead")))
        calls[-1].await_events([{"what": "up", "side": 0}, {"what": "up", "side": 1}])
    (one, use_one), (two, use_two) = sessions
    one.peer, two.peer = use_one + use_two + two.own, use_two + use_one + one.own
    talk(one, two, SIZES[:-1])  # the relay has bounds of its own
    shut(socks[0])
    socks[0].close()
    calls[0].await_events([{"what": "ended", "side": 0, "why": "close-notify"}])
    with open(f"{DIRECTORY}/relay.pid", encoding="ascii") as f:
        os.kill(int(f.read()), signal.SIGTERM)
    note(f"the relay ends: its client sees {quiet_end(socks[1])}")
    seen = calls[1].await_events([{"what": "ended", "side": 1}, {"what": "context_ended", "why": "connection"}])
    note("of its end is told: " + next(e["why"] for e in seen if e["what"] == "ended" and e["side"] == 1))
    for call in calls:
        call.delete()


def survives():
    """fairlead-cp is killed in a session, and there is a new one once the file `revived` is: bytes pass all
    the while, and the new one is told of its end (R70)."""
    global RPC
    a, b = ends("tls_tcp", ("active", "passive"))
    call = Call(a, b).answer()
    left, right = pair(a, b)
    call.await_events([{"what": "up", "side": 0}, {"what": "up", "side": 1}])
    one, two = a.session(left), b.session(right)
    talk(one, two)
    with open(os.environ["RUN"] + "/fairlead-cp.pid", encoding="ascii") as f:
        os.kill(int(f.read()), signal.SIGKILL)
    talk(one, two)
    note("killed")
    g.await_that("a new fairlead-cp", lambda: os.path.exists(f"{DIRECTORY}/revived"), 30)
    RPC = g.Rpc()
    talk(one, two)
    context = call.context()
    assert [t["state"] for t in context["terminations"]] == ["up", "up"], context
    call.seq = RPC.ask("status")["gateway"]["events"]
    shut(left)
    assert quiet_end(right) == "fin"
    right.close()
    call.await_events([{"what": "ended", "side": 0, "why": "close-notify"}])
    call.delete()


def signalled():
    """The ends of a call that others signal: what each offers goes to client.sdp and server.sdp, what it is
    told comes in client.told and server.told."""
    a, b = ends("tls_tcp", ("active", "passive"))
    named = (("client", a), ("server", b))
    for name, end in named:
        with open(f"{DIRECTORY}/{name}.sdp", "w", encoding="ascii", newline="") as f:
            f.write(end.sdp())
    note("offers")
    for name, end in named:
        path = f"{DIRECTORY}/{name}.told"
        g.await_that(path, lambda: os.path.exists(path), 60)
        with open(path, encoding="ascii", newline="") as f:
            end.tell(f.read().replace("\n", "\r\n"))
    left, right = pair(a, b)
    talk(a.session(left), b.session(right))
    note("passed")
    assert (end := quiet_end(left)) == "close-notify", end
    assert (end := quiet_end(right)) == "fin", end


def note(what):
    print("msrp:", what, flush=True)


if __name__ == "__main__":
    DIRECTORY, KEYS, PORT, RPC = sys.argv[1], sys.argv[1] + "/keys.log", Ports(), g.Rpc()
    for step in sys.argv[2:]:
        words = step.split(":")
        try:
            globals()[words[0]](*words[1:])
        except Exception as e:
            note(f"{step}: {e!r}")
            raise
        note(step)
