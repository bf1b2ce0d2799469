#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""table.py RESULTS [README]: RESULTS/README.md, with every summary of RESULTS/*.json as Markdown
tables; and a table of the figures that a reader asks for first, between the lines
<!-- perf: begin --> and <!-- perf: end --> of README. Prints that table.

table.py --compare RUNS A B: the table of perf/compare.sh."""
import glob
import json
import os
import sys

import figures

OFFERED = 0.98  # a latency counts if at least so much of the rate was offered
NOTE = (
    "The server under test has CPU 0, the load CPU 1; for latency, TCP, TLS and splice Fairlead's main "
    "thread, control process and crypto thread have CPU 1 as well, where coturn, nginx, haproxy and "
    "stunnel have CPU 0 only."
)
BEGIN, END = "<!-- perf: begin -->", "<!-- perf: end -->"
NAMES = {
    "fairlead": "Fairlead",
    "fairlead-crypto": "Fairlead, crypto CPU",
    "workers-1": "1 worker",
    "workers-2": "2 workers",
    "calm": "without storm",
    "libc": "with libc's allocator",
}


def load(results):
    out = {}
    for file in sorted(glob.glob(os.path.join(results, "*.json"))):
        with open(file, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f if line.strip()]
        if lines and "versions" in lines[0]:
            out[os.path.basename(file)[: -len(".json")]] = lines
    return out


def number(x):
    if x is None:
        return ""
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def figure_words(figure):
    return figure.replace("p99_9", "p99.9").replace("latency_us.", "us, ").replace("_", " ")


def ratio(r, of):
    """With how many of the turns it is made of, if not of all."""
    some = "" if r["turns"] == of else f"; {r['turns']} of {of} turns"
    return f"{r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f}{some})"


def percent(x):
    return f"{100 * x:.3g} %"


def searched(case):
    """What "loss-free" means in this case."""
    return f"loss-free ({percent(case['loss'])} allowed)"


def flaws(lines, s):
    """{server: words} of a run at a rate that was not what was asked for, or of which too much was
    lost; and of a search in which port and generator could offer no more than was carried."""
    out = {who: ["no more could be offered"] for who in s.get("generator_limited", [])}
    case = s["case"]
    if "rate" not in case:
        return {who: ", ".join(w) for who, w in out.items()}
    got = {x["figure"]: x["medians"] for x in lines if x.get("figure") and x["case"] == case}
    for who in s["medians"]:
        offered = got["rate_offered"].get(who, 0) / case["rate"]
        lost = got["lost"].get(who, 0) / max(got["offered"].get(who, 0), 1)
        if offered < OFFERED:
            out.setdefault(who, []).append(f"offered {percent(offered)}")
        if lost > case["loss"]:
            out.setdefault(who, []).append(f"lost {percent(lost)}")
    return {who: ", ".join(w) for who, w in out.items()}


def table(head, rows):
    return "\n".join(
        ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        + ["| " + " | ".join(r) + " |" for r in rows]
    )


# ---- every summary ----


def cases(case):
    return ", ".join(
        f"{k} {number(v) if isinstance(v, (int, float)) else v}"
        for k, v in case.items()
        if k not in ("step", "loss")
    )


def servers_of(lines):
    out = {}
    for s in lines:
        out |= dict.fromkeys(s["medians"])
    return list(out)


def summary_words(s):
    if s["figure"] == "loss_free_rate":
        return f"rate, {searched(s['case'])}"
    return figure_words(s["figure"])


def summaries_table(lines, all_):
    servers = servers_of(lines)
    rows = []
    for s in lines:
        ratios = [
            f"{NAMES.get(b, b)} {ratio(r, s['of'])}"
            for of in list(s["ratios"].values())[:1]
            for b, r in of.items()
        ]
        marks = flaws(all_, s)
        rows.append(
            [cases(s["case"]), summary_words(s)]
            + [
                number(s["medians"].get(x)) + (f" ({marks[x]})" if x in marks else "")
                for x in servers
            ]
            + ["; ".join(ratios)]
        )
    head = ["case", "figure"] + [NAMES.get(s, s) for s in servers] + ["Fairlead to"]
    if not any(r[-1] for r in rows):
        head, rows = head[:-1], [r[:-1] for r in rows]
    return table(head, rows)


def runs_table(lines):
    """Of runs without a rival: every number they gave."""
    rows = [
        [
            cases(r["case"]),
            ", ".join(
                f"{k.replace('_', ' ')} {number(v)}"
                for k, v in r["got"].items()
                if isinstance(v, (int, float)) and not isinstance(v, bool)
            ),
        ]
        for r in lines
    ]
    return table(["case", "got"], rows)


def details(results):
    parts = [
        "# Results",
        "",
        "Made by `perf/run.sh`; do not edit. Medians of runs in turn (a b a b ...); "
        "ratios are medians of those of each turn, with the lowest and the highest. "
        + NOTE
        + " `perf/lib.sh` shows how each is started, coturn with its users in memory, no log and "
        "one relay thread.",
    ]
    for scenario, lines in results.items():
        parts += ["", f"## {scenario}", ""]
        for of in dict.fromkeys(machine(line) for line in lines if "instructions" in line) or [machine(lines[0])]:
            parts += [of, ""]
        if os.path.exists(os.path.join(sys.argv[1], scenario + ".svg")):
            parts += [f"![{scenario}]({scenario}.svg)", ""]
        steps = {}
        for s in lines:
            if "figure" in s:
                steps.setdefault(s["case"].get("step", ""), []).append(s)
        for step, ss in steps.items():
            parts += ([f"### {step}", ""] if step else []) + [summaries_table(ss, lines), ""]
        counted = [
            [r["bench"], r["case"], r["cpu"], number(r["instructions"])]
            for r in lines
            if "instructions" in r
        ]
        if counted:
            parts += [table(["benchmark", "case", "processor", "instructions"], counted), ""]
        alone = [
            r
            for r in lines
            if "got" in r and not any(s["case"] == r["case"] for s in lines if "figure" in s)
        ]
        if alone:
            parts += [runs_table(alone), ""]
        bad = [
            [NAMES.get(r["server"], r["server"]), cases(r["case"]), str(r["turn"]), r["failed"]]
            for r in lines
            if "failed" in r
        ]
        if bad:
            parts += [
                "Runs that failed, and are no figures:",
                "",
                table(["server", "case", "turn", "why"], bad),
                "",
            ]
        parts.pop()
    return "\n".join(parts).rstrip() + "\n"


def machine(line):
    versions = ", ".join(f"{k} {v}" for k, v in line["versions"].items())
    return (
        f"{line['date']}, commit {line['commit']}; {line['cpu']}, {line['cpus']} CPUs, "
        f"Linux {line['kernel']}; {versions}; load average at the end {line['load_average']}."
    )


# ---- what a reader asks for first ----


def find(results, scenario, figure, **case):
    """The summary of this case, or None."""
    for s in results.get(scenario, []):
        if s.get("figure") == figure and all(s["case"].get(k) == v for k, v in case.items()):
            return s
    return None


def row(results, words, scenario, figure, rival=None, ours="fairlead", **case):
    """One line of the table, with the summary it is of."""
    s = find(results, scenario, figure, **case)
    if not s or ours not in s["medians"]:
        return s, [words, "not measured", "", ""]
    if figure == "loss_free_rate":
        words += f", {searched(s['case'])}"
    if s["case"].get("base") == "flat":
        words = words.replace("loss-free", "flat-out")
    bad = flaws(results[scenario], s)

    def shown(who):
        return number(s["medians"].get(who)) + (f" ({bad[who]})" if who in bad else "")

    r = s["ratios"].get(ours, {}).get(rival)
    beside = f"{NAMES.get(rival, rival)} {shown(rival)}" if rival else ""
    return s, [words, shown(ours), beside, ratio(r, s["of"]) if r else ""]


def measures(results):
    """Where Fairlead is slower than another stands beside where it is faster."""

    def of(*args, **case):
        return row(results, *args, **case)

    rows = [
        of(f"cycles a relayed packet, {way}, {n:,} sessions", "relay", figure, sessions=n, way=None)
        for n in (1000, 1000000)
        for figure, way in (("cycles_to_peer", "to peer"), ("cycles_to_client", "to client"))
    ]
    for scenario, name, rival in (
        ("memif", "memif", "testpmd"),
        ("veth", "AF_XDP on veth", "testpmd"),
        ("veth", "AF_XDP on veth", "coturn"),
    ):
        words, case = f"packets/s, {name}, 172 bytes", {"sessions": 1000, "bytes": 172}
        rows += [
            of(words + ", flat out", scenario, "rate_delivered", rival, **case),
            of(words, scenario, "loss_free_rate", rival, **case),
        ]
    return rows + [
        of(
            "p99.9 at half the loss-free rate, us, AF_XDP on veth",
            "latency",
            "latency_us.p99_9",
            "testpmd",
            port="veth",
            load=50,
        ),
        of("authenticated allocations/s", "alloc", "setup.per_second", "coturn"),
        of("bytes a session, both processes", "memory", "bytes_per_session", "coturn"),
        of(
            "packets/s of two workers beside one",
            "workers",
            "packets_per_s",
            "workers-1",
            ours="workers-2",
        ),
        of("Mbit/s, a joined TCP connection", "tcp", "mbit_per_s", "nginx", load="bulk", of=1),
        of(
            "Mbit/s, 1,000 joined TCP connections",
            "tcp",
            "mbit_per_s",
            "nginx",
            load="bulk",
            of=1000,
        ),
        of(
            "messages/s, TURN over TLS to UDP, 1,200 bytes",
            "tls",
            "messages_per_s",
            "coturn",
            step="relay",
            bytes=1200,
            direction="up",
        ),
        of(
            "Mbit/s, TLS to TCP, one stream",
            "tls",
            "mbit_per_s",
            "nginx",
            step="proxy",
            streams=1,
            direction="up",
        ),
        of(
            "RTP packets/s through contexts, AF_XDP on veth, 172 bytes",
            "gateway",
            "loss_free_rate",
            "rtpengine",
            step="rtp",
            load="search",
        ),
        of(
            "calls/s by ng: offer, answer, delete",
            "gateway",
            "contexts_per_s",
            "rtpengine",
            step="calls",
        ),
        of("bytes a call, all processes", "gateway", "bytes_per_call", "rtpengine"),
    ]


def stamp_of(line):
    return line["cpu"], line["cpus"], line["kernel"], line["commit"], line["date"]


def first_table(results):
    """What most rows have in common is said once; the others say what they are of."""
    rows = measures(results)
    stamps = [stamp_of(s) for s, _ in rows if s] or [stamp_of(next(iter(results.values()))[0])]
    first = max(dict.fromkeys(stamps), key=stamps.count)
    cells = []
    for s, row_ in rows:
        if s and stamp_of(s) != first:
            cpu, _, _, commit, date = stamp_of(s)
            row_[0] += f" ({commit}, {date}{', ' + cpu if cpu != first[0] else ''})"
        cells.append(row_)
    return (
        f"{first[0]}, {first[1]} CPUs, Linux {first[2]}; commit {first[3]}, {first[4]}, where "
        "a row does not say otherwise. Ratios are medians of runs in turn (a b a b ...) on the "
        f"same port, with the lowest and the highest. {NOTE}"
        "\n\n" + table(["measure", "Fairlead", "beside", "ratio"], cells)
    )


def main(directory, readme=None):
    results = load(directory)
    if not results:
        sys.exit(f"perf: no results in {directory}")
    with open(os.path.join(directory, "README.md"), "w", encoding="utf-8") as f:
        f.write(details(results))
    text = first_table(results)
    if readme:
        with open(readme, encoding="utf-8") as f:
            old = f.read()
        if BEGIN not in old or END not in old:
            sys.exit(f"perf: {readme} has no lines {BEGIN} and {END}")
        with open(readme, "w", encoding="utf-8") as f:
            f.write(old[: old.index(BEGIN)] + BEGIN + "\n" + text + "\n" + old[old.index(END) :])
    print(text)


def compare(file, a, b):
    rows = []
    for s in figures.summaries(figures.lines_of(file), "B"):
        m, r = s["medians"], s["ratios"].get("B", {}).get("A")
        if r and not m["A"] == m["B"]:  # what was asked for is the same in both
            rows.append(
                [
                    s["case"]["benchmark"],
                    figure_words(s["figure"]),
                    number(m["A"]),
                    number(m["B"]),
                    ratio(r, s["of"]),
                ]
            )
    print(table(["benchmark", "figure", a, b, "ratio"], rows))


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--compare":
        sys.exit(compare(*sys.argv[2:]))
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
