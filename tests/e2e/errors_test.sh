#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every error code of RFC 8656, over the wire and where it says so (sections 5, 7.2, 8.2, 10.2,
# 12.2; RFC 8489 9.2.4 for 400, 401, 420 and 438), signed when the client is known; R75: SHA-256
# and USERHASH as well.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config \
	's/^  allocations-per-user:.*/  allocations-per-user: 2/' \
	's/^  permissions-per-allocation:.*/  permissions-per-allocation: 2/' \
	's/^  rfc5766-channels:.*/  rfc5766-channels: false/' >"$TMP/up.log" 2>&1 ||
	fail "the relay does not start: $(tail -n 3 "$TMP/up.log")"
drops_mark
fl user add other --password-file - --replace >/dev/null <<<secret
in_client /usr/bin/python3 "$E2E/errors_client.py" || fail "see above"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other)" ""

relay_config 's/^  md5:.*/  md5: false/' >"$TMP/up.log" 2>&1 || fail "the relay does not start: $(tail -n 3 "$TMP/up.log")"
in_client /usr/bin/python3 "$E2E/errors_client.py" sha256-only || fail "see above"
