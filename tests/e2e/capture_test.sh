#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Captured conversations, seen from client and peer by an independent dissector: no packet is
# malformed, every checksum is good, DSCP and ECN are copied, TTL and hop limit are one less, and DF
# is what RFC 8656 11.2 and 14 say. Channels and indications, IPv4 and IPv6 and from one to the other,
# packets in fragments.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

finished() { grep -qa the-very-last "$TMP/client.pcapng" && grep -qa the-very-last "$TMP/peer.pcapng"; }

drops_mark
start "$TMP/echo.log" in_peer /usr/bin/python3 "$E2E/stunlib.py" 3480 3481 tos=74 ttl=33
await 10 listens fl-peer 3481 || fail "the peer does not listen"
capture client in_client client0
capture peer in_peer peer0
in_client /usr/bin/python3 "$E2E/capture_client.py" >"$TMP/sent" || fail "see above"
await 10 finished || fail "the captures are not whole"
captures_end
/usr/bin/python3 "$E2E/capture_check.py" "$TMP/sent" "$TMP/client.pcapng" "$TMP/peer.pcapng" || fail "see above"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session)" ""
