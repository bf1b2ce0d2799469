# SPDX-License-Identifier: BSD-3-Clause
"""meson's testlog.json: 'NAME RESULT' a line, or the words of one test."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as log:
    for test in map(json.loads, log):
        name = test["name"].split(" / ")[-1]
        if len(sys.argv) == 2:
            print(name, test["result"])
        elif name == sys.argv[2]:
            print(test.get("stdout", ""), test.get("stderr", ""))
