#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The table of README.md beside other servers: each row has as many cells as the titles, and names, in the last,
# tests that are there; and each test of what an operator has (live_*) is named: lint-readme.sh README
# DIRECTORY-OF-TESTS.
set -euo pipefail
readme=$1 tests=$2 rows=0 columns=0 rc=0 named=' '

wrong()
{
	echo "$1: $2" >&2
	rc=1
}

# row LINE: of the table.
row()
{
	local cells name names first
	first=${1#| } first=${first%% | *}
	cells=$(grep -o '|' <<<"$1" | wc -l)
	((cells == columns)) || wrong "$first" "$((cells - 1)) cells, not $((columns - 1))"
	names=${1%|} names=${names##*|}
	[[ $names == *[a-z]* ]] || wrong "$first" "no test is named"
	while read -r name; do
		[[ -f $tests/${name}_test.sh ]] || wrong "$first" "there is no test $name"
		named+="$name "
	done < <(tr '`' '\n' <<<"$names" | grep -E '^[a-z0-9_]+$')
	rows=$((rows + 1))
}

while read -r line; do
	case $line in
	'| | coturn | eturnal | rtpengine | HAProxy | Fairlead | test |') columns=$(grep -o '|' <<<"$line" | wc -l) ;;
	'|---'*) ;;
	'|'*) ((columns == 0)) || row "$line" ;;
	*) ((columns == 0 || rows == 0)) || break ;;
	esac
done <"$readme"
((rows >= 10)) || wrong "$readme" "$rows rows of the table were found"
for file in "$tests"/live_*_test.sh; do
	name=$(basename "$file" _test.sh)
	[[ $named == *" $name "* ]] || wrong "$readme" "no row of the table names the test $name"
done
exit $rc
