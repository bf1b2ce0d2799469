#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 20 s: cycles a packet of the relay path, both directions, and bytes a session; no port in between
#
# Of few sessions also bursts of both directions ("mixed"), as one port for all has them, and packets that come by
# another worker's queue ("handed over").
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=relay
COUNTS=(1000 100000 1000000)
[[ -z $SHORT ]] || COUNTS=(1000)

one_turn()
{
	local n
	for n in "${COUNTS[@]}"; do
		say "relay: turn $TURN of $TURNS, $n sessions"
		bench "$BUILD/perf/bench_relay" "${PAGES[@]}" -n "$n"
		keep fairlead sessions="$n" <"$TMP/out"
	done
	bench "$BUILD/perf/bench_relay" "${PAGES[@]}" -n "${COUNTS[0]}" -m
	keep fairlead sessions="${COUNTS[0]}" way=mixed <"$TMP/out"
	bench "$BUILD/perf/bench_relay" "${PAGES[@]}" -n "${COUNTS[0]}" -o
	keep fairlead sessions="${COUNTS[0]}" way="handed over" <"$TMP/out"
}

rig_begin
pages_up 1500
PAGES=()
[[ $HUGE == no ]] || PAGES=(-H)
for TURN in $(seq "$TURNS"); do
	one_turn
done
summarise cycles_to_peer cycles_to_client cycles_mixed bytes_per_session stages_to_peer stages_to_client
