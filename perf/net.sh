# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For perf/tcp.sh and perf/tls.sh: a pair of veth devices with one server under test at a time.
#
#   flperf-far: load, client and far end    far0 <-> near0   flperf-near: the server under test
#   10.8.0.2                                                 10.8.0.1
#
# The server has CPU 0, the load CPU 1. Ours has no kernel address in flperf-near; others get one
# from near_addr, until server_down.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export ROOT
TMP=$(mktemp -d)
NEAR=10.8.0.1 FAR=10.8.0.2
PIDS=()
SERVER=

say() { printf 'perf: %s\n' "$*" >&2; }

# Not for what is started and stopped: its PID would be a shell's.
far() { ip netns exec flperf-far taskset -c 1 "$@"; }
near() { ip netns exec flperf-near "$@"; }

# await FILE WORDS: until a line of FILE has the words, ten seconds at most.
await()
{
	timeout 10 sh -c 'until grep -q "$2" "$1" 2>/dev/null; do sleep 0.05; done' sh "$1" "$2" ||
		{ say "$2 did not come: $(tail -n 3 "$1" 2>/dev/null)"; exit 1; }
}

# await_listen PORT LOG: until something has this TCP port in flperf-near.
await_listen()
{
	timeout 10 sh -c 'until ip netns exec flperf-near ss -Hltn "sport = :$1" | grep -q .; do
		sleep 0.05; done' sh "$1" || { say "nothing listens: $(tail -n 3 "$2")"; exit 1; }
}

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
	ip -n flperf-near link set near0 up
	ip -n flperf-far link set far0 up
	ip -n flperf-far link set lo up
	ip -n flperf-far addr add $FAR/24 dev far0
	# Thousands of closed connections must not use up the ports of the far end.
	for ns in near far; do
		ip netns exec flperf-$ns sh -c 'echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range
			echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'
	done
}

net_down()
{
	local pid
	server_down
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	ip netns del flperf-near 2>/dev/null || true
	ip netns del flperf-far 2>/dev/null || true
	rm -rf "$TMP"
}

near_addr()
{
	ip -n flperf-near addr add $NEAR/24 dev near0
	ip -n flperf-near link set lo up
}

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
	[[ -n $SERVER ]] || return 0
	kill "$SERVER" 2>/dev/null || true
	wait "$SERVER" 2>/dev/null || true
	SERVER=
	ip -n flperf-near addr flush dev near0 2>/dev/null || true
	ip -n flperf-far neigh flush all 2>/dev/null || true
}
