#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 10 s: packets a second of two workers beside one, no kernel and no port in between
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=workers
COUNT=1000 ROUNDS=()
[[ -z $SHORT ]] || COUNT=100 ROUNDS=(-r 100)

one_turn()
{
	bench "$BUILD/perf/bench_relay" "${PAGES[@]}" -n "$COUNT" "${ROUNDS[@]}" -w "${1#workers-}"
	keep "$1" sessions="$COUNT" <"$TMP/out"
}

rig_begin
pages_up 1500
PAGES=()
[[ $HUGE == no ]] || PAGES=(-H)
turns workers-1 workers-2
figures ratios "$TMP/runs" workers-2 packets_per_s
