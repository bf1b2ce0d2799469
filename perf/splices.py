#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""splices.py SOCKET PORT COUNT REMOTE FINGERPRINT: contexts by JSON-RPC on the control socket,
each with a TLS server in realm access, at PORT, PORT + 2 and so on, for a client with that
certificate, and a TCP client in realm core that connects to REMOTE at once. FINGERPRINT is as
openssl x509 -fingerprint -sha256 prints it."""
import json
import socket
import sys


def main(control, port, count, remote, fingerprint):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(control)
    lines = s.makefile("rwb")

    def ask(method, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        lines.write(json.dumps(request).encode() + b"\n")
        lines.flush()
        answer = json.loads(lines.readline())
        if "result" not in answer:
            sys.exit(f"splices.py: {answer}")
        return answer["result"]

    digest = "sha-256 " + fingerprint.rsplit("=", 1)[-1].strip()
    for i in range(int(count)):
        server = {"transport": "tls", "realm": "access", "port": int(port) + 2 * i,
                  "latch": "on", "fingerprints": [digest]}
        client = {"transport": "tcp", "realm": "core", "tcp_role": "client", "remote": remote}
        last = ask("context.add", terminations=[server, client])
    ask("context.show", context=last["context"])  # the dataplane answers: all of them listen


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
