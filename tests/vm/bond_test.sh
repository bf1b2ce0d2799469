#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay's access port is a bond of two PCI NICs, and the client's interface the kernel's bond of two others:
# they agree by LACP (IEEE 802.1AX), both ways carry what clients and peers send, and while the cable of one is cut
# the other does.
#
#   fl-client  client0 = leg0 ---- 0000:01:00.0 = access  fl-relay
#                        leg1 ---- 0000:05:00.0
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

SECOND=0000:05:00.0
MAC0=02:00:00:00:01:02 MAC1=02:00:00:00:01:04

here() { grep -qxF "$1" /sys/class/net/*/address; }

# leg NAME MAC: a NIC of the kernel's in fl-client.
leg()
{
	local file
	for file in /sys/class/net/*/address; do
		[[ $(cat "$file") != "$2" ]] || ip link set "$(basename "${file%/*}")" down netns fl-client name "$1"
	done
	ip -n fl-client link show "$1" >/dev/null || fail "there is no NIC with the address $2"
	in_client ethtool -s "$1" speed 1000 duplex full # LACP is for links that have a speed, virtio's has none
}

# partner: the kernel's bond in fl-client, which quickstart.sh takes as its client0.
partner()
{
	modprobe bonding max_bonds=0
	"$ROOT/conf/quickstart.sh" --down >/dev/null # the test before has its relay up
	# The kernel gives a namespace's NICs back some time after the namespace.
	await 10 here $MAC0 && await 10 here $MAC1 || fail "the kernel has not got the client's NICs: $(ip -br link)"
	ip netns add fl-client
	leg leg0 $MAC0
	leg leg1 $MAC1
	ip -n fl-client link add client0 type bond miimon 100 mode 802.3ad lacp_rate fast \
		xmit_hash_policy layer3+4
	ip -n fl-client link set leg0 master client0
	ip -n fl-client link set leg1 master client0
}

# bonded MODE: the relay's side. With MSI-X, which VFIO would take, e1000e tells of no link that changes.
bonded()
{
	FAIRLEAD_NICS="core=$VM_CORE" RELAY_STAYS_DOWN=1 relay_config 's|^\( *\)device: "net_af_xdp0.*|\1device: net_bonding0|' \
		's|^  eal: \[\]|  eal: ["--vfio-intr=legacy"]|' "s|^    bond: none|    bond: $1|" "s|^    members: \[\]|    members: [\"$VM_ACCESS\", \"$SECOND\"]|" \
		>"$TMP/up.log" 2>&1 || fail "$(tail -n 5 "$TMP/up.log")"
}

members() { port_json access .info.members; }
# members_are TEXT...: each is found in what is said of them.
members_are()
{
	local text
	for text; do [[ $(members) == *"$text"* ]] || return 1; done
}
kernel_bond() { in_client cat /proc/net/bonding/client0; }
ports_agreed() { (($(kernel_bond | sed -n 's/.*Number of ports: //p') == $1)); }

printf 'bind %s\n' "$VM_ACCESS" "$VM_CORE" "$SECOND" >"$TMP/setup.conf"
"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" || fail "the second NIC cannot be bound"

# disagreed WHAT: fails, and what was seen comes last.
disagreed()
{
	kernel_bond >&2
	fail "$1: $(members), and of the kernel's $(kernel_bond | grep -c '^MII Status: up') links are up"
}

# cable NAME on|off
cable() { monitor set_link "$1" "$2"; }

partner
bonded lacp
start_peer
await 30 members_are "$VM_ACCESS up, active" "$SECOND up, active" || disagreed "LACP"
await 30 ports_agreed 2 || disagreed "LACP, the kernel"
assert "the kernel's partner" grep -qi "Partner Mac Address: $(port_json access .info.mac)" <(kernel_bond)
relays "LACP" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
for dev in leg0 leg1; do
	assert_num "packets received by $dev" "$(in_client cat /sys/class/net/$dev/statistics/rx_packets)" -gt 20
done
cable access2 off
await 20 members_are "$VM_ACCESS up, active" "$SECOND down, idle" || disagreed "LACP, a cable is cut"
await 30 ports_agreed 1 || disagreed "LACP, a cable is cut, the kernel"
relays "LACP, by one member" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
cable access2 on
await 30 members_are "$VM_ACCESS up, active" "$SECOND up, active" || disagreed "LACP, the cable is back"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
