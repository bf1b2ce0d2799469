#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""plot.py RESULTS: SVG plots of the summaries in RESULTS/*.json, drawn by gnuplot, in one style."""
import json
import os
import shutil
import subprocess
import sys

# Okabe and Ito's colours, told apart by every eye; what is not ours is thinner.
STYLE = {
    "fairlead": "lc rgb '#0072B2' lw 3 pt 7 ps 0.7",
    "testpmd": "lc rgb '#555555' lw 1.5 pt 5 ps 0.6",
    "coturn": "lc rgb '#D55E00' lw 1.5 pt 9 ps 0.8",
}
NAMES = {"fairlead": "Fairlead", "testpmd": "testpmd", "coturn": "coturn"}
STAGES = [
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#999999",
    "#000000",
    "#8C564B",
    "#C5B0D5",
    "#BCBD22",
]

HEAD = """
set terminal svg size {width},{height} font 'DejaVu Sans,12' background rgb 'white' noenhanced
set output '{file}'
set multiplot layout 1,{panels} margins {left},0.97,{bottom},0.70 spacing 0.09,0
set label 1 '{title}' at screen 0.02,0.95 font 'DejaVu Sans,15'
set label 2 '{subtitle}' at screen 0.02,0.885 font 'DejaVu Sans,10' tc rgb '#666666'
set border 3 lc rgb '#444444'
set tics nomirror out scale 0.5
set grid ytics lc rgb '#dddddd' lt 1 lw 0.7
unset key
set title ''
"""

KEY = """
set lmargin at screen 0.02; set rmargin at screen 0.98
set tmargin at screen 1; set bmargin at screen 0
set key at screen 0.01,0.835 left top horizontal maxcols 6 Left reverse samplen 2 width 1 font ',11'
unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset logscale
"""


def load(results, scenario):
    try:
        with open(os.path.join(results, scenario + ".json"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def subtitle(lines):
    s = lines[0]
    versions = ", ".join(
        f"{n} {s['versions'][k]}"
        for k, n in (("dpdk", "DPDK"), ("coturn", "coturn"))
        if k in s.get("versions", {})
    )
    return (
        f"{s['cpu']}, {s['cpus']} CPUs, Linux {s['kernel']}, {versions}; {s['commit']}, {s['date']}"
    )


def curve(lines, figure, key, **case):
    """{server: [(case[key], median)]} of the summaries with this case."""
    out = {}
    for s in lines:
        if (
            s.get("figure") == figure
            and key in s["case"]
            and all(s["case"].get(k) == v for k, v in case.items())
        ):
            for server, x in s["medians"].items():
                out.setdefault(server, []).append((s["case"][key], x))
    return {server: sorted(points) for server, points in out.items()}


def by_server(entry):
    """Order of the legend: all curves of a server in one column, ours first."""
    return list(NAMES.values()).index(entry[0].split(",")[0])


class Plot:
    def __init__(self, file, title, lines, panels, width=900, height=380, left=0.07, bottom=0.15):
        self.file, self.panel, self.legend = file, 0, {}
        self.words = [
            HEAD.format(
                file=file,
                title=title,
                subtitle=subtitle(lines),
                panels=panels,
                width=width,
                height=height,
                left=left,
                bottom=bottom,
            )
        ]

    def set(self, *words):
        self.words += ["set " + w for w in words]

    def draw(self, curves, scale=1.0):
        """curves: (label, style, points)."""
        self.legend |= {label: style for label, style, _ in curves}
        self.panel += 1
        parts = []
        for n, (label, style, points) in enumerate(curves):
            name = f"$d{self.panel}_{n}"
            self.words += [name + " << EOD"] + [f"{x} {y * scale}" for x, y in points] + ["EOD"]
            parts.append(f"{name} using 1:2 with linespoints {style}")
        self.words += ["plot " + ", ".join(parts) if parts else "set multiplot next", "unset label"]

    def end(self):
        """The legend is a panel of its own: a key is no wider than its panel."""
        if self.legend:
            self.words += [
                KEY,
                "plot [0:1] [0:1] "
                + ", ".join(
                    f"NaN with linespoints {style} title '{label}'"
                    for label, style in sorted(self.legend.items(), key=by_server)
                ),
            ]
        self.words.append("unset multiplot")
        script = "\n".join(self.words) + "\n"
        p = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
        if p.returncode != 0 or "warning" in p.stderr.lower():
            sys.exit(f"perf: gnuplot, {self.file}: {p.stderr.strip()}")
        print(self.file)


def allowed(lines):
    """The share that may be lost at a rate called loss-free."""
    return next((f"{100 * s['case']['loss']:.3g} %" for s in lines if "loss" in s["case"]), "0 %")


def both_rates(lines, key, **case):
    """Flat out solid, loss-free dashed."""
    out = []
    for figure, load_, dash, words in (
        ("rate_delivered", "flat", "", "flat out"),
        ("loss_free_rate", "search", " dt 3", "loss-free"),
    ):
        if load_ == "search":
            words += f" ({allowed(lines)} allowed)"
        for server, points in curve(lines, figure, key, load=load_, **case).items():
            out.append((f"{NAMES[server]}, {words}", STYLE[server] + dash, points))
    return out


def counts(lines, apart=0):
    """Tics of all numbers of sessions, but for those nearer to the one before than `apart`."""
    all_ = []
    for n in sorted({s["case"]["sessions"] for s in lines}):
        if not all_ or n - all_[-1] >= apart:
            all_.append(n)
    return ", ".join(f"'{n // 1000} k' {n}" if n >= 1000 else f"'{n}' {n}" for n in all_)


def throughput(results, scenario, title):
    lines = load(results, scenario)
    if not lines:
        return
    sizes = ", ".join(str(n) for n in sorted({s["case"]["bytes"] for s in lines}))
    p = Plot(os.path.join(results, scenario + ".svg"), title, lines, 2)
    p.set(
        "ylabel 'million packets a second' offset 1",
        "yrange [0:*]",
        "xlabel 'bytes of payload, 1,000 sessions'",
        "xtics (" + sizes + ")",
        "xrange [0:1464]",
    )
    p.draw(both_rates(lines, "bytes", sessions=1000), 1e-6)
    p.set(
        "ylabel ''",
        "xlabel 'sessions, 172 bytes'",
        "logscale x",
        "xrange [70:*]",
        "xtics (" + counts(lines) + ")",
    )
    p.draw([c for c in both_rates(lines, "sessions", bytes=172) if len(c[2]) > 1], 1e-6)
    p.end()


def latency(results):
    lines = load(results, "latency")
    if not lines:
        return
    p = Plot(
        os.path.join(results, "latency.svg"),
        "Latency over load, 172 bytes, 1,000 sessions",
        lines,
        2,
    )
    p.set(
        "xrange [0:100]",
        "xtics 0,25,100",
        "logscale y",
        "ylabel 'microseconds, there and back' offset 1",
    )
    for port, name in (("memif", "memif"), ("veth", "AF_XDP on veth")):
        case = next((s["case"] for s in lines if s["case"]["port"] == port), {})
        base = "flat-out" if case.get("base") == "flat" else f"loss-free ({allowed(lines)} allowed)"
        p.set(f"xlabel '% of Fairlead''s {base} rate, {name}'")
        p.draw(
            [
                (f"{NAMES[s]}, {words}", STYLE[s] + dash, points)
                for figure, words, dash in (
                    ("latency_us.p99_9", "99.9 %", ""),
                    ("latency_us.p50", "median", " dt 2"),
                )
                for s, points in curve(lines, figure, "load", port=port).items()
            ]
        )
        p.set("ylabel ''")
    p.end()


def memory(results):
    lines = load(results, "memory")
    if not lines:
        return
    p = Plot(
        os.path.join(results, "memory.svg"),
        "Memory over sessions, both processes of Fairlead",
        lines,
        1,
        width=560,
        left=0.12,
    )
    lines = [s for s in lines if "sessions" in s["case"]]
    p.set(
        "xlabel 'sessions'",
        "ylabel 'resident, MB' offset 1",
        "yrange [0:*]",
        "xtics (" + counts(lines, 5000) + ")",
    )
    p.draw(
        [(NAMES[s], STYLE[s], points) for s, points in curve(lines, "bytes", "sessions").items()],
        1e-6,
    )
    p.end()


def cycles(results):
    lines = load(results, "relay")
    stages = {}
    for way in ("peer", "client"):
        for s in lines:
            name, _, stage = s.get("figure", "").partition(".")
            if name == f"stages_to_{way}" and "way" not in s["case"]:
                bar = stages.setdefault((way, s["case"]["sessions"]), {})
                bar[stage] = s["medians"]["fairlead"]
    if not stages:
        return
    names = list(dict.fromkeys(stage for bar in stages.values() for stage in bar))
    p = Plot(
        os.path.join(results, "cycles.svg"),
        "Cycles of a relayed packet by stage, 172 bytes",
        lines,
        1,
        width=640,
        left=0.1,
        bottom=0.2,
    )
    p.set(
        "style data histograms",
        "style histogram rowstacked",
        "style fill solid border lc rgb 'white'",
        "boxwidth 0.6",
        "ylabel 'TSC cycles a packet' offset 1",
        "yrange [0:*]",
        f"xrange [-0.6:{len(stages) - 0.4}]",
        "xlabel 'sessions, direction' offset 0,-0.7",
    )
    p.words.append("$bars << EOD")
    for (way, n), bar in stages.items():
        label = f"{n // 1000} k" if n < 1000000 else f"{n // 1000000} M"
        p.words.append(f'"{label}\\nto {way}" ' + " ".join(str(bar.get(x, 0)) for x in names))
    p.words += [
        "EOD",
        "set key at screen 0.01,0.835 left top horizontal maxrows 1 Left reverse samplen 1",
        "set key font ',11'",
        "plot "
        + ", ".join(
            f"$bars using {n + 2}{':xtic(1)' if n == 0 else ''} title '{x}' "
            f"lc rgb '{STAGES[n % len(STAGES)]}'"
            for n, x in enumerate(names)
        ),
    ]
    p.end()


def main(results):
    if not shutil.which("gnuplot"):
        sys.exit("perf: gnuplot is not installed: no plots")
    throughput(results, "memif", "Relayed over memif, as many packets up as down; one core")
    throughput(
        results, "veth", "Relayed over AF_XDP on veth (coturn: kernel), up and down; one core"
    )
    latency(results)
    cycles(results)
    memory(results)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
