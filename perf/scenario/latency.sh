#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 2.5 min: latency over load on memif and on veth, at shares of our loss-free rate, beside testpmd
#
# Our worker polls without naps here, as testpmd does, and its control process, which has nothing to
# do meanwhile, shares the generator's CPU.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=latency IDLE=poll CTL_CPU=1 DP_CPUS=0,1
LOADS=(10 25 50 75 90) # percent
TYPES=(memif veth)
TABLE_LOAD=50     # the load in README.md's table: each turn; others in the first two
COUNT=1000 STEPS=7
[[ -z $SHORT ]] || TYPES=(memif) LOADS=(25 50) COUNT=10 STEPS=2

# loss_free PORT: the rate that all loads on this type of port are shares of, for both servers.
loss_free()
{
	BASE=loss_free
	udp_up fairlead "$1"
	generate fairlead "$1" --sessions $COUNT --size 172 --search --loss "$LOSS" \
		--search-seconds "$SEARCH_SECS" --search-steps $STEPS --teardown
	server_down
	RATE=$(figures get loss_free_rate <"$TMP/load.json")
	RATE=${RATE%.*}
	if ((RATE == 0)); then
		say "latency: $1: no rate is free of loss here: shares of what came through flat out"
		BASE=flat
		RATE=$(figures get rate_delivered <"$TMP/load.json")
		RATE=${RATE%.*}
	fi
	((RATE > 0)) || die "$1: nothing comes through"
	say "latency: $1: 100 % is $RATE packets a second"
}

one_turn()
{
	local load
	udp_up "$1" "$PORT"
	for load in "${LOADS[@]}"; do
		((load == TABLE_LOAD || TURN <= 2)) || continue
		afresh "$1" "$PORT"
		generate "$1" "$PORT" --sessions $COUNT --size 172 --rate $((RATE * load / 100)) \
			--seconds "$SECS" --teardown
		keep "$1" port="$PORT" bytes=172 sessions=$COUNT load="$load" base=$BASE \
			rate=$((RATE * load / 100)) loss="$LOSS" <"$TMP/load.json"
	done
	server_down
}

rig_begin "$TESTPMD"
pages_up 2048
for PORT in "${TYPES[@]}"; do
	loss_free "$PORT"
	turns fairlead testpmd
done
summarise latency_us.p50 latency_us.p99 latency_us.p99_9 latency_us.max lost offered rate_offered \
	rate_delivered
