# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For tests/tcp/*_test.sh: words of tests/e2e/lib.sh, and namespaces of their own. The relay need
# not run.
#
#   fltcp-linux                     fltcp-box                      fltcp-agent
#   10.9.0.2 fd09::2   linux0 <-> boxl   impair   boxa <-> agent0  10.9.0.1 fd09::1
#
# What is in fltcp-agent is the test agent's, whose addresses the kernel there does not have, or
# with box_up kernel another kernel's.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
NS=fltcp
TCP=$ROOT/tests/tcp
LINUX4=10.9.0.2 LINUX6=fd09::2
AGENT4=10.9.0.1 AGENT6=fd09::1
AGENT_SOCKET=$TMP/agent.sock
BOX_PID=
export TCP LINUX4 LINUX6 AGENT4 AGENT6 AGENT_SOCKET

# Called at the end of every test.
own_namespaces_del()
{
	local n
	for n in linux box agent; do
		ip netns del "$NS-$n" 2>/dev/null || true
	done
}

# spawn NAMESPACE LOG COMMAND...: start() in one of our namespaces.
spawn()
{
	local IN
	ns_words "$NS-$1"
	start "$2" "${IN[@]}" "${@:3}"
}

# sysctl_in NAMESPACE KEY=VALUE...
sysctl_in()
{
	local IN set
	ns_words "$1"
	for set in "${@:2}"; do
		# shellcheck disable=SC2016 # the inner shell expands them, in its namespace
		"${IN[@]}" sh -c 'echo "$2" >"/proc/sys/net/$1"' sh "${set%%=*}" "${set#*=}" ||
			fail "the kernel does not take $set in $1"
	done
}

# pair NAMESPACE DEVICE NAMESPACE DEVICE: joined, up, without addresses and offloads.
pair()
{
	local at
	ip link add "$2" netns "$NS-$1" type veth peer name "$4" netns "$NS-$3"
	for at in "$1 $2" "$3 $4"; do
		set -- $at
		in_ns "$NS-$1" ethtool -K "$2" rx off tx off tso off gso off gro off >/dev/null ||
			fail "ethtool cannot switch off the offloads of $2"
		in_ns "$NS-$1" ip link set "$2" addrgenmode none txqueuelen 10000 up
	done
}

# host NAMESPACE DEVICE ADDRESS4 ADDRESS6: a kernel with addresses.
host()
{
	in_ns "$NS-$1" ip link set lo up
	in_ns "$NS-$1" ip addr add "$3/24" dev "$2"
	in_ns "$NS-$1" ip addr add "$4/64" dev "$2" nodad
}

# topology [kernel]: what the picture shows; kernel: fltcp-agent gets addresses.
topology()
{
	local n
	own_namespaces_del
	for n in linux box agent; do
		ip netns add "$NS-$n" || fail "cannot make a network namespace"
	done
	pair linux linux0 box boxl
	pair box boxa agent agent0
	host linux linux0 "$LINUX4" "$LINUX6"
	[[ ${1:-} != kernel ]] || host agent agent0 "$AGENT4" "$AGENT6"
}

# box_up OPTION...: the impairment box. box_down: its end; its counts are in $TMP/box.log then.
box_up()
{
	spawn box "$TMP/box.log" "$BUILD/tests/tcp/impair" "$@" boxl boxa
	BOX_PID=$PID
	await 10 grep -q ready "$TMP/box.log" || fail "impair does not start: $(cat "$TMP/box.log")"
}
box_down()
{
	kill "$BOX_PID"
	await 10 ended "$BOX_PID" || fail "impair does not end"
}
