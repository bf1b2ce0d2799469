# SPDX-License-Identifier: BSD-3-Clause
"""For access_tokens_test.sh, in fl-client: access_phone.py IK are phones whose TLS is openssl s_client,
which takes any certificate (R61): s_token says whether it is the network's."""

import hmac
import re
import ssl
import sys
import tempfile

import stunlib as s
from tlslib import SERVER, Program

IK = bytes.fromhex(sys.argv[1])
TLS, PLAIN = 5061, 5070


def token(data):
    return hmac.new(IK, data, "sha1").digest()[:12]


def register(call, authorization=""):
    lines = ["REGISTER sip:home1.net SIP/2.0", "Via: SIP/2.0/TLS 10.1.0.2:5061;branch=z9hG4bK1",
             "From: <sip:user1@home1.net>;tag=1", "To: <sip:user1@home1.net>", f"Call-ID: {call}",
             "CSeq: 1 REGISTER", *([f"Authorization: {authorization}"] if authorization else []),
             "Content-Length: 0"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connect(*more):
    phone = Program("openssl", "s_client", "-connect", f"{SERVER}:{TLS}", "-nocommands", "-showcerts", *more)
    phone.until(r"Verify return code: \d+")
    return phone


def challenged(phone, call):
    """s_token of the 401, None without."""
    phone.send(register(call))
    head = phone.until(r"SIP/2\.0 401 .*?\r\n\r\n")[0].decode()
    found = re.search(r's_token="([0-9a-f]{24})"', head)
    return bytes.fromhex(found[1]) if found else None


def certificate(phone):
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", phone.text(), re.S)[0]
    return ssl.PEM_cert_to_DER_cert(pem)


def answers(phone, call, c_token):
    phone.send(register(call, f'Digest username="user1_private@home1.net", c_token="{c_token.hex()}"'))


def let_in():
    with connect() as phone:
        assert "self-signed certificate" in phone.text(), phone
        s_token = challenged(phone, "right")
        assert s_token == token(certificate(phone)), s_token
        answers(phone, "right", token(s_token))
        phone.until(r"SIP/2\.0 200 .*?\r\n\r\n")
        return s_token


def of_another_key():
    with connect() as phone:
        s_token = challenged(phone, "wrong")
        answers(phone, "wrong", hmac.new(bytes(16), s_token, "sha1").digest()[:12])
        assert "SIP/2.0 200" not in phone.ended(), phone


def moved():
    """A right token on a connection with the same certificate, which was not asked for it."""
    with connect() as first, connect() as second:
        s_token = challenged(first, "moved")
        answers(second, "moved", token(s_token))
        assert "SIP/2.0 200" not in second.ended(), second
        answers(first, "moved", token(s_token))
        first.until(r"SIP/2\.0 200 .*?\r\n\r\n")


def resumed():
    """The network shows no certificate then, so nothing is vouched for."""
    with tempfile.NamedTemporaryFile() as ticket:
        with connect("-tls1_2", "-sess_out", ticket.name) as phone:
            assert challenged(phone, "ticket"), phone
        with connect("-tls1_2", "-sess_in", ticket.name) as phone:
            assert phone.resumed(), phone
            assert challenged(phone, "resumed") is None, phone


def without_tls():
    with s.connect(SERVER, PLAIN) as stream:
        stream.settimeout(s.PATIENCE)
        stream.sendall(register("plain"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = stream.recv(4096)
            assert data, f"the end, after {head}"
            head += data
        assert head.startswith(b"SIP/2.0 401") and b"s_token" not in head, head


assert let_in() == let_in(), "a certificate has one token of a key"
of_another_key()
moved()
resumed()
without_tls()
