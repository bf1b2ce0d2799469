#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Figures of the house: how the sources hang together, how long things are, how many words are our own.

  house.py [--build DIR] [--verbose] [ROOT]

The call graph is that of the object files in DIR (ROOT/build): a file calls another if an undefined
symbol of its object is defined in the other's. Run it on two trees to compare them."""

import argparse
import collections
import os
import re
import subprocess
import sys

PRODUCT = ("dp", "cp", "lib", "cli", "conf")
# The floors of dp/, the lowest first: a file calls its own floor and those below.
FLOORS = (("bond", "boundary", "clock", "dplane", "drop", "heartbeat", "iface", "key24", "numa", "outage", "pci", "port",
           "port_info", "privilege", "rate", "region", "relayed", "reopen", "rss", "shortfall", "socket", "stage", "steer", "sweep",
           "tx", "vlan", "xstats"),
          ("net",), ("cipher", "tcp", "tls", "dtls", "srtp"), ("relay",), ("turn", "gateway", "service", "edge"), ("dispatch",))
COINED = "shake shaker door edge parting lie lies lied goodbye news wish mark rest".split()


def files(root, folders, ends):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.relpath(os.path.join(path, name), root)


def text_of(root, path):
    with open(os.path.join(root, path), errors="replace") as f:
        return f.read()


# ---- calls ----

def objects(build, folder):
    """source -> object, of the libraries and programs of the product; tests compile their own."""
    found = {}
    for path, _, names in os.walk(os.path.join(build, folder)):
        for name in names:
            if name.endswith(".c.o"):
                source = name[:-2].replace("_", "/")
                found.setdefault(name, os.path.join(path, name))
    return found


def symbols(obj):
    out = subprocess.run(["nm", obj], capture_output=True, text=True, check=True).stdout
    defined, wanted = set(), set()
    for line in out.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            wanted.add(name)
        elif kind in "TWR":
            defined.add(name)
    return defined, wanted


def call_graph(build, root, process):
    sources = {p.replace("/", "_"): p for p in files(root, (process,), ".c")}
    table = {}
    for name, obj in objects(build, process).items():
        # dp/turn/libx.a.p/path.c.o or dp/libx.a.p/turn_path.c.o: the folder tells the first part.
        folder = os.path.dirname(os.path.relpath(os.path.dirname(obj), build))
        source = os.path.join(folder, name[:-2])
        while not os.path.exists(os.path.join(root, source)) and "_" in os.path.basename(source):
            head, tail = os.path.split(source)
            first, rest = tail.split("_", 1)
            source = os.path.join(head, first, rest) if os.path.isdir(os.path.join(root, head, first)) \
                else None
            if source is None:
                break
        if source and os.path.exists(os.path.join(root, source)):
            table[source] = symbols(obj)
    home = {symbol: source for source, (defined, _) in table.items() for symbol in defined}
    return {source: {home[s] for s in wanted if s in home and home[s] != source}
            for source, (_, wanted) in table.items()}, home, table


def circles(graph):
    """Strongly connected components, the largest first (Tarjan, without recursion)."""
    index, low, on, stack, out = {}, {}, set(), [], []
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on.add(start)
        while work:
            node, rest = work[-1]
            for to in rest:
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    on.add(to)
                    work.append((to, iter(sorted(graph[to]))))
                    break
                if to in on:
                    low[node] = min(low[node], index[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = []
                    while True:
                        one = stack.pop()
                        on.discard(one)
                        circle.append(one)
                        if one == node:
                            break
                    out.append(sorted(circle))
    return sorted(out, key=len, reverse=True)


def floor(path):
    parts = path.split("/")
    place = parts[1] if len(parts) > 2 else os.path.splitext(parts[1])[0]
    for n, names in enumerate(FLOORS):
        if place in names:
            return n
    return len(FLOORS) - 1


def equals(a, b):
    """Two folders of one floor that must not know each other."""
    return floor(a) == floor(b) == 4 and a.split("/")[1] != b.split("/")[1]


def report_calls(root, build, verbose):
    for process in ("dp", "cp"):
        graph, home, table = call_graph(build, root, process)
        found = circles(graph)
        print(f"{process}: largest circle of calls: {len(found[0])} of {len(graph)} files; then",
              ", ".join(str(len(c)) for c in found[1:6]))
        if verbose:
            print("   ", " ".join(found[0]))
        if process == "dp":
            back = sorted((a, b) for a in graph for b in graph[a] if floor(a) < floor(b) or equals(a, b))
            print(f"{process}: files that call a higher floor, or an equal: {len(back)}")
            for a, b in back if verbose else ():
                print(f"    {a} > {b}:", *sorted(s for s in table[a][1] if home.get(s) == b))


# ---- sizes and words ----

def functions(text):
    """(name, lines) of each function: the brace in the first column, as clang-format puts it."""
    lines, begin = text.split("\n"), None
    for n, line in enumerate(lines):
        if line.startswith("{") and begin is None:
            begin = n
        elif line.startswith("}") and begin is not None:
            head = " ".join(lines[max(0, begin - 4):begin])
            names = re.findall(r"(\w+)\(", head)
            yield (names[-1] if names else "?"), n - begin + 1
            begin = None


def report_sizes(root, verbose):
    lines = collections.Counter()
    longest, over, file_sizes = [], 0, []
    for path in files(root, PRODUCT, (".c", ".h", ".def")):
        text = text_of(root, path)
        n = text.count("\n")
        lines[path.split("/")[0]] += n
        file_sizes.append((n, path))
        if path.endswith(".c"):
            longest += [(size, f"{name} in {path}") for name, size in functions(text)]
    print("product lines:", sum(lines.values()), dict(lines))
    for folder, ends in (("tests", (".c", ".h", ".py", ".sh", ".mjs", ".js")), ("perf", (".c", ".h", ".py", ".sh"))):
        print(f"{folder} lines:", sum(text_of(root, p).count("\n") for p in files(root, (folder,), ends)))
    docs = [p for p in ("README.md", "HACKING.md") if os.path.exists(os.path.join(root, p))]
    docs += [p for p in files(root, ("doc", "perf"), (".md", ".in", ".1", ".5", ".7", ".8")) if "results" not in p]
    print("document lines:", sum(text_of(root, p).count("\n") for p in docs),
          {p: text_of(root, p).count("\n") for p in docs[:2]})
    file_sizes.sort(reverse=True)
    longest.sort(reverse=True)
    print("longest file:", *file_sizes[0], "; over 600:", sum(n > 600 for n, _ in file_sizes))
    print("longest function:", *longest[0], "; over 60:", sum(n > 60 for n, _ in longest))
    for n, path in file_sizes[:12] if verbose else ():
        print("   ", n, path)


def report_words(root, verbose):
    symbols_of = collections.Counter()
    pattern = re.compile(r"\b[A-Za-z_][A-Za-z0-9_]*\b")
    for path in files(root, PRODUCT, (".c", ".h", ".def")):
        for word in pattern.findall(text_of(root, path)):
            if set(word.lower().split("_")) & set(COINED):
                symbols_of[word] += 1
    print("names and words with a coined part:", len(symbols_of), "distinct,", sum(symbols_of.values()), "in all")
    if verbose:
        print("   ", " ".join(w for w, _ in symbols_of.most_common(80)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", default=os.path.join(os.path.dirname(sys.argv[0]), ".."))
    parser.add_argument("--build")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    root = os.path.abspath(args.root)
    build = args.build or os.path.join(root, "build")
    if not os.path.isdir(build):
        sys.exit(f"house.py: {build}: no build; the call graph is that of its objects")
    report_calls(root, build, args.verbose)
    report_sizes(root, args.verbose)
    report_words(root, args.verbose)


main()
