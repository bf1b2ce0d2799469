#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R27, R71, R77: holes that other relays and media proxies had, published under a number or mended without one, are
# not here; known_holes.py has each by its name. Both processes live, and every packet is accounted for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

relay_config 's/^  reservation-lifetime: .*/  reservation-lifetime: 1/' \
	's|^  deny: \[\]|  deny: ["fd00:2:0:8000::/49"]|' >"$TMP/quickstart"
dp=$(dp_pid) cp=$(cp_pid)
PYTHONPATH=$E2E:$ROOT/tests/tcp timeout 250 python3 "$E2E/known_holes.py" "$BUILD/fairlead" "$CONFIG" >"$TMP/holes" 2>&1 ||
	fail "$(grep -v ': shut$' "$TMP/holes")"
note "$(grep -c ': shut$' "$TMP/holes") holes, all shut"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
assert "fairlead-cp lives" test -e "/proc/$cp/exe"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
