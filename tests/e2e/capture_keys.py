# SPDX-License-Identifier: BSD-3-Clause
"""For live_capture_keys_test.sh.

capture_keys.py talk SECRETS OURS PEER CK IK: sessions over TLS, by SRTP and by ESP; what must stay secret is
added to SECRETS, a name and hexadecimal digits a line, names with a '+' for what passes in clear.
capture_keys.py keylog SECRETS FILE: what OpenSSL wrote of its sessions.
capture_keys.py private SECRETS PEM...: private keys.
capture_keys.py find SECRETS CAPTURE [NAME...]: the file has none of the secrets, in any form, and all of those with
a '+' but what is named; and no block but of frames and their count."""

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
import subprocess
import sys

CLIENT = "fl-client"
LABELS = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
          "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET")
# A section, interfaces, packets, statistics: there is a block for the secrets of TLS, too (0x0a).
BLOCKS = {0x0A0D0D0A, 1, 5, 6}


def keep(path, secrets):
    with open(path, "a", encoding="ascii") as f:
        for name, value in secrets:
            print(name, value.hex(), file=f)


def expand(secret, label, length):
    """HKDF-Expand-Label of RFC 8446 7.1, of one block."""
    text = b"tls13 " + label
    info = struct.pack("!HB", length, len(text)) + text + b"\0\1"
    return hmac.new(secret, info, hashlib.sha384 if len(secret) == 48 else hashlib.sha256).digest()[:length]


def keylog(what, path):
    """Of lines "LABEL CLIENT-RANDOM SECRET": the random is in the ClientHello, for all to see."""
    randoms = set()
    with open(path, encoding="ascii") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            label, random, secret = line.split()
            secret = bytes.fromhex(secret)
            assert label in LABELS + ("CLIENT_RANDOM",), line
            yield f"{what}-{label}", secret
            if label in LABELS[:4]:
                yield f"{what}-{label}-key", expand(secret, b"key", 32 if len(secret) == 48 else 16)
                yield f"{what}-{label}-iv", expand(secret, b"iv", 12)
            randoms.add(random)
    assert randoms, f"{path} is empty"
    for random in randoms:
        yield f"{what}-random+", bytes.fromhex(random)


# ---- sessions ----


def tls(version, peer, folder):
    import stunlib
    from netns import namespace

    context = ssl.create_default_context(cafile=os.environ["CA"])
    context.minimum_version = context.maximum_version = version
    context.keylog_filename = f"{folder}/{version.name}.keylog"
    with namespace(CLIENT):
        c = stunlib.Client(os.environ["SERVER4"], 5349, tls=context)
    assert c.allocate().error() == 0
    assert c.bind(0x4000, *peer).error() == 0
    text = b"said over " + version.name.encode()
    c.send_channel(0x4000, text)
    assert c.receive(10) == (0x4000, text), "no echo"
    yield from keylog(version.name, context.keylog_filename)
    yield f"{version.name}-text+", text


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def sdes(rpc, peer):
    import srtp_rekey as r
    from netns import namespace

    assert r.srtp.srtp_init() == 0
    with namespace(CLIENT):
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.bind((os.environ["CLIENT4"], 0))
    near.settimeout(0.5)
    keys = [os.urandom(r.LENGTH[r.CM]) for _ in range(2)]
    crypto = [f"1 {r.CM} inline:{base64.b64encode(k).decode()}" for k in keys]
    made = rpc.ask("context.add", call="keys", terminations=[
        {"transport": "udp", "realm": "access", "rtp": True, "remote": "%s:%d" % near.getsockname(), "srtp": "sdes",
         "crypto_in": crypto[0], "crypto_out": crypto[1]},
        {"transport": "udp", "realm": "core", "rtp": True, "remote": "%s:%d" % peer}])
    there, back = r.Session(r.CM, keys[0], True), r.Session(r.CM, keys[1], False)
    for n in range(40):
        plain = struct.pack("!BBHII", 0x80, 0, 100 + n, 160 * n, 0x1234) + b"voice" * 32
        sent = there.protect(plain)
        near.sendto(sent, address(made["terminations"][0]["local"]))
        try:
            got = near.recv(2048)
            break
        except TimeoutError:
            pass  # the worker has yet to hear of the context
    assert back.unprotect(got)[12:] == plain[12:], "no echo by SRTP"
    rpc.ask("context.delete", context=made["context"])
    for k in keys:
        yield "sdes-key", k[:16]
        yield "sdes-salt", k[16:]
        yield "sdes", k
    yield "srtp-packet+", sent


def esp(rpc, ours, peer, ck, ik):
    from esp import Phone

    inner = "10.77.0.9"
    a = rpc.ask("ipsec.add", remote=os.environ["CLIENT4"], local=ours, user="001010000000001@ims.example",
                mod="UDP-enc-tun", inner=inner, spi_c=7001, ck=ck, ik=ik)
    phone = Phone(ours, bytes.fromhex(ik), (7001,), os.environ["CLIENT4"], inner)
    made = rpc.ask("context.add", call="esp", terminations=[
        {"transport": "udp", "realm": "phones", "rtp": True, "remote": f"{inner}:4000"},
        {"transport": "udp", "realm": "core", "rtp": True, "remote": "%s:%d" % peer}])
    near = address(made["terminations"][0]["local"])
    text = struct.pack("!BBHII", 0x80, 0, 1, 160, 0x4321) + b"phone" * 32
    phone.send(a["lanes"][0]["spi_in"], 4000, near, text)
    assert phone.receive()[3] == text, "no echo by ESP"
    rpc.ask("context.delete", context=made["context"])
    rpc.ask("ipsec.delete", phone=a["phone"])
    for name, key in (("esp-ck", ck), ("esp-ik", ik)):
        yield name, bytes.fromhex(key)
    yield "esp-text+", text


def talk(path, ours, peer, ck, ik):
    import gatelib

    rpc, peer = gatelib.Rpc(), (peer, 3480)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        keep(path, tls(version, peer, os.path.dirname(path)))
    keep(path, sdes(rpc, peer))
    keep(path, esp(rpc, ours, peer, ck, ik))


def private(pems):
    for pem in pems:
        text = subprocess.run(["openssl", "pkey", "-in", pem, "-text", "-noout"], check=True, capture_output=True, text=True).stdout
        parts = re.findall(r"^(priv|privateExponent|prime1|prime2):\n((?:    .*\n)+)", text, re.M)
        assert parts, f"{pem}: {text[:40]}"
        for name, digits in parts:
            yield f"{os.path.basename(pem)}-{name}", bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")


# ---- the file ----


def forms(value):
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    yield base64.b64encode(value).rstrip(b"=")


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack("<II", data[at : at + 8])
        assert 12 <= length <= len(data) - at, f"a block at {at} is not whole"
        yield kind
        at += length


def find(secrets, capture, but):
    with open(capture, "rb") as f:
        data = f.read()
    kinds = set(blocks(data))
    assert kinds <= BLOCKS, f"{capture} has blocks of type {kinds - BLOCKS}"
    n = 0
    with open(secrets, encoding="ascii") as f:
        for line in f:
            name, value = line.split()
            there = any(form in data for form in forms(bytes.fromhex(value)))
            if name.endswith("+"):
                assert there or name in but, f"{name} is not in {capture}: its session is not, or nothing is found"
            else:
                assert not there, f"{name} is in {capture}"
                n += 1
    print(f"{n} secrets are not in {os.path.basename(capture)}")


def main():
    command, path, *rest = sys.argv[1:]
    if command == "talk":
        talk(path, *rest)
    elif command == "keylog":
        keep(path, keylog(os.path.basename(rest[0]), rest[0]))
    elif command == "private":
        keep(path, private(rest))
    else:
        find(path, rest[0], rest[1:])


main()
