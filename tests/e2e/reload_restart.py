# SPDX-License-Identifier: BSD-3-Clause
"""Every key that takes a restart gets another value in the file, one after the other, and is told so.

  reload_restart.py CONFIG FAIRLEAD FAIRLEAD-CP

config diff and a reload must name the key, with the line where the new value stands, which process has to be
restarted and what that costs, as fairlead-cp --config-applied has it, and nothing else; what runs stays.
Which keys there are is asked of fairlead-cp: one that has no other value here fails."""

import re
import subprocess
import sys

from gatelib import CONTROL, Rpc

CONFIG, CLI, CP = sys.argv[1:]

# Another value; of a list of ports in its first entry. A number is less by one where it is None.
OTHERS = {
    "dataplane": {"workers": "[7]", "main-cpu": "9", "hugepages": "no", "memory-mb": "1023", "idle": "poll", "mbufs": "65536",
                  "sessions": "65536", "peers": None, "neighbours": None, "neighbour-queue": None, "fragments": None,
                  "ring-slots": "2048", "socket": "/run/fairlead-quickstart/other.sock", "eal": "[--match-allocations]"},
    "tcp": {"connections": None, "time-wait": None, "buffers": None, "receive-buffer": None, "congestion": "reno"},
    "tls": {"crypto-cpus": "[8]", "connections": None, "associations": None, "dtls-handshakes": None, "handshakes": None,
            "ticket-lifetime": None, "provider": "other", "engine": "other", "engine-timeout-ms": None},
    "ports": {"name": "other", "device": '"net_af_xdp0,iface=other"', "mtu": "1400", "vlan": "5", "rx-desc": "512",
              "tx-desc": "512"},
    "gateway": {"contexts": None, "streams": None, "srtp": None},
    "ipsec": {"addresses": "[10.1.0.1]", "udp-port": "4501", "server-port": "5065", "client-port": "5064",
              "sip-port": "20000", "inner": "[10.9.0.0/24]", "phones": None},
    "control": {"socket": "/run/fairlead-quickstart/control/other.sock",
                "state": "/run/fairlead-quickstart/control/other.state",
                "contexts": "/run/fairlead-quickstart/control/other.contexts"},
}
# Keys that can be had together only, and the one of them that is looked for.
TOGETHER = {
    "ports.bond": {"device": '"net_bonding0"', "bond": "active-backup", "members": '["net_af_xdp0,iface=access"]'},
    "ports.members": {"device": '"net_bonding0"', "bond": "active-backup", "members": '["net_af_xdp0,iface=access"]'},
}


def steps(text):
    for section, values in OTHERS.items():
        for key, value in values.items():
            if value is None:
                value = str(int(value_of(text, section, key)) - 1)
            yield f"{section}.{key}", section, {key: value}
    for key, values in TOGETHER.items():
        yield key, key.split(".")[0], values


def bounds(lines, section):
    """The first and last line of a section; of a list, of its first entry."""
    first = lines.index(f"{section}:") + 1
    entry = lines[first:].index(next(line for line in lines[first:] if re.match(r"\s*- ", line))) + first if section == "ports" else None
    last = first
    while last < len(lines) and not re.match(r"[a-z]", lines[last]):
        if entry is not None and last > entry and re.match(r"\s*- ", lines[last]):
            break
        last += 1
    return first, last


def line_of(lines, section, key):
    first, last = bounds(lines, section)
    for n in range(first, last):
        if re.match(rf"\s*(- )?{re.escape(key)}:", lines[n]):
            return n
    sys.exit(f"the file has no {section}.{key}: a line with its default is wanted")


def value_of(text, section, key):
    lines = text.splitlines()
    return lines[line_of(lines, section, key)].split(":", 1)[1].split("#")[0].strip()


def edited(text, section, values):
    """The text, and the line of each key, from 1."""
    lines = text.splitlines()
    at = {}
    for key, value in values.items():
        n = line_of(lines, section, key)
        lines[n] = lines[n].split(":", 1)[0] + f": {value}"
        at[f"{section}.{key}"] = n + 1
    return "\n".join(lines) + "\n", at


def says(words):
    """The command's text. Which socket the file names is among what is changed."""
    run = subprocess.run([CLI, "--socket", CONTROL, *words], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        sys.exit(f"{' '.join(words)}: {run.stdout}{run.stderr}")
    return run.stdout


def judge(what, words, told, begins, at, rows):
    """What is told by a method and a command: of each key its three lines, and no other."""
    text = says(words)
    if {re.sub(r"\[\d+\]", "", c["key"]) for c in told} != set(at):
        sys.exit(f"{what}: {words} tells of {[c['key'] for c in told]}, and not of {list(at)}")
    for c in told:
        key = re.sub(r"\[\d+\]", "", c["key"])
        how, lost, why = rows[key]
        if c["applied"] != {"d": "restart-dp", "c": "restart-cp"}[how.split("fairlead-")[1][0]]:
            sys.exit(f"{what}: {words} has it applied by {c['applied']}, not by {how}")
        was, to = (c[side] or '""' for side in ("from", "to"))
        lines = f"{c['key']}: {was} -> {to}\n    {begins}{how}; lost: {lost}\n    {CONFIG}:{at[key]}: "
        if c["lost"] != lost or lines not in text or not c["why"]:
            sys.exit(f"{what}: {words} says\n{text}and should say\n{lines}...")
        if key not in ("ports.name", "ports.vlan", "ports.mtu", "ports.device") and c["why"] != why:
            sys.exit(f"{what}: {words} says why: {c['why']}, and not: {why}")


def main():
    out = subprocess.run([CP, "--config-applied"], capture_output=True, text=True, check=True).stdout
    rows = {}
    for line in out.splitlines():
        key, how, lost, why = line.split("\t")
        if how.startswith("restart"):
            rows[key] = (how.split(";")[0], lost.split("; of a further VLAN")[0], why)
    text = open(CONFIG).read()
    rpc = Rpc()
    runs = rpc.ask("config.show")
    seen = set()
    for what, section, values in steps(text):
        changed, at = edited(text, section, values)
        with open(CONFIG, "w") as f:
            f.write(changed)
        print(what, flush=True)
        judge(what, ["config", "diff"], rpc.ask("config.diff")["changes"], "applied by: ", at, rows)
        judge(what, ["reload"], rpc.ask("reload")["changes"], "waits for a ", at, rows)
        if rpc.ask("config.show") != runs:
            sys.exit(f"{what}: something of what runs has changed")
        seen |= set(at)
    with open(CONFIG, "w") as f:
        f.write(text)
    missing = set(rows) - seen
    if missing:
        sys.exit(f"reload_restart.py has no other value for {', '.join(sorted(missing))}")
    print(f"{len(rows)} keys that take a restart")


if __name__ == "__main__":
    main()
