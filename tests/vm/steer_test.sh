#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers on NICs of two queues whose RSS can be set (VM_QUEUES=2 driver.sh virtio, or igb): peers' packets of
# IPv4 come by the queue of the worker that has the relayed port, and none is handed over; the clients' port keeps a
# key that mixes. What "fairlead ports" says of it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config 's/^  workers: .*/  workers: [0, 2]/'
for port in access core; do note "$port: $(port_json $port .info.steering)"; done
assert "steering of core" grep -qF "relayed ports: RSS key for IPv4" <<<"$(port_json core .info.steering)"
assert "steering of access" grep -qF "clients: queue; relayed ports: hand-over" <<<"$(port_json access .info.steering)"
start_peer
in_client ping -q -c 1 -W 5 "$SERVER4" >/dev/null || fail "the relay does not answer"
handed=$(counter handover_out)
relays "UDP, IPv4" 400 -n 50 -m 8 -c -e "$PEER4" "$SERVER4"
for w in 0 1; do
	assert_num "relayed to clients by worker $w" "$(fl_json workers ".workers[$w].counters.relay_to_client")" -gt 0
done
# What was learnt of a neighbour is told to the other worker by a hand-over, and little else is.
handed=$(($(counter handover_out) - handed))
note "handed over: $handed, relayed to clients: $(counter relay_to_client)"
assert_num "handed over, of 400" $handed -lt 40
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
