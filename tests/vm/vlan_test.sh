#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A VLAN on a PCI NIC that another port has untagged: a port of its own with addresses, gateways, relays and a realm.
# Peers on the VLAN, and behind its gateway, are relayed to over UDP, those of TCP allocations byte for byte, with
# the checksums and segments that the NIC makes of tagged frames (tests/e2e/far_end.sh); RTP passes from a realm
# without tag to the VLAN's. What goes there has the VLAN's tag, and what has none, or another, does not.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/web.sh
. "$E2E/web.sh"

VLAN=200
TAGGED4=10.20.0.1 TAGGED6=fd00:20::1
NEAR4=10.20.0.2 NEAR6=fd00:20::2 # on the VLAN, and its gateways
FAR4=10.30.0.2 FAR6=fd00:30::2	 # behind these

relay_config "/^ports:/,/^listeners:/s|^    addresses: \[10.2.0.1.*|&\n\n  - name: tagged\n    device: \"net_af_xdp1,iface=core\"\n    vlan: $VLAN\n    addresses: [$TAGGED4/24, \"$TAGGED6/64\"]\n    gateways: [$NEAR4, \"$NEAR6\"]|" \
	"/^relays:/,/^realms:/s|^  - address: 10.2.0.1|  - address: $TAGGED4\n    realm: tagged\n\n  - address: \"$TAGGED6\"\n    realm: tagged\n\n&|" \
	'/^  - address: 10.2.0.1/,/^    turn:/s|turn: true|turn: false|' \
	'/^relays:/,/^realms:/s|^  - address: "fd00:2::1"|&\n    turn: false|' \
	'/^realms:/,/^gateway:/s|^  - name: core|  - name: tagged\n\n&|' >"$TMP/up.log" 2>&1 || not_up
FAULTS=$(dma_faults)
in_peer ip link add link peer0 name peer0.$VLAN type vlan id $VLAN
in_peer ip addr add $NEAR4/24 dev peer0.$VLAN
in_peer ip addr add $NEAR6/64 dev peer0.$VLAN nodad
in_peer ip link set peer0.$VLAN up
in_peer ip addr add $FAR4/32 dev lo
in_peer ip addr add $FAR6/128 dev lo
# Answers come from where it was asked.
start "$TMP/peer.log" in_peer turnutils_peer -L $NEAR4 -L $NEAR6 -L $FAR4 -L $FAR6 -p 3480
await 10 listens fl-peer 3480 || fail "turnutils_peer does not listen"
web_files 1
web_start

assert_eq "whose device port tagged is on" "$(port_json tagged .info.device_of)" 1
note "tagged: $(port_json tagged .info.offloads)"

# received DEVICE: packets, in fl-peer.
received() { in_peer cat "/sys/class/net/$1/statistics/rx_packets"; }
before=$(received peer0.$VLAN)
for family in 4 6; do
	near=NEAR$family far=FAR$family v6=()
	((family == 4)) || v6=(-x)
	relays "UDP to a peer on the VLAN, IPv$family" 100 -n 50 -m 2 -c "${v6[@]}" -e "${!near}" "$SERVER4"
	relays "UDP to a peer behind its gateway, IPv$family" 100 -n 50 -m 2 -c "${v6[@]}" -e "${!far}" "$SERVER4"
done
assert_num "tagged packets that the peer received" $(($(received peer0.$VLAN) - before)) -ge 360
for a in $NEAR4 $NEAR6; do assert "gateway $a: $(fl routes)" grep -Eq "tagged *up *$a *(reachable|stale)" <(fl routes); done

timeout 120 python3 - "$E2E" "$BUILD/fairlead" "$CONFIG" "$TMP/www/file" $NEAR4 $NEAR6 <<-'END' || fail "see above"
	import hashlib, sys
	sys.path.insert(0, sys.argv.pop(1))
	import tcp_alloc
	tcp_alloc.PEER = {4: sys.argv[4], 6: sys.argv[5]}
	tcp_alloc.WANT = hashlib.sha256(open(sys.argv[3], "rb").read()).digest()
	tcp_alloc.main()
END

c=$(fl --json context add --a transport=udp,realm=access,rtp,latch=on --b "transport=udp,realm=tagged,rtp,remote=$FAR4:3480")
assert "the realm's address: $c" grep -q "^$TAGGED4:" <<<"$(jq -r '.terminations[1].local' <<<"$c")"
port=$(jq -r '.terminations[0].local' <<<"$c" | cut -d: -f2)
await 20 echoed "$port" || fail "no echo through the realm: $(fl context list)"

# answers ADDRESS DEVICE: to ARP and ICMP from there.
answers() { in_peer ping -q -c 2 -i 0.2 -W 2 -I "$2" "$1" >"$TMP/ping" 2>&1; }
await 10 answers $TAGGED4 peer0.$VLAN || fail "the VLAN's address does not answer on the VLAN: $(cat "$TMP/ping")"
await 10 answers "$RELAY4" peer0 || fail "the other port does not answer without tag: $(cat "$TMP/ping")"
! answers $TAGGED4 peer0 || fail "the VLAN's address answers to frames without tag"
! answers "$RELAY4" peer0.$VLAN || fail "the other port's address answers on the VLAN"
in_peer ip link set peer0.$VLAN down
in_peer ip link add link peer0 name peer0.201 type vlan id 201
in_peer ip addr add $NEAR4/24 dev peer0.201
in_peer ip link set peer0.201 up
! answers $TAGGED4 peer0.201 || fail "the VLAN's address answers on another VLAN"
relay_is_well
