#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The end-to-end tests that are run against a driver, a name a line: all of tests/e2e but those that e2e_not.txt names,
# each with why. Fails where that list names a test that is not there, one twice, or one without a reason.
#   e2e.sh [ROOT]
set -euo pipefail

ROOT=${1:-$(dirname "${BASH_SOURCE[0]}")/../..}
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
	[[ -n ${NOT[$name]:-} ]] || echo "$name"
done
exit $rc
