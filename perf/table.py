#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""table.py RESULTS [README]: RESULTS/README.md, with every summary of RESULTS/*.json as Markdown
tables; and the table of goals, between the lines <!-- perf: begin --> and <!-- perf: end --> of
README. Prints that table.

table.py --compare RUNS A B: the table of perf/compare.sh."""
import glob
import json
import os
import sys

import figures

BEGIN, END = "<!-- perf: begin -->", "<!-- perf: end -->"
NAMES = {
    "fairlead": "Fairlead",
    "fairlead-crypto": "Fairlead, crypto CPU",
    "workers-1": "1 worker",
    "workers-2": "2 workers",
    "calm": "without storm",
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


def ratio(r):
    return f"{r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f})"


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


def summaries_table(lines):
    servers = servers_of(lines)
    rows = []
    for s in lines:
        ratios = [
            f"{NAMES.get(b, b)} {ratio(r)}"
            for of in list(s["ratios"].values())[:1]
            for b, r in of.items()
        ]
        rows.append(
            [cases(s["case"]), figure_words(s["figure"])]
            + [number(s["medians"].get(x)) for x in servers]
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
        "ratios are medians of those of each turn, with the lowest and the highest. The server under "
        "test has CPU 0, the load CPU 1; `perf/lib.sh` shows how each is started, coturn with its "
        "users in memory, no log and one relay thread. A rate is loss-free with 0.01 % lost or less, "
        "if no other share is named.",
    ]
    for scenario, lines in results.items():
        parts += ["", f"## {scenario}", "", machine(lines[0]), ""]
        if os.path.exists(os.path.join(sys.argv[1], scenario + ".svg")):
            parts += [f"![{scenario}]({scenario}.svg)", ""]
        steps = {}
        for s in lines:
            if "figure" in s:
                steps.setdefault(s["case"].get("step", ""), []).append(s)
        for step, ss in steps.items():
            parts += ([f"### {step}", ""] if step else []) + [summaries_table(ss), ""]
        counted = [
            [r["bench"], r["case"], number(r["instructions"])] for r in lines if "instructions" in r
        ]
        if counted:
            parts += [table(["benchmark", "case", "instructions"], counted), ""]
        alone = [
            r
            for r in lines
            if "got" in r and not any(s["case"] == r["case"] for s in lines if "figure" in s)
        ]
        if alone:
            parts += [runs_table(alone), ""]
        parts.pop()
    return "\n".join(parts).rstrip() + "\n"


def machine(line):
    versions = ", ".join(f"{k} {v}" for k, v in line["versions"].items())
    return (
        f"{line['date']}, commit {line['commit']}; {line['cpu']}, {line['cpus']} CPUs, "
        f"Linux {line['kernel']}; {versions}; load average at the end {line['load_average']}."
    )


# ---- goals ----


def find(results, scenario, figure, **case):
    """The summary of this case, or None."""
    for s in results.get(scenario, []):
        if s.get("figure") == figure and all(s["case"].get(k) == v for k, v in case.items()):
            return s
    return None


def row(words, s, rival=None, goal=None, at_most=False, by_ratio=True):
    """One line of the table: goal is one of the ratio to the rival, or of the figure itself."""
    if not s or "fairlead" not in s["medians"]:
        return []
    ours, r = s["medians"]["fairlead"], s["ratios"].get("fairlead", {}).get(rival)
    if rival and not r:
        return []
    x = r["median"] if by_ratio and r else ours
    reached = "" if goal is None else "yes" if (x <= goal if at_most else x >= goal) else "no"
    goal_words = (
        ""
        if goal is None
        else ("at most " if at_most else "") + (f"{goal} times" if by_ratio and r else number(goal))
    )
    return [
        [
            words,
            number(ours),
            f"{rival} {number(s['medians'][rival])}" if rival else "",
            ratio(r) if r else "",
            goal_words,
            reached,
        ]
    ]


def relay_rows(results):
    rows = []
    for n, goal in ((1000, 100), (100000, 150), (1000000, 250)):
        for figure, way in (("cycles_to_peer", "to peer"), ("cycles_to_client", "to client")):
            rows += row(
                f"cycles a relayed packet, {way}, {n:,} sessions",
                find(results, "relay", figure, sessions=n),
                None,
                goal,
                True,
            )
    rows += row(
        "bytes a session, dataplane",
        find(results, "relay", "bytes_per_session", sessions=1000000),
        None,
        512,
        True,
    )
    return rows


def udp_rows(results):
    rows = []
    for scenario, name, rivals in (
        ("memif", "memif", {"testpmd": 0.8}),
        ("veth", "AF_XDP on veth", {"testpmd": 0.95, "coturn": 4}),
    ):
        for figure, words in (("rate_delivered", "flat out"), ("loss_free_rate", "loss-free")):
            for rival, goal in rivals.items():
                rows += row(
                    f"packets/s, {name}, 172 bytes, {words}",
                    find(results, scenario, figure, sessions=1000, bytes=172),
                    rival,
                    goal,
                )
    for port in ("memif", "veth"):
        rows += row(
            f"p99.9 at half the loss-free rate, us, {port}",
            find(results, "latency", "latency_us.p99_9", port=port, load=50),
            "testpmd",
            2,
            True,
        )
    return rows


def control_rows(results):
    s = find(results, "alloc", "setup.per_second")
    rows = row("authenticated allocations/s", s, "coturn", 50000, by_ratio=False)
    rows += row(
        "bytes a session, both processes",
        find(results, "memory", "bytes_per_session"),
        "coturn",
        512,
        True,
        by_ratio=False,
    )
    w = find(results, "workers", "packets_per_s")
    if w and "workers-1" in w["ratios"].get("workers-2", {}):
        r = w["ratios"]["workers-2"]["workers-1"]
        rows.append(
            [
                "packets/s of two workers beside one",
                number(w["medians"]["workers-2"]),
                f"one {number(w['medians']['workers-1'])}",
                ratio(r),
                "1.9 times",
                "yes" if r["median"] >= 1.9 else "no",
            ]
        )
    return rows


def stream_rows(results):
    rows = []
    for load_, of, figure, words in (
        ("bulk", 1, "mbit_per_s", "Mbit/s of a joined TCP connection"),
        ("bulk", 1000, "mbit_per_s", "Mbit/s of 1,000 joined TCP connections"),
        ("rate", 64, "connections_per_s", "joined TCP connections/s"),
    ):
        for rival in ("nginx", "haproxy"):
            rows += row(words + ", veth", find(results, "tcp", figure, load=load_, of=of), rival)
    rows += row(
        "messages/s, TURN over TLS to UDP, 1,200 bytes",
        find(results, "tls", "messages_per_s", step="relay", bytes=1200, direction="up"),
        "coturn",
    )
    for rival in ("nginx", "haproxy", "stunnel"):
        rows += row(
            "Mbit/s, TLS to TCP, one stream",
            find(results, "tls", "mbit_per_s", step="proxy", streams=1, direction="up"),
            rival,
        )
    return rows


def goals(results):
    rows = relay_rows(results) + udp_rows(results) + control_rows(results) + stream_rows(results)
    first = next(iter(results.values()))[0]
    commits = sorted({line["commit"] for lines in results.values() for line in lines})
    return (
        f"{first['cpu']}, {first['cpus']} CPUs, Linux {first['kernel']}; commit "
        f"{', '.join(commits)}, {first['date']}. Ratios are medians of runs in turn, with the "
        "lowest and the highest.\n\n"
        + table(["measure", "Fairlead", "beside", "ratio", "goal", "reached"], rows)
    )


def main(directory, readme=None):
    results = load(directory)
    if not results:
        sys.exit(f"perf: no results in {directory}")
    with open(os.path.join(directory, "README.md"), "w", encoding="utf-8") as f:
        f.write(details(results))
    text = goals(results)
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
                    ratio(r),
                ]
            )
    print(table(["benchmark", "figure", a, b, "ratio"], rows))


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--compare":
        sys.exit(compare(*sys.argv[2:]))
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
