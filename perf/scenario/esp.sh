#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 20 s: cycles of ESP, each transform, beside the same packets in clear and the cipher alone
#
# Keys of few phones stay in the nearest cache, those of many do not.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=esp TURN=1
PHONES=(64 20000) BYTES=(200 1200)
[[ -z $SHORT ]] || PHONES=(64) BYTES=(200)

rig_begin
for phones in "${PHONES[@]}"; do
	for bytes in "${BYTES[@]}"; do
		bench taskset -c 0 "$BUILD/perf/bench_esp" -n "$phones" -p "$bytes"
		jq -r 'to_entries[] | select(.value | type == "object") | "\(.key)|\(.value | tojson)"' "$TMP/out" |
			while IFS='|' read -r transform figures; do
				keep fairlead transform="$transform" bytes="$bytes" phones="$phones" <<<"$figures"
			done
	done
done
