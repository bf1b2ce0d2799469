#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 1 min: what a port with virtio-net headers would carry (a prototype), beside frames of the MTU and nginx with offloads
#
# "vnet" and "plain" are perf/bench_tap: a thread that gives each of two TAP devices what the other sent, with headers,
# and so in segments of 64 KB without checksums, and in frames. No TCP stack is in it: a joined stream takes one
# segment in and one out, as there, so this is the most that such a port allows. "nginx-offload" is as in scenario
# tcp. mbit_per_cpu_s is by the CPU time of the server, the kernel's for it included.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=tap IN=7000 OUT=7001
CONNECTIONS=(1 100 1000)
[[ -z $SHORT ]] || CONNECTIONS=(1)

# ends_up: two hosts, each with one end of bench_tap.
ends_up()
{
	local end
	for end in a b; do
		ip netns add flperf-tap$end
		ip -n flperf-near link set tap-$end netns flperf-tap$end
		ip -n flperf-tap$end addr add 10.8.0.$(($([[ $end == a ]]; echo $?) + 1))/24 dev tap-$end
		ip -n flperf-tap$end link set tap-$end addrgenmode none up
	done
}

ends_down()
{
	ip netns del flperf-tapa 2>/dev/null || true
	ip netns del flperf-tapb 2>/dev/null || true
}

# cpu_ticks: of the server and of the softirqs on its CPU, so far.
cpu_ticks()
{
	local pid sum=0 word
	for pid in "$SERVER" $(pgrep -x ksoftirqd/0); do
		read -ra word <"/proc/$pid/stat"
		sum=$((sum + word[13] + word[14]))
	done
	echo $sum
}

# serve NAMESPACE: what counts what came.
serve()
{
	ip netns exec "$1" taskset -c 1 "$BUILD/perf/tcp_load" serve $OUT >"$TMP/serve-$1.log" 2>&1 &
	PIDS+=($!)
	await 10 grep -q ready "$TMP/serve-$1.log" || die "no far end: $(cat "$TMP/serve-$1.log")"
}

# measure SERVER NAMESPACE ADDRESS PORT
measure()
{
	local n before
	for n in "${CONNECTIONS[@]}"; do
		before=$(cpu_ticks)
		BENCH_SECS=60 bench ip netns exec "$2" taskset -c 1 "$BUILD/perf/tcp_load" bulk "$3" "$4" "$n" "$SECS"
		jq -c --argjson ticks $(($(cpu_ticks) - before)) --argjson hz "$(getconf CLK_TCK)" \
			'. + {mbit_per_cpu_s: (.mbit_per_s * .seconds / ([$ticks, 1] | max) * $hz | round)}' "$TMP/out" |
			keep "$1" of="$n"
	done
}

one_turn()
{
	case $1 in
	nginx-offload)
		offloads on
		nginx_conf <<-END
		stream { server { listen $NEAR:$IN backlog=4096; proxy_pass $FAR:$OUT; proxy_buffer_size 64k;
		         tcp_nodelay on; } }
		END
		await_listen $IN "$TMP/nginx.log"
		measure "$1" flperf-far $NEAR $IN
		;;
	*)
		: >"$TMP/tap.log"
		server_run "$TMP/tap.log" "$BUILD/perf/bench_tap" "$1"
		await 10 grep -q ready "$TMP/tap.log" || die "no taps: $(cat "$TMP/tap.log")"
		ends_up
		serve flperf-tapb
		measure "$1" flperf-tapa 10.8.0.2 $OUT
		;;
	esac
	server_down
	ends_down
}

rig_begin "$NGINX" jq
serve flperf-far
turns vnet plain nginx-offload
figures ratios "$TMP/runs" vnet mbit_per_s mbit_per_cpu_s
