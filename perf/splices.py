#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""splices.py SOCKET PORT COUNT REMOTE FINGERPRINT: contexts by JSON-RPC on the control socket,
each with a TLS server in realm access, at PORT, PORT + 2 and so on, for a client with that
certificate, and a TCP client in realm core that connects to REMOTE at once. FINGERPRINT is as
openssl x509 -fingerprint -sha256 prints it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
import gatelib

AWAITED = 100  # contexts; the dataplane's ring has room for more


def main(control, port, count, remote, fingerprint):
    rpc = gatelib.Rpc(control)
    digest = "sha-256 " + fingerprint.rsplit("=", 1)[-1].strip()
    for i in range(int(count)):
        server = {"transport": "tls", "realm": "access", "port": int(port) + 2 * i,
                  "latch": "on", "fingerprints": [digest]}
        client = {"transport": "tcp", "realm": "core", "tcp_role": "client", "remote": remote}
        added = rpc.ask("context.add", terminations=[server, client])
        if i % AWAITED == 0 or i == int(count) - 1:
            rpc.ask("context.show", context=added["context"])  # the dataplane answers: all are there


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
