#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R43, R57, R74: clients of TLS listeners that lie, break off, or do nothing. Everything before Finished
# is hostile: plain text, records too long, empty or of no version, ClientHellos that are cut, endless
# or nonsense, handshakes by the hundred that nobody goes on with; after it altered, repeated and foreign
# records, streams that end without close_notify. Each connection ends with the alert of RFC 8446 6 and
# under the name of lib/tcp_end.def that it should, what it took is free again, and other clients' media,
# over UDP and over TLS, is untouched. What is merely in small pieces is served.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

relay_config '/^tls:/,/^tls-domains:/s/^  handshake-ms:.*/  handshake-ms: 1500/' 's/^  handshakes:.*/  handshakes: 16/' \
	's/^  waiting:.*/  waiting: 32/' 's/^  key-updates:.*/  key-updates: 5/' \
	's/^  linger:.*/  linger: 1/' 's/^  crypto-cpus:.*/  crypto-cpus: [1]/' >"$TMP/quickstart"
dp=$(dp_pid) cp=$(cp_pid)
drops_mark
load_start udp media --legs 4 --rate 200
load_start tls media --tls --legs 4 --rate 200
load udp go
load tls go
load_more tls least 10
python3 "$E2E/tls_bad.py" "$BUILD/fairlead" "$CONFIG" || fail "see above"
for name in udp tls; do
	load_more $name least 10
	load_clean $name
	load $name quit
done
free() { fl --json workers | jq -e '[.workers[].counters | .tls_handshakes, .tls_waiting, .sessions] | add == 0' >/dev/null; }
await 10 free || fail "something is left: $(fl tls)"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert_eq "fairlead-dp" "$(dp_pid)" "$dp"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
assert "fairlead-cp lives" test -e "/proc/$cp/exe"
