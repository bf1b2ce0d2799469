# SPDX-License-Identifier: BSD-3-Clause
"""For tls_proxy_test.sh, in fl-client: tls_proxy.py PROXY-PORT... Relays to the peer that
lib.sh's start_peer() has, through openssl s_client -proxy and through our own CONNECT."""

import os
import sys

import stunlib as s
from load import PEER
from tlslib import SERVER, Pipe, context, s_client, s_client_pipe

CHANNEL, PORT, USERS = 0x4000, 3480, 50


def relays(c):
    assert c.allocate().error() == 0
    assert c.bind(CHANNEL, PEER[4], PORT).error() == 0
    for size in (1, 100, 1001, 1400):
        payload = os.urandom(size)
        c.send_channel(CHANNEL, payload)
        assert c.receive(s.PATIENCE) == (CHANNEL, payload), f"{size} bytes did not come back"
    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0


for proxy in sys.argv[1:]:
    for version in ("-tls1_2", "-tls1_3"):
        with s_client("-proxy", f"127.0.0.1:{proxy}", version, "-alpn", "stun.turn") as p:
            p.binding()
            assert "ALPN protocol: stun.turn" in p.text(), p
        with s_client_pipe("-proxy", f"127.0.0.1:{proxy}", version) as p:
            relays(s.Client(SERVER, 443, stream=Pipe(p)))
    users = [s.Client(SERVER, 443, via=("127.0.0.1", int(proxy)), tls=context()) for _ in range(USERS)]
    for c in users:
        relays(c)
    for c in users:
        c.close()
    print(f"ok: s_client, and {USERS} users through the proxy on port {proxy}", flush=True)
