#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# werift, an independent WebRTC stack, through Fairlead over TLS with the relay's certificate checked,
# TCP and UDP (R5, R6, RFC 8656 3.1): two peers with relayed addresses only pass a file over a data channel, looped inside the relay.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

node_modules
drops_mark
for transport in tls tcp udp; do
	looped=$(counter relay_looped)
	NODE_EXTRA_CA_CERTS=$CA in_client timeout 70 node "$E2E/node/werift.cjs" "$MODULES" $transport || fail "see above"
	assert_num "packets looped inside" "$(counter relay_looped)" -gt $((looped + 500))
done
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# ICE tries pairs that have no permission yet; clients that go leave packets on their way.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission no_channel relay_port no_session tcp_closed tcp_port tcp_seq)" ""
