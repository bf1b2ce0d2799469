# SPDX-License-Identifier: BSD-3-Clause
"""gnutls-cli of tls_openssl_test.sh: another implementation's handshakes and records, with TURN in
them. Arguments as tls_openssl.py."""

import os
import socket
import subprocess
import sys

import stunlib as s
from badinput import Relay
from load import PEER, enter
from tlslib import SERVER, Pipe, gnutls

ASK, REQUIRE, PSK, NARROW = 5350, 5351, 5352, 5354  # listeners of the domains
HANDSHAKE_FAILURE, PROTOCOL_VERSION, CERTIFICATE_REQUIRED, NO_ALPN = 40, 70, 116, 120
V12, V13 = "NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"

relay, directory = Relay(*sys.argv[1:3]), sys.argv[3]


def says(what, priority, *options, port=443):
    with gnutls("--priority", priority, *options, port=port) as p:
        p.binding()
        assert what in p.text(), f"not '{what}' from {p}"


def refused(alert, priority, *options, port=443):
    with gnutls("--priority", priority, *options, port=port) as p:
        assert p.alert() == alert, p


def handshakes():
    for cipher in ("AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"):
        says(f"({cipher})", f"{V13}:-CIPHER-ALL:+{cipher}")
        for key in ("ECDHE-ECDSA", "ECDHE-RSA"):
            says(")-(" + key[6:], f"{V12}:-CIPHER-ALL:+{cipher}:-KX-ALL:+{key}")
    for group in ("X25519", "SECP256R1", "SECP384R1"):
        says(group, f"{V13}:-GROUP-ALL:+GROUP-{group}")
    says("X25519", f"{V13}:-GROUP-ALL:+GROUP-FFDHE2048:+GROUP-X25519")  # HelloRetryRequest
    refused(PROTOCOL_VERSION, "LEGACY:-VERS-ALL:+VERS-TLS1.1")
    refused(HANDSHAKE_FAILURE, f"{V12}:-CIPHER-ALL:+AES-128-CBC")
    refused(PROTOCOL_VERSION, V12, port=NARROW)
    for version in (V12, V13):
        says("Application protocol: stun.turn", version, "--alpn", "stun.turn")
        refused(NO_ALPN, version, "--alpn", "h2")
        shown = [f"--x509{kind}file={directory}/client.{end}" for kind, end in (("cert", "pem"), ("key", "key"))]
        says("Handshake was completed", version, *shown, port=REQUIRE)
        says("Handshake was completed", version, port=ASK)
    refused(CERTIFICATE_REQUIRED, V13, port=REQUIRE)


def resumption():
    for version in (V12, V13):
        says("*** This is a resumed session", version, "--resume", "--waitresumption")


def pre_shared_keys():
    key = os.urandom(32).hex()
    subprocess.run([*relay.command, "psk", "add", "gnutls@example.test", "--key-file", "-"], input=key.encode(),
                   stdout=subprocess.DEVNULL, check=True)
    mine = ("--pskusername", "gnutls@example.test", "--pskkey", key)
    # In TLS 1.2 gnutls-cli 3.7 falls over its own report of such a handshake.
    says("Handshake was completed", f"{V13}:-KX-ALL:+ECDHE-PSK:+DHE-PSK", *mine, port=PSK)


def small_records():
    """RFC 8449 and RFC 6066 4: no record is longer than the client takes, which GnuTLS checks."""
    for version in (V12, V13):
        with gnutls("--priority", version, "--recordsize", "512", "--logfile", os.path.join(directory, "log")) as p:
            c = s.Client(SERVER, 443, stream=Pipe(p))
            relayed = c.allocate().address(s.RELAYED)
            enter("fl-peer")
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.settimeout(s.PATIENCE)
            peer.bind((PEER[4], 0))
            enter("fl-client")
            assert c.bind(0x4000, *peer.getsockname()).error() == 0
            c.send_channel(0x4000, b"short")
            assert peer.recv(65536) == b"short"
            for size in (100, 1300):
                text = os.urandom(size)
                peer.sendto(text, relayed)
                assert c.receive(s.PATIENCE) == (0x4000, text), f"{version}: {size} bytes do not come back"
            assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0


def main():
    enter("fl-client")
    for test in (handshakes, resumption, small_records, pre_shared_keys):
        test()
        print("ok", test.__name__, "of GnuTLS", flush=True)


if __name__ == "__main__":
    main()
