#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""JSON of the benchmarks, one object a line. A run is

  {"scenario": S, "server": WHO, "turn": N, "case": {what was asked}, "got": {what was measured}}

and a summary of runs, made by "ratios", is

  {"scenario": S, "case": {...}, "figure": F, "turns": N, "of": M, "medians": {WHO: X, ...},
   "ratios": {OURS: {RIVAL: {"median": X, "min": X, "max": X, "turns": N}}}}

where N of M turns have both figures, and the rival's is not 0. A run that counted errors has
"failed" instead of "got", and is no figure. "generator_limited" names servers
that carried all that generator and port could offer.

  figures.py run SCENARIO SERVER TURN [KEY=VALUE...]   the run whose figures are on standard input;
                                          fails if there are none
  figures.py ratios FILE OURS FIGURE...   summaries; OURS is how our servers' names begin, FIGURE a
                                          member of "got" and all in it, a.b one inside of another
  figures.py slope FILE KEY FIGURE NAME   for each server a run whose NAME is by how much FIGURE
                                          grows with KEY of the case (least squares)
  figures.py stamp [WAS]                  standard input with $PERF_STAMP (an object) in each line;
                                          fails where there is none, or all runs of a server failed.
                                          Counts of instructions in WAS that are of another
                                          processor or compiler stay, before it
  figures.py failed FILE                  says which runs failed; fails if some did
  figures.py check FILE SERVER,SERVER FIGURE...   fails unless there are runs of each server, none
                                          failed, and each FIGURE is in some run of each and above
                                          zero (but for what may be: MAY_BE_ZERO)
  figures.py get PATH                     one member of the object on standard input
"""
import json
import os
import statistics
import sys

# No loss-free rate is what a search says that nothing confirmed; what it delivered is above zero.
MAY_BE_ZERO = ("lost", "duplicated", "reordered", "loss_free_rate")


def value_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def member(tree, path):
    for name in path.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


def numbers_of(tree, path=""):
    """Paths of all numbers inside."""
    if isinstance(tree, dict):
        return [p for k, v in tree.items() for p in numbers_of(v, f"{path}.{k}" if path else k)]
    return [path] if is_number(tree) else []


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def lines_of(file):
    with open(file, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def run(scenario, server, turn, *words):
    """Standard input's last line is the object: programs may talk before."""
    lines = [line for line in sys.stdin.read().splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"perf: {scenario}, {server}: no figures came")
    got = json.loads(lines[-1])
    case = {k: value_of(v) for k, v in (w.split("=", 1) for w in words)}
    errors = got.get("errors")
    print(
        json.dumps(
            {"scenario": scenario, "server": server, "turn": int(turn), "case": case}
            | ({"failed": f"{errors} errors"} if errors else {"got": got})
        )
    )


def spread(ratios):
    return {
        "median": round(statistics.median(ratios), 3),
        "min": round(min(ratios), 3),
        "max": round(max(ratios), 3),
        "turns": len(ratios),
    }


def limited(run_):
    """Whether turn_load could offer no more where nothing was lost: what its search found is a limit
    of generator or port then, and need not be the server's."""
    trials = run_.get("got", {}).get("search") or []
    return any(x.get("passed") and x.get("generator_limited") for x in trials)


def summary(runs, figure, ours):
    """One case, one figure. None where no run has it."""
    got = {}
    for r in runs:
        x = member(r.get("got"), figure)
        if is_number(x):
            got.setdefault(r["server"], {})[r["turn"]] = x
    if not got:
        return None
    ratios = {}
    for a in (s for s in got if s.startswith(ours)):
        for b in (s for s in got if not s.startswith(ours)):
            pairs = [got[a][t] / got[b][t] for t in got[a] if got[b].get(t)]
            if pairs:
                ratios.setdefault(a, {})[b] = spread(pairs)
    turns = [r["turns"] for of in ratios.values() for r in of.values()] or [
        len(v) for v in got.values()
    ]
    out = {
        "figure": figure,
        "turns": min(turns),
        "of": len({r["turn"] for r in runs}),
        "medians": {s: round(statistics.median(v.values()), 3) for s, v in got.items()},
        "ratios": ratios,
    }
    bound = sorted({r["server"] for r in runs if limited(r)})
    return out | ({"generator_limited": bound} if bound else {})


def summaries(runs, ours, figures=None):
    """Of each case and each figure, or number inside of one; of all where none is named."""
    groups = {}
    for r in runs:
        if "server" in r:
            groups.setdefault((r["scenario"], json.dumps(r["case"])), []).append(r)
    for (scenario, case), same in groups.items():
        paths = dict.fromkeys(
            p
            for f in figures or [""]
            for r in same
            for p in numbers_of(member(r, f"got.{f}" if f else "got"), f)
        )
        for figure in paths:
            s = summary(same, figure, ours)
            if s:
                yield {"scenario": scenario, "case": json.loads(case)} | s


def ratios(file, ours, *figures):
    for s in summaries(lines_of(file), ours, figures):
        print(json.dumps(s))


def slope(file, key, figure, name):
    points = {}
    for r in lines_of(file):
        x, y = r["case"].get(key), member(r.get("got"), figure)
        if is_number(x) and is_number(y):
            points.setdefault((r["scenario"], r["server"]), []).append((x, y))
    for (scenario, server), p in points.items():
        fit = statistics.linear_regression(*zip(*p)).slope
        print(
            json.dumps(
                {
                    "scenario": scenario,
                    "server": server,
                    "turn": 1,
                    "case": {},
                    "got": {name: round(fit, 1)},
                }
            )
        )


def stamp(was=None):
    extra = json.loads(os.environ["PERF_STAMP"])
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    if not lines:
        sys.exit("perf: no figures came")
    alive = {r["server"] for r in lines if "got" in r}
    dead = {r["server"] for r in lines if "failed" in r} - alive
    if dead:
        sys.exit(f"perf: every run failed of {', '.join(sorted(dead))}")
    counts = {(line["compiler"], extra["cpu"]) for line in lines if "instructions" in line}
    others = lines_of(was) if counts and was and os.path.exists(was) else []
    for line in others:
        if (line["compiler"], line["cpu"]) not in counts:
            print(json.dumps(line))
    for line in lines:
        print(json.dumps(line | extra))


def failed(file):
    bad = [r for r in lines_of(file) if "failed" in r]
    for r in bad:
        print(
            f"perf: {r['scenario']}: {r['server']}, turn {r['turn']}, {json.dumps(r['case'])}: "
            f"{r['failed']}",
            file=sys.stderr,
        )
    sys.exit(1 if bad else 0)


def check(file, servers, *figures):
    lines = lines_of(file)
    if any("failed" in line for line in lines):
        sys.exit(f"{file}: a run failed: {next(line for line in lines if 'failed' in line)}")
    for field in ("date", "commit", "cpu", "cpus", "kernel", "versions"):
        if not all(line.get(field) for line in lines):
            sys.exit(f"{file}: a line has no {field}")
    for server in servers.split(","):
        runs = [line["got"] for line in lines if line.get("server") == server]
        for figure in figures:
            got = [x for x in (member(r, figure) for r in runs) if is_number(x)]
            if not got or min(got) < 0 or (max(got) == 0 and figure not in MAY_BE_ZERO):
                sys.exit(f"{file}: {server}: {figure} is {got or 'missing'}")


def get(path):
    x = member(json.load(sys.stdin), path)
    if x is None:
        sys.exit(f"perf: {path} is missing")
    print(x)


COMMANDS = {f.__name__: f for f in (run, ratios, slope, stamp, failed, check, get)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
