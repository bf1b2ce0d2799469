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


def main(control, port, count, remote, fingerprint):
    rpc = gatelib.Rpc(control)
    digest = "sha-256 " + fingerprint.rsplit("=", 1)[-1].strip()
    for i in range(int(count)):
        server = {"transport": "tls", "realm": "access", "port": int(port) + 2 * i,
                  "latch": "on", "fingerprints": [digest]}
        client = {"transport": "tcp", "realm": "core", "tcp_role": "client", "remote": remote}
        last = rpc.ask("context.add", terminations=[server, client])
    rpc.ask("context.show", context=last["context"])  # the dataplane answers: all of them listen


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
