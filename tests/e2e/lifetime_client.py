# SPDX-License-Identifier: BSD-3-Clause
"""The client of lifetime_test.sh, whose relay has lifetimes of seconds. The peer echoes on ports
3480 and 3481. What must end is awaited; what is refreshed must be there well past its time."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from stunlib import *

SERVER, PEER, PEER6 = "10.1.0.1", "10.2.0.2", "fd00:2::2"
LONG = (LIFETIME, u32(30))  # lifetime-max
PERMISSION_LIFETIME, CHANNEL_LIFETIME = 2, 4


def allocated(*attrs):
    c = Client(SERVER)
    reply = c.allocate(*attrs)
    assert reply.error() == 0, reply.error()
    return c, reply


def echoes(c, port=3480, host=PEER):
    """Whether a Send indication comes back."""
    payload = os.urandom(8)
    c.send(host, port, payload)
    got = c.receive(0.3)
    assert got in (None, ((host, port), payload)), got
    return got is not None


def channel_echoes(c, number):
    payload = os.urandom(8)
    c.send_channel(number, payload)
    got = c.receive(0.3)
    # The channel may end while the echo is under way; under its permission it comes all the same.
    assert got in (None, (number, payload), ((PEER, 3480), payload)), got
    return got == (number, payload)


def permission():
    c, _ = allocated(LONG)
    assert not echoes(c), "a peer without permission"
    assert c.permit(PEER).error() == 0
    await_true("the peer's echo", lambda: echoes(c))
    end = time.monotonic() + 1.5 * PERMISSION_LIFETIME
    while time.monotonic() < end:
        assert c.permit(PEER).error() == 0
        await_true("the echo under a refreshed permission", lambda: echoes(c))
    await_true("the end of the permission", lambda: not echoes(c))
    assert not echoes(c), "it came back by itself"
    assert c.permit(PEER).error() == 0
    await_true("the echo under the new permission", lambda: echoes(c))
    return c


def channel():
    c, _ = allocated(LONG)
    assert c.bind(0x4000, PEER, 3480).error() == 0
    await_true("the channel's echo", lambda: channel_echoes(c, 0x4000))
    end = time.monotonic() + 1.5 * CHANNEL_LIFETIME
    while time.monotonic() < end:
        assert c.bind(0x4000, PEER, 3480).error() == 0
        await_true("the echo through a refreshed channel", lambda: channel_echoes(c, 0x4000))
    # The permission is the first to go; CreatePermission brings it back, not the channel's time.
    await_true("the end of its permission", lambda: not channel_echoes(c, 0x4000))
    assert c.bind(0x4000, PEER, 3481).error() == 400, "the number was free already"

    def ended():
        assert c.permit(PEER).error() == 0
        return not channel_echoes(c, 0x4000) and echoes(c)

    await_true("the end of the channel", ended)
    assert not channel_echoes(c, 0x4000), "it came back by itself"
    await_true("the number is free", lambda: c.bind(0x4000, PEER, 3481).error() == 0)
    await_true("the echo of its new peer", lambda: channel_echoes(c, 0x4000))
    return c


def allocation():
    c, reply = allocated()
    assert reply.u32(LIFETIME) == 3, "lifetime-default"
    assert c.refresh((LIFETIME, u32(1))).u32(LIFETIME) == 3, "less than the default is the default"
    assert c.refresh((LIFETIME, u32(9999))).u32(LIFETIME) == 30, "no more than lifetime-max"
    assert c.refresh().u32(LIFETIME) == 3
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert c.refresh().error() == 0, "a refreshed allocation ended"
        time.sleep(0.2)
    await_true("the end of the allocation", lambda: c.permit(PEER).error() == 437)
    assert c.refresh().error() == 437
    assert c.allocate().error() == 0, "the five-tuple is free"
    assert c.refresh((LIFETIME, u32(0))).u32(LIFETIME) == 0
    assert c.refresh().error() == 437, "deleted"
    c.close()


def family():
    """One family of a dual allocation ends alone (8.2)."""
    c, reply = allocated(LONG, (ADDITIONAL_FAMILY, V6))
    assert c.refresh((FAMILY, V6), (LIFETIME, u32(3))).u32(LIFETIME) == 3
    assert c.permit(PEER6).error() == 0
    await_true("the end of IPv6", lambda: c.permit(PEER6).error() == 443)
    assert c.permit(PEER).error() == 0
    await_true("the echo on IPv4", lambda: echoes(c))
    return c


def reservation():
    c, reply = allocated(LONG, (EVEN_PORT, b"\x80"))
    token = (TOKEN, reply.get(TOKEN))
    first = Client(SERVER)
    assert first.allocate(token).error() == 0
    again = Client(SERVER)
    assert again.allocate(token).error() == 508, "a token was used twice"
    first.close()
    again.close()
    assert c.refresh((LIFETIME, u32(0))).error() == 0, "deleting"
    c.close()
    c, reply = allocated(LONG, (EVEN_PORT, b"\x80"))
    token = (TOKEN, reply.get(TOKEN))

    def over():
        late = Client(SERVER)
        code = late.allocate(token, (LIFETIME, u32(3))).error()
        late.close()
        return code == 508

    end = time.monotonic() + 4
    while time.monotonic() < end:
        time.sleep(0.1)  # nobody may ask: whoever asks in time gets the port
    assert over(), "the reservation outlived its time"
    return c


def nonce():
    c, _ = allocated(LONG)
    old = c.nonce
    await_true("the nonce's end", lambda: c.once(REFRESH, [LONG]).error() == 438)
    assert c.refresh(LONG).error() == 0, "no new nonce"
    assert c.nonce != old
    return c


def run(test):
    try:
        left = test()
        if left:
            assert left.refresh((LIFETIME, u32(0))).error() == 0, "deleting"
    except (AssertionError, TimeoutError) as e:
        return f"{test.__name__}: {e or 'assertion, line %d' % e.__traceback__.tb_lineno}"
    print("ok", test.__name__)
    return None


with ThreadPoolExecutor() as pool:  # side by side: nearly all of it is waiting
    failed = list(filter(None, pool.map(run, (permission, channel, allocation, family, reservation, nonce))))
if failed:
    raise SystemExit("lifetime_client: " + "; ".join(failed))
