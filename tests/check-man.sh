#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Lints the manual pages, and compares what fairlead(1) says of stages with lib/stage.def, and the
# fields of terminations. $1: the source tree, $2: fairlead.yaml(5) as it was built.
set -euo pipefail
page5=$(realpath "$2")
cd "$1"
rc=0
for page in doc/man/*.[1-8] "$page5"; do
	if command -v mandoc >/dev/null; then
		out=$(mandoc -T lint -W warning "$page" 2>&1 || true)
	elif command -v man >/dev/null; then
		out=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
	else
		echo "neither mandoc nor man is installed" >&2
		exit 77
	fi
	if [ -n "$out" ]; then
		printf '%s: %s\n' "$page" "$out" >&2
		rc=1
	fi
done

# Names and help texts of stages, in order.
if ! diff <(sed -nE 's/^STAGE\(\w+, "(\w+)", "(.*); items: (.*)"\)$/\1|\2; \3/p' lib/stage.def) \
	<(awk '/^\.It Cm top/ { on = 1 } /^\.It Cm ports/ { on = 0 }
	       on && name { print name "|" $0; name = "" }
	       on && /^\.It Cm [a-z_]+$/ { name = $3 }' doc/man/fairlead.1); then
	echo "doc/man/fairlead.1 and lib/stage.def differ" >&2
	rc=1
fi
# Fields of terminations, in order: as taken, as fairlead-cp(8) has them, and by the command line.
fields() { sed -nE 's/^\t(FIELD|PLAIN|NUMBER)\("(\w+)".*/\2/p' cp/admin/term_parse.c; }
if [ -z "$(fields)" ] ||
	! diff <(fields) <(sed -n '/^\.Sh CONTEXTS/,/^\.El/ s/^\.It Va //p' doc/man/fairlead-cp.8) ||
	! diff <(fields | sort) \
		<(grep -oE '\{ "\w+", (WORD|NUMBER|FLAG|LIST) \}' cli/term_text.c | cut -d'"' -f2 | sort); then
	echo "cp/admin/term_parse.c, doc/man/fairlead-cp.8 and cli/term_text.c differ" >&2
	rc=1
fi
exit $rc
