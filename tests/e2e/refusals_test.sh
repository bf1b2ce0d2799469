#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A driver that refuses, and a kernel that lacks what we need (tests/refuse): what cannot be done
# without ends the start by one sentence, and what can is done without, and told. Each time no device
# stays open, also of those opened before, no rule stays, and no socket. Then the start with each
# privilege missing, and killed at any moment: the next one finds nothing in its way. And who comes
# to the socket is told from a fairlead-cp, and another program there from a fairlead-dp. R73.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=tests/e2e/start.sh
. "$E2E/start.sh"
export LD_PRELOAD=
PRELOAD=$BUILD/tests/refuse/refuse.so
TWO='s/^  workers:.*/  workers: [0, 1]/; s/^  memory-mb:.*/  memory-mb: 320/; s/^  connections:.*/  connections: 256/; s/^  streams:.*/  streams: 64/; s/^  hugepages:.*/  hugepages: no/'

# starts WHAT: fairlead-dp with the second ethdev refusing WHAT, as $DP; what it says is in $TMP/said.
starts()
{
	config "$TWO"
	: >"$TMP/said" # now: what an earlier one said may be read before the next one runs
	FAIRLEAD_REFUSE="port=1,$1" LD_PRELOAD=$PRELOAD "$BUILD/fairlead-dp" --config "$WRONG" \
		>"$TMP/said" 2>&1 </dev/null &
	DP=$!
	STARTED+=("$DP")
}

# nothing_left WHAT
nothing_left()
{
	grep -qx 'refuse: 0 ethdevs and 0 rules are left' "$TMP/said" ||
		fail "$1: $(grep '^refuse: ' "$TMP/said" | xargs)"
	no_sockets "fairlead-dp: $1"
	[[ ! -e /run/dpdk/fl$DP ]] || fail "fairlead-dp leaves /run/dpdk/fl$DP: $1"
}

# refuses_without WHAT SENTENCE: its last line but for that of what is left.
refuses_without()
{
	local rc=0 said
	starts "$1"
	await 30 ended "$DP" || fail "fairlead-dp goes on without: $1"
	wait "$DP" || rc=$?
	assert_num "exit code without: $1" $rc -eq 1
	said=$(grep -v '^refuse: ' "$TMP/said" | tail -n 1)
	[[ $said == "fairlead-dp: "*"$2" ]] || fail "without $1 fairlead-dp says '$said', not '$2'"
	nothing_left "$1"
}

is_ready() { grep -q '^fairlead-dp: ready' "$TMP/said" || ended "$DP"; }
says() { grep -qF "$1" "$TMP/said"; }

# does_without WHAT SENTENCE: said once, and it runs.
does_without()
{
	starts "$1"
	await 30 is_ready || fail "fairlead-dp does not start without: $1"
	await 5 says "$2" || fail "without $1: '$2' is not said: $(cat "$TMP/said")"
	assert_num "times that it says '$2'" "$(grep -cF "$2" "$TMP/said")" -eq 1
	kill "$DP"
	await 20 ended "$DP" || fail "fairlead-dp does not end: $1"
	nothing_left "$1"
}

# ---- drivers ----

device="ports[1].device (core, net_null1):"
refuses_without info=5 "$device tells nothing of itself (another version of driver or firmware may): Input/output error"
refuses_without adjust=22 "$device does not say how many descriptors it takes (another version of driver or firmware may): Invalid argument"
refuses_without configure=5 "$device refuses its configuration (another version of driver or firmware may take it): Input/output error"
refuses_without rx-queues=0 "$device has no queue to receive, or to send by: give it one where it is made: the hypervisor, or the PF of a VF"
refuses_without tx-queues=0 "$device has no queue to receive, or to send by: give it one where it is made: the hypervisor, or the PF of a VF"
refuses_without rx-queue=12 "$device gives no queue (mbufs or rx-desc too few, or busy?): Cannot allocate memory"
refuses_without tx-queue=16 "$device gives no queue (mbufs or rx-desc too few, or busy?): Device or resource busy"
refuses_without start=110 "$device does not start (dmesg may know of its firmware, or of its PF): Connection timed out"
refuses_without start=1 "$device does not start (dmesg may know of its firmware, or of its PF): its driver says why, above"
refuses_without mac=5 "$device has no MAC address (give it one where it is made): Input/output error"
refuses_without max-mtu=1400 "ports[1].mtu (core, net_null1): is more than the device carries, which is 1400"
refuses_without mtu=22 "ports[1].mtu (core, net_null1): the device does not take it (1500 is taken by all; a VF takes what its PF does): Invalid argument"
# More descriptors than were counted on want more buffers: 16384 each way, and the other port's.
refuses_without min-desc=16384 "$device has 2 receive queues of 16384 descriptors for 2 workers: dataplane.mbufs must be 49153 at least"

does_without mtu=95 "fairlead-dp: ready"
does_without offloads=22 "port core: its driver refuses the offloads that it offers"
assert "it says what it does instead" grep -q 'port core: net_null, 2 queues, clients: hash and hand-over' "$TMP/said"
does_without rules=1 "relayed ports: RSS key for IPv4 and some of IPv6, else hand-over (rte_flow: no room for another rule)"
assert "it says what does with fewer rules" says "port core: its device refuses rules that bring relayed ports to their workers (no room for another rule): what comes to another one is handed over, at the cost of both: with a relay address for each worker (relays[].worker)"
assert "the rule that it took is taken back" grep -qx 'refuse: 1 rules are taken back' "$TMP/said"
does_without rx-queues=1 "port core: 2 queues to receive by and as many to send by were asked for, one a worker; its device has 1 and 2"
does_without tx-queues=1 "port core: 2 queues to receive by and as many to send by were asked for, one a worker; its device has 2 and 1"
does_without max-desc=512 "ports[1].rx-desc (core): 1024 descriptors a queue were asked for; its device takes no such number: it is 512, and bursts that are longer are lost: set it to what the device takes, or use another device"
assert "and to send by" says "ports[1].tx-desc (core): 1024 descriptors a queue were asked for; its device takes no such number: it is 512"
does_without multicast=1,promiscuous=1 "port core: its device takes neither all multicast nor everything"
does_without multicast=95 "fairlead-dp: ready"
does_without down=1 "port core: its link is down"

# ---- the kernel ----

refuses_without memfd=38 "dataplane: the kernel gives no memory to share with fairlead-cp (memfd_create of Linux 3.17 or later, or a filter forbids it): Function not implemented"
refuses_without tasks=13 "/proc/self/task cannot be read, so privileges cannot be given up: Permission denied"
TWO+='; s/net_null1/net_af_xdp1,iface=lo/'
device="ports[1].device (core, net_af_xdp1,iface=lo):"
refuses_without xdp=97 "$device the kernel has no AF_XDP (Linux 5.4 with CONFIG_XDP_SOCKETS); another driver does without"
refuses_without apart=1 "$device AF_XDP needs packet buffers side by side, which they are not beside a device that sees physical addresses: bind that to vfio-pci behind an IOMMU, or make this port net_af_packet"
refuses_without xdp=1 "$device CAP_NET_RAW is missing, without which the kernel gives no AF_XDP"
for cap in net_admin ipc_lock; do
	config "$TWO"
	rc=0
	prlimit --memlock=65536 setpriv "--bounding-set=-$cap" "$BUILD/fairlead-dp" --config "$WRONG" \
		>"$TMP/said" 2>&1 </dev/null || rc=$?
	assert_num "exit code without the capability $cap" $rc -eq 1
	case $cap in
	net_admin) want="gives no queue: CAP_NET_ADMIN is missing, which AF_XDP needs" ;;
	ipc_lock) want="gives no queue: AF_XDP locks packet buffers, 68 MB of them, and 64 kB may be locked: raise that (ulimit -l, LimitMEMLOCK=), or give CAP_IPC_LOCK" ;;
	esac
	says "$device $want" || fail "without $cap: $(tail -n 1 "$TMP/said")"
	no_sockets "fairlead-dp without $cap"
done
TWO=${TWO%;*}

# ---- killed ----

for after in 0.05 0.1 0.2 0.3 0.5 0.8 1.2; do
	starts none=0
	sleep "$after" # a moment of the start, whichever it is
	kill -KILL "$DP"
	wait "$DP" 2>/dev/null || true
	# DPDK makes it before we can remove it: empty, and nobody's.
	[[ ! -e /run/dpdk/fl$DP ]] || rmdir "/run/dpdk/fl$DP" || fail "killed after $after s it leaves files in /run/dpdk/fl$DP"
done
does_without none=0 "fairlead-dp: ready"

# ---- who comes to the socket ----

starts none=0
await 30 is_ready || fail "fairlead-dp does not start"
python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(b"GET / HTTP/1.0")
assert s.recv(100) == b""
print(os.getpid())' "$TMP/dp.sock" >"$TMP/stranger"
await 5 says "pid $(cat "$TMP/stranger") (user 0) is no fairlead-cp, and came to $TMP/dp.sock: what it says is no hello: stop it, or give it another socket than dataplane.socket" ||
	fail "the stranger is not named: $(tail -n 2 "$TMP/said")"
kill "$DP"
await 20 ended "$DP" || fail "fairlead-dp does not end"

# cp_says SENTENCE: fairlead-cp without its fairlead-dp waits, and says so.
cp_says()
{
	start "$TMP/cp" "$BUILD/fairlead-cp" --config "$WRONG"
	await 20 grep -qF "not attached to the dataplane at $TMP/dp.sock: $1" "$TMP/cp" || fail "fairlead-cp says '$(tail -n 1 "$TMP/cp")', not '$1'"
	kill "$PID"
	await 10 ended "$PID" || fail "fairlead-cp does not end"
}

# serve TYPE: another program there, which takes connections and says nothing.
serve()
{
	rm -f "$TMP/dp.sock"
	start "$TMP/other" python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
s.bind(sys.argv[1])
s.listen()
time.sleep(600)' "$TMP/dp.sock" "$1"
	OTHER=$PID
	await 10 grep -qF " $TMP/dp.sock" /proc/net/unix || fail "the other program does not listen"
}
end_other() { kill "$OTHER" && await 10 ended "$OTHER"; }

cp_says "there is no such socket; start fairlead-dp with the same configuration"
serve SOCK_STREAM
cp_says "that is another program's socket; see dataplane.socket"
end_other
cp_says "nobody listens there; start fairlead-dp"
serve SOCK_SEQPACKET
cp_says "it takes the connection and says nothing; is it a fairlead-dp, and does it run?"
end_other
