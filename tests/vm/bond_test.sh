#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay's access port is a bond of two PCI NICs, and the client's interface the kernel's bond of two others:
# they agree by LACP (IEEE 802.1AX), both ways carry what clients and peers send, and while the cable of one is cut
# the other does. Then both are active-backup's, and client0 is a switch, as a bridge of the kernel's: when
# the cable of the active one is cut the other announces the bond's address, so the switch sends there, and media goes on.
#
#   fl-client  client0 = leg0 ---- 0000:01:00.0 = access  fl-relay
#                        leg1 ---- 0000:05:00.0
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

FIRST=$VM_ACCESS SECOND=0000:05:00.0
UP=up LOST="down, idle" # what is told of the second, and without its cable
NOTICED=20	  # seconds until it is
OF_KERNEL=	  # whether it is a NIC of the kernel's, under a socket
MAC0=02:00:00:00:01:02 MAC1=02:00:00:00:01:04 SECOND_MAC=02:00:00:00:01:03 PEER_MAC=02:00:00:00:02:02

here() { grep -qxF "$1" /sys/class/net/*/address; }

# place NAMESPACE NAME MAC: a NIC of the kernel's.
place()
{
	local file
	for file in /sys/class/net/*/address; do
		[[ $(cat "$file") != "$3" ]] || ip link set "$(basename "${file%/*}")" down netns "$1" name "$2"
	done
	ip -n "$1" link show "$2" >/dev/null || fail "there is no NIC with the address $3"
}

# legs: a new fl-client with both NICs.
legs()
{
	local mac
	"$ROOT/conf/quickstart.sh" --down >/dev/null # the test before has its relay up
	# The kernel gives a namespace's NICs back some time after the namespace.
	for mac in $MAC0 $MAC1 $PEER_MAC ${OF_KERNEL:+$SECOND_MAC}; do
		await 20 here $mac || fail "the kernel has not got the NIC $mac back: $(ip -br link)"
	done
	ip netns add fl-client
	place fl-client leg0 $MAC0
	place fl-client leg1 $MAC1
	[[ -n $OF_KERNEL ]] || return 0
	# A socket of packets gets them as they are sent here: without a sum that no wire has made whole.
	in_client ethtool -K leg1 tx off >/dev/null
	ip netns add fl-relay
	place fl-relay second $SECOND_MAC
	ip -n fl-relay link set second addrgenmode none up
}

# client0 TYPE...: made of both legs; quickstart.sh takes it.
client0()
{
	local dev
	ip -n fl-client link add client0 type "$@"
	for dev in leg0 leg1; do
		ip -n fl-client link set $dev master client0
		ip -n fl-client link set $dev up
	done
}

# partner: the kernel's bond in fl-client.
partner()
{
	local dev
	modprobe bonding max_bonds=0
	legs
	for dev in leg0 leg1; do
		in_client ethtool -s $dev speed 1000 duplex full # LACP is for links that have a speed, virtio's has none
	done
	client0 bond miimon 100 mode 802.3ad lacp_rate fast xmit_hash_policy layer3+4
}

# switch: two of its ports lead to the relay.
switch()
{
	legs
	client0 bridge forward_delay 0
}
# learnt LEG: the switch has the relay's address behind this port.
learnt() { in_client bridge fdb show dev "$1" | grep -q "^$(port_json access .info.mac) "; }

# partner_ends: the next test finds client0 as it was.
partner_ends() { in_client ip link del client0 && in_client ip link set leg0 down && in_client ip link set leg0 name client0; }

# bonded MODE: the relay's side. With MSI-X, which VFIO would take, e1000e tells of no link that changes.
bonded()
{
	FAIRLEAD_NICS="core=$VM_CORE" RELAY_STAYS_DOWN=1 relay_config 's|^\( *\)device: "net_af_xdp0.*|\1device: net_bonding0|' \
		's|^  eal: \[\]|  eal: ["--vfio-intr=legacy"]|' "s|^    bond: none|    bond: $1|" "s|^    members: \[\]|    members: [\"$FIRST\", \"$SECOND${OF_KERNEL:+,iface=second}\"]|" \
		>"$TMP/up.log" 2>&1 || not_up
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

BIND=("$VM_ACCESS" "$VM_CORE")
if [[ ${VM_SECOND:-} == af_* ]]; then
	OF_KERNEL=1 SECOND=net_${VM_SECOND}2 UP="link not told" LOST="link not told, waits for LACP"
	NOTICED=120 # by LACP's long timeout alone, 90 seconds (IEEE 802.1AX 6.4.4)
else
	BIND+=("$SECOND")
fi
# LACP joins links of one speed. virtio has none of its own, and its driver takes 10 Gbit/s at least, as sockets have.
DIFFER=
[[ -z ${VM_SECOND:-} || -n $OF_KERNEL || $VM_SECOND == "$VM_DRIVER" ]] || DIFFER=1
[[ $VM_DRIVER != virtio || -z $OF_KERNEL ]] || FIRST+=,speed=10000
printf 'bind %s\n' "${BIND[@]}" >"$TMP/setup.conf"
"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" || fail "the second NIC cannot be bound"

# disagreed WHAT: fails, and what was seen comes last.
disagreed()
{
	kernel_bond >&2
	fail "$1: $(members), and of the kernel's $(kernel_bond | grep -c '^MII Status: up') links are up"
}

# cable NAME on|off
cable() { monitor set_link "$1" "$2"; }

# members_count: each has received by its own counters.
members_count()
{
	fl --json ports --xstats | jq -e '.ports[0].xstats | [.[] | select(.name | test("^member[01]_rx_good_packets$"))] | length == 2 and all(.value > 0)' >/dev/null
}

# lacp: both carry, also while one of them is away.
lacp()
{
	await 30 members_are "$VM_ACCESS up, active" "$SECOND $UP, active" || disagreed "LACP"
	await 30 ports_agreed 2 || disagreed "LACP, the kernel"
	assert "the kernel's partner" grep -qi "Partner Mac Address: $(port_json access .info.mac)" <(kernel_bond)
	relays "LACP" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
	for dev in leg0 leg1; do
		assert_num "packets received by $dev" "$(in_client cat /sys/class/net/$dev/statistics/rx_packets)" -gt 20
	done
	await 5 members_count || fail "what a member counts is not told: $(fl ports --xstats)"
	cable access2 off
	await $NOTICED members_are "$VM_ACCESS up, active" "$SECOND $LOST" || disagreed "LACP, a cable is cut"
	await 30 ports_agreed 1 || disagreed "LACP, a cable is cut, the kernel"
	relays "LACP, by one member" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
	cable access2 on
	await 30 members_are "$VM_ACCESS up, active" "$SECOND $UP, active" || disagreed "LACP, the cable is back"
}

# lacp_differs: one of the two carries, and who looks is told why.
lacp_differs()
{
	await 30 members_are "$VM_ACCESS up, active" "$SECOND up, waits for LACP: its speed is not the first's" || disagreed "LACP of two speeds"
	await 30 ports_agreed 1 || disagreed "LACP of two speeds, the kernel"
	relays "LACP, by one of two speeds" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
}

AT_END=partner_ends
partner
bonded lacp
start_peer
PEER=$PID
if [[ -n $DIFFER ]]; then lacp_differs; else lacp; fi
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"

kill "$PEER" # it holds its namespace, and with it the NIC
switch
bonded active-backup
await 30 members_are "$VM_ACCESS up, active" "$SECOND $UP, idle" || fail "active-backup: $(members)"
start_peer
relays "active-backup" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
learnt leg0 || fail "the switch has not learnt the relay's address: $(in_client bridge fdb show)"
cable access off
await 20 members_are "$VM_ACCESS down, idle" "$SECOND $UP, active" || fail "active-backup, a cable is cut: $(members)"
await 10 learnt leg1 || fail "the other member does not announce: $(in_client bridge fdb show)" # nobody has sent since
relays "active-backup, by the other member" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
cable access on
await 20 members_are "$VM_ACCESS up" || fail "active-backup, the cable is back: $(members)"
relays "active-backup, the cable is back" 100 -n 25 -m 4 -c -e "$PEER4" "$SERVER4"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
