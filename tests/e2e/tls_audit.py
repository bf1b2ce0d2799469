# SPDX-License-Identifier: BSD-3-Clause
"""What tls_audit_test.sh expects of sslscan and testssl.sh: tls_audit.py DIRECTORY, which has
sslscan-PORT.xml and testssl-PORT.json."""

import json
import sys
import xml.etree.ElementTree

SUITES_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
GCM = [f"ECDHE-{key}-AES{bits}-GCM-SHA{sha}" for bits, sha in ((128, 256), (256, 384)) for key in ("ECDSA", "RSA")]
CHACHA = [f"ECDHE-{key}-CHACHA20-POLY1305" for key in ("ECDSA", "RSA")]
DHE = ["DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"]
# By port: suites of TLS 1.3 and 1.2; sslscan names each server key exchange group by its curve.
WANT = {443: (SUITES_13, GCM + CHACHA), 5350: (SUITES_13, GCM + DHE), 5351: ([], GCM + CHACHA)}
GROUPS = {"x25519", "secp256r1", "secp384r1"}
FINE = {"OK", "INFO"}

wrong = []


def expect(where, what, got, want):
    if got != want:
        wrong.append(f"{where}: {what}: {got}, want {want}")


def scanned(path, port):
    test = xml.etree.ElementTree.parse(path).find("ssltest")
    where = f"sslscan, port {port}"
    v13, v12 = WANT[port]
    enabled = {p.get("type") + p.get("version") for p in test.findall("protocol") if p.get("enabled") == "1"}
    expect(where, "protocols", enabled, {"tls1.2"} | ({"tls1.3"} if v13 else set()))
    for version, want in (("TLSv1.3", v13), ("TLSv1.2", v12)):
        got = {c.get("cipher") for c in test.findall("cipher") if c.get("sslversion") == version}
        expect(where, f"suites of {version}", got, set(want))
    groups = {g.get("name").split()[0].lower() for g in test.findall("group")}
    expect(where, "groups", {g for g in groups if not g.startswith("ffdhe")}, GROUPS)
    expect(where, "heartbleed", {h.get("vulnerable") for h in test.findall("heartbleed")}, {"0"})
    fallback = test.find("fallback")
    expect(where, "TLS_FALLBACK_SCSV", fallback is None or fallback.get("supported") == "1", True)
    compression = test.find("compression")
    expect(where, "compression", compression is None or compression.get("supported") == "0", True)
    secure = test.find("renegotiation")
    expect(where, "insecure renegotiation", secure.get("supported") == "1" and secure.get("secure") == "0", False)
    return len(test.findall("cipher"))


def tested(path, port):
    where, found = f"testssl.sh, port {port}", {f["id"]: f for f in json.load(open(path))}
    for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"):
        finding = found[name]["finding"]
        expect(where, name, finding.startswith("offered"), name == "TLS1_2")
    expect(where, "TLS1_3", found["TLS1_3"]["finding"].startswith("offered"), bool(WANT[port][0]))
    for name in ("heartbleed", "CCS", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL",
                 "fallback_SCSV", "FREAK", "DROWN", "LOGJAM"):
        if name not in found:
            wrong.append(f"{where}: {name} was not looked at")
        elif found[name]["severity"] not in FINE:
            wrong.append(f"{where}: {name}: {found[name]['finding']} ({found[name]['severity']})")
    return len(found)


for port in WANT:
    suites = scanned(f"{sys.argv[1]}/sslscan-{port}.xml", port)
    print(f"ok: port {port}: {suites} suites, {tested(f'{sys.argv[1]}/testssl-{port}.json', port)} findings of testssl.sh")
if wrong:
    sys.exit("\n".join(wrong))
