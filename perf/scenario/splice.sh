#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 1.5 min: TLS to TCP contexts, client certificates judged, beside nginx stream, haproxy and stunnel
#
# Throughput of one connection and of many, latency, handshakes a second. Each connection of ours is a
# context with a port of its own, made beforehand, as a controller makes them; its client certificate
# is compared with the fingerprint the controller gave. Rivals have one port, ask for the certificate
# and take any. TLS 1.2 for handshakes: without tickets nothing else tells the client that its server
# is done. What is measured, and how the load shares CPU 1, is as in scenario tls.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=splice CTL_CPU=1
IN=7443 BACK=7001 OUT=7002
STREAMS=(1 100)
HANDSHAKES=2000
PORT=16384 # of our next context
[[ -z $SHORT ]] || STREAMS=(1) HANDSHAKES=50

certificates()
{
	local name
	for name in server client; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-keyout "$TMP/$name.key" -out "$TMP/$name.pem" -subj /CN=$name.test -days 2 2>/dev/null
		cat "$TMP/$name.pem" "$TMP/$name.key" >"$TMP/$name.both"
	done
	FINGERPRINT=$(openssl x509 -in "$TMP/client.pem" -noout -fingerprint -sha256)
}

# ---- servers ----

splice_fairlead_up()
{
	SESSIONS=64 RELAYS="$NEAR=access 10.9.0.3=core" fairlead_conf "$(device near veth)" <<-END
	tcp: {connections: 16384, half-open: 16384, time-wait: 65536, time-wait-ms: 1000, buffers: 40000}
	tls: {connections: 8192}
	tls-domains: [{name: default}]
	certificates: [{chain: $TMP/server.pem, key: $TMP/server.key}]
	realms: [{name: access, domain: default}, {name: core}]
	gateway: {contexts: 4096, streams: 4096}
	END
	DP_CPUS=0,1 fairlead_up
	PORT=16384
}

splice_nginx_up()
{
	nginx_conf <<-END
	stream {
	  ssl_certificate $TMP/server.pem; ssl_certificate_key $TMP/server.key;
	  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off;
	  ssl_verify_client optional_no_ca; tcp_nodelay on; proxy_buffer_size 64k;
	  server { listen $NEAR:$IN ssl backlog=4096; proxy_pass $FAR:$BACK; }
	  server { listen $NEAR:$((IN + 1)) ssl backlog=4096; proxy_pass $FAR:$OUT; }
	}
	END
	await_listen $IN "$TMP/nginx.log"
}

splice_haproxy_up()
{
	local asks="ssl crt $TMP/server.both no-tls-tickets verify optional ca-file $TMP/client.pem"
	haproxy_conf <<-END
	listen perf
	  bind $NEAR:$IN backlog 4096 $asks
	  server far $FAR:$BACK
	listen handshakes
	  bind $NEAR:$((IN + 1)) backlog 4096 $asks
	  server far $FAR:$OUT
	END
	await_listen $IN "$TMP/haproxy.log"
}

splice_stunnel_up()
{
	cat >"$TMP/stunnel.conf" <<-END
	foreground = yes
	pid =
	output = $TMP/stunnel.out
	debug = err
	socket = l:TCP_NODELAY=1
	socket = r:TCP_NODELAY=1
	cert = $TMP/server.pem
	key = $TMP/server.key
	requireCert = yes
	verifyPeer = yes
	CAfile = $TMP/client.pem
	sessionCacheSize = 1
	[perf]
	accept = $NEAR:$IN
	connect = $FAR:$BACK
	[handshakes]
	accept = $NEAR:$((IN + 1))
	connect = $FAR:$OUT
	END
	near_addr
	server_run "$TMP/stunnel.log" "$STUNNEL" "$TMP/stunnel.conf"
	await_listen $IN "$TMP/stunnel.log"
}

# ---- runs ----

# measure SERVER COUNT BACK-PORT CASE... -- ARGUMENT...: one run of tls_load with COUNT connections;
# in its arguments @ stands for the port.
measure()
{
	local server=$1 count=$2 back=$3 case=() port=$IN args=()
	shift 3
	while [[ $1 != -- ]]; do
		case+=("$1")
		shift
	done
	shift
	((back == BACK)) || port=$((IN + 1))
	if [[ $server == fairlead ]]; then
		port=$PORT
		args=(-s 2 -x "'$ROOT/perf/splices.py' '$TMP/control.sock' $PORT $count $FAR:$back '$FINGERPRINT'")
		PORT=$((PORT + 2 * count))
	fi
	bench_far tls_load -P "$SERVER,$(pgrep -x ksoftirqd/0)" -c "$TMP/client.both" "${args[@]}" "${@/#@/$port}"
	keep "$server" "${case[@]}" <"$TMP/out"
}

one_turn()
{
	local n direction
	"splice_$1_up"
	for n in "${STREAMS[@]}"; do
		for direction in up down; do
			measure "$1" "$n" $BACK streams="$n" direction=$direction -- \
				stream $NEAR @ $BACK "$n" "$SECS" $direction
		done
	done
	measure "$1" 1 $BACK streams=1 direction=echo bytes=64 -- stream $NEAR @ $BACK 1 "$SECS" echo 64
	# What a thread of stunnel took is not to be had once it has ended, with its connection.
	[[ $1 == stunnel ]] || measure "$1" $HANDSHAKES $OUT handshakes=$HANDSHAKES -- -v 1.2 handshake $NEAR @ 64 30 $HANDSHAKES
	server_down
}

rig_begin "$NGINX" "$HAPROXY" "$STUNNEL"
certificates
far_end_up flperf-far
few_turns fairlead nginx haproxy stunnel
summarise mbit_per_s mbit_per_cpu_s us_p50 us_p99 us_p999 handshakes_per_s handshakes_per_cpu_s
