#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 2 min: authenticated allocations a second, beside coturn; with records; a million sessions
#
# Our worker and our control process share CPU 0, as coturn's threads do.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=alloc
declare -A COUNT=([fairlead]=50000 [coturn]=8000)
[[ -z $SHORT ]] || COUNT=([fairlead]=100 [coturn]=100)

one_turn()
{
	udp_up "$1" veth
	generate "$1" veth --sessions "${COUNT[$1]}" --setup-only
	keep "$1" port=veth <"$TMP/load.json"
	server_down
}

# The control process by itself: no socket, no network, no other process on its CPU.
alone()
{
	local TURN=1
	[[ -z $SHORT ]] || return 0
	say "alloc: the control process alone"
	bench taskset -c 0 "$BUILD/perf/bench_alloc" -n 100000
	keep fairlead bench=alone <"$TMP/out"
	say "alloc: the same with records"
	bench taskset -c 0 "$BUILD/perf/bench_alloc" -n 100000 -R -a -f 50000
	keep fairlead bench=records <"$TMP/out"
	say "alloc: a million sessions listed, filtered and killed"
	BENCH_SECS=600 bench taskset -c 0 "$BUILD/perf/bench_sessions" -a
	keep fairlead bench=sessions <"$TMP/out"
}

rig_begin "$COTURN"
alone
pages_up 2048
SESSIONS=65536
turns fairlead coturn
summarise setup.per_second
