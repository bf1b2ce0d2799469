# SPDX-License-Identifier: BSD-3-Clause
"""openssl s_client of tls_openssl_test.sh, with a STUN transaction in each connection:
tls_openssl.py FAIRLEAD CONFIG DIRECTORY, where the directory has the test's CA and certificates."""

import base64
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import stunlib as s
from badinput import Relay
from load import enter
from tlslib import resumes, s_client, ticket

ASK, REQUIRE, PSK, NO_TICKETS, NARROW = 5350, 5351, 5352, 5353, 5354  # listeners of the domains
LIFETIME = 4  # tls.ticket-lifetime
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
SUITES_12 = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
SIGNATURES = {"ECDSA": "ecdsa_secp256r1_sha256", "RSA-PSS": "rsa_pss_rsae_sha256",
              "RSA": "rsa_pkcs1_sha256"}  # as OpenSSL 3.5 has them, by the names of OpenSSL 3.0
HANDSHAKE_FAILURE, UNKNOWN_CA, EXPIRED, PROTOCOL_VERSION = 40, 48, 45, 70
UNKNOWN_PSK, CERTIFICATE_REQUIRED, NO_ALPN, DECRYPT_ERROR = 115, 116, 120, 51

relay, directory = Relay(*sys.argv[1:3]), sys.argv[3]


def path(name):
    return os.path.join(directory, name)


def says(what, *options, port=443):
    """What s_client says has these words, and TURN is there."""
    with s_client(*options, port=port) as p:
        p.binding()
        for word in (what,) if isinstance(what, str) else what:
            # OpenSSL 3.2 and later write names without spaces.
            assert word.replace(" = ", "=") in p.text().replace(" = ", "="), f"not '{word}' from {p}"


def signs(kind, *options):
    """The server's signature is of this kind."""
    with s_client(*options) as p:
        p.binding()
        said = re.search(r"Peer signature type: (\S+)", p.text())
        assert said and said[1] in (kind, SIGNATURES[kind]), f"not a signature of {kind}: {p}"


def refused(alerts, *options, port=443):
    with s_client(*options, port=port) as p:
        got = p.alert()
        assert got in (alerts if isinstance(alerts, tuple) else (alerts,)), f"alert {got} from {p}"


def versions_and_suites():
    """R52: the highest version; suites with forward secrecy and AEAD, and no others."""
    says("New, TLSv1.3")
    for suite in SUITES_13:
        says(f"New, TLSv1.3, Cipher is {suite}", "-tls1_3", "-ciphersuites", suite)
    for key in ("ECDSA", "RSA"):
        for suite in SUITES_12:
            name = f"ECDHE-{key}-{suite}"
            says((f"New, TLSv1.2, Cipher is {name}", "Secure Renegotiation IS supported",
                  "Compression: NONE", "Extended master secret: yes"), "-tls1_2", "-cipher", name)
    for old in ("-tls1", "-tls1_1"):
        refused(PROTOCOL_VERSION, old, "-cipher", "ALL:@SECLEVEL=0")
    for suite in ("ECDHE-RSA-AES128-SHA256", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-CCM", "AES128-SHA"):
        refused(HANDSHAKE_FAILURE, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
    refused(HANDSHAKE_FAILURE, "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256")
    # A domain of its own (R48).
    says(("New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384", "ECDH, secp384r1"), port=NARROW)
    refused(PROTOCOL_VERSION, "-tls1_2", port=NARROW)
    refused(HANDSHAKE_FAILURE, "-ciphersuites", "TLS_AES_128_GCM_SHA256", port=NARROW)


def groups():
    for group, name in (("X25519", "X25519"), ("P-256", "prime256v1"), ("P-384", "secp384r1")):
        for version in ("-tls1_2", "-tls1_3"):
            says(name, version, "-groups", group)
    # A key share of a group that is not served: HelloRetryRequest.
    says("X25519", "-tls1_3", "-groups", "ffdhe2048:X25519")
    refused(HANDSHAKE_FAILURE, "-tls1_3", "-groups", "ffdhe2048")


def names():
    """ALPN (RFC 7443) and host names (R76)."""
    for version in ("-tls1_2", "-tls1_3"):
        for offer, want in (("stun.turn", "ALPN protocol: stun.turn"), ("h2,stun.turn", "ALPN protocol: stun.turn"),
                            ("stun.nat-discovery", "ALPN protocol: stun.nat-discovery")):
            says(want, version, "-alpn", offer)
        says("No ALPN negotiated", version)
        refused(NO_ALPN, version, "-alpn", "h2,http/1.1")
        for name in ("relay.fairlead.test", "any.fairlead.test", "nobody.example.net"):
            says("subject=CN = relay.fairlead.test", version, "-servername", name)
        says("subject=CN = relay.fairlead.test", version, "-noservername")
        says("subject=CN = other.example.test", version, "-servername", "other.example.test")
        says("subject=CN = other.example.test", version, "-servername", "OTHER.example.test")
    # Two certificates of one name: by what the client can verify.
    signs("ECDSA", "-tls1_3", "-sigalgs", "ECDSA+SHA256:RSA-PSS+SHA256")
    signs("RSA-PSS", "-tls1_3", "-sigalgs", "RSA-PSS+SHA256")
    signs("ECDSA", "-tls1_2", "-sigalgs", "ECDSA+SHA256")
    signs("RSA-PSS", "-tls1_2", "-sigalgs", "RSA+SHA256:RSA-PSS+SHA256")
    signs("RSA", "-tls1_2", "-sigalgs", "RSA+SHA256")
    refused(HANDSHAKE_FAILURE, "-tls1_2", "-sigalgs", "ECDSA+SHA1:RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0")


def client_certificates():
    """R47: asked for, required, and whose (RFC 8446 4.4.2.4, RFC 5246 7.4.6)."""
    def shows(name):
        return "-cert", path(name + ".pem"), "-key", path(name + ".key")

    for version in ("-tls1_2", "-tls1_3"):
        says("Acceptable client certificate CA names", version, port=ASK)
        for port in (ASK, REQUIRE):
            says("New, TLSv1", version, *shows("client"), port=port)
            refused(UNKNOWN_CA, version, *shows("stranger"), port=port)
    refused(HANDSHAKE_FAILURE, "-tls1_2", port=REQUIRE)
    refused(CERTIFICATE_REQUIRED, "-tls1_3", port=REQUIRE)
    # A ticket of a domain that asks for nothing is none here.
    for version, alert in (("-tls1_2", HANDSHAKE_FAILURE), ("-tls1_3", CERTIFICATE_REQUIRED)):
        ticket(version, path("stolen"))
        refused(alert, version, "-sess_in", path("stolen"), port=REQUIRE)


def per_worker(counter):
    return [w["counters"][counter] for w in relay.ask("workers")["workers"]]


def resumption():
    """R9: tickets of both versions, of either worker on either."""
    for version, counter in (("-tls1_2", "tls_resumed_12"), ("-tls1_3", "tls_resumed_13")):
        before, made = per_worker(counter), 0
        while any(now == then for now, then in zip(per_worker(counter), before)):
            ticket(version, path("ticket"))
            assert resumes(version, path("ticket")), f"{version}: not resumed"
            made += 1
            assert made < 60, f"{version}: one worker resumes nothing: {per_worker(counter)}"
        ticket(version, path("none"), port=NO_TICKETS)
        assert not os.path.exists(path("none")) or not resumes(version, path("none"), port=NO_TICKETS), \
            "a domain without tickets resumes"


def rotation(problems):
    """A ticket is good for its lifetime whenever keys change, and not for ever."""
    try:
        enter("fl-client")
        begin, made, old = time.monotonic(), [], []
        while time.monotonic() - begin < 2.5 * LIFETIME:
            now = time.monotonic()
            for version in ("-tls1_2", "-tls1_3"):
                made.append((now, version, path(f"rotation{version}{len(made)}")))
                ticket(version, made[-1][2])
            while made and made[0][0] < time.monotonic() - LIFETIME / 3:
                at, version, name = made.pop(0)
                good = resumes(version, name)
                age = time.monotonic() - at
                assert good or age > LIFETIME - 1, f"{version}: not resumed after {age} s"
                old.append((version, name))
            time.sleep(0.3)
        for version, name in old[:2]:
            assert not resumes(version, name), f"{version}: a ticket is good for ever"
    except Exception as e:
        problems.append(e)


def early_data():
    """RFC 8446 4.2.10: no ticket allows it; that of a client who says it anyway is skipped."""
    ticket("-tls1_3", path("early"))
    lines = open(path("early")).read().split("-----")[2]
    der = base64.b64decode(lines)
    assert der[0] == 0x30 and der[1] == 0x82
    at = 4
    while at < len(der) and der[at] < 0xAF:
        size = der[at + 1]
        at += 2 + (size if size < 0x80 else int.from_bytes(der[at + 2 : at + 2 + size - 0x80], "big") + size - 0x80)
    body = der[4:at] + bytes((0xAF, 4, 2, 2, 0x40, 0)) + der[at:]  # max_early_data 16,384
    with open(path("early"), "wb") as f:
        f.write(b"-----BEGIN SSL SESSION PARAMETERS-----\n" +
                base64.encodebytes(b"\x30\x82" + len(body).to_bytes(2, "big") + body) +
                b"-----END SSL SESSION PARAMETERS-----\n")
    with open(path("data"), "wb") as f:
        f.write(bytes(1000))
    for port in (443, NARROW):  # known, and unknown, after a HelloRetryRequest
        says("Early data was rejected", "-tls1_3", "-sess_in", path("early"), "-early_data", path("data"), port=port)


def key_update():
    """RFC 8446 4.6.3, in between messages, from the client alone and from both."""
    before = sum(per_worker("tls_key_update_rx")), sum(per_worker("tls_key_update_tx"))
    with s_client("-tls1_3") as p:
        for letter in b"kKkkKK":
            p.binding()
            p.command(bytes([letter]), b"KEYUPDATE")
            p.binding()
    assert sum(per_worker("tls_key_update_rx")) == before[0] + 6
    assert sum(per_worker("tls_key_update_tx")) == before[1] + 3


def renegotiation():
    """R57."""
    with s_client("-tls1_2") as p:
        p.binding()
        p.command(b"R", b"RENEGOTIATING")
        text = p.ended()
        assert "no renegotiation" in text or "SSL alert number" in text, p


def pre_shared_keys():
    """R65: the key is looked up by identity."""
    key = os.urandom(32).hex()
    subprocess.run([*relay.command, "psk", "add", "phone@example.test", "--key-file", "-"], input=key.encode(),
                   stdout=subprocess.DEVNULL, check=True)
    mine = ("-psk_identity", "phone@example.test", "-psk", key)
    before = sum(per_worker("tls_psk"))
    says("Reused, TLSv1.3", "-tls1_3", *mine, port=PSK)
    # RFC 5487, RFC 7905; AES-GCM with ECDHE is not among OpenSSL's
    for suite in ("DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-GCM-SHA384", "ECDHE-PSK-CHACHA20-POLY1305"):
        says(f"New, TLSv1.2, Cipher is {suite}", "-tls1_2", "-cipher", suite, *mine, port=PSK)
    assert sum(per_worker("tls_psk")) == before + 4
    says("subject=CN = relay.fairlead.test", port=PSK)  # certificates are there as well
    wrong = ("-psk_identity", "phone@example.test", "-psk", os.urandom(32).hex())
    nobody = ("-psk_identity", "nobody@example.test", "-psk", key)
    only = ("-tls1_2", "-cipher", "DHE-PSK-AES128-GCM-SHA256")
    refused((DECRYPT_ERROR, 20), *only, *wrong, port=PSK)
    refused((UNKNOWN_PSK, DECRYPT_ERROR), *only, *nobody, port=PSK)
    refused((DECRYPT_ERROR, 47), "-tls1_3", *wrong, port=PSK)
    refused(HANDSHAKE_FAILURE, *only, *mine)  # a domain without


def reload():
    """R76: connections go on; what does not fit leaves all as it was, and says so."""
    def now(subject):
        says(f"subject=CN = {subject}", "-servername", "other.example.test")

    def sums():
        return {c["chain"]: c["sha256"] for c in relay.ask("tls")["certificates"]}

    before = sums()
    for old in ("other.pem", "other.key"):
        shutil.copy2(path(old), path(f"old-{old}"))
    with s_client() as p:
        p.binding()
        os.rename(path("renewed.pem"), path("other.pem"))
        subprocess.run([*relay.command, "tls", "reload"], stdout=subprocess.DEVNULL)
        now("other.example.test")  # the key does not fit
        certificates = relay.ask("tls")["certificates"]
        assert any("other." in (c["error"] or "") for c in certificates), certificates
        os.rename(path("renewed.key"), path("other.key"))
        subprocess.run([*relay.command, "tls", "reload"], stdout=subprocess.DEVNULL, check=True)
        now("renewed")
        assert not any(c["error"] for c in relay.ask("tls")["certificates"])
        assert sums() != before
        for old in ("other.pem", "other.key"):
            os.rename(path(f"old-{old}"), path(old))
        s.await_true("files that changed are read without being told", lambda: sums() == before)
        p.binding()


def main():
    enter("fl-client")
    problems = []
    rotating = threading.Thread(target=rotation, args=(problems,))
    rotating.start()
    for test in (versions_and_suites, groups, names, client_certificates, resumption, early_data, key_update,
                 renegotiation, pre_shared_keys, reload):
        test()
        print("ok", test.__name__, flush=True)
    rotating.join()
    if problems:
        raise problems[0]
    print("ok rotation")


if __name__ == "__main__":
    main()
