#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# rte_flow in earnest, in a guest: DPDK's tap driver makes filters of its kernel's (tc flower) of rules, which
# choose the queue. Two workers, two relay addresses of each family, and datagrams to 100 ports of each.
#
# Where each address is one worker's the driver takes the rules, and none is handed over, of IPv4 and of IPv6. It
# takes no mask on a port, so where both workers have ports of each address some are. "fairlead ports" says so.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${E2E_BUILD:-$ROOT/build}
PORTS=100

if [[ ${1:-} != --inside ]]; then
	exec env GUEST_CPUS=3 GUEST_MB=2048 "$ROOT/tests/vm/guest.sh" -- "E2E_BUILD=$BUILD $ROOT/tests/vm/tap.sh --inside"
fi

# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
LOG=/tmp/dp.log

fail()
{
	printf 'FAILED  %s\n' "$*"
	sed 's/^/        | /' $LOG
	exit 1
}

fl() { "$BUILD/fairlead" --config /tmp/tap.yaml --json "$@" 2>/dev/null; }
steering() { fl ports | jq -r '.ports[] | select(.info.name == "core") | .info.steering'; }
handed() { fl workers | jq '[.workers[].counters.handover_out] | add'; }
# received WORKER: packets by its queue.
received() { fl ports | jq ".ports[] | select(.info.name == \"core\") | .traffic.workers[$1].rx_packets"; }
is_ready() { grep -q ready $LOG || { kill -0 "$DP" 2>/dev/null || fail "fairlead-dp does not start"; false; }; }
answers() { fl ports >/dev/null; }
have_come() { (($(received 0) + $(received 1) >= 4 * PORTS)); }

# starts WORKER WORKER: with what the first address of each family has, and the second.
starts()
{
	cat >/tmp/tap.yaml <<YAML
dataplane:
  workers: [0, 2]
  main-cpu: 1
  memory-mb: 640
  hugepages: no
  socket: /tmp/dp.sock
control:
  socket: /tmp/cp.sock
  state: /tmp/state
ports:
  - name: access
    device: "net_null0,no-rx=1"
    addresses: [10.1.0.1/24]
  - name: core
    device: "net_tap1,iface=wire"
    addresses: [10.2.0.1/24, 10.2.0.3/24, fd00:2::1/64, fd00:2::3/64]
listeners:
  - address: 10.1.0.1
relays:
  - {address: 10.2.0.1, worker: "$1"}
  - {address: 10.2.0.3, worker: "$2"}
  - {address: "fd00:2::1", worker: "$1"}
  - {address: "fd00:2::3", worker: "$2"}
turn:
  realm: example.org
auth:
  rest-secrets: [secret]
YAML
	chmod 600 /tmp/tap.yaml
	"$BUILD/fairlead-dp" --config /tmp/tap.yaml >$LOG 2>&1 &
	DP=$!
	await 120 is_ready || fail "fairlead-dp is not ready"
	"$BUILD/fairlead-cp" --config /tmp/tap.yaml >/tmp/cp.log 2>&1 &
	CP=$!
	await 30 answers || fail "fairlead-cp does not answer: $(tail -n 3 /tmp/cp.log)"
}

ends()
{
	kill "$CP" "$DP"
	wait "$CP" || fail "fairlead-cp: exit code $?"
	wait "$DP" || fail "fairlead-dp: exit code $?"
}

# sends: what the kernel sends by the tap, the relay receives.
sends()
{
	local mac a
	mac=$(cat /sys/class/net/wire/address)
	ip link set wire up
	ip addr add 10.2.0.2/24 dev wire
	ip addr add fd00:2::2/64 dev wire nodad
	for a in 10.2.0.1 10.2.0.3 fd00:2::1 fd00:2::3; do ip neigh replace "$a" lladdr "$mac" dev wire; done
	python3 - $PORTS <<-'END'
		import socket, sys
		for family, addresses in ((socket.AF_INET, ("10.2.0.1", "10.2.0.3")), (socket.AF_INET6, ("fd00:2::1", "fd00:2::3"))):
		    s = socket.socket(family, socket.SOCK_DGRAM)
		    for a in addresses:
		        for port in range(50000, 50000 + int(sys.argv[1])):
		            s.sendto(b"datagram", (a, port))
	END
	await 30 have_come || fail "$(received 0) and $(received 1) packets came"
}

modprobe -a tun sch_multiq sch_ingress cls_flower act_skbedit
starts 0 1
[[ $(steering) == *"relayed ports: rte_flow by address;"* ]] || fail "addresses by rules: $(steering)"
sends
for w in 0 1; do
	(($(received $w) >= 2 * PORTS)) || fail "addresses by rules: worker $w received $(received $w) packets"
done
# The kernel asks and reports a little besides; what is learnt of that is told to the other worker by a hand-over.
(($(handed) < PORTS / 4)) || fail "addresses by rules: $(handed) packets were handed over"
echo "ok      an address for each worker: $(steering); $(received 0) and $(received 1) came, $(handed) handed over"
ends
starts "" ""
[[ $(steering) == *"relayed ports: hand-over (rte_flow: "* ]] || fail "masks: $(steering)"
sends
(($(handed) > PORTS)) || fail "masks: $(handed) packets were handed over"
echo "ok      addresses of all workers: $(steering); $(handed) handed over"
ends
