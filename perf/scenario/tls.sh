#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 5 min: TLS: records, handshakes, relay and proxy beside coturn, nginx, haproxy, stunnel, OpenSSL
#
#   record     sealing and opening, beside libipsec-mb and OpenSSL called directly
#   shake      handshakes in memory, beside OpenSSL's server alone
#   relay      goodput of TURN over TLS to a UDP peer (up) and from it (down), ChannelData of 1200
#              and of 200 bytes, 16 legs; beside coturn's TLS listener
#   proxy      goodput and latency of TLS to TCP; beside nginx stream, haproxy and stunnel
#   handshake  handshakes a second, full and resumed; beside nginx, and OpenSSL alone in a loop
#   idle       bytes an idle leg; beside coturn and nginx
#   storm      latency of UDP media with RSA-2048 handshakes arriving faster than they can be done,
#              and without; handshakes on a crypto CPU (R72)
#   allocator  the same beside handshakes, with jemalloc and with libc's allocator: of scenario allocator
#
# The load shares CPU 1 with the far end, the control process and, where there is one, the crypto CPU;
# whoever makes a packet pays for its way through veth, and for what the far kernel does with it. So
# a run tells, beside what came through, what it cost: per second of CPU time of the server's threads
# ("per_cpu_s"; ksoftirqd of CPU 0 is counted with them). That of Fairlead includes its naps' timers
# and AF_XDP's send, a system call in copy mode: "user_s" of "cpu_s" was not the kernel's. Checksum
# and segmentation offloads are off at both ends, since AF_XDP carries what is in the frame.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=${SCENARIO:-tls} CTL_CPU=1 TURN=1
STEPS=(record memory relay proxy handshake idle storm)
TLS=5349 IN=7443 BACK=7001 PEER=3480
COMPONENTS=16 WINDOW=32
CONNS=16384 ALLOCS=16384
IDLE_LEGS=6000
STORM_RATE=6000 # of RSA-2048 handshakes one CPU does some 2,000 a second
MEDIA_RATE=2000
USER_WORDS=(-u demo -w fairlead)
CIPHERS=(aes128 aes256 chacha20) RECORDS=(200 1350 16384)
IN_MEMORY=('1.3 ecdsa' '1.3 rsa' '1.2 ecdsa' '1.2 rsa' '1.3 ecdsa resume' '1.2 ecdsa resume')
HANDSHAKES=('-v 1.3 -k ecdsa' '-v 1.3 -k ecdsa -r' '-v 1.3 -k rsa' '-v 1.2 -k ecdsa -r')
MESSAGES=(1200 200) STREAMS=(1 64)
[[ ${SECS%.*} == 0 ]] || SECS=1
if [[ -n $SHORT ]]; then
	STEPS=(relay proxy handshake)
	HANDSHAKES=('-v 1.3 -k ecdsa') MESSAGES=(200) STREAMS=(1) CONNS=1024 ALLOCS=1024
fi

# ---- servers ----

certificates()
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/rsa.key" -out "$TMP/rsa.pem" \
		-subj /CN=perf.test -days 2 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$TMP/ecdsa.key" -out "$TMP/ecdsa.pem" -subj /CN=perf.test -days 2 2>/dev/null
	cat "$TMP/ecdsa.pem" "$TMP/ecdsa.key" >"$TMP/both.pem"
}

# tls_fairlead_up [CRYPTO-CPU]: with tables for $CONNS connections and $ALLOCS allocations.
tls_fairlead_up()
{
	RELAYS=$NEAR SESSIONS=$ALLOCS \
		LISTENERS="{address: $NEAR, port: $TLS, transport: tls}" \
		fairlead_conf "$(device near veth)" <<-END
	tcp: {connections: $CONNS, half-open: 16384, time-wait: 65536, time-wait-ms: 1000,
	      buffers: 40000}
	tls: {crypto-cpus: [${1:-}], connections: $CONNS}
	tls-domains: [{name: default}]
	certificates:
	  - {chain: $TMP/ecdsa.pem, key: $TMP/ecdsa.key}
	  - {chain: $TMP/rsa.pem, key: $TMP/rsa.key}
	services: [{name: perf, alpn: [perf], backend: $FAR, port: $BACK}]
	END
	DP_CPUS=0,1 fairlead_up
}

tls_coturn_up()
{
	coturn_up --no-udp --tls-listening-port $TLS --cert "$TMP/ecdsa.pem" --pkey "$TMP/ecdsa.key"
	await_listen $TLS "$TMP/coturn.log"
}

tls_nginx_up()
{
	nginx_conf <<-END
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
	await_listen $TLS "$TMP/nginx.log"
}

tls_haproxy_up()
{
	haproxy_conf <<-END
	listen perf
	  bind $NEAR:$IN backlog 4096 ssl crt $TMP/both.pem
	  server far $FAR:$BACK
	END
	await_listen $IN "$TMP/haproxy.log"
}

tls_stunnel_up()
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
	server_run "$TMP/stunnel.log" "$STUNNEL" "$TMP/stunnel.conf"
	await_listen $IN "$TMP/stunnel.log"
}

up() # NAME
{
	case $1 in
	openssl) ;; # a program that runs and ends
	fairlead-crypto) tls_fairlead_up 1 ;;
	*) "tls_$1_up" ;;
	esac
}

# Whose CPU time counts.
cpu_of() { echo "$SERVER,$(pgrep -x ksoftirqd/0)"; }

# measure SERVER CASE -- ARGUMENT...: one run of tls_load, its words for the case before the dashes.
measure()
{
	local server=$1 case=()
	shift
	while [[ $1 != -- ]]; do
		case+=("$1")
		shift
	done
	bench_far tls_load -P "$(cpu_of)" "${@:2}"
	keep "$server" step="$STEP" "${case[@]}" <"$TMP/out"
}

one_turn()
{
	up "$1"
	"${STEP}_runs" "$1"
	server_down
}

# ---- steps ----

step_record()
{
	local cipher bytes
	for cipher in "${CIPHERS[@]}"; do
		for bytes in "${RECORDS[@]}"; do
			say "tls: records: $cipher, $bytes bytes"
			bench "$BUILD/perf/bench_tls" "$cipher" "$bytes"
			keep fairlead step=record cipher="$cipher" bytes="$bytes" <"$TMP/out"
		done
	done
}

step_memory()
{
	local args
	for args in "${IN_MEMORY[@]}"; do
		say "tls: handshakes in memory: $args"
		# shellcheck disable=SC2086 # words
		bench "$BUILD/perf/bench_handshake" $args
		keep fairlead step=memory what="$args" <"$TMP/out"
	done
}

relay_runs()
{
	local bytes direction
	for bytes in "${MESSAGES[@]}"; do
		for direction in up down; do
			measure "$1" bytes="$bytes" direction=$direction -- "${USER_WORDS[@]}" -W $WINDOW \
				turn $NEAR $TLS $FAR $PEER $COMPONENTS "$SECS" $direction "$bytes"
		done
	done
}

proxy_runs()
{
	local port=$IN alpn=() streams direction
	if [[ $1 == fairlead ]]; then
		port=$TLS alpn=(-a perf)
	fi
	for streams in "${STREAMS[@]}"; do
		for direction in up down; do
			measure "$1" streams="$streams" direction=$direction -- "${alpn[@]}" \
				stream $NEAR $port $BACK "$streams" "$SECS" $direction
		done
	done
	measure "$1" streams=1 direction=echo bytes=64 -- "${alpn[@]}" \
		stream $NEAR $port $BACK 1 "$SECS" echo 64
}

handshake_runs()
{
	local what key
	for what in "${HANDSHAKES[@]}"; do
		key=${what#*-k } key=${key%% *}
		# shellcheck disable=SC2086 # words
		if [[ $1 == openssl ]]; then
			bench_far tls_load $what bare "$TMP/$key.pem" "$TMP/$key.key" "$SECS"
			keep openssl step=handshake what="$what" <"$TMP/out"
		else
			measure "$1" what="$what" -- $what handshake $NEAR $TLS 64 "$SECS"
		fi
	done
}

step_relay() { turns fairlead coturn; }
step_proxy() { few_turns fairlead nginx haproxy stunnel; }
step_handshake() { few_turns fairlead fairlead-crypto nginx openssl; }

# idle_run NAME PORT [turn]: what N connections add to the server's memory, fairlead-cp's included.
# The first 300, gone again, are for what a server makes once. Ours takes its tables at start:
# what an entry costs there is what twice as many entries add.
idle_run()
{
	local before come control_before=0 table=0 control=0 times=1 ALLOCS=$ALLOCS
	if [[ -n ${3:-} ]]; then
		times=2 ALLOCS=$((IDLE_LEGS + 256)) # of a table that is nearly empty each entry takes a page
	fi
	if [[ $1 == fairlead ]]; then
		CONNS=$((CONNS * 2)) ALLOCS=$((ALLOCS * times)) up fairlead
		table=$(rss "$SERVER") control=$(rss "$CP")
		server_down
		up fairlead
		table=$(((table - $(rss "$SERVER")) / CONNS))
		control=$(((control - $(rss "$CP")) / ALLOCS))
	else
		up "$1"
	fi
	idle_hold 300 "${@:2}"
	idle_release
	before=$(rss "$SERVER")
	[[ -z $CP ]] || control_before=$(rss "$CP")
	idle_hold $IDLE_LEGS "${@:2}"
	come=$((($(rss "$SERVER") - before) / IDLE_LEGS))
	[[ -z $CP ]] || control=$((control + ($(rss "$CP") - control_before) / IDLE_LEGS))
	idle_release
	server_down
	keep "$1" step=idle leg="${3:-tls}" connections=$IDLE_LEGS <<-END
	{"bytes_in_tables": $table, "bytes_that_come": $come, "bytes_of_control": $control, "bytes_per_leg": $((table + come + control))}
	END
}

# idle_hold COUNT PORT [turn]; idle_release.
idle_hold()
{
	rm -f "$TMP/idle.in" "$TMP/idle.out"
	mkfifo "$TMP/idle.in"
	ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tls_load" "${USER_WORDS[@]}" \
		idle $NEAR "$2" "$1" ${3:+"$3"} <"$TMP/idle.in" >"$TMP/idle.out" 2>&1 &
	IDLE_PID=$!
	PIDS+=("$IDLE_PID")
	exec {IDLE_FD}>"$TMP/idle.in"
	await 40 test -s "$TMP/idle.out" &&
		grep -q '"errors": 0' "$TMP/idle.out" || die "idle: $(cat "$TMP/idle.out")"
}

idle_release()
{
	exec {IDLE_FD}>&-
	wait "$IDLE_PID" || true
	unset 'PIDS[-1]'
}

step_idle()
{
	local run
	for run in "fairlead $TLS" "fairlead $TLS turn" "coturn $TLS" "coturn $TLS turn" \
		"nginx $((IN + 1))"; do
		say "tls: idle: $run"
		# shellcheck disable=SC2086 # words
		idle_run $run
	done
}

# Media is timed by a real-time thread, so that what it waits for is the relay and not its own turn
# on CPU 1, where handshakes are done and asked for; and the worker is one, so that it has CPU 0 as
# it would on a machine of its own. Not with PRIORITY=0, which leaves others their turns.
REALTIME=()
((PRIORITY == 0)) || REALTIME=(chrt -f 10)

storm_worker()
{
	local task
	((PRIORITY != 0)) || return 0
	for task in "/proc/$SERVER/task"/*; do
		if grep -qx 'Cpus_allowed_list:[[:space:]]*0' "$task/status"; then
			chrt -f -p 10 "${task##*/}"
		fi
	done
}

storm_media()
{
	BENCH_SECS=60 bench ip netns exec flperf-far taskset -c 1 "${REALTIME[@]}" "$BUILD/perf/tls_load" -t udp \
		"${USER_WORDS[@]}" turn $NEAR 3478 $FAR $PEER 8 3 echo 200 $MEDIA_RATE
}

# storm_beside NAME
storm_beside()
{
	local storm
	ip netns exec flperf-far taskset -c 1 "$BUILD/perf/tls_load" -k rsa \
		storm $NEAR $TLS $STORM_RATE 5 >"$TMP/storm.out" 2>&1 &
	storm=$!
	PIDS+=("$storm")
	sleep 0.5
	storm_media
	wait "$storm" || true
	unset 'PIDS[-1]'
	keep "$1" step="$STEP" <"$TMP/out"
}

step_storm()
{
	up fairlead-crypto
	storm_worker
	for TURN in $(seq "$TURNS"); do
		say "tls: storm, $TURN of $TURNS"
		storm_media
		keep calm step=storm <"$TMP/out"
		storm_beside fairlead
		keep asked step=storm <"$TMP/storm.out"
	done
	server_down
	TURN=1
}

# All else is the same build, so that nothing but the allocator differs. It is kept, beside the other.
step_allocator()
{
	local name own=$BUILD libc=$BUILD-libc
	say "tls: a build with libc's allocator"
	{ { [[ -f $libc/build.ninja ]] || CC=${CC:-cc} meson setup "$libc" "$ROOT" -Djemalloc=disabled; } &&
		ninja -C "$libc" fairlead-dp fairlead-cp fairlead perf/tls_load; } >"$TMP/libc.log" 2>&1 ||
		die "no build with libc's allocator: $(tail -n 3 "$TMP/libc.log")"
	for TURN in $(seq "$TURNS"); do
		for name in fairlead libc; do
			say "tls: allocator, $TURN of $TURNS: $name"
			[[ $name == fairlead ]] || BUILD=$libc
			up fairlead-crypto
			storm_worker
			storm_beside $name
			server_down
			BUILD=$own
		done
	done
	TURN=1
}

rig_begin "$NGINX" "$COTURN" "$HAPROXY" "$STUNNEL"
certificates
(($# == 0)) || STEPS=("$@")
for STEP in "${STEPS[@]}"; do
	"step_$STEP"
done
summarise messages_per_s messages_per_cpu_s mbit_per_s mbit_per_cpu_s us_p50 us_p99 us_p999 \
	handshakes_per_s handshakes_per_cpu_s bytes_per_leg
