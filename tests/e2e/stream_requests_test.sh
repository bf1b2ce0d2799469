#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70, RFC 8489 6.2.2: over TCP and TLS a request is sent once. fairlead-cp stops for 1 s and for
# 11 s while clients send 3,000 of them, on one connection and on many: all are answered, and media
# of a client with a request on its way goes on meanwhile.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_peer
for seconds in 1 11; do
	in_client timeout 120 python3 "$E2E/stream_requests.py" "$(cp_pid)" "$seconds" >"$TMP/log" 2>&1 ||
		fail "away for $seconds s: $(tail -n 3 "$TMP/log")"
	note "$(tail -n 1 "$TMP/log")"
done
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
