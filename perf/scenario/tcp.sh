#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 2 min: cycles of the TCP stack; joined connections over veth beside nginx stream and haproxy
#
# Throughput of one connection and of many, connections a second, latency. Checksum and segmentation
# offloads are off at both ends; "nginx-offload" is nginx with them on, which on veth means segments
# of 64 KB and no checksums.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=tcp CTL_CPU=1
IN=7000 OUT=7001
STACK=(sink source splice '-c 1000 sink' '-c 1000 source' '-c 1000 splice' '-c 100 -t 300000 open'
	'-c 100000 idle')
LOADS=('bulk 1' 'bulk 1000' 'rate 64' 'ping 64')
if [[ -n $SHORT ]]; then
	STACK=('-c 100 -t 1000 open') LOADS=('bulk 1' 'rate 8' 'ping 64')
fi

stack()
{
	local args TURN=1
	for args in "${STACK[@]}"; do
		say "tcp: stack alone: $args"
		# shellcheck disable=SC2086 # words
		bench "$BUILD/perf/bench_tcp" $args
		keep fairlead stack="$args" <"$TMP/out"
	done
}

# One far end, one port there: at a second of TIME-WAIT our 15,360 ports would be the limit.
fairlead_joined_up()
{
	LISTENERS="{address: $NEAR, port: $IN, transport: tcp, service: far}" RELAYS=$NEAR MEMORY=768 \
		fairlead_conf "$(device near veth)" <<-END
	tcp: {connections: 65536, half-open: 16384, time-wait: 65536, time-wait-ms: 100, buffers: 40000}
	services: [{name: far, backend: $FAR, port: $OUT}]
	END
	DP_CPUS=0,1 fairlead_up
}

haproxy_up()
{
	haproxy_conf <<-END
	listen perf
	  bind $NEAR:$IN backlog 4096
	  server far $FAR:$OUT
	END
	await_listen $IN "$TMP/haproxy.log"
}

one_turn()
{
	local load words
	offloads off
	case $1 in
	nginx-offload) offloads on && nginx_joined_up ;;
	nginx | fairlead) "$1_joined_up" ;;
	*) "$1_up" ;;
	esac
	for load in "${LOADS[@]}"; do
		read -ra words <<<"$load"
		bench_far tcp_load "${words[0]}" $NEAR $IN "${words[1]}" "$SECS"
		keep "$1" load="${words[0]}" of="${words[1]}" <"$TMP/out"
	done
	server_down
}

rig_begin "$NGINX" "$HAPROXY"
stack
far_end_up flperf-far
turns fairlead nginx nginx-offload haproxy
summarise mbit_per_s connections_per_s us_p50
