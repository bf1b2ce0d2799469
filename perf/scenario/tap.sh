#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 1 min: joined connections over TAP interfaces, segments of 64 KB and no checksums, beside nginx with offloads on
#
# "fairlead" has two ports that are interfaces of the kernel (doc/arch/ports.md, "TAP"), one to each host.
# "nginx-offload" is as in scenario tcp. Both have segments of 64 KB. mbit_per_cpu_s is by the CPU time of the
# server, with the kernel's for it, and of the softirqs on its CPU.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=tap CTL_CPU=1 IN=7000 OUT=7001
CONNECTIONS=(1 100 1000)
[[ -z $SHORT ]] || CONNECTIONS=(1)

# The kernel's ends of our ports, each where its host is.
ends_up()
{
	local end n=0
	for end in a b; do
		ip netns add flperf-tap$end
		ip -n flperf-near link set tap-$end netns flperf-tap$end
		ip -n flperf-tap$end addr add 10.8.$n.2/24 dev tap-$end
		ip -n flperf-tap$end link set tap-$end addrgenmode none up
		n=$((n + 1))
	done
}

ends_down()
{
	ip netns del flperf-tapa 2>/dev/null || true
	ip netns del flperf-tapb 2>/dev/null || true
}

fairlead_taps_up()
{
	local RELAYS=10.8.1.1 LISTENERS MEMORY=768
	LISTENERS="{address: 10.8.0.1, port: $IN, transport: tcp, service: far}"
	fairlead_conf tap:tap-a <<-END
	tcp: {connections: 8192, half-open: 4096, time-wait: 8192, time-wait-ms: 100, buffers: 40000}
	services: [{name: far, backend: 10.8.1.2, port: $OUT}]
	END
	sed -i -e "s|^ports: .*|ports: [{name: a, device: 'tap:tap-a', addresses: [10.8.0.1/24]}, {name: b, device: 'tap:tap-b', addresses: [10.8.1.1/24]}]|" \
		-e "s|^listeners: \[{address: $NEAR}|listeners: [{address: 10.8.0.1}|" "$TMP/fairlead.yaml"
	DP_CPUS=0,1 fairlead_up
	ends_up
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

# measure SERVER NAMESPACE ADDRESS
measure()
{
	local n before
	for n in "${CONNECTIONS[@]}"; do
		before=$(cpu_ticks)
		BENCH_SECS=60 bench ip netns exec "$2" taskset -c 1 "$BUILD/perf/tcp_load" bulk "$3" $IN "$n" "$SECS"
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
		nginx_joined_up
		measure "$1" flperf-far $NEAR
		;;
	*)
		fairlead_taps_up
		far_end_up flperf-tapb
		measure "$1" flperf-tapa 10.8.0.1
		;;
	esac
	server_down
	ends_down
}

rig_begin "$NGINX" jq
far_end_up flperf-far
turns fairlead nginx-offload
figures ratios "$TMP/runs" fairlead mbit_per_s mbit_per_cpu_s
