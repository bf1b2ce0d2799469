#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Writes what documents Fairlead from the one place that each fact is in: the configuration's schema,
as "fairlead-cp --config-help" prints it, lib/*.def and cp/stat.def.

  document.py HELP man PAGE SBIN APPLIED
                                  prints the manual page PAGE of programs that are installed in SBIN
                                  (@sbindir@), in which a line says what goes there:
                                  @KEYS@ keys, @APPLIED@ what "--config-applied" printed to APPLIED,
                                  @FIELDS@ lib/term.def, @STAGES@ lib/stage.def, @STATS@ cp/stat.def
  document.py HELP sample SAMPLE  writes SAMPLE anew: its values, with the comments of the schema
  document.py HELP check SAMPLE   fails if that would change it, and says how

HELP is a file with that output. A key that the sample lacks gets its default.
"""
import difflib
import os
import re
import sys

KEY = re.compile(r"^( *)(- )?([a-z0-9-]+):(?: (.*))?$")


def die(text):
    sys.exit(f"document.py: {text}")


class Key:
    """One key of a file: the comments before it, and the text behind its colon."""

    def __init__(self, match, comments):
        self.indent = len(match[1]) + len(match[2] or "")
        self.dash, self.name, self.value = match[2] or "", match[3], match[4]
        self.comments = comments

    def write(self, value):
        """Its lines, with that value."""
        lines = [" " * self.indent + "# " + c for c in self.comments]
        name = " " * (self.indent - len(self.dash)) + self.dash + self.name + ":"
        return lines + [name + (f" {value}" if value is not None else "")]


def parse(path):
    """Keys of a file in their order; and the lines before the first one's comments."""
    keys, comments = [], []
    head = None
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f.read().splitlines(), 1):
            match = KEY.match(line)
            if match:
                keys.append(Key(match, comments))
                comments = []
            elif line.lstrip().startswith("#"):
                comments.append(line.lstrip()[1:].removeprefix(" "))
            elif not line:
                head, comments = head or comments, []
            else:
                die(f"{path}:{n}: neither a key nor a comment: {line}")
    return head, keys


def sections(keys):
    """[top-level key, [keys below it]] in their order."""
    found = []
    for key in keys:
        if key.indent == 0:
            found.append((key, []))
        else:
            found[-1][1].append(key)
    return found


def man_key(key):
    return [f".It Ic {key.name}", key.comments[0], ".br", key.comments[-1]]


def man_keys(keys):
    text = []
    for top, below in sections(keys):
        text += [f".Ss {top.name}", top.comments[0]]
        text += [".br", top.comments[-1]] if len(top.comments) > 1 else []
        text += [".Bl -tag -width Ds"]
        for key in below:
            text += man_key(key)
        text += [".El"]
    return text


def man_reasons(cells):
    """Why each key that needs a restart does: keys of one reason are one item."""
    keys_of = {}
    for key, _, _, why in cells:
        if why:
            keys_of.setdefault(why, []).append(key)
    text = [".Pp", "Why a key needs a restart:", ".Bl -tag -width Ds"]
    for why, keys in keys_of.items():
        text += [".It Va " + " , ".join(keys), why[0].upper() + why[1:] + "."]
    return text + [".El"]


def man_applied(path):
    with open(path, encoding="utf-8") as f:
        cells = [line.split("\t") for line in f.read().splitlines()]
    text = ['.Bl -column "turn.permissions-per-allocation" "restart of fairlead-cp" "connections over"',
            ".It Em key Ta Em applied Ta Em lost"]
    return text + [f".It Va {key} Ta {how} Ta {lost}" for key, how, lost, _ in cells] + [".El"] + man_reasons(cells)


def rows(name, macros):
    """Arguments of each MACRO(...) of the file; strings without quotes, those side by side as one."""
    with open(os.path.join(os.path.dirname(__file__), "..", name), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/|^#.*?$", "", f.read(), flags=re.S | re.M)
    found = []
    for args in re.findall(rf'\b(?:{macros})\(((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*)\)', text):
        args = re.sub(r'"\s+"', "", args)
        found.append([a.strip().strip('"') for a in re.findall(r'[^",]+|"(?:[^"\\]|\\.)*"', args)
                      if a.strip()])
    return found


OF = {"ANY": [], "UDP": ["Of", ".Cm udp ."], "TLS": ["Of", ".Cm tls ."],
      "STREAM": ["Of", ".Cm tcp", "and", ".Cm tls ."], "CERTIFIED": ["Of", ".Cm udp", "and", ".Cm tls ."]}


def man_fields():
    text = []
    for name, of, _, what in rows("lib/term.def", "TERM_FIELD"):
        text += [f".It Va {name}"] + what.replace(". ", ".\n").splitlines() + OF[of]
    return text


def man_stages():
    text = []
    for _, name, what in rows("lib/stage.def", "STAGE"):
        text += [f".It Cm {name}", what.replace("; items: ", "; ")]
    return text


def man_stats():
    text = []
    for row in rows("cp/stat.def", "[A-Z_]+"):
        # Those with a label are arrays, and families, which have no place.
        label = None if len(row) == 5 else row[-5] if len(row) > 5 else row[0]
        kind, metric, place, what = row[-4:] if len(row) > 4 else row[1:3] + [""] + row[3:]
        if kind == "OF":
            text += [".br", f".Cm {metric} :"]
        else:
            text += [f".It Li fairlead_{metric}" if metric else f".It Va {place}"]
        text += [what] + ([f".Pq by Va {label}"] if label else [])
        text += [f".Pq Va {place}"] if place and metric else []
    return text


def man(keys, page, sbindir, applied):
    make = {"@KEYS@": lambda: man_keys(keys), "@APPLIED@": lambda: man_applied(applied), "@FIELDS@": man_fields,
            "@STAGES@": man_stages, "@STATS@": man_stats}
    lines = []
    with open(page, encoding="utf-8") as f:
        for line in f.read().splitlines():
            lines += make[line]() if line in make else [line.replace("@sbindir@", sbindir)]
    return "\n".join(lines) + "\n"


def entries(below):
    """The entries of a list, each of which begins with a dash; of a map the one that it is."""
    found = []
    for key in below:
        if key.dash or not found:
            found.append([])
        found[-1].append(key)
    return found


def first_entry(schema, values):
    """The keys of the schema with these values."""
    given = {k.name: k for k in values}
    lines = []
    for key in schema:
        lines += key.write(given.pop(key.name, key).value)
    for name in given:
        die(f"there is no key {name}")
    return lines


def sample(keys, path):
    head, old = parse(path)
    given = {top.name: below for top, below in sections(old)}
    lines = ["# " + line if line else "#" for line in head]
    for top, below in sections(keys):
        values = entries(given.pop(top.name, []))
        lines += [""] + top.write(top.value)
        lines += first_entry(below, values[0] if values else [])
        for entry in values[1:]:
            lines.append("")
            for key in entry:
                key.comments = []
                lines += key.write(key.value)
    for name in given:
        die(f"{path}: there is no key {name}")
    return "\n".join(lines) + "\n"


def check(keys, path):
    with open(path, encoding="utf-8") as f:
        was = f.read()
    is_now = sample(keys, path)
    if was != is_now:
        sys.stdout.writelines(difflib.unified_diff(
            was.splitlines(True), is_now.splitlines(True), path, "by the schema"))
        die(f"{path} is not what the schema says; ninja's target sample writes it anew")


def main():
    if len(sys.argv) != {"man": 6, "sample": 4, "check": 4}.get(sys.argv[2] if len(sys.argv) > 2 else ""):
        sys.exit(__doc__.strip())
    keys, path = parse(sys.argv[1])[1], sys.argv[3]
    if sys.argv[2] == "man":
        sys.stdout.write(man(keys, path, *sys.argv[4:]))
    elif sys.argv[2] == "check":
        check(keys, path)
    else:
        text = sample(keys, path)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


main()
