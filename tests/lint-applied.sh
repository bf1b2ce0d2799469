#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead.yaml(5) as it was built has each key with how it is applied and what is lost, and names with a reason each
# that needs a restart, as `fairlead-cp --config-applied` prints them.
#   lint-applied.sh APPLIED PAGE...   one of the pages is fairlead.yaml.5
set -euo pipefail
export LC_ALL=C
applied=$1 page=''
for file in "${@:2}"; do
	[[ $file != */fairlead.yaml.5 ]] || page=$file
done
[[ -s $applied && -s $page ]] || { echo "lint-applied.sh: no table, or no fairlead.yaml.5" >&2 && exit 1; }
rc=0

# same WHAT PRINTED PAGE
same()
{
	diff --label --config-applied --label "$page" "$2" "$3" >&2 || { echo "$page: $1 are not those of --config-applied" >&2 && rc=1; }
}

# The rows of the one table with this head.
rows() { sed -n '/^\.It Em key Ta Em applied Ta Em lost$/,/^\.El$/s/^\.It Va \(.*\) Ta \(.*\) Ta \(.*\)$/\1\t\2\t\3/p' "$page"; }
# KEY<tab>REASON of each, in the order of keys.
reasons()
{
	awk '/^Why a key needs a restart:$/ { on = 1; next }
	     on && /^\.El$/ { exit }
	     on && /^\.It Va / { n = split(substr($0, 8), keys, / , /); next }
	     on && !/^\./ { for (i = 1; i <= n; i++) print keys[i] "\t" tolower(substr($0, 1, 1)) substr($0, 2) }' "$page" | sort
}

same "keys, how they are applied and what is lost" <(cut -f 1-3 "$applied") <(rows)
same "reasons for a restart" <(awk -F'\t' '$4 { print $1 "\t" tolower(substr($4, 1, 1)) substr($4, 2) "." }' "$applied" | sort) <(reasons)
exit $rc
