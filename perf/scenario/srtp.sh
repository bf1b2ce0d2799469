#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 10 s: cycles of SRTP, each suite, beside libipsec-mb alone at the same burst
#
# Few streams stay in the nearest cache. Those of many calls do not, and the library's figure is warm
# in any case.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=srtp TURN=1
BURSTS=(1 4 8 16 32) STREAMS=(64 20000)
[[ -z $SHORT ]] || BURSTS=(32) STREAMS=(64)

rig_begin
for streams in "${STREAMS[@]}"; do
	for burst in "${BURSTS[@]}"; do
		bench taskset -c 0 "$BUILD/perf/bench_srtp" "$burst" "$streams"
		jq -r 'to_entries[] | select(.value | type == "object") | "\(.key)|\(.value | tojson)"' "$TMP/out" |
			while IFS='|' read -r suite figures; do
				keep fairlead suite="$suite" burst="$burst" streams="$streams" <<<"$figures"
			done
	done
done
