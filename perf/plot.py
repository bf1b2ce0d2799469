#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""plot.py RESULTS: SVG plots of the summaries in RESULTS/*.json, drawn by gnuplot, in one style."""
import json
import os
import shutil
import subprocess
import sys

# Okabe and Ito's colours, told apart by every eye; what is not ours is thinner.
STYLE = {"fairlead": "lc rgb '#0072B2' lw 3 pt 7 ps 0.7",
         "testpmd": "lc rgb '#555555' lw 1.5 pt 5 ps 0.6",
         "coturn": "lc rgb '#D55E00' lw 1.5 pt 9 ps 0.8"}
NAMES = {"fairlead": "Fairlead", "testpmd": "testpmd", "coturn": "coturn"}
STAGES = ["#0072B2", "#56B4E9", "#009E73", "#F0E442", "#E69F00", "#D55E00", "#CC79A7", "#999999",
          "#000000", "#8C564B", "#C5B0D5", "#BCBD22"]

HEAD = """
set terminal svg size {width},{height} font 'DejaVu Sans,12' background rgb 'white' noenhanced
set output '{file}'
set multiplot layout 1,{panels} margins {left},0.98,0.15,0.74 spacing 0.09,0
set label 1 '{title}' at screen 0.02,0.95 font 'DejaVu Sans,15'
set label 2 '{subtitle}' at screen 0.02,0.885 font 'DejaVu Sans,10' tc rgb '#666666'
set border 3 lc rgb '#444444'
set tics nomirror out scale 0.5
set grid ytics lc rgb '#dddddd' lt 1 lw 0.7
set key outside top left horizontal Left reverse samplen 2.5 font ',11'
set title ''
"""


def load(results, scenario):
    try:
        with open(os.path.join(results, scenario + ".json"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def subtitle(lines):
    s = lines[0]
    versions = ", ".join(f"{n} {s['versions'][k]}" for k, n in
                         (("dpdk", "DPDK"), ("coturn", "coturn")) if k in s.get("versions", {}))
    return f"{s['cpu']}, {s['cpus']} CPUs, Linux {s['kernel']}, {versions}; {s['commit']}, {s['date']}"


def curve(lines, figure, key, **case):
    """{server: [(case[key], median)]} of the summaries with this case."""
    out = {}
    for s in lines:
        if s.get("figure") == figure and key in s["case"] and \
                all(s["case"].get(k) == v for k, v in case.items()):
            for server, x in s["medians"].items():
                out.setdefault(server, []).append((s["case"][key], x))
    return {server: sorted(points) for server, points in out.items()}


class Plot:
    def __init__(self, file, title, lines, panels, width=900, height=380, left=0.07):
        self.file, self.panel = file, 0
        self.words = [HEAD.format(file=file, title=title, subtitle=subtitle(lines), panels=panels,
                                  width=width, height=height, left=left)]

    def set(self, *words):
        self.words += ["set " + w for w in words]

    def draw(self, curves, scale=1.0):
        """curves: (label, style, points)."""
        self.panel += 1
        parts = []
        for n, (label, style, points) in enumerate(curves):
            name = f"$d{self.panel}_{n}"
            self.words += [name + " << EOD"] + [f"{x} {y * scale}" for x, y in points] + ["EOD"]
            parts.append(f"{name} using 1:2 with linespoints {style} title '{label}'")
        self.words.append("plot " + ", ".join(parts) if parts else "set multiplot next")

    def end(self):
        self.words.append("unset multiplot")
        script = "\n".join(self.words) + "\n"
        p = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
        if p.returncode != 0 or "warning" in p.stderr.lower():
            sys.exit(f"perf: gnuplot, {self.file}: {p.stderr.strip()}")
        print(self.file)


def both_rates(lines, key, **case):
    """Flat out solid, loss-free dashed."""
    out = []
    for figure, load_, dash, words in (("rate_delivered", "flat", "", "flat out"),
                                       ("loss_free_rate", "search", " dt 2", "loss-free")):
        for server, points in curve(lines, figure, key, load=load_, **case).items():
            if len(points) > 1:
                out.append((f"{NAMES[server]}, {words}", STYLE[server] + dash, points))
    return out


def throughput(results, scenario, title):
    lines = load(results, scenario)
    if not lines:
        return
    p = Plot(os.path.join(results, scenario + ".svg"), title, lines, 2)
    p.set("ylabel 'million packets a second' offset 1", "yrange [0:*]",
          "xlabel 'bytes of payload, 1,000 sessions'", "xtics (64, 172, 512, 1024, 1400)",
          "xrange [0:1464]")
    p.draw(both_rates(lines, "bytes", sessions=1000), 1e-6)
    p.set("ylabel ''", "xlabel 'sessions, 172 bytes'", "logscale x", "xrange [*:*]",
          "xtics ('1' 1, '100' 100, '1 k' 1000, '10 k' 10000, '100 k' 100000)")
    p.draw([c for c in both_rates(lines, "sessions", bytes=172) if "flat" in c[0]], 1e-6)
    p.end()


def latency(results):
    lines = load(results, "latency")
    if not lines:
        return
    p = Plot(os.path.join(results, "latency.svg"), "Latency over load, 172 bytes, 1,000 sessions", lines, 2)
    p.set("xrange [0:100]", "xtics 0,25,100", "logscale y", "ylabel 'microseconds, there and back' offset 1")
    for port, name in (("memif", "memif"), ("veth", "AF_XDP on veth")):
        p.set(f"xlabel '% of Fairlead''s loss-free rate, {name}'")
        p.draw([(f"{NAMES[s]}, {words}", STYLE[s] + dash, points)
                for figure, words, dash in (("latency_us.p99_9", "99.9 %", ""),
                                            ("latency_us.p50", "median", " dt 2"))
                for s, points in curve(lines, figure, "load", port=port).items()])
        p.set("ylabel ''")
    p.end()


def memory(results):
    lines = load(results, "memory")
    if not lines:
        return
    p = Plot(os.path.join(results, "memory.svg"), "Memory over sessions, both processes of Fairlead",
             lines, 1, width=560, left=0.12)
    p.set("logscale xy", "xlabel 'sessions'", "ylabel 'resident, MB' offset 1",
          "xtics ('1 k' 1000, '4 k' 4000, '8 k' 8000, '32 k' 32000, '64 k' 64000)")
    p.draw([(NAMES[s], STYLE[s], points) for s, points in curve(lines, "bytes", "sessions").items()], 1e-6)
    p.end()


def main(results):
    if not shutil.which("gnuplot"):
        sys.exit("perf: gnuplot is not installed: no plots")
    throughput(results, "memif", "Relayed over memif, as many packets up as down; one core")
    throughput(results, "veth", "Relayed over AF_XDP on veth (coturn: kernel), up and down; one core")
    latency(results)
    memory(results)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
