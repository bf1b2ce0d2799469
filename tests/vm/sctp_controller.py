# SPDX-License-Identifier: BSD-3-Clause
"""A controller of H.248 over SCTP of the kernel's (sctp.sh, in the guest): R32, TS 29.334 5.12.

sctp_controller.py FIRST SECOND FAIRLEAD CONFIG CP-LOG: the addresses of two controllers, of which the first is the
most wanted; the command line, and what fairlead-cp writes. fairlead-cp is begun anew by sctp.sh when it has gone.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

PORT, STREAMS, PPID, PATIENCE = 2944, 16, 7, 60
SCTP_INITMSG, SCTP_RECVRCVINFO, SNDINFO, RCVINFO = 2, 32, 2, 3
FIRST, SECOND, FAIRLEAD, CONFIG, LOG = sys.argv[1:]


def fl(*words):
    return json.loads(subprocess.run([FAIRLEAD, "--config", CONFIG, "--json", *words], check=True,
                                     capture_output=True).stdout)


def passed(what):
    print(f"ok      {what}", flush=True)


class Controller:
    """Listens; has an association with the gateway, if there is one."""

    def __init__(self, address):
        self.address, self.id, self.fd = address, 0, None
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        self.listener.setsockopt(socket.IPPROTO_SCTP, SCTP_INITMSG, struct.pack("HHHH", STREAMS, STREAMS, 0, 0))
        self.listener.setsockopt(socket.IPPROTO_SCTP, SCTP_RECVRCVINFO, 1)
        self.listener.bind((address, PORT))
        self.listener.listen(4)

    def accept(self, patience=PATIENCE):
        self.listener.settimeout(patience)
        self.fd, _ = self.listener.accept()
        self.fd.settimeout(PATIENCE)
        self.fd.setsockopt(socket.IPPROTO_SCTP, SCTP_RECVRCVINFO, 1)

    def send(self, text, stream=0):
        info = struct.pack("=HHIIi", stream, 0, socket.htonl(PPID), 0, 0)
        self.fd.sendmsg([text.encode()], [(socket.IPPROTO_SCTP, SNDINFO, info)])

    def hear(self):
        """A message, its stream and its payload's protocol; the message is empty when the association is over."""
        data, stream, ppid = b"", None, None
        while True:
            try:
                piece, control, flags, _ = self.fd.recvmsg(1 << 16, 256)
            except ConnectionError:
                piece, control, flags = b"", [], 0
            for level, kind, info in control:
                if (level, kind) == (socket.IPPROTO_SCTP, RCVINFO):
                    stream, = struct.unpack_from("=H", info)
                    ppid = socket.ntohl(struct.unpack_from("=I", info, 8)[0])
            data += piece
            if not piece or flags & socket.MSG_EOR:
                return data.decode(), stream, ppid

    def take_charge(self, method):
        self.accept()
        text, stream, ppid = self.hear()
        assert f"Method = {method}" in text, text
        assert (stream, ppid) == (0, PPID), (stream, ppid)
        number = re.search(r"Transaction = (\d+)", text)[1]
        self.send(f"MEGACO/3 [{self.address}] Reply = {number} {{ Context = - {{ ServiceChange = ROOT {{ "
                  "Services { Version = 3 } } } }")

    def ask(self, actions, stream=0, pad=0):
        self.id += 1
        self.send(f"MEGACO/3 [{self.address}] Transaction = {self.id} {{ {' ' * pad}{actions} }}", stream)
        text, by, ppid = self.hear()
        assert f"Reply = {self.id} {{" in text, text
        assert (by, ppid) == (stream, PPID), (by, ppid)
        return text


def in_charge(controller):
    end = time.monotonic() + PATIENCE
    told = None
    while told != f"{controller.address}:{PORT} sctp, served":
        assert time.monotonic() < end, told
        time.sleep(0.1)
        try:
            told = fl("status")["gateway"]["h248_controller"]
        except subprocess.CalledProcessError as e:  # fairlead-cp may not hear the command line yet
            told = e.stderr


def add(realm, remote, port):
    return (f"Add = ip/{realm}/$ {{ Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive }}, Local {{\nv=0\n"
            "c=IN IP4 $\nm=audio $ RTP/AVP -\n}, Remote {\nv=0\n"
            f"c=IN IP4 {remote}\nm=audio {port} RTP/AVP -\n}} }} }} }}")


def main():
    first, second = Controller(FIRST), Controller(SECOND)
    first.take_charge("Restart")
    in_charge(first)
    passed("the gateway begins an association, and registers")

    for stream in range(STREAMS):
        first.ask("Context = - { AuditValue = ROOT { Audit { Packages } } }", stream)
    passed(f"{STREAMS} streams, and an answer by each")

    text = first.ask(f"Context = $ {{ {add('access', '11.1.0.9', 40000)}, {add('core', '11.2.0.9', 40002)} }}", 3)
    assert "Error" not in text and text.count("m=audio ") == 2, text
    context = re.search(r"Context = (\d+)", text)[1]
    assert len(fl("context", "list")["contexts"]) == 1
    passed("a call")

    first.ask("Context = - { AuditValue = ROOT { Audit { } } }", 1, pad=60000)
    for _ in range(200):
        first.id += 1
        first.send(f"MEGACO/3 [{FIRST}] Transaction = {first.id} {{ Context = - {{ AuditValue = ROOT {{ Audit {{ "
                   "Packages } } } }", first.id % STREAMS)
    heard = {int(re.search(r"Reply = (\d+)", first.hear()[0])[1]) for _ in range(200)}
    assert heard == set(range(first.id - 199, first.id + 1)), heard
    passed("a message of 60 KB in pieces, and 200 transactions at once")

    first.send(f"MEGACO/3 [{FIRST}] Transaction = 9999 {{ {' ' * 70000} }}")
    assert first.hear()[0] == ""
    first.take_charge("Disconnected")
    in_charge(first)
    assert f"Context = {context}" in first.ask(f"Context = {context} {{ AuditValue = * {{ Audit {{ }} }} }}")
    passed("a message that is too long ends the association, the gateway comes back, and the call is there")

    os.kill(int(fl("status")["pid"]), signal.SIGKILL)
    assert first.hear()[0] == ""
    first.take_charge("Disconnected")
    in_charge(first)
    assert f"Context = {context}" in first.ask(f"Context = {context} {{ AuditValue = * {{ Audit {{ }} }} }}")
    passed("fairlead-cp is killed, and comes back with the call")

    begin = time.monotonic()
    subprocess.run(["ip", "link", "set", "mgc-1", "down"], check=True)
    second.take_charge("Failover")
    silent = time.monotonic() - begin
    assert 10 < silent < 45, silent
    in_charge(second)
    assert f"Context = {context}" in second.ask(f"Context = {context} {{ AuditValue = * {{ Audit {{ }} }} }}")
    with open(LOG, encoding="utf-8") as f:
        said = [line for line in f if f"{FIRST}:{PORT}" in line and "cannot be reached" in line]
    assert said, "fairlead-cp does not say what became of the first"
    passed(f"a controller that is cut off is followed by the next in {silent:.0f} s: {said[-1].strip()}")

    second.ask(f"Context = {context} {{ W-Subtract = * {{ Audit {{ }} }} }}", 5)
    assert not fl("context", "list")["contexts"]
    second.fd.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    second.fd.close()
    second.take_charge("Disconnected")
    in_charge(second)
    passed("an association that is aborted comes back")


main()
