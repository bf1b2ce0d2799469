#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Joined TCP connections through Fairlead's stack beside nginx's stream proxy over kernel sockets,
# on the same veth pair: throughput of one connection and of many, connections a second, latency.
#
#   flperf-far: tcp_load, client and server    far0 <-> near0   flperf-near: one of the two proxies
#   10.8.0.2                                                    10.8.0.1
#
# The proxy has CPU 0, the load CPU 1. AF_XDP carries what is in the frame, so checksum and
# segmentation offloads are off at both ends, for both proxies; "nginx-offload" is nginx with them
# on, which on veth means segments of 64 KB and no checksums. Runs are in turn (a b a b ...), and
# ratios are medians of those of each turn. One JSON object a line on standard output.
#
#   tcp.sh [BUILD [SECONDS [TURNS]]]     build, 3, 3
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=$(realpath "${1:-$ROOT/build}")
SECS=${2:-3}
TURNS=${3:-3}
TMP=$(mktemp -d)
NEAR=10.8.0.1 FAR=10.8.0.2 IN=7000 OUT=7001
PIDS=()

say() { printf 'perf: %s\n' "$*" >&2; }

finish()
{
	local pid
	proxy_down
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	ip netns del flperf-near 2>/dev/null || true
	ip netns del flperf-far 2>/dev/null || true
	rm -rf "$TMP"
}

# Not for what is started and stopped: its PID would be a shell's.
far() { ip netns exec flperf-far taskset -c 1 "$@"; }

# await FILE WORDS: until a line of FILE has the words, ten seconds at most.
await()
{
	timeout 10 sh -c 'until grep -q "$2" "$1" 2>/dev/null; do sleep 0.05; done' sh "$1" "$2" ||
		{ say "$2 did not come: $(tail -n 3 "$1" 2>/dev/null)"; exit 1; }
}

offloads() # on | off
{
	ip netns exec flperf-near ethtool -K near0 rx "$1" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
	ip netns exec flperf-far ethtool -K far0 rx "$1" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
}

net_up()
{
	ip netns add flperf-near
	ip netns add flperf-far
	ip link add near0 netns flperf-near type veth peer name far0 netns flperf-far
	ip -n flperf-near link set near0 up
	ip -n flperf-far link set far0 up
	ip -n flperf-far link set lo up
	ip -n flperf-far addr add $FAR/24 dev far0
	# Thousands of closed connections must not use up the ports of the far end.
	ip netns exec flperf-far sh -c 'echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range
		echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'
	ip netns exec flperf-near sh -c 'echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range
		echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse' || true
	ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tcp_load" serve $OUT >"$TMP/serve.log" 2>&1 &
	PIDS+=($!)
	await "$TMP/serve.log" ready
}

fairlead_up()
{
	cat >"$TMP/dp.yaml" <<-END
	dataplane: {workers: [0], main-cpu: 1, hugepages: no, memory-mb: 768, mbufs: 65536,
	            idle: sleep, idle-max-us: 20}
	tcp: {connections: 65536, half-open: 16384, time-wait: 65536, time-wait-ms: 1000,
	      buffers: 40000}
	ports:
	  - {name: near, device: "net_af_xdp0,iface=near0", rx-desc: 4096,
     tx-desc: 4096, addresses: [$NEAR/24]}
	listeners: [{address: $NEAR}]
	relays: [{address: $NEAR}]
	turn: {realm: perf}
	END
	ip netns exec flperf-near taskset -c 0 "$BUILD/tests/tcp/tcp-agent" --config "$TMP/dp.yaml" --socket "$TMP/agent.sock" \
		>"$TMP/agent.log" 2>&1 &
	PROXY=$!
	await "$TMP/agent.log" 'tcp-agent: ready'
	python3 - "$TMP/agent.sock" "serve proxy $IN $FAR $OUT" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.sendall((sys.argv[2] + "\n").encode())
	answer = s.recv(1000)
	assert b"true" in answer, answer
	END
}

nginx_up()
{
	cat >"$TMP/nginx.conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	daemon off; master_process off; pid $TMP/nginx.pid; error_log $TMP/nginx.log;
	worker_rlimit_nofile 65536;
	events { worker_connections 32768; multi_accept on; }
	stream { server { listen $NEAR:$IN backlog=4096; proxy_pass $FAR:$OUT; proxy_buffer_size 64k;
	         tcp_nodelay on; } }
	END
	ip -n flperf-near addr add $NEAR/24 dev near0
	ip -n flperf-near link set lo up
	ip netns exec flperf-near taskset -c 0 nginx -c "$TMP/nginx.conf" >"$TMP/nginx.out" 2>&1 &
	PROXY=$!
	timeout 10 sh -c 'until ip netns exec flperf-near ss -ltn | grep -q ":$1 "; do sleep 0.05; done' \
		sh $IN || { say "nginx does not listen: $(cat "$TMP/nginx.out")"; exit 1; }
}

PROXY=
proxy_down()
{
	[[ -n $PROXY ]] || return 0
	kill "$PROXY" 2>/dev/null || true
	wait "$PROXY" 2>/dev/null || true
	PROXY=
	ip -n flperf-near addr flush dev near0 2>/dev/null || true
	ip -n flperf-far neigh flush all 2>/dev/null || true
}

# proxy_up NAME: one of fairlead, nginx, nginx-offload. An AF_XDP socket stays busy for a while.
proxy_up()
{
	case $1 in
	nginx) offloads off && nginx_up ;;
	nginx-offload) offloads on && nginx_up ;;
	fairlead)
		offloads off
		fairlead_up
		;;
	esac
}

measure() # NAME LOAD ARGUMENT: one line
{
	local line
	line=$(far timeout $((${SECS%.*} + 30)) "$BUILD/perf/tcp_load" "$2" $NEAR $IN "$3" "$SECS") ||
		say "$1 $2 $3: errors: $line"
	printf '{"proxy": "%s", %s\n' "$1" "${line#\{}" | tee -a "$TMP/lines"
}

main()
{
	local turn name
	trap finish EXIT
	net_up
	for turn in $(seq "$TURNS"); do
		for name in fairlead nginx nginx-offload; do
			say "turn $turn of $TURNS: $name"
			proxy_up $name
			measure $name bulk 1
			measure $name bulk 1000
			measure $name rate 64
			measure $name ping 64
			proxy_down
		done
	done
	python3 - "$TMP/lines" <<-'END'
	import json, statistics, sys
	lines = [json.loads(l) for l in open(sys.argv[1])]
	figures = {"bulk": "mbit_per_s", "rate": "connections_per_s", "ping": "us_p50"}
	def key(l):
	    return l["load"], l.get("connections") or l.get("at_once") or l.get("bytes")
	for k in dict.fromkeys(key(l) for l in lines):
	    f = figures[k[0]]
	    got = {p: [l[f] for l in lines if key(l) == k and l["proxy"] == p]
	           for p in ("fairlead", "nginx", "nginx-offload")}
	    out = {"tcp": k[0], "at_once": k[1], "figure": f}
	    for p, v in got.items():
	        out[p] = statistics.median(v)
	    for p in ("nginx", "nginx-offload"):
	        out["ratio_to_" + p] = round(statistics.median(
	            a / b for a, b in zip(got["fairlead"], got[p]) if b), 2)
	    print(json.dumps(out))
	END
}

main
