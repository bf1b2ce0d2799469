# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# shellcheck disable=SC2034 # variables that scenarios read
#
# For perf/scenario/*.sh: one server under test at a time, and the load beside it.
#
#   flperf-far: generator, or clients and far end   far0 <-> near0   flperf-near: the server
#   10.9.0.2                                                         10.9.0.1
#
# or a memif between the two. All of the server has CPU 0 (Fairlead's control process, too, where a
# scenario does not say otherwise), the load CPU 1. Ours has no kernel address in flperf-near; others
# get one from near_addr, until server_down. A scenario prints one JSON object a line: runs as they
# come, then their summaries (perf/figures.py). perf/run.sh sets SECS, TURNS, SHORT and BUILD.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
BUILD=$(realpath "${FAIRLEAD_BUILD:-$ROOT/build}")
TURNS=${TURNS:-3}
SECS=${SECS:-1}
PRIORITY=${PRIORITY:--10} # as of nice(1)
SHORT=${SHORT:-} # anything: as little as shows that each step works
SEARCH_SECS=0.5 # of a trial
LOSS=${LOSS:-0.0001} # a rate is free of loss if no more than this is lost
[[ -z $SHORT ]] || PRIORITY=0 SECS=0.2 TURNS=1 SEARCH_SECS=0.1 LOSS=0.5
# Programs under test, by name or by path.
COTURN=${COTURN:-turnserver} TESTPMD=${TESTPMD:-dpdk-testpmd} NGINX=${NGINX:-nginx}
HAPROXY=${HAPROXY:-haproxy} STUNNEL=${STUNNEL:-stunnel4} RTPENGINE=${RTPENGINE:-rtpengine}
NEAR=10.9.0.1 FAR=10.9.0.2
CLIENTS=10.9.1.1/16 PEERS=10.9.2.1/16
RELAYS="$NEAR 10.9.0.3 10.9.0.4"
PIDS=()
SERVER= # its PID
CP=     # that of fairlead-cp
PAGES_BEFORE=
export LIBXDP_SKIP_DISPATCHER=1 PYTHONDONTWRITEBYTECODE=1

say() { printf 'perf: %s\n' "$*" >&2; }

die()
{
	say "$*"
	exit 1
}

figures() { python3 "$ROOT/perf/figures.py" "$@"; }

# ---- begin and end of a scenario ----

# rig_begin [PROGRAM...]: namespaces, and $TMP; whatever happens, all goes at the end.
rig_begin()
{
	local p
	((EUID == 0)) || die "needs root, for namespaces and network ports"
	for p; do
		command -v "$p" >/dev/null || die "$p is not installed, and no path to it was given"
	done
	if [[ -z ${RIG_LOCKED:-} ]]; then
		exec {RIG_LOCKED}>/run/fairlead-rig.lock
		flock -n "$RIG_LOCKED" || die "another benchmark is at work"
	fi
	TMP=$(mktemp -d /tmp/fairlead-perf.XXXXXX)
	trap rig_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	# Server and load alike come before what else a machine has to do; where the scheduler has a group
	# for each session, only the whole of one can be.
	ulimit -c 0
	renice -n "$PRIORITY" $$ >/dev/null
	[[ $(ps -o sid= $$) -ne $$ || ! -w /proc/$$/autogroup ]] || echo "$PRIORITY" >/proc/$$/autogroup
	ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
	net_down # of a run that was killed
	net_up
}

rig_end()
{
	local rc=$? pid
	trap '' INT TERM
	trap - EXIT
	server_down
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	net_down
	[[ -z $PAGES_BEFORE ]] || echo "$PAGES_BEFORE" >/proc/sys/vm/nr_hugepages
	((rc == 0 || rc == 130 || rc == 143)) || logs
	rm -rf "$TMP"
	exit $rc
}

# What the programs said last, for whoever wonders why a scenario failed.
logs()
{
	local f
	for f in "$TMP"/*.log; do
		[[ ! -s $f ]] || { say "${f##*/}:"; tail -n 5 "$f" | sed 's/^/    /' >&2; }
	done
}

# pages_up MB: so much in free huge pages; sets HUGE to yes or no. A short run is not for figures: it
# leaves the machine's pages to the tests beside it.
pages_up()
{
	local free size file=/proc/sys/vm/nr_hugepages had
	free=$(awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo)
	size=$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)
	HUGE=no
	[[ -n $size && -e $file && -z ${SHORT:-} ]] || return 0
	had=$(cat $file)
	if ((free * size / 1024 < $1)); then
		PAGES_BEFORE=${PAGES_BEFORE:-$had}
		echo $((had + $1 * 1024 / size - free + 1)) >$file 2>/dev/null || true
		free=$(awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo)
	fi
	if ((free * size / 1024 >= $1)); then
		HUGE=yes
	else
		say "no $1 MB of huge pages: ordinary ones"
	fi
}

# wait_for PID: unlike a program in the foreground, it does not keep a signal waiting.
wait_for()
{
	local rc=0
	PIDS+=("$1")
	wait "$1" || rc=$?
	unset 'PIDS[-1]'
	return $rc
}

# bench PROGRAM...: its standard output goes to $TMP/out; no longer than two minutes. Where it fails
# all of the scenario does, unless it counted errors: then keep() notes a failed run.
bench()
{
	local rc=0
	timeout -k 5 "${BENCH_SECS:-120}" "$@" >"$TMP/out" 2>"$TMP/bench.log" </dev/null &
	wait_for $! || rc=$?
	((rc != 0)) || return 0
	grep -q '"errors": *[1-9]' "$TMP/out" || die "exit code $rc: $*"
	say "errors: $*: $(tail -n 1 "$TMP/out")"
}

# bench_far PROGRAM...: of build/perf, at the far end; no longer than a minute.
bench_far()
{
	BENCH_SECS=60 bench ip netns exec flperf-far taskset -c 1 "$BUILD/perf/$1" "${@:2}"
}

# ---- the network ----

# Not for what is started and stopped: its PID would be a shell's.
far() { ip netns exec flperf-far taskset -c 1 "$@"; }
near() { ip netns exec flperf-near "$@"; }

# AF_XDP carries what is in the frame: a checksum or a cut left to veth would never be made.
offloads() # on | off
{
	near ethtool -K near0 rx "$1" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
	far ethtool -K far0 rx "$1" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
}

net_up()
{
	local ns
	ip netns add flperf-near
	ip netns add flperf-far
	ip link add near0 netns flperf-near type veth peer name far0 netns flperf-far
	ip -n flperf-near link set near0 addrgenmode none up
	ip -n flperf-far link set far0 addrgenmode none up
	ip -n flperf-far link set lo up
	ip -n flperf-far addr add $FAR/16 dev far0
	offloads off
	# Thousands of closed connections must not use up the ports of the far end.
	for ns in near far; do
		ip netns exec flperf-$ns sh -c 'echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range
			echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'
	done
}

net_down()
{
	local ns
	for ns in $(ip netns list | awk '/^flperf-/ { print $1 }'); do
		ip netns del "$ns"
	done
}

near_addr()
{
	ip -n flperf-near addr add $NEAR/16 dev near0
	ip -n flperf-near link set lo up
}

ended() { [[ ! -e /proc/$1/exe ]]; }

# listens PORT t|u: whether something has this TCP or UDP port in flperf-near.
listens() { near ss "-Hln$2" "sport = :$1" | grep -q .; }

# await_listen PORT LOG [u]
await_listen()
{
	await 10 listens "$1" "${3:-t}" || die "nothing listens: $(tail -n 3 "$2")"
}

# ready_or_ended WORDS LOG
ready_or_ended() { grep -qs "$1" "$2" || ended "$SERVER"; }

# ---- servers ----

# server_run LOG COMMAND...: on CPU 0 of flperf-near, or on CPUS if it picks its own; its PID is in
# $SERVER.
server_run()
{
	local log=$1
	shift
	ip netns exec flperf-near taskset -c "${CPUS:-0}" "$@" >"$log" 2>&1 </dev/null &
	SERVER=$!
}

server_down()
{
	local pid
	for pid in $CP $SERVER; do
		kill "$pid" 2>/dev/null || true
		await 10 ended "$pid" || kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	CP='' SERVER=''
	ip -n flperf-near addr flush dev near0 2>/dev/null || true
	ip -n flperf-far neigh flush all 2>/dev/null || true
}

fl() { "$BUILD/fairlead" --config "$TMP/fairlead.yaml" "$@"; }

# fairlead_conf DEVICE: with room for $SESSIONS; further maps are on standard input. A relay may be
# ADDRESS=REALM.
fairlead_conf()
{
	local r relays='' addresses=''
	for r in $RELAYS; do
		addresses+="${r%=*}/16, "
		[[ $r != *=* ]] || r="${r%=*}, realm: ${r#*=}"
		relays+="{address: $r, port-min: 16384}, "
	done
	cat >"$TMP/fairlead.yaml"
	cat >>"$TMP/fairlead.yaml" <<-END
	dataplane: {workers: [0], main-cpu: ${CTL_CPU:-0}, hugepages: ${HUGE:-no},
	            memory-mb: ${MEMORY:-1024},
	            mbufs: 65536, sessions: ${SESSIONS:-16384}, request-rate: 0,
	            idle: ${IDLE:-sleep}, idle-max-us: 20, socket: $TMP/dp.sock}
	ports: [{name: near, device: "$1", rx-desc: 4096, tx-desc: 4096, addresses: [${addresses%, }]}]
	listeners: [{address: $NEAR}${LISTENERS:+, $LISTENERS}]
	relays: [${relays%, }]
	turn: {realm: perf, allocations-max: ${SESSIONS:-16384}, allocations-per-user: 0}
	auth: {users-db: $TMP/users.db}
	peers: {allow: [10.0.0.0/8]}
	control: {socket: $TMP/control.sock, state: $TMP/allocations.state,
	          contexts: $TMP/contexts.state, metrics-port: 0}
	END
}

attached() { fl --json status 2>/dev/null | grep -Eq '"attached": *true'; }

# dp_run COMMAND...: our dataplane, or what stands for it; an AF_XDP socket is busy for a while after
# its process has ended.
dp_run()
{
	local try
	for ((try = 0; try < 20; try++)); do
		rm -f "$TMP/dp.sock"
		: >"$TMP/dp.log" # not what the last one said
		CPUS=${DP_CPUS:-0} server_run "$TMP/dp.log" "$@"
		await 30 ready_or_ended ': ready' "$TMP/dp.log" || break
		! grep -q ': ready' "$TMP/dp.log" || return 0
		grep -qi busy "$TMP/dp.log" || break
		sleep 0.3
	done
	die "$1 does not start: $(tail -n 3 "$TMP/dp.log")"
}

# fairlead_up: both processes, with what fairlead_conf wrote, and user demo.
fairlead_up()
{
	rm -f "$TMP/contexts.state" "$TMP/contexts.state.h248" "$TMP/allocations.state.ports" # those of the last run; rests, too
	dp_run "$BUILD/fairlead-dp" --config "$TMP/fairlead.yaml"
	ip netns exec flperf-near taskset -c "${CTL_CPU:-0}" "$BUILD/fairlead-cp" \
		--config "$TMP/fairlead.yaml" >"$TMP/cp.log" 2>&1 </dev/null &
	CP=$!
	await 10 attached || die "fairlead-cp does not attach: $(tail -n 3 "$TMP/cp.log")"
	fl user add demo --password-file - --replace >/dev/null <<<fairlead
}

# testpmd_up MODE DEVICE: forwards from one core, the other thread sleeps.
testpmd_up()
{
	local try keys EAL
	[[ -p $TMP/keys ]] || mkfifo "$TMP/keys"
	eal_words
	exec {keys}<>"$TMP/keys" # it ends with its standard input
	for ((try = 0; try < 20; try++)); do
		: >"$TMP/testpmd.log"
		ip netns exec flperf-near taskset -c 0,1 stdbuf -oL "$TESTPMD" --lcores 0@1,1@0 "${EAL[@]}" \
			--vdev "$2" -- --forward-mode="$1" --auto-start --disable-link-check \
			--rxd=4096 --txd=4096 --total-num-mbufs=65536 >"$TMP/testpmd.log" 2>&1 <&$keys &
		SERVER=$!
		disown # or bash would tell of its crashes: afresh() sees to them
		await 20 ready_or_ended 'Press enter' "$TMP/testpmd.log" || break
		! grep -q "Press enter" "$TMP/testpmd.log" || { exec {keys}>&-; return 0; }
		sleep 0.3
	done
	die "testpmd does not start: $(tail -n 3 "$TMP/testpmd.log")"
}

# eal_words: sets EAL, for several DPDK programs side by side that leave no files behind.
eal_words()
{
	EAL=(--no-pci --no-telemetry --no-shconf --iova-mode=va --log-level=lib.eal:error)
	if [[ ${HUGE:-no} == yes ]]; then
		EAL+=(--in-memory -m 512)
	else
		EAL+=(--no-huge -m 1024)
	fi
}

# coturn_up [OPTION...]: users in memory, no log, no rate limit, nothing served that is not measured;
# with one CPU a second relay thread brings nothing.
coturn_up()
{
	near_addr
	server_run "$TMP/coturn.log" "$COTURN" -n --no-cli --no-dtls --no-tcp --no-tcp-relay \
		--no-rfc5780 --no-stdout-log --log-file "$TMP/coturn.out" --simple-log --no-software-attribute \
		--relay-threads "${COTURN_THREADS:-1}" --listening-ip $NEAR --relay-ip $NEAR \
		--min-port 16384 --lt-cred-mech --user demo:fairlead --realm perf \
		--userdb "$TMP/coturn.db" --pidfile "$TMP/coturn.pid" "$@"
}

# nginx_conf, haproxy_conf: one process on CPU 0, with the servers on standard input.
nginx_conf()
{
	cat - >"$TMP/nginx.servers"
	cat >"$TMP/nginx.conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	daemon off; master_process off; pid $TMP/nginx.pid; error_log $TMP/nginx.errors;
	worker_rlimit_nofile 65536;
	events { worker_connections 32768; multi_accept on; }
	include $TMP/nginx.servers;
	END
	near_addr
	server_run "$TMP/nginx.log" "$NGINX" -c "$TMP/nginx.conf"
}

# far_end_up NAMESPACE: what counts what comes to $OUT there.
far_end_up()
{
	ip netns exec "$1" taskset -c 1 "$BUILD/perf/tcp_load" serve $OUT >"$TMP/serve-$1.log" 2>&1 &
	PIDS+=($!)
	await 10 grep -qs ready "$TMP/serve-$1.log" || die "no far end: $(cat "$TMP/serve-$1.log")"
}

# nginx_joined_up: joins what comes to $IN with $OUT at the far end.
nginx_joined_up()
{
	nginx_conf <<-END
	stream { server { listen $NEAR:$IN backlog=4096; proxy_pass $FAR:$OUT; proxy_buffer_size 64k;
	         tcp_nodelay on; } }
	END
	await_listen $IN "$TMP/nginx.log"
}

haproxy_conf()
{
	{
		cat <<-END
		global
		  maxconn 4000
		  nbthread 1
		  ssl-default-bind-options ssl-min-ver TLSv1.2
		defaults
		  mode tcp
		  option splice-auto
		  timeout connect 10s
		  timeout client 600s
		  timeout server 600s
		END
		cat
	} >"$TMP/haproxy.conf"
	near_addr
	server_run "$TMP/haproxy.log" "$HAPROXY" -db -f "$TMP/haproxy.conf"
}

# ---- UDP: the generator and who it asks ----

# device near|far memif|veth
device()
{
	case $2-$1 in
	memif-near) echo "net_memif0,role=server,id=0,socket-abstract=no,socket=$TMP/memif.sock" ;;
	memif-far)
		echo "net_memif0,role=client,id=0,socket-abstract=no,socket=$TMP/memif.sock$(
			[[ ${HUGE:-no} == no ]] || echo ,zero-copy=yes)"
		;;
	*) echo "net_af_xdp0,iface=${1}0" ;;
	esac
}

# udp_up SERVER memif|veth
udp_up()
{
	rm -f "$TMP/memif.sock" # of one that crashed
	case $1 in
	fairlead)
		fairlead_conf "$(device near "$2")" </dev/null
		fairlead_up
		;;
	testpmd) testpmd_up "$([[ $2 == memif ]] && echo macswap || echo io)" "$(device near "$2")" ;;
	coturn)
		coturn_up --no-tls
		await_listen 3478 "$TMP/coturn.log" u
		;;
	esac
}

# afresh SERVER memif|veth: before another run of it. coturn answers 437 for a while to the address of
# an allocation that was given back; testpmd may crash in DPDK's memif when a generator goes: its
# rings are unmapped by another thread than polls them.
afresh()
{
	if [[ $1 == coturn || "$1 $2" == "testpmd memif" ]]; then
		server_down
		udp_up "$1" "$2"
	fi
}

# generate SERVER memif|veth ARGUMENT...: a run of turn_load, through the contexts in file COMPONENTS if that
# is set; its JSON goes to $TMP/load.json.
generate()
{
	local to=(--client "$CLIENTS" --peer "$PEERS")
	local try EAL
	eal_words
	if [[ $1 == testpmd ]]; then
		to+=(--raw --gateway-mac 02:00:00:00:00:fe)
	elif [[ -n ${COMPONENTS:-} ]]; then
		to+=(--legs "$COMPONENTS")
	else
		to+=(--server "$NEAR:3478" --user demo --password fairlead)
	fi
	for ((try = 0; try < 20; try++)); do
		timeout -k 5 120 ip netns exec flperf-far taskset -c 1 "$BUILD/perf/turn_load" \
			--lcores 0@1 "${EAL[@]}" --single-file-segments --vdev "$(device far "$2")" -- \
			"${to[@]}" --json --warmup 0.2 "${@:3}" \
			>"$TMP/load.json" 2>"$TMP/load.log" </dev/null &
		! wait_for $! || return 0
		grep -qiE 'busy|Failed to connect' "$TMP/load.log" || break
		sleep 0.3
	done
	die "turn_load ($1, $2, ${*:3}): $(tail -n 3 "$TMP/load.log")"
}

# ---- runs ----

# rss PID...: their bytes, added.
rss()
{
	local pid sum=0
	for pid; do
		sum=$((sum + $(awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status") * 1024))
	done
	echo $sum
}

# keep SERVER [KEY=VALUE...]: standard input's figures as a run of $SCENARIO in turn $TURN.
keep() { figures run "$SCENARIO" "$1" "$TURN" "${@:2}" | tee -a "$TMP/runs"; }

# turns SERVER...: $TURNS times each, a b a b; calls one_turn SERVER.
turns()
{
	local name n=0
	for TURN in $(seq "$TURNS"); do
		for name; do
			say "$SCENARIO: $name, $((++n)) of $((TURNS * $#))"
			one_turn "$name"
		done
	done
}

# few_turns SERVER...: at most two, of what README.md's table does not hold.
few_turns()
{
	local TURNS=$((TURNS < 2 ? TURNS : 2))
	turns "$@"
}

# summarise FIGURE...: of all runs.
summarise() { figures ratios "$TMP/runs" fairlead "$@"; }
