#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers, each with a relay address of either family of its own (relays[].worker), on NICs of two queues
# (VM_QUEUES=2 driver.sh igb): what "fairlead ports" says of the rule on each address, and that coturn's clients
# relay by both workers, over UDP and TCP. Whether a packet comes by its rule is not asserted: QEMU's igb keeps the
# rules that it is told, and spreads by RSS alone.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config 's/^  workers: .*/  workers: [0, 2]/' \
	's|^    addresses: \[10.2.0.1/24, fd00:2::1/64|&, 10.2.0.3/24, fd00:2::3/64|' \
	's|^    worker: ""|    worker: "0"\n\n  - address: 10.2.0.3\n    port-min: 16384\n    realm: core\n    worker: "1"|' \
	's|^  - address: "fd00:2::1"|  - address: "fd00:2::3"\n    port-min: 16384\n    realm: core\n    worker: "1"\n\n&\n    worker: "0"|' >"$TMP/up.log" 2>&1 || not_up
FAULTS=$(dma_faults)
note "core: $(port_json core .info.steering)"
assert "steering of core" grep -qF "relayed ports: rte_flow by address for some, else hand-over (rte_flow: Not supported action.)" \
	<<<"$(port_json core .info.steering)"
start_peer
in_client ping -q -c 1 -W 5 "$SERVER4" >/dev/null || fail "the relay does not answer"
handed=$(counter handover_out)
relays "UDP" 400 -n 50 -m 8 -c -e "$PEER4" "$SERVER4"
handed=$(($(counter handover_out) - handed))
note "handed over: $handed, relayed to clients: $(counter relay_to_client)"
for w in 0 1; do
	assert_num "relayed to clients by worker $w" "$(fl_json workers ".workers[$w].counters.relay_to_client")" -gt 0
	note "worker $w: heard $(port_json core ".traffic.workers[$w].rx_packets") packets of core"
done
relays "TCP" 400 -t -n 50 -m 8 -c -e "$PEER4" "$SERVER4"
relay_is_well
