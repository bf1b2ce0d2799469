#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# node-datachannel (libjuice) through Fairlead: two peers with relayed addresses only pass a file
# over a data channel. libjuice is the one client found that speaks RFC 8489: told that the relay
# can, it sends USERHASH instead of its name (R75, RFC 8489 9.2). It reads PASSWORD-ALGORITHMS but
# as a client never chooses one (its src/stun.c looks for it in requests only), so its key is MD5;
# SHA-256 is errors_test.sh's.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

node_modules
drops_mark
looped=$(counter relay_looped)
capture client in_client client0
in_client timeout 50 node "$E2E/node/datachannel.cjs" "$MODULES" || fail "see above"
await 10 grep -qa fairlead.test "$TMP/client.pcapng" || fail "the capture is empty"
captures_end

# seen WHAT FILTER: the captured packets it holds for.
seen()
{
	local n
	n=$(tshark -n -r "$TMP/client.pcapng" -Y "$2" 2>/dev/null | wc -l)
	assert_num "$1" "$n" -gt 0
	note "$1: $n"
}
seen "Allocates with USERHASH" "stun.type == 0x0003 && stun.att.type == 0x001e && !(stun.att.type == 0x0006)"
seen "signed successes" "stun.type == 0x0103 && stun.att.type == 0x0008"
seen "permissions" "stun.type == 0x0108 && stun.att.type == 0x0008"
assert_num "packets looped inside" "$(counter relay_looped)" -gt $((looped + 500))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# ICE tries pairs that have no permission yet, and libjuice a channel whose reply is under way.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission no_channel relay_port no_session)" ""
