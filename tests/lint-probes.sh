#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The probes of the program PROGRAM are those that the manual page PAGE lists, with as many arguments.
#   lint-probes.sh PROGRAM PAGE
set -euo pipefail
export LC_ALL=C

# "NAME ARGUMENTS" of each, from ELF notes; a probe may stand in several places.
built=$(readelf -n "$1" | awk '
	$1 == "Provider:" { ours = $2 == "fairlead" }
	ours && $1 == "Name:" { name = $2 }
	ours && $1 == "Arguments:" { print name, NF - 1 }' | sort -u)
listed=$(sed -n '/^\.Sh PROBES/,/^\.Sh [^P]/p' "$2" |
	awk '$1 == ".It" && $2 == "Li" { print $3, (NF - 3) / 2 }' | sort -u)

[ -n "$listed" ] || { echo "lint-probes.sh: $2 lists no probe" >&2 && exit 1; }
diff <(printf '%s\n' "$listed") <(printf '%s\n' "$built") >&2 || {
	echo "lint-probes.sh: < is what $2 lists, > what $1 has" >&2
	exit 1
}
