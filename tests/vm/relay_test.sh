#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay on PCI NICs: quickstart's check, of UDP, TCP, TLS and TCP allocations; a download through one of these
# byte for byte, which a NIC is given in long segments where it cuts them, and in frames where it does not; fragments
# both ways; what a NIC computes by itself is what its driver is known for, and with it no
# far end is sent a wrong checksum (tests/e2e/far_end.sh). Each packet is accounted for (R74). R58, R62. With
# VM_QUEUES several workers share the NICs.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/web.sh
. "$E2E/web.sh"

# All these drivers judge and compute checksums of TCP; not all cut segments.
declare -A TSO=([e1000]=none [e1000e]=none [igb]=device [virtio]=device [vmxnet3]=device)

relay_is_up
for port in access core; do
	does=$(port_json $port .info.offloads)
	note "$port: $does"
	for what in "rx-l4-csum device" "tx-tcp-csum device" "tso ${TSO[$VM_DRIVER]}"; do
		assert "offloads of port $port" grep -qF "$what" <<<"$does"
	done
done
LEAST=$((200 * RELAYS_LEAST / 100)) "$ROOT/conf/quickstart.sh" --check || fail "see above"
web_files 1
web_start
timeout 120 python3 "$E2E/tcp_alloc.py" "$BUILD/fairlead" "$CONFIG" "$TMP/www/file" || fail "see above"
# The wires are taps, which pass a long segment on as it is: what the client's interface counts as packets.
received() { in_client ip -j -s link show client0 | jq ".[0].stats64.rx.$1"; }
bytes=$(received bytes) packets=$(received packets)
timeout 60 python3 "$E2E/tcp_alloc.py" "$BUILD/fairlead" "$CONFIG" "$TMP/www/file" download || fail "see above"
bytes=$(($(received bytes) - bytes)) packets=$(($(received packets) - packets))
note "a download of 1 MiB: $bytes bytes in $packets packets"
assert_num "bytes that came to the client" $bytes -gt $((1 << 20))
if [[ ${TSO[$VM_DRIVER]} == device ]]; then
	assert_num "bytes a packet, where the NIC cuts segments" $((bytes / packets)) -gt 2000
else
	assert_num "bytes a packet, where nobody cuts segments" $((bytes / packets)) -le 1514
fi
for size in 1472 4000; do
	for server in "$SERVER4" "$SERVER6"; do
		in_client ping -q -c 3 -i 0.2 -W 5 -s $size "$server" >"$TMP/ping" || fail "$size bytes: $(cat "$TMP/ping")"
	done
done
# What the device counts by its driver, beside what the workers count. What DPDK itself names of each device is not
# the driver's: that must be told by name as well, where the driver has such counters and they cannot all be zero.
OF_DPDK='^[rt]x_(q[0-9]+_?)?(good_)?(packets|bytes|errors)$|^rx_(missed_errors|mbuf_allocation_errors)$|^tx_errors$'
counted()
{
	fl --json ports --xstats |
		jq -e --arg dpdk "$OF_DPDK" '[.ports[] | [.xstats[] | select(.name | test($dpdk) | not).value] | add > 0] | all' >/dev/null
}
names_told()
{
	fl --json ports --xstats |
		jq -e --arg dpdk "$OF_DPDK" '[.ports[] | [.xstats[].name | select(test($dpdk) | not)] | length > 0] | all' >/dev/null
}
note "of the driver's own: $(fl --json ports --xstats | jq -c --arg dpdk "$OF_DPDK" \
	'[.ports[0].xstats[] | select(.name | test($dpdk) | not) | "\(.name) \(.value)"] | .[:12]')"
case $VM_DRIVER in
virtio | igb) await 10 counted || fail "the drivers count nothing: $(fl ports --xstats)" ;;
vmxnet3) await 10 names_told || fail "the driver's own counters are not told: $(fl --json ports --xstats)" ;;
esac
if ((VM_QUEUES > 1)); then
	for port in access core; do
		heard=$(port_json $port '[.traffic.workers[].rx_packets] | join(" ")')
		note "$port: $(port_json $port .info.steering); the workers heard $heard packets"
		case $VM_DRIVER in
		virtio | vmxnet3) assert_eq "receive queues of port $port" "$(port_json $port .info.rx_queues)" "$VM_QUEUES" ;;
		esac
	done
	# QEMU's vmxnet3 has several queues, and puts all in the first.
	[[ $VM_DRIVER != virtio ]] || for n in $(port_json access '.traffic.workers[].rx_packets'); do
		assert_num "packets of clients that a worker heard" "$n" -gt 20
	done
fi
relay_is_well
