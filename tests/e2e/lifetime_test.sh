#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Nothing outlives its time, and what is refreshed does (RFC 8656 3.2, 8, 9, 12; RFC 8489 9.2.4 for
# the nonce): allocations, permissions, channels, reservations and nonces with lifetimes of seconds.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config \
	's/^  lifetime-default:.*/  lifetime-default: 3/' \
	's/^  lifetime-max:.*/  lifetime-max: 30/' \
	's/^  permission-lifetime:.*/  permission-lifetime: 2/' \
	's/^  channel-lifetime:.*/  channel-lifetime: 4/' \
	's/^  reservation-lifetime:.*/  reservation-lifetime: 2/' \
	's/^  nonce-lifetime:.*/  nonce-lifetime: 3/' >"$TMP/up.log" 2>&1 ||
	fail "the relay does not start: $(tail -n 3 "$TMP/up.log")"
drops_mark
start "$TMP/echo.log" in_peer /usr/bin/python3 "$E2E/stunlib.py" 3480 3481
await 10 listens fl-peer 3481 || fail "the peer does not listen"
in_client /usr/bin/python3 "$E2E/lifetime_client.py" || fail "see above"
no_sessions() { [[ $(fl_json sessions '.sessions | length') == 0 && $(counter sessions) == 0 ]]; }
await 10 no_sessions || fail "sessions are left: $(fl sessions)"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
for reason in no_permission no_channel; do
	assert_num "dropped: $reason" "$(fl_json drops ".drops[] | select(.name == \"$reason\") | .total")" -gt 0
done
# The client asks again and again for what is about to end: at times more than its session may (punt_rate).
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other no_permission no_channel \
	no_session punt_rate session_expired relay_port icmp_no_session)" ""
