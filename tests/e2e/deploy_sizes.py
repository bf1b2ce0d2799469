# SPDX-License-Identifier: BSD-3-Clause
"""For config_test.sh: deploy_sizes.py FAIRLEAD-CP SAMPLE DEPLOY. The tables of doc/deploy.md that say what a
configuration takes are what --check-config says of it: what grows with the number of workers, and how much a node
carries. Says of each row that has drifted what it should be."""

import re
import subprocess
import sys
import tempfile

PROGRAM, SAMPLE, DEPLOY = sys.argv[1:]
STEP = 64  # MiB: memory-mb of a row is what the program says would do, rounded up to this
PARTS = {  # rows of the first table, and what is summed up in them
    "packet buffers": ["packet buffers"],
    "TLS connections and handshakes": ["TLS connections", "TLS handshakes"],
    "TCP: connections, segments, TIME-WAIT": ["TCP connections", "segments on their way", "TIME-WAIT"],
    "DTLS associations and handshakes": ["DTLS associations", "DTLS handshakes"],
    "sessions, permissions, channels": ["sessions", "permissions and channels"],
    "contexts and their streams": ["contexts", "streams of contexts"],
    "keys of SRTP": ["keys of SRTP"],
    "the rest": None,
}


def edited(text, *edits):
    """The sample with lines that begin so, each once, replaced."""
    for begin, line in edits:
        text, n = re.subn(rf"(?m)^{re.escape(begin)}.*$", line, text, count=1)
        assert n == 1, f"{SAMPLE} has no line '{begin}'"
    return text


def listed(text, key, lines):
    """The sample with another list under a key of the top level."""
    text, n = re.subn(rf"(?m)^{key}:\n(?:(?:[ #].*)?\n)*", f"{key}:\n{lines}\n", text, count=1)
    assert n == 1, f"{SAMPLE} has no list '{key}'"
    return text


def told(text):
    """What --check-config says."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        p = subprocess.run(
            [PROGRAM, "--check-config", f.name], capture_output=True, text=True, check=False, timeout=60
        )
    return p.stdout + p.stderr


def sizes(said):
    """{part: MiB} of dataplane.memory-mb, of what is shared and in files, and of fairlead-cp's own."""
    out, where = ({}, {}, {}), -1
    for line in said.splitlines():
        if line.startswith("dataplane.memory-mb: "):
            where = 0
        elif line.startswith("beside it, "):
            where = 1
        elif line.startswith("and each process' own"):
            where = 2
        elif m := re.match(r" +(\d+) MiB  ([^(]*[^ (,])", line):
            name = m[2].split(",")[0] if where == 0 else m[2]
            out[where][name] = int(m[1])
    assert out[0] and out[1] and out[2], said
    return out


def table(text, head):
    """Rows of the table whose first line begins so."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            return
        yield line, re.split(r" *\| *", line.strip("| "))


def number(cell):
    return int(re.match(r"[\d,]+", cell)[0].replace(",", ""))


def workers_of(n):
    return ("  workers:", f"  workers: {list(range(n))}")


def compare(row, want):
    """Whether a row ends with these cells."""
    line, cells = row
    if cells[-len(want) :] == want:
        return True
    print(f"{DEPLOY}: '{line}' should end with: | {' | '.join(want)} |")
    return False


def says(text, words):
    if words in re.sub(r"\s+", " ", text):
        return True
    print(f"{DEPLOY} does not say: {words}")
    return False


def by_workers(sample, deploy):
    """The sample on one worker, and on 64."""
    sample = edited(sample, ("  memory-mb:", "  memory-mb: 16384"))
    said = [told(edited(sample, workers_of(n))) for n in (1, 64)]
    got = [sizes(s) for s in said]
    good = True
    for row in table(deploy, "| of `dataplane.memory-mb` | 1 worker | 64 |"):
        name = re.sub(r" \(.*", "", row[1][0])
        if name in PARTS:
            rest = [k for k in got[0][0] if not any(k in (p or ()) for p in PARTS.values())]
            want = [f"{sum(g[0].get(k, 0) for k in PARTS[name] or rest):,}" for g in got]
        elif name == "beside it: shared by both processes":
            want = [f"{next(iter(g[1].values())):,}" for g in got]
        else:
            assert name == "files in memory: allocations, contexts", name
            want = [", ".join(f"{n:,}" for n in list(g[1].values())[1:]) for g in got]
        good &= compare(row, want)
    slots = [edited(sample, workers_of(64), ("  ring-slots:", f"  ring-slots: {n}")) for n in (256, 512)]
    left = [next(iter(sizes(told(s))[1].values())) for s in slots]
    series = [re.search(r"/metrics has (\d+) series", s)[1] for s in said]
    return good & all(
        [
            says(deploy, f"/metrics has {int(series[1]):,} series ({series[0]} with one worker)"),
            says(deploy, f"`ring-slots: 256` leaves {left[0]:,} MiB, 512 {left[1]:,}"),
        ]
    )


def node(sample, calls, workers, relays, tls):
    """The sample as a node has it that carries so many calls."""
    text = edited(
        sample,
        workers_of(workers),
        ("  memory-mb:", f"  memory-mb: {STEP}"),
        ("  sessions:", f"  sessions: {-(-calls // workers)}"),
        ("  allocations-max:", f"  allocations-max: {calls}"),
        ("  contexts: 8", "  contexts: 0"),
        ("  ng-port:", "  ng-port: 0"),
        ("    addresses: [10.2.0.1/24", f"    addresses: [{', '.join(f'10.2.0.{i + 1}/24' for i in range(relays))}]"),
    )
    text = listed(text, "relays", "".join(f"  - {{address: 10.2.0.{i + 1}, port-min: 49152}}\n" for i in range(relays)))
    if tls:
        both = ("  connections: 16384", "  connections: 2048")  # tcp's and tls'
        return edited(text, both, both)
    return listed(text, "listeners", '  - {address: 10.1.0.1}\n  - {address: "fd00:1::1"}\n')


def by_calls(sample, deploy):
    good, before = True, None
    for row in table(deploy, "| each port, full duplex | calls |"):
        name, cells = row[1][0], row[1]
        if name.startswith("a hundred nodes"):
            good &= compare(row, [f"{before[0]} each", f"{before[1]} each", f"{before[2]} each"])
            continue
        text = node(sample, number(cells[1]), number(cells[4]), number(cells[5]), "TLS" in name)
        least = re.search(r"(\d+) would do", told(text))
        assert least, told(text)
        mb = -(-int(least[1]) // STEP) * STEP
        said = told(edited(text, ("  memory-mb:", f"  memory-mb: {mb}")))
        assert "warning: dataplane.memory-mb" not in said, said
        _, shared, own = sizes(said)
        before = [f"{mb:,}", f"{mb // 2:,}", f"{sum(shared.values()) + sum(own.values()):,}"]
        good &= compare(row, before)
    return good


def main():
    with open(SAMPLE, encoding="utf-8") as f:
        sample = f.read()
    with open(DEPLOY, encoding="utf-8") as f:
        deploy = f.read()
    good = by_workers(sample, deploy)
    good &= by_calls(sample, deploy)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
