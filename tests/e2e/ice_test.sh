#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# aioice, an independent full agent, against the ICE-lite of terminations (R12, R35, RFC 8445 2.5):
# checks with the credentials the controller was told, nomination, RTP and RTCP both ways to a peer
# without ICE, over IPv4 and IPv6; both agents controlled, an agent that moves, a wrong password, and
# strangers.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

drops_mark
start "$TMP/echo.log" in_peer /usr/bin/python3 "$E2E/stunlib.py" 3480 3481
await 10 listens fl-peer 3481 || fail "the peer does not listen"
checks=$(counter gate_checks)
in_client timeout 200 /usr/bin/python3 "$E2E/ice_client.py" 3480 || fail "see above"
assert_num "checks answered" "$(counter gate_checks)" -gt $((checks + 20))
assert_eq "contexts left" "$(fl_json status .gateway.contexts)" 0
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# Agents go on with checks when their context is gone.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other gate_source gate_stun \
	relay_port)" ""
