#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Joined TCP connections through Fairlead's stack beside nginx's stream proxy over kernel sockets,
# on the same veth pair: throughput of one connection and of many, connections a second, latency.
#
# perf/net.sh shows the pair. AF_XDP carries what is in the frame, so checksum and
# segmentation offloads are off at both ends, for both proxies; "nginx-offload" is nginx with them
# on, which on veth means segments of 64 KB and no checksums. Runs are in turn (a b a b ...), and
# ratios are medians of those of each turn. One JSON object a line on standard output.
#
#   tcp.sh [BUILD [SECONDS [TURNS]]]     build, 3, 3
set -euo pipefail

# shellcheck source=perf/net.sh
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"
BUILD=$(realpath "${1:-$ROOT/build}")
SECS=${2:-3}
TURNS=${3:-3}
IN=7000 OUT=7001

serve_up()
{
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
	server_run "$TMP/agent.log" "$BUILD/tests/tcp/tcp-agent" --config "$TMP/dp.yaml" \
		--socket "$TMP/agent.sock"
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
	near_addr
	server_run "$TMP/nginx.out" nginx -c "$TMP/nginx.conf"
	await_listen $IN "$TMP/nginx.out"
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
	trap net_down EXIT
	net_up
	serve_up
	for turn in $(seq "$TURNS"); do
		for name in fairlead nginx nginx-offload; do
			say "turn $turn of $TURNS: $name"
			proxy_up $name
			measure $name bulk 1
			measure $name bulk 1000
			measure $name rate 64
			measure $name ping 64
			server_down
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
