#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead neighbours and routes: a peer that is relayed to is reachable at its MAC, on the worker that
# asked; one that is not there has failed; a gateway that is gone is told as such. Tables of more than a
# page are listed whole.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
GATEWAY=10.2.0.9 NOBODY=10.2.0.99

relay_config "s|^    addresses: \[10.2.0.1/24, fd00:2::1/64\]|&\n    routes: [{to: 10.9.0.0/24, via: $GATEWAY}]|" \
	's|^  workers: .*|  workers: [0, 1]|' >"$TMP/quickstart"
DEV=$(in_peer ip -o -4 addr show to "$PEER4" | awk '{ print $2 }')
MAC=$(in_peer ip -j link show dev "$DEV" | jq -r '.[0].address')

# Datagrams to a peer, by a client of its own.
ask_for()
{
	in_client python3 - "$E2E" "$@" <<-'EOF'
		import sys
		sys.path.insert(0, sys.argv[1])
		import stunlib
		c = stunlib.Client("10.1.0.1")
		assert c.allocate().error() == 0
		for peer in sys.argv[2:]:
		    assert c.permit(peer).error() == 0, peer
		    c.send(peer, 9, b"x")
	EOF
}
# known FILTER: of all neighbours; of_one ADDRESS KEY.
known() { fl --json neighbours --limit 0 | jq -r "$1"; }
of_one() { known "[.neighbours[] | select(.address == \"$1\")][0].$2 // \"none\""; }
is() { [[ $(of_one "$1" state) == "$2" ]]; }

ask_for "$PEER4" "$NOBODY"
await 10 is "$PEER4" reachable || fail "the peer is $(of_one "$PEER4" state)"
await 10 is "$NOBODY" failed || fail "who is not there is $(of_one "$NOBODY" state)"
assert_eq "the peer's MAC" "$(of_one "$PEER4" mac)" "$MAC"
assert_eq "the peer's port" "$(of_one "$PEER4" port)" core
fl neighbours --limit 0 | grep -q "core .*$PEER4 .*$MAC .*reachable" || fail "not in the table: $(fl neighbours)"
! fl neighbours --worker 7 >"$TMP/wrong" 2>&1 || fail "a worker that is not there is listed"
grep -q 'worker' "$TMP/wrong" || fail "not why: $(<"$TMP/wrong")"
note "neighbours are listed"

gateway() { fl_json routes '[.routes[] | select(.to == "10.9.0.0/24")][0].gateway'; }
gateway_is() { [[ $(gateway) == "$1" ]]; }
assert_eq "what is known of a gateway that nobody asked for" "$(gateway)" null
ask_for 10.9.0.7
await 10 gateway_is failed || fail "the gateway is $(gateway)"
in_peer ip addr add "$GATEWAY/24" dev "$DEV"
gateway_gone() { in_peer ip addr del "$GATEWAY/24" dev "$DEV"; }
AT_END=gateway_gone
await 20 gateway_is reachable || fail "the gateway is $(gateway)"
fl routes >"$TMP/routes"
grep -q "^10.9.0.0/24 *core *up *$GATEWAY *reachable" "$TMP/routes" || fail "not so: $(<"$TMP/routes")"
grep -q "^10.1.0.0/24 *access *up *on link" "$TMP/routes" || fail "no subnet: $(<"$TMP/routes")"
note "routes are listed, a gateway's end and return are seen"

# More than a page.
# shellcheck disable=SC2046 # words
ask_for $(printf '10.2.0.%d ' {101..160})
all() { (($(known '[.neighbours[] | .address | select(test("^10.2.0.1[0-9][0-9]$"))] | unique | length') >= 60)); }
await 10 all || fail "not all are listed: $(fl neighbours --limit 0)"
assert_eq "with a limit" "$(fl --json neighbours --limit 3 | jq '.neighbours | length')" 3
note "pages add up"
