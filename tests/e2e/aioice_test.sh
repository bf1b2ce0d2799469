#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# aioice, an independent ICE and TURN client, through Fairlead over UDP, TCP and TLS with the relay's
# certificate checked (R5, RFC 8656): with a peer, and two of them with nothing but relayed addresses,
# looped inside the relay.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

drops_mark
start "$TMP/echo.log" in_peer /usr/bin/python3 "$E2E/stunlib.py" 3480
await 10 listens fl-peer 3480 || fail "the peer does not listen"
looped=$(counter relay_looped)
for transport in udp tcp tls; do
	SSL_CERT_FILE=$CA in_client timeout 50 /usr/bin/python3 "$E2E/aioice_client.py" $transport || fail "see above"
done
assert_num "packets looped inside" "$(counter relay_looped)" -gt $((looped + 600))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# ICE tries pairs that have no permission yet.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission relay_port no_session tcp_closed tcp_port tcp_seq)" ""
