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
AGENT_PID=
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
	netns_words "$NS-$1"
	start "$2" "${IN[@]}" "${@:3}"
}

# sysctl_in NAMESPACE KEY=VALUE...
sysctl_in()
{
	local IN set
	netns_words "$1"
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
	: >"$TMP/box.log" # there, whenever it is looked at
	spawn box "$TMP/box.log" "$BUILD/tests/tcp/impair" "$@" boxl boxa
	BOX_PID=$PID
	await 10 grep -q ready "$TMP/box.log" || fail "impair does not start: $(cat "$TMP/box.log")"
}
box_down()
{
	kill "$BOX_PID"
	await 10 ended "$BOX_PID" || fail "impair does not end"
}

# agent_config [LINE...]: of the agent, which serves no TURN; lines are more keys of tcp:.
agent_config()
{
	local line
	cat <<-END
	dataplane:
	  workers: [$(awk '/^Cpus_allowed_list:/ { sub(/[-,].*/, "", $2); print $2 }' /proc/self/status)]
	  memory-mb: 320
	  mbufs: 49152
	  sessions: 16
	  peers: 16
	  icmp-rate: 100000
	tcp:
	  connections: 2048
	  time-wait: 4096
	  time-wait-ms: ${TIME_WAIT_MS:-200}
	  buffers: 32768
	  send-buffer: 1048576
	  receive-buffer: 1048576
	  reorder-buffer: 1048576
	$(for line in "$@"; do echo "  $line"; done)
	ports:
	  - name: agent0
	    device: "net_af_packet0,iface=agent0,framecnt=8192"
	    addresses: [$AGENT4/24, "$AGENT6/64"]
	listeners:
	  - address: $AGENT4
	relays:
	  - address: $AGENT4
	turn:
	  realm: fairlead.test
	  allocations-max: 16
	END
}

# agent_up [LINE...]: the agent in fltcp-agent. agent_down: its end, which must be in order.
agent_up()
{
	agent_config "$@" >"$TMP/agent.yaml"
	: >"$TMP/agent.log"
	spawn agent "$TMP/agent.log" "$BUILD/tests/tcp/tcp-agent" --config "$TMP/agent.yaml" \
		--socket "$AGENT_SOCKET"
	AGENT_PID=$PID
	await 20 grep -q ready "$TMP/agent.log" || fail "the agent does not start: $(cat "$TMP/agent.log")"
}
agent_down()
{
	kill "$AGENT_PID"
	await 10 ended "$AGENT_PID" || fail "the agent does not end"
	wait "$AGENT_PID" || fail "the agent ended with $?"
}

# kernel_up NAMESPACE SOCKET: kernel sockets that are driven as the agent is.
kernel_up()
{
	: >"$TMP/kernel.log"
	spawn "$1" "$TMP/kernel.log" python3 "$TCP/kernel_agent.py" "$2"
	[[ $1 != agent ]] || AGENT_PID=$PID
	await 20 grep -q ready "$TMP/kernel.log" || fail "kernel_agent.py: $(cat "$TMP/kernel.log")"
}
