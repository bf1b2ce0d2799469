#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The end-to-end tests that are run against a driver, a name a line: all of tests/e2e but those that e2e_not.txt names,
# each with why. Fails where that list names a test that is not there, one twice, or one without a reason.
#   e2e.sh [ROOT [NAME...]]   with names, only these: one that is not run is no mistake of the list, but the caller's
set -euo pipefail

ROOT=${1:-$(dirname "${BASH_SOURCE[0]}")/../..}
ASKED=("${@:2}")
LIST=tests/vm/e2e_not.txt
declare -A NOT=()
rc=0

wrong()
{
	echo "$LIST: $1: $2" >&2
	rc=1
}

while read -r name reason; do
	[[ -n $name && $name != '#'* ]] || continue
	[[ -f $ROOT/tests/e2e/${name}_test.sh ]] || wrong "$name" "there is no such test"
	[[ -z ${NOT[$name]:-} ]] || wrong "$name" "stands there twice"
	[[ $reason == *' '* ]] || wrong "$name" "no reason is given"
	NOT[$name]=1
done <"$ROOT/$LIST"
for file in "$ROOT"/tests/e2e/*_test.sh; do
	name=$(basename "$file" _test.sh)
	[[ -z ${NOT[$name]:-} ]] || continue
	((${#ASKED[@]} == 0)) || [[ " ${ASKED[*]} " == *" $name "* ]] || continue
	echo "$name"
done
for name in "${ASKED[@]}"; do
	if [[ ! -f $ROOT/tests/e2e/${name}_test.sh ]]; then
		echo "e2e.sh: $name: there is no tests/e2e/${name}_test.sh" >&2
		rc=1
	elif [[ -n ${NOT[$name]:-} ]]; then
		wrong "$name" "is not run in a guest, for the reason that stands there"
	fi
done
exit $rc
