# SPDX-License-Identifier: BSD-3-Clause
"""DTLS: ClientHellos without a cookie, with a made one, and in pieces whose rest never comes; whole ones that send the
cookie back and say nothing more, by as many ports as there are; records of no association, and what is no record."""

import os
import select
import socket
import struct
import time

from hostile import SERVER, Tally, run

PORT = 5349
MOST = 500
EXTENSIONS = (struct.pack("!HHHHH", 10, 6, 4, 29, 23) + struct.pack("!HHBB", 11, 2, 1, 0) +
              struct.pack("!HHHHHH", 13, 8, 6, 0x0403, 0x0804, 0x0401))


def body(random, cookie=b""):
    return (b"\xfe\xfd" + random + b"\0" + bytes([len(cookie)]) + cookie + struct.pack("!HHH", 4, 0xc02b, 0xc02f) +
            b"\1\0" + struct.pack("!H", len(EXTENSIONS)) + EXTENSIONS)


def record(message, number, of, start=0, end=None):
    """A piece of a ClientHello in a record."""
    part = of[start:end]
    head = (b"\1" + len(of).to_bytes(3, "big") + struct.pack("!H", message) + start.to_bytes(3, "big") +
            len(part).to_bytes(3, "big"))
    return b"\x16\xfe\xff\0\0" + number.to_bytes(6, "big") + struct.pack("!H", len(head) + len(part)) + head + part


def cookie_of(answer):
    """Of a HelloVerifyRequest; None: it is none."""
    if len(answer) < 28 or answer[0] != 22 or answer[13] != 3:
        return None
    return answer[28:28 + answer[27]]


def take(end, to=(SERVER, PORT)):
    got, held, turn = Tally(hellos=0, answered=0, greeted=0), {}, 0
    junk = (b"\x17\xfe\xfd\0\1" + bytes(6) + b"\0\x20" + os.urandom(32), b"\x16\xfe\xff" + bytes(8) + b"\xff\xff",
            b"\x16", os.urandom(400))
    while time.monotonic() < end:
        turn += 1
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.connect(to)
        random = os.urandom(32)
        hello = body(random)
        try:
            s.send(record(0, 0, hello))
            s.send(record(0, 1, body(random, os.urandom(17))))
            s.send(record(0, 2, hello, 0, 60))
            s.send(record(0, 3, hello, 60))
            s.send(junk[turn % len(junk)])
            got.add("hellos", 5)
        except OSError:
            got.add("refused")
        held[s] = random
        for r in select.select(list(held), [], [], 0)[0]:
            try:
                cookie = cookie_of(r.recv(2048))
            except OSError:
                continue
            if cookie is None:
                got.add("greeted")
                continue
            got.add("answered")
            hello = body(held[r], cookie)
            r.send(record(1, 9, hello, 0, None if turn % 2 else 80))
        while len(held) > MOST:
            first = next(iter(held))
            first.close()
            del held[first]
        time.sleep(0.0005)
    for s in held:
        s.close()
    return got


if __name__ == "__main__":
    run(take)
