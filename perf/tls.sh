#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# TLS through Fairlead beside coturn, nginx, stunnel and OpenSSL alone, on the pair of perf/net.sh.
#
#   tls.sh [-b BUILD] [-s SECONDS] [-t TURNS] [SCENARIO...]     build, 1, 3, all of:
#
#   relay      goodput of TURN over TLS to a UDP peer (up) and from it (down), ChannelData of 1200
#              and of 200 bytes, 16 legs; beside coturn's TLS listener
#   proxy      goodput and latency of TLS to TCP; beside nginx stream and stunnel
#   handshake  handshakes a second, full and resumed; beside nginx, and OpenSSL alone in a loop
#   idle       bytes per idle leg; beside coturn and nginx
#   storm      latency of UDP media with RSA-2048 handshakes arriving faster than they can be done,
#              and without; handshakes on a crypto CPU (R72)
#
# Runs are in turn (a b a b ...), and ratios are medians of those of each turn. One JSON object a
# line on standard output: first the runs, then the ratios.
#
# Two CPUs are few. The load shares CPU 1 with the far end, the control process and, where there is
# one, the crypto CPU; whoever makes a packet pays for its way through veth, and for what the far
# kernel does with it. So every run tells, beside what came through, what it cost: per second of
# CPU time of the server's threads ("per_cpu_s"; ksoftirqd of CPU 0 is counted with them). That of
# Fairlead includes its naps' timers and AF_XDP's send, which is a system call in copy mode: "user_s"
# of "cpu_s" was not the kernel's. Checksum and segmentation offloads are off at both ends, since
# AF_XDP carries what is in the frame.
set -euo pipefail

# shellcheck source=perf/net.sh
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"
BUILD=$ROOT/build
SECS=1
TURNS=3
SCENARIOS=(relay proxy handshake idle storm)
TLS=5349 IN=7443 BACK=7001 PEER=3480
LEGS=16 WINDOW=32
CONNS=16384 ALLOCS=16384
IDLE=2000
STORM_RATE=6000 # of RSA-2048 handshakes one CPU does some 2,000 a second
MEDIA_RATE=2000
USER_WORDS=(-u demo -w fairlead)
CP=

usage()
{
	sed -n 's/^# \{0,1\}//; 4,16p' "${BASH_SOURCE[0]}"
}

load() { timeout 60 ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tls_load" "$@"; }

# ---- servers ----

certificates()
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/rsa.key" -out "$TMP/rsa.pem" \
		-subj /CN=perf.test -days 2 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$TMP/ecdsa.key" -out "$TMP/ecdsa.pem" -subj /CN=perf.test -days 2 2>/dev/null
}

fl() { "$BUILD/fairlead" --config "$TMP/fairlead.yaml" "$@"; }

# fairlead_up [CRYPTO-CPU]: with tables for $CONNS connections and $ALLOCS allocations.
fairlead_up()
{
	cat >"$TMP/fairlead.yaml" <<-END
	dataplane: {workers: [0], main-cpu: 1, hugepages: no, memory-mb: 1024, mbufs: 65536,
	            sessions: $ALLOCS, idle: sleep, idle-max-us: 20, socket: $TMP/dp.sock}
	tcp: {connections: $CONNS, half-open: 16384, time-wait: 65536, time-wait-ms: 1000,
	      buffers: 40000}
	tls: {crypto-cpus: [${1:-}], connections: $CONNS}
	tls-domains: [{name: default}]
	certificates:
	  - {chain: $TMP/ecdsa.pem, key: $TMP/ecdsa.key}
	  - {chain: $TMP/rsa.pem, key: $TMP/rsa.key}
	services: [{name: perf, alpn: [perf], backend: $FAR, port: $BACK}]
	ports:
	  - {name: near, device: "net_af_xdp0,iface=near0", rx-desc: 4096, tx-desc: 4096,
	     addresses: [$NEAR/24]}
	listeners: [{address: $NEAR}, {address: $NEAR, port: $TLS, transport: tls}]
	relays: [{address: $NEAR, port-min: 16384}]
	turn: {realm: perf, allocations-max: $ALLOCS, allocations-per-user: 0}
	auth: {users-db: $TMP/users.db}
	peers: {allow: [10.0.0.0/8]}
	control: {socket: $TMP/control.sock, state: $TMP/allocations.state, metrics-port: 0}
	END
	CPUS=0,1 server_run "$TMP/dp.log" "$BUILD/fairlead-dp" --config "$TMP/fairlead.yaml"
	timeout 30 sh -c 'until [ -S "$1" ]; do sleep 0.05; done' sh "$TMP/dp.sock" ||
		{ say "fairlead-dp does not start: $(tail -n 3 "$TMP/dp.log")"; exit 1; }
	ip netns exec flperf-near taskset -c 1 "$BUILD/fairlead-cp" --config "$TMP/fairlead.yaml" \
		>"$TMP/cp.log" 2>&1 </dev/null &
	CP=$!
	timeout 10 sh -c 'until "$@" --json status 2>/dev/null | grep -Eq "\"attached\": *true"; do
		sleep 0.1; done' sh "$BUILD/fairlead" --config "$TMP/fairlead.yaml" ||
		{ say "fairlead-cp does not attach: $(tail -n 3 "$TMP/cp.log")"; exit 1; }
	fl user add demo --password-file - --replace >/dev/null <<<fairlead
}

# One relay thread, or none besides the main one, is the same here: one CPU.
coturn_up()
{
	near_addr
	server_run "$TMP/coturn.log" turnserver -n --no-cli --no-dtls --no-udp --no-tcp \
		--no-tcp-relay --no-rfc5780 --no-stdout-log --log-file "$TMP/coturn.out" --simple-log \
		--no-software-attribute --relay-threads "${COTURN_THREADS:-1}" \
		--listening-ip $NEAR --relay-ip $NEAR --tls-listening-port $TLS --min-port 16384 \
		--cert "$TMP/ecdsa.pem" --pkey "$TMP/ecdsa.key" --lt-cred-mech --user demo:fairlead \
		--realm perf --userdb "$TMP/coturn.db" --pidfile "$TMP/coturn.pid"
	await_listen $TLS "$TMP/coturn.log"
}

nginx_up()
{
	cat >"$TMP/nginx.conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	daemon off; master_process off; pid $TMP/nginx.pid; error_log $TMP/nginx.log;
	worker_rlimit_nofile 65536;
	events { worker_connections 32768; multi_accept on; }
	stream {
	  ssl_certificate $TMP/ecdsa.pem; ssl_certificate_key $TMP/ecdsa.key;
	  ssl_certificate $TMP/rsa.pem; ssl_certificate_key $TMP/rsa.key;
	  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_cache off;
	  tcp_nodelay on;
	  server { listen $NEAR:$TLS ssl backlog=4096; return ""; }
	  server { listen $NEAR:$IN ssl backlog=4096; proxy_pass $FAR:$BACK; proxy_buffer_size 64k; }
	}
	http {
	  access_log off; ssl_certificate $TMP/ecdsa.pem; ssl_certificate_key $TMP/ecdsa.key;
	  ssl_protocols TLSv1.2 TLSv1.3; client_header_timeout 600s;
	  server { listen $NEAR:$((IN + 1)) ssl backlog=4096; }
	}
	END
	near_addr
	server_run "$TMP/nginx.out" nginx -c "$TMP/nginx.conf"
	await_listen $TLS "$TMP/nginx.out"
}

stunnel_up()
{
	cat >"$TMP/stunnel.conf" <<-END
	foreground = yes
	pid =
	output = $TMP/stunnel.out
	debug = err
	socket = l:TCP_NODELAY=1
	socket = r:TCP_NODELAY=1
	[perf]
	accept = $NEAR:$IN
	connect = $FAR:$BACK
	cert = $TMP/ecdsa.pem
	key = $TMP/ecdsa.key
	END
	near_addr
	server_run "$TMP/stunnel.log" stunnel4 "$TMP/stunnel.conf"
	await_listen $IN "$TMP/stunnel.log"
}

up() # NAME
{
	case $1 in
	fairlead) fairlead_up ;;
	fairlead-crypto) fairlead_up 1 ;;
	*) "$1_up" ;;
	esac
}

down()
{
	if [[ -n $CP ]]; then
		kill "$CP" 2>/dev/null || true
		wait "$CP" 2>/dev/null || true
		CP=
		rm -f "$TMP/dp.sock"
	fi
	server_down
}

# Whose CPU time counts.
cpu_of() { echo "$SERVER,$(pgrep -x ksoftirqd/0)"; }

# rss PID...: their KiB, added.
rss()
{
	local pid sum=0
	for pid; do
		sum=$((sum + $(awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status")))
	done
	echo "$sum"
}

# keep SCENARIO SERVER JSON: a run.
keep()
{
	[[ $3 == '{'*'}' ]] || { say "$2: no figure: $3"; exit 1; }
	printf '{"scenario": "%s", "server": "%s", %s\n' "$1" "$2" "${3#\{}" | tee -a "$TMP/lines"
}

# measure SCENARIO SERVER ARGUMENT...: one run of tls_load.
measure()
{
	local line
	line=$(load -P "$(cpu_of)" "${@:3}") || say "$1 $2: ${*:3}: errors: $line"
	keep "$1" "$2" "$line"
}

# ---- scenarios ----

# turns SERVER...: in turn, each started anew; calls $1_runs SERVER.
turns()
{
	local scenario=$1 turn name
	shift
	for turn in $(seq "$TURNS"); do
		for name in "$@"; do
			say "$scenario, turn $turn of $TURNS: $name"
			up "$name"
			"${scenario}_runs" "$name"
			down
		done
	done
}

relay_runs()
{
	local bytes direction
	for bytes in 1200 200; do
		for direction in up down; do
			measure relay "$1" "${USER_WORDS[@]}" -W $WINDOW turn $NEAR $TLS $FAR $PEER $LEGS "$SECS" \
				$direction $bytes
		done
	done
}

proxy_runs()
{
	local port=$IN alpn=() what
	if [[ $1 == fairlead* ]]; then
		port=$TLS alpn=(-a perf)
	fi
	for what in "1 $SECS up" "1 $SECS down" "64 $SECS up" "64 $SECS down" "1 $SECS echo 64"; do
		# shellcheck disable=SC2086 # words
		measure proxy "$1" "${alpn[@]}" stream $NEAR $port $BACK $what
	done
}

HANDSHAKES=('-v 1.3 -k ecdsa' '-v 1.3 -k ecdsa -r' '-v 1.3 -k rsa' '-v 1.2 -k ecdsa -r')

handshake_runs()
{
	local what key
	for what in "${HANDSHAKES[@]}"; do
		key=${what#*-k } key=${key%% *}
		# shellcheck disable=SC2086 # words
		if [[ $1 == openssl ]]; then
			keep handshake openssl "$(load $what bare "$TMP/$key.pem" "$TMP/$key.key" "$SECS")"
		else
			measure handshake "$1" $what shake $NEAR $TLS 64 "$SECS"
		fi
	done
}

openssl_up() { :; }

# idle_run NAME PORT [turn]: what N connections add to the server's memory, fairlead-cp's included.
# The first hundred, gone again, are for what a server makes once. Ours takes its tables at start:
# what an entry costs there is what twice as many entries add.
idle_run()
{
	local before come control_before table=0 control=0 times=1
	[[ -z ${3:-} ]] || times=2
	if [[ $1 == fairlead ]]; then
		CONNS=$((CONNS * 2)) ALLOCS=$((ALLOCS * times)) up fairlead
		table=$(rss "$SERVER") control=$(rss "$CP")
		down
		up fairlead
		table=$(((table - $(rss "$SERVER")) * 1024 / CONNS))
		control=$(((control - $(rss "$CP")) * 1024 / ALLOCS))
	else
		up "$1"
	fi
	idle_hold 100 "${@:2}"
	idle_release
	before=$(rss "$SERVER") control_before=${CP:+$(rss "$CP")}
	idle_hold $IDLE "${@:2}"
	come=$((($(rss "$SERVER") - before) * 1024 / IDLE))
	[[ -z $CP ]] || control=$((control + ($(rss "$CP") - control_before) * 1024 / IDLE))
	idle_release
	down
	keep idle "$1" "$(printf '{"load": "idle %s", "connections": %s, "bytes_in_tables": %s, ' \
		"${3:-tls}" $IDLE "$table"
		printf '"bytes_that_come": %s, "bytes_of_control": %s, "bytes_per_leg": %s}' \
			"$come" "$control" $((table + come + control)))"
}

# idle_hold COUNT PORT [turn]; idle_release.
idle_hold()
{
	rm -f "$TMP/idle.in"
	mkfifo "$TMP/idle.in"
	ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tls_load" "${USER_WORDS[@]}" \
		idle $NEAR "$2" "$1" ${3:+"$3"} <"$TMP/idle.in" >"$TMP/idle.out" 2>&1 &
	IDLE_PID=$!
	exec {IDLE_FD}>"$TMP/idle.in"
	timeout 40 sh -c 'until [ -s "$1" ]; do sleep 0.05; done' sh "$TMP/idle.out" &&
		grep -q '"errors": 0' "$TMP/idle.out" ||
		{ say "idle: $(cat "$TMP/idle.out")"; exit 1; }
}

idle_release()
{
	exec {IDLE_FD}>&-
	wait "$IDLE_PID" || true
}

scenario_idle()
{
	local run
	for run in "fairlead $TLS" "fairlead $TLS turn" "coturn $TLS" "coturn $TLS turn" \
		"nginx $((IN + 1))"; do
		say "idle: $run"
		# shellcheck disable=SC2086 # words
		idle_run $run
	done
}

scenario_relay() { turns relay fairlead coturn; }
scenario_proxy() { turns proxy fairlead nginx stunnel; }
scenario_handshake() { turns handshake fairlead fairlead-crypto nginx openssl; }

# Media is timed by a real-time thread, so that what it waits for is the relay and not its own turn
# on CPU 1, where handshakes are done and asked for; and the worker is one, so that it has CPU 0 as
# it would on a machine of its own.
storm_worker()
{
	local task
	for task in "/proc/$SERVER/task"/*; do
		if grep -qx 'Cpus_allowed_list:[[:space:]]*0' "$task/status"; then
			chrt -f -p 10 "${task##*/}"
		fi
	done
}

storm_media()
{
	timeout 60 ip netns exec flperf-far taskset -c 1 chrt -f 10 "$BUILD/perf/tls_load" -t udp \
		"${USER_WORDS[@]}" turn $NEAR 3478 $FAR $PEER 8 3 echo 200 $MEDIA_RATE
}

scenario_storm()
{
	local turn line
	up fairlead-crypto
	storm_worker
	for turn in $(seq "$TURNS"); do
		say "storm, turn $turn of $TURNS"
		keep storm calm "$(storm_media)"
		ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tls_load" -k rsa \
			storm $NEAR $TLS $STORM_RATE 5 >"$TMP/storm.out" 2>&1 &
		PIDS+=($!)
		sleep 0.5
		line=$(storm_media)
		wait "${PIDS[-1]}" || true
		unset 'PIDS[-1]'
		keep storm storm "$line"
		keep storm asked "$(cat "$TMP/storm.out")"
	done
	down
}

# Medians of each kind of run, and of the ratios of each turn.
ratios()
{
	python3 - "$TMP/lines" <<-'END'
	import json, statistics, sys
	runs = [json.loads(line) for line in open(sys.argv[1])]
	FIGURES = {"relay": ("messages_per_s", "messages_per_cpu_s"),
	           "proxy": ("mbit_per_s", "mbit_per_cpu_s", "us_p50", "us_p99"),
	           "handshake": ("handshakes_per_s", "handshakes_per_cpu_s"),
	           "idle": ("bytes_per_leg",), "storm": ("us_p50", "us_p99", "us_p999")}
	KIND = ("scenario", "load", "transport", "direction", "streams", "legs", "bytes", "tls", "key",
	        "resume")
	def kind(run):
	    return tuple((k, run[k]) for k in KIND if k in run)
	def ratio(a, b):
	    return round(statistics.median(x / y for x, y in zip(a, b)), 3)
	for k in dict.fromkeys(map(kind, runs)):
	    mine = [r for r in runs if kind(r) == k]
	    servers = list(dict.fromkeys(r["server"] for r in mine))
	    for figure in FIGURES[mine[0]["scenario"]]:
	        got = {s: [r[figure] for r in mine if r["server"] == s and r.get(figure)] for s in servers}
	        got = {s: v for s, v in got.items() if v}
	        ours = [s for s in got if s.startswith("fairlead") or s == "storm"]
	        if not ours or len(got) < 2:
	            continue
	        out = dict(k, figure=figure)
	        out |= {s: round(statistics.median(v), 1) for s, v in got.items()}
	        for a in ours:
	            for b in got:
	                if b not in ours:
	                    out[f"{a}_to_{b}"] = ratio(got[a], got[b])
	        print(json.dumps(out))
	END
}

# Of all that is measured here, and how much else there was to do.
versions()
{
	local load
	read -r load _ </proc/loadavg
	printf '{"versions": "%s, DPDK %s, %s, coturn %s, %s, Linux %s", "load_average": %s}\n' \
		"$(openssl version | cut -d' ' -f1,2)" "$(pkg-config --modversion libdpdk)" \
		"$(nginx -v 2>&1 | sed 's/.*: //')" "$(dpkg-query -Wf '${Version}' coturn)" \
		"$(stunnel4 -version 2>&1 | sed -n 's/^stunnel \([^ ]*\).*/stunnel \1/p' | head -n 1)" \
		"$(uname -r)" "$load"
}

main()
{
	local s o
	while getopts b:s:t:h o; do
		case $o in
		b) BUILD=$(realpath "$OPTARG") ;;
		s) SECS=$OPTARG ;;
		t) TURNS=$OPTARG ;;
		*) usage && exit 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	(($# == 0)) || SCENARIOS=("$@")
	trap 'down; net_down' EXIT
	net_up
	offloads off
	certificates
	versions
	for s in "${SCENARIOS[@]}"; do
		"scenario_$s"
	done
	ratios
}

main "$@"
