#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead ping and arping against Linux: echoes by IPv4 and IPv6, from the port and address that the way
# has or that are given, by either worker, of the MTU's size and in fragments, and beyond what may be cut; a
# router that says why not; who does not answer, and why; what cannot be sent; exit codes as ping's;
# ARP and neighbour discovery with the MAC that Linux has. What Linux was sent is tshark's to say. No packet is
# unaccounted for, also with more askers than there are places.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
NOBODY=10.2.0.99 FAR=10.9.0.7

relay_config "s|^    addresses: \[10.2.0.1/24, fd00:2::1/64\]|&\n    routes: [{to: 10.9.0.0/24, via: $PEER4}]|" \
	's|^  workers: .*|  workers: [0, 1]|' >"$TMP/quickstart"
DEV=$(in_peer ip -o -4 addr show to "$PEER4" | awk '{ print $2 }')
MAC=$(in_peer ip -j link show dev "$DEV" | jq -r '.[0].address')
capture far in_peer "$DEV"

# exit_of WHAT CODE COMMAND...: its output is in $TMP/out.
exit_of()
{
	local rc=0
	fl "${@:3}" >"$TMP/out" 2>&1 || rc=$?
	assert_eq "exit code, $1 ($(<"$TMP/out"))" $rc "$2"
}
has() { grep -q -e "$1" "$TMP/out" || fail "no '$1' in: $(<"$TMP/out")"; }
# requests_from ADDRESS: how many echo requests the peer was sent from there, by tshark.
requests_from() { tshark -n -r "$TMP/far.pcapng" -Y "ip.dst == $PEER4 && ip.src == $1 && icmp.type == 8 && icmp.checksum.status == 1" 2>/dev/null | wc -l; }

# ---- echoes ----

for peer in "$PEER4" "$PEER6"; do
	for worker in 0 1; do
		exit_of "$peer by worker $worker" 0 ping "$peer" --count 3 --interval 0.01 --worker $worker
		has "^$peer from .* by port core, worker $worker"
		has "^3: 56 bytes from $peer, TTL 64, in [0-9.]* "
		has '^3 sent, 3 answered, 0 lost; at least '
	done
done
fl --json ping "$PEER4" --count 3 --interval 0.01 >"$TMP/json"
assert_eq "answered, as JSON" "$(jq -c '[.sent, .answered, .lost, (.answers | length), (.rtt_us.min > 0), (.rtt_us.max >= .rtt_us.mean)]' "$TMP/json")" \
	'[3,3,0,3,true,true]'
exit_of "from the other port's address" 0 ping "$PEER4" --count 1 --source "$SERVER4" --port core
other_seen() { (($(requests_from "$SERVER4") == 1)); }
await 10 other_seen || fail "tshark has no request from $SERVER4"
captures_end
assert_eq "requests from the port's address, as tshark saw them" "$(requests_from "$RELAY4")" 9
note "echoes are answered"

# ---- sizes ----

exit_of "as large as the MTU" 0 ping "$PEER4" --count 2 --interval 0.01 --size 1472 --whole
exit_of "as large as the MTU" 0 ping "$PEER6" --count 2 --interval 0.01 --size 1452 --whole
exit_of "a byte more" 2 ping "$PEER4" --count 1 --size 1473 --whole
has 'exceed the MTU 1500 of port core'
exit_of "in fragments" 0 ping "$PEER4" --count 2 --interval 0.01 --size 9600
exit_of "in fragments" 0 ping "$PEER6" --count 2 --interval 0.01 --size 9600
exit_of "without a payload" 0 ping "$PEER4" --count 2 --interval 0.01 --size 0
note "sizes up to the MTU and beyond"

# ---- no reply ----

exit_of "nobody" 1 ping "$NOBODY" --count 2 --interval 0.01 --timeout 0.5
has "^1: no answer: $NOBODY by port core does not answer ARP"
has '^2 sent, 0 answered, 2 lost$'
in_peer ip route add unreachable "$FAR"
in_peer sysctl -qw net.ipv4.ip_forward=1
far_gone()
{
	in_peer ip route del unreachable "$FAR"
	in_peer sysctl -qw net.ipv4.ip_forward=0
}
AT_END=far_gone
exit_of "a router refuses" 1 ping "$FAR" --count 1
has "^$FAR from .*, gateway $PEER4"
has "^1: $PEER4 says: host unreachable"
exit_of "no route" 2 ping 192.0.2.1 --count 1 --port core
has 'no subnet or gateway leads to 192.0.2.1 by port core'
exit_of "its own address" 2 ping "$RELAY4"
has "$RELAY4 is an address of this relay"
exit_of "another's address" 2 ping "$PEER4" --source "$PEER4"
has '"source"'
exit_of "no address" 2 ping peer.example
has 'must be an IP address'
exit_of "two addresses" 2 ping "$PEER4" "$PEER6"
exit_of "none" 2 ping
exit_of "an interval of nothing" 2 ping "$PEER4" --interval 0
note "what does not answer, and what cannot be sent"

# ---- neighbours ----

for peer in "$PEER4" "$PEER6"; do
	exit_of "arping $peer" 0 arping "$peer" --count 2 --interval 0.01
	has "^2: $peer is at $MAC, in "
done
exit_of "arping: nobody" 1 arping "$NOBODY" --count 1 --timeout 0.2
has '^1: no answer$'
exit_of "arping: behind a gateway" 2 arping "$FAR"
has "$FAR is not on a link: it is behind $PEER4 by port core"
fl arping --help | grep -q -- '--source' || fail "no help: $(fl arping --help)"
note "ARP and neighbour discovery"

# ---- until interrupted, and many at once ----

"$BUILD/fairlead" --config "$CONFIG" ping "$PEER4" --count 0 --interval 0.05 >"$TMP/long" &
STARTED+=($!) pid=$!
third() { grep -q '^3: ' "$TMP/long"; }
await 10 third || fail "no third answer: $(<"$TMP/long")"
kill -INT $pid
wait $pid || fail "interrupted: $? $(<"$TMP/long")"
tail -n 1 "$TMP/long" | grep -q ' answered, 0 lost; ' || fail "no sum: $(<"$TMP/long")"
many=()
for i in {1..40}; do
	fl ping "$NOBODY" --count 1 --timeout 1 >"$TMP/many$i" 2>&1 &
	many+=($!)
done
for i in "${many[@]}"; do
	! wait "$i" || fail "nobody has answered"
done
exit_of "after that" 0 ping "$PEER4" --count 1
await 10 accounted || fail "packets are unaccounted for: $(fl accounting)"
