#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every key that takes a restart, in a file that is reloaded under a call: config diff and the reload name it,
# with the line where its new value stands, which process has to be restarted and what that costs; nothing
# that runs has changed, no numbered packet is lost, and both processes are the same. Which keys those are
# is asked of fairlead-cp, so that one which is added to the schema and has no step here fails.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

has_allocation() { (($(fl_json status .allocations.count) >= 1)); }

relay_config 's/^  reservation-lifetime: .*/  reservation-lifetime: 31/' >"$TMP/quickstart"
start_peer 3480
cp -p "$CONFIG" "$TMP/right"
UCLIENT_SECONDS=180 uclient "$TMP/udp" -n 3000 -m 1 -c -e $PEER4 $SERVER4 &
udp=$!
await 20 has_allocation || fail "the client has no allocation: $(tail -n 3 "$TMP/udp")"
pids="$(cp_pid) $(dp_pid)"
timeout 300 python3 "$E2E/reload_restart.py" "$CONFIG" "$BUILD/fairlead" "$BUILD/fairlead-cp" >"$TMP/keys" 2>&1 ||
	fail "$(tail -n 12 "$TMP/keys")"
note "$(tail -n 1 "$TMP/keys")"
cmp "$CONFIG" "$TMP/right" || fail "the file is not as it was"
wait $udp || fail "the client: $(tail -n 3 "$TMP/udp")"
assert_eq "packets that were lost" "$(uclient_lost "$TMP/udp")" 0
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
