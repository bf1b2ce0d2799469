#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Lints the manual pages, and compares what fairlead.yaml(5) says of each key with the comments of
# the sample file, which in turn are the schema's (tests/unit/test_config.c), and what fairlead(1)
# says of stages with lib/stage.def, and the fields of terminations. $1: the source tree.
set -euo pipefail
cd "$1"
rc=0
for page in doc/man/*.[1-8]; do
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

# "key|meaning|range", in order, from either file.
from_yaml() {
	awk '/^ *#/ { sub(/^ *# ?/, ""); was = last; last = $0; next }
	     last ~ /^\[/ && match($0, /^ *(- )?[a-z0-9-]+:/) {
		key = substr($0, RSTART, RLENGTH); gsub(/[ :]|- /, "", key)
		print key "|" was "|" last }
	     { last = "" }' conf/fairlead.yaml
}
from_page() {
	awk '/^\.(It Ic|Ss) / { key = $NF; next }
	     key && /^\[/ { print key "|" help "|" $0; key = "" }
	     !/^\.br/ { help = $0 }' doc/man/fairlead.yaml.5
}
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
if [ -z "$(from_yaml)" ] || ! diff <(from_yaml) <(from_page); then
	echo "doc/man/fairlead.yaml.5 and conf/fairlead.yaml differ" >&2
	rc=1
fi
exit $rc
