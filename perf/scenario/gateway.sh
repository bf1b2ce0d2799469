#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 3 min: contexts: RTP, calls a second and memory beside rtpengine; cycles a packet of RTP
#
#   bench   cycles a packet of RTP between two terminations, and of an ICE check; bytes a context
#   rtp     packets a second over AF_XDP on veth, flat out and without loss; latency at shares of
#           rtpengine's loss-free rate
#   calls   offered, answered and deleted by ng, one SDP each, over loopback
#   h248    transactions of H.248 a second of the control process alone, while so many calls stand
#   memory  resident memory of all processes while so many calls live: the slope is what one costs
#
# rtpengine relays by its kernel module or in user space. Its module, where there is one, is measured
# by whoever has it: here it is user space, with one thread, since it has one CPU, and without a log.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=gateway TURN=1
STEPS=(bench rtp calls h248 memory)
BENCH_COUNTS=(1000 100000 1000000)
NG=127.0.0.1:2223
COUNT=1000 STEPS_SEARCH=7
LOADS=(50 90) # percent
CALLS=10000
STANDING=(1000 100000)
SEARCH_SHARES='100 85 70 50' # of the flat-out rate
MEMORY_COUNTS=(500 2000 4000) # rtpengine has four descriptors a call, and some machines give 20,000
CONTEXTS=16384
OFFER=0 # flat out
if [[ -n $SHORT ]]; then
	OFFER=2000 BENCH_COUNTS=(1000) COUNT=10 STEPS_SEARCH=2 LOADS=(50) CALLS=100 STANDING=(100) MEMORY_COUNTS=(10 50)
fi

# ---- servers ----

gate_fairlead_up()
{
	SESSIONS=64 RELAYS="$NEAR=access 10.9.0.3=core" fairlead_conf "$(device near veth)" <<-END
	realms: [{name: access}, {name: core}]
	gateway: {contexts: $CONTEXTS, streams: 0, ng-port: ${NG#*:}, ng-rate: 0}
	END
	fairlead_up
}

gate_rtpengine_up()
{
	near_addr
	server_run "$TMP/rtpengine.log" "$RTPENGINE" --foreground --log-stderr --log-level=2 \
		--pidfile="$TMP/rtpengine.pid" --table=-1 --num-threads=1 --listen-ng=$NG \
		--interface=access/$NEAR --interface=core/$NEAR --port-min=16384 --port-max=65000 \
		--delete-delay=0 --timeout=3600 --silent-timeout=3600
}

up() # NAME
{
	ip -n flperf-near link set lo up
	"gate_$1_up"
	await_listen "${NG#*:}" "$TMP/$1.log" u
}

# ng ARGUMENT...: calls, from the load's CPU; what it prints goes to $TMP/out.
ng() { bench ip netns exec flperf-near taskset -c 1 python3 "$ROOT/perf/ng.py" -s $NG -d access,core "$@"; }

# calls_up SERVER COUNT: so many that stay; sets COMPONENTS.
calls_up()
{
	up "$1"
	ng legs "$2" "${CLIENTS%/*}" "${PEERS%/*}"
	COMPONENTS=$TMP/legs
	mv "$TMP/out" "$COMPONENTS"
}

# ---- steps ----

step_bench()
{
	local n
	for TURN in $(seq "$TURNS"); do
		for n in "${BENCH_COUNTS[@]}"; do
			say "gateway: cycles, turn $TURN of $TURNS, $n contexts"
			bench "$BUILD/perf/bench_media" "${PAGES[@]}" -n "$n"
			keep fairlead step=bench contexts="$n" <"$TMP/out"
		done
	done
}

# rate FIGURE: of the last run, whole packets a second.
rate()
{
	local rate
	rate=$(figures get "$1" <"$TMP/load.json")
	echo "${rate%.*}"
}

flat_out()
{
	generate "$1" veth --sessions $COUNT --size 172 --rate $OFFER --seconds "$SECS"
	FLAT=$(rate rate_delivered)
	keep "$1" step=rtp load=flat bytes=172 sessions=$COUNT <"$TMP/load.json"
}

# From what came through flat out downwards. rtpengine gives up for good ports whose queues were too
# long too often, so it has new calls after each overload, and begins lower where all was lost.
search()
{
	local share
	for share in $SEARCH_SHARES; do
		calls_anew "$1"
		generate "$1" veth --sessions $COUNT --size 172 --rate $((FLAT * share / 100)) \
			--search --loss "$LOSS" --search-seconds "$SEARCH_SECS" --search-steps $STEPS_SEARCH
		(($(rate loss_free_rate) == 0)) || break
	done
	keep "$1" step=rtp load=search bytes=172 sessions=$COUNT loss="$LOSS" <"$TMP/load.json"
}

calls_anew()
{
	server_down
	calls_up "$1" $COUNT
}

latencies()
{
	local load
	for load in "${LOADS[@]}"; do
		generate "$1" veth --sessions $COUNT --size 172 --rate $((RATE * load / 100)) --seconds "$SECS"
		keep "$1" step=latency bytes=172 sessions=$COUNT load="$load" rate=$((RATE * load / 100)) \
			loss="$LOSS" <"$TMP/load.json"
	done
}

# rtpengine's rate comes first: both are timed at shares of it; where no rate of its is free of loss,
# of what came through flat out.
one_turn()
{
	calls_up "$1" $COUNT
	flat_out "$1"
	search "$1"
	if [[ $1 == rtpengine && -z $RATE ]]; then
		RATE=$(rate loss_free_rate)
		((RATE > 0)) || RATE=$FLAT
		((RATE > 0)) || die "nothing comes through rtpengine"
		say "gateway: 100 % is $RATE packets a second"
	fi
	calls_anew "$1"
	latencies "$1"
	server_down
}

step_rtp()
{
	RATE=
	turns rtpengine fairlead
}

step_calls()
{
	local name
	for TURN in $(seq "$TURNS"); do
		for name in fairlead rtpengine; do
			say "gateway: calls, $name, turn $TURN of $TURNS"
			up $name
			ng rate $CALLS
			keep $name step=calls calls=$CALLS <"$TMP/out"
			server_down
		done
	done
}

step_h248()
{
	local n
	for TURN in $(seq "$TURNS"); do
		for n in "${STANDING[@]}"; do
			say "gateway: H.248, turn $TURN of $TURNS, $n calls stand"
			bench taskset -c 0 "$BUILD/perf/bench_h248" -n "$CALLS" -s "$n"
			keep fairlead step=h248 standing="$n" <"$TMP/out"
		done
	done
}

# Ours takes its tables at start, so each count has tables for just that many.
step_memory()
{
	local name count part TURN=1
	for name in fairlead rtpengine; do
		for count in "${MEMORY_COUNTS[@]}"; do
			say "gateway: memory, $name, $count calls"
			CONTEXTS=$count calls_up $name "$count"
			keep $name step=memory calls="$count" <<-END
			{"bytes": $(rss "$SERVER" $CP), "bytes_dataplane": $(rss "$SERVER")}
			END
			server_down
		done
	done
	grep '"step": "memory"' "$TMP/runs" >"$TMP/memory"
	for part in bytes bytes_dataplane; do
		figures slope "$TMP/memory" calls $part ${part}_per_call >>"$TMP/slopes"
	done
	cat "$TMP/slopes"
	figures ratios "$TMP/slopes" fairlead bytes_per_call
}

rig_begin "$RTPENGINE"
[[ -e /proc/rtpengine/control ]] ||
	say "gateway: rtpengine's kernel module is not loaded here ($(uname -r)): it relays in user space"
(($# == 0)) || STEPS=("$@")
pages_up 2048
PAGES=()
[[ $HUGE == no ]] || PAGES=(-H)
for STEP in "${STEPS[@]}"; do
	HUGE_WAS=$HUGE
	[[ $STEP != memory ]] || HUGE=no # huge pages are in no process's resident memory
	"step_$STEP"
	HUGE=$HUGE_WAS
done
summarise cycles_to_a cycles_to_b cycles_ice_check bytes_per_context rate_delivered loss_free_rate \
	latency_us.p50 latency_us.p99 latency_us.p99_9 lost offered rate_offered contexts_per_s transactions_per_s
