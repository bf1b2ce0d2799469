#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# RFC 8656 10.2, 12.2: what is answered with success exists, also when one user takes all he can get
# of a small dataplane.peers; R77: a client of TURN neither reaches a termination nor is learnt by
# one, on a relay address that both have; RFC 6062 4.3: a data connection may come with the nonce of
# its control connection; a call outlasts its time-limited credential, and a wrong password is told.
# granted.py has each.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config 's/^  peers: .*/  peers: 100/' 's/^  rest-secrets: .*/  rest-secrets: [s3cret]/' >"$TMP/quickstart"
start_peer 3480
PYTHONPATH=$E2E:$ROOT/tests/tcp timeout 200 python3 "$E2E/granted.py" >"$TMP/granted" 2>&1 ||
	fail "$(cat "$TMP/granted")"
note "$(cat "$TMP/granted")"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
