# SPDX-License-Identifier: BSD-3-Clause
"""Every key that is live gets another value, one after the other, by reloads of the file that runs.

  reload_all.py CONFIG FAIRLEAD-CP DIR

A step is made of what ran at the start, so each reload puts one value in force and the one before it
back. What is told must be live, and what runs must be the file then. Which keys there are is asked of
fairlead-cp: one that no step changes is named at the end, and fails. DIR has the files that values name."""

import copy
import json
import re
import socket
import subprocess
import sys

import yaml

CONFIG, CP, DIR = sys.argv[1:]

# Another value of what is no list; a number stands for itself, less one where it is None.
VALUES = {
    "dataplane": {"idle-max-us": 99, "fragment-timeout-ms": None, "binding-rate": None, "request-rate": None,
                  "icmp-rate": None, "log-levels": ["lib.eal:info"]},
    "tcp": {"half-open": None, "syn-cookies": "always", "time-wait-ms": None, "send-buffer": None, "reorder-buffer": None,
            "media-queue": None, "media-age-ms": None, "handshake-ms": None, "connect-timeout": None, "bind-timeout": None,
            "idle-timeout": None, "frame-ms": None, "stall-timeout": None, "slow-rate": None, "linger": None,
            "keepalive": None, "ecn": False},
    "tls": {"waiting": None, "handshake-ms": None, "key-updates": None, "ticket-secret": f"{DIR}/ticket"},
    "gateway": {"urgent-contexts": 1, "urgent-ports": 1, "lifetime": None, "answer-timeout": None,
                "connect-timeout": None, "ended-timeout": None, "fingerprint-ms": None, "latch-ms": None,
                "inactivity": None, "delete-delay": None, "events": None, "ng-address": "127.0.0.2", "ng-port": 2224,
                "ng-websocket-port": 8081, "ng-allow": ["127.0.0.0/8", "198.51.100.0/24"], "ng-rate": None,
                "ng-proxies": [{"address": "127.0.0.1", "port": 5070, "path": "/RPC"}],
                "hep": [{"address": "127.0.0.1", "port": 9061, "id": 7, "password-file": f"{DIR}/secret"}]},
    "ipsec": {"window": 128, "keepalive": None},
    "turn": {"realm": "other.test", "software": "Other", "lifetime-default": None, "lifetime-max": None,
             "permission-lifetime": None, "channel-lifetime": None, "reservation-lifetime": None,
             "allocations-max": None, "allocations-per-user": 1000, "permissions-per-allocation": None, "channels-per-allocation": None,
             "connections-per-allocation": None, "session-rate": 100000000, "session-packets": 1000000, "user-rate": 400000000,
             "user-packets": 4000000, "rfc5766-channels": False,
             "alternate-servers": [{"address": "192.0.2.9", "port": 3479, "domain": "other.test"}]},
    "auth": {"users-db": f"{DIR}/users.db", "rest-secrets": ["one-more"], "rest-secret-files": [f"{DIR}/secret"],
             "md5": False, "sha256": False, "nonce-lifetime": None},
    "peers": {"allow": ["10.0.0.0/8", "fd00::/8", "198.51.100.0/24"], "deny": ["203.0.113.0/24"],
              "relay-to-relay": False},
    "control": {"term-drain": 1, "metrics-address": "127.0.0.2", "metrics-port": 9650,
                "roles": [{"user": "root", "may": "administer"}, {"group": "root", "may": "look"}]},
    "records": {"file": f"{DIR}/records.json", "size-mb": None, "files": None, "update-minutes": None, "syslog": True,
                "queue": 8192},
}

METRICS = {"metrics-certificate": f"{DIR}/own.crt", "metrics-key": f"{DIR}/own.key"}
MANAGEMENT = {"address": "127.0.0.2", "port": 9645, "certificate": f"{DIR}/own.crt", "key": f"{DIR}/own.key",
              "ca": f"{DIR}/own.crt", "roles": [{"name": "ops", "may": "operate"}]}
RADIUS = [{"address": "127.0.0.1", "port": 18130, "secret-file": f"{DIR}/secret"}]
CONTROLLER = {"address": "127.0.0.1", "port": 2999}
H248_TLS = {"h248-certificate": f"{DIR}/own.crt", "h248-key": f"{DIR}/own.key", "h248-ca": f"{DIR}/own.crt",
            "h248-controllers": [{"address": "127.0.0.1", "port": 2998, "transport": "tls", "name": "mgc.test"}]}
CERTIFICATE = {"domain": "extra", "chain": f"{DIR}/own.crt", "key": f"{DIR}/own.key", "names": ["extra.test"]}
SERVICE = {"name": "extra", "alpn": ["extra"], "backend": "10.2.0.2", "port": 5099}


def within(section, values):
    """A step that sets keys of a section."""
    return lambda c: c[section].update(copy.deepcopy(values))


def entry(section, value):
    """A step that adds to a list."""
    return lambda c: c[section].append(copy.deepcopy(value))


def domain(**keys):
    def step(c):
        c["tls-domains"].append({"name": "extra", **{k.replace("_", "-"): v for k, v in keys.items()}})
        c["certificates"].append(dict(CERTIFICATE))
    return step


def listener(**keys):
    def step(c):
        domain()(c)
        c["listeners"].append({"address": "10.1.0.1", "port": 3999, **keys})
    return step


def relay(**keys):
    """At an address of its own, which comes with it."""
    def step(c):
        c["ports"][1]["addresses"].append("10.2.0.77/24")
        c["relays"].append({"address": "10.2.0.77", "port-min": 20000, "port-max": 21000, "realm": "core", **keys})
    return step


def vlan(**keys):
    """A VLAN of the device that the file has one of already, with a listener and a relay."""
    def step(c):
        c["ports"].append({"name": "lab", "device": c["ports"][0]["device"], "vlan": 7,
                           "addresses": ["10.7.0.1/24", "10.7.0.3/24"], **keys})
        c["listeners"].append({"address": "10.7.0.1"})
        c["relays"].append({"address": "10.7.0.3", "turn": False, "realm": "core"})
    return step


def steps():
    base = yaml.safe_load(open(CONFIG))
    for section, values in VALUES.items():
        for key, value in values.items():
            value = base[section][key] - 1 if value is None else value
            yield f"{section}.{key}", within(section, {key: value})
    yield "metrics by TLS", within("control", METRICS)
    yield "who reads metrics", within("control", {**METRICS, "metrics-user": "ops",
                                                  "metrics-password-file": f"{DIR}/secret"})
    yield "management", within("management", MANAGEMENT)
    yield "its roles", within("management", {**MANAGEMENT, "roles": [{"name": "ops", "may": "look"}]})
    for section, more in (("radius", {"timeout": 3}), ("aka", {"timeout-ms": 999, "vendor": 10415})):
        always = {"servers": RADIUS, **({"vendor": 10415} if section == "aka" else {})}
        yield section, within(section, always)
        yield f"{section}: patience", within(section, {**always, **more, "tries": 3, "nas-identifier": "other"})
    yield "radius.queue", within("radius", {"queue": 8192})
    yield "aka.vendor", within("aka", {"vendor": 10416})
    yield "aka.attributes", within("aka", {"attributes": {k: n for n, k in enumerate(
        ("rand", "autn", "xres", "ck", "ik", "auts"), 11)}})
    for key, value in (("name", None), ("h248-address", "127.0.0.2"), ("h248-port", 2945), ("h248-name", "mg.test"),
                       ("h248-profile", "other/1"), ("h248-brief", True), ("h248-names", f"{DIR}/names"),
                       ("h248-overload", 80)):
        more = {key: value} if value is not None else {}
        yield f"a controller of H.248, {key}", within("gateway", {"h248-controllers": [CONTROLLER], **more})
    yield "a controller by TLS", within("gateway", H248_TLS)
    yield "a TLS domain", domain()
    for key, value in (("profile", "ts33210"), ("version_min", "tls1.3"), ("version_max", "tls1.2"),
                       ("suites", ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]), ("groups", ["P-384"]),
                       ("client_certificate", "ask"), ("tickets", False), ("psk", True)):
        yield f"its {key}", domain(**{key: value})
    yield "its client_ca", domain(client_certificate="ask", client_ca=f"{DIR}/own.crt")
    yield "a service", entry("services", SERVICE)
    for more in ({"backend": "10.2.0.3"}, {"port": 5098}, {"alpn": ["more"]}, {"hosts": ["more.test"]},
                 {"domain": "default"}, {"proxy-protocol": "v2"}, {"crlf": "answer"}, {"tls": "pass"}):
        yield f"its {', '.join(more)}", entry("services", {**SERVICE, **more})
    yield "who speaks SIP", lambda c: c["services"][0].update(sip=False)
    yield "a listener", listener()
    for more in ({"port": 3998}, {"transport": "tcp"}, {"transport": "tls"}, {"transport": "tls", "domain": "extra"},
                 {"transport": "tcp", "service": "sip"}):
        yield f"its {', '.join(more)}", listener(**more)
    yield "an address and a relay", relay()
    for more in ({"port-min": 20002}, {"port-max": 20998}, {"turn": False}, {"realm": "access"}, {"realm": ""}):
        yield f"its {', '.join(more)}", relay(**more)
    yield "its worker", relay(worker="0")
    yield "a realm", entry("realms", {"name": "extra", "domain": "default"})
    yield "its domain", entry("realms", {"name": "extra"})
    yield "a gateway", lambda c: c["ports"][0].update(gateways=["10.1.0.254"])
    yield "a route", lambda c: c["ports"][0].update(routes=[{"to": "10.88.0.0/16", "via": "10.1.0.254"}])
    yield "its way", lambda c: c["ports"][0].update(routes=[{"to": "10.88.0.0/16", "via": "10.1.0.253"}])
    yield "a VLAN", vlan()
    for more in ({"vlan": 8}, {"mtu": 1400}, {"name": "other"},
                 {"addresses": ["10.7.0.1/25", "10.7.0.3/25"]}, {"routes": [{"to": "10.88.0.0/16", "via": "10.7.0.254"}]}):
        yield f"its {', '.join(more)}", vlan(**more)
    yield "as it was", lambda c: None


class Controller:
    """Asks by the control socket, since a command a question would take most of the time."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.answers = self.sock.makefile()

    def ask(self, method):
        self.sock.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n")
        reply = json.loads(self.answers.readline())
        if "error" in reply:
            sys.exit(f"{method}: {reply['error']['message']}")
        mistakes = reply["result"]["mistakes"]
        if mistakes:
            sys.exit(f"{method}: {'; '.join(mistakes)}")
        return reply["result"]


def live_keys():
    out = subprocess.run([CP, "--config-applied"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    # Of a VLAN whatever it has beside the keys of its device.
    return {row[0] for row in rows if row[1] == "live" or "of a further VLAN" in row[1]}


def take(controller, what, conf):
    """Puts it in force; which keys it was told of."""
    with open(CONFIG, "w") as f:
        yaml.safe_dump(conf, f, sort_keys=False)
    print(what, flush=True)
    before = controller.ask("config.diff")
    answer = controller.ask("reload")
    if before["refused"] or before["changes"] != answer["changes"]:
        sys.exit(f"{what}: config diff told otherwise: {before} {answer}")
    for change in answer["changes"]:
        if change["applied"] != "live":
            sys.exit(f"{what}: it is not live: {change}")
    left = controller.ask("config.diff")["changes"]
    if left:
        sys.exit(f"{what}: what runs is not the file: {left}")
    keys = {re.sub(r"\[\d+\]", "", change["key"]) for change in answer["changes"]}
    # Of the routes, those to anywhere.
    return keys | ({"ports.gateways"} if any(c["to"] in ("0.0.0.0/0", "::/0") for c in answer["changes"]) else set())


def main():
    base = yaml.safe_load(open(CONFIG))
    controller = Controller(base["control"]["socket"])
    seen, n = set(), 0
    for what, step in steps():
        conf = copy.deepcopy(base)
        step(conf)
        keys = take(controller, what, conf)
        if not keys:
            sys.exit(f"{what}: nothing is another")
        seen |= keys
        n += 1
    missing = live_keys() - seen
    if missing:
        sys.exit(f"no step of reload_all.py changes {', '.join(sorted(missing))}")
    print(f"{n} reloads, {len(live_keys())} keys")


if __name__ == "__main__":
    main()
