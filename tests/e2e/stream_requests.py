# SPDX-License-Identifier: BSD-3-Clause
"""For stream_requests_test.sh: PID SECONDS. 3,000 requests over streams while fairlead-cp (PID) is
stopped for so long; says how many were answered, and fails unless all were."""

import os
import signal
import sys
import threading
import time

import stunlib as s

SERVER, PEER, N, CONNECTIONS = "10.1.0.1", "10.2.0.2", 3000, 30
TI = 39.5  # seconds that a client waits (RFC 8489 6.2.2)


def permission(c):
    tid = os.urandom(12)
    peer = (s.PEER, s.xor_address(PEER, 0, tid))
    return tid, s.build(s.PERMISSION, s.REQUEST, [peer] + c.credentials(), tid, c.key())


def send(c, messages):
    for _, m in messages:
        c.sock.send(m)


def answered(c, messages, end):
    """How many of them have a success response by then."""
    want = {tid for tid, _ in messages}
    while want and time.monotonic() < end:
        data = c.receive_raw(end - time.monotonic())
        if data is None:
            break
        reply = s.Message(data)
        assert reply.error() == 0, reply.error()
        want.discard(data[8:20])
    return len(messages) - len(want)


def media(c):
    c.send_channel(0x4000, b"media")
    got = c.receive(s.PATIENCE)
    assert got and got[-1] == b"media", "media of a client whose request waits does not come back"


def main():
    cp, seconds = int(sys.argv[1]), float(sys.argv[2])
    one = s.Client(SERVER, tcp=True)
    many = [s.Client(SERVER, tcp=True) for _ in range(CONNECTIONS)]
    talker = s.Client(SERVER, tcp=True)
    for c in [one, talker] + many:
        assert c.allocate().error() == 0
    assert talker.bind(0x4000, PEER, 3480).error() == 0
    todo = [(one, [permission(one) for _ in range(N // 2)])]
    todo += [(c, [permission(c) for _ in range(N // 2 // CONNECTIONS)]) for c in many]
    threads = [threading.Thread(target=send, args=work, daemon=True) for work in todo]
    os.kill(cp, signal.SIGSTOP)
    try:
        for t in threads:
            t.start()
        until = time.monotonic() + seconds
        last = permission(talker)
        talker.sock.send(last[1])
        media(talker)
        time.sleep(max(0, until - time.monotonic()))
    finally:
        os.kill(cp, signal.SIGCONT)
    end = time.monotonic() + TI
    got = sum(answered(c, messages, end) for c, messages in todo + [(talker, [last])])
    print("fairlead-cp away for %g s: %d of %d requests answered" % (seconds, got, N + 1))
    sys.exit(got != N + 1)


if __name__ == "__main__":
    main()
