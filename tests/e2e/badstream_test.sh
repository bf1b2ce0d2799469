#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R43, R74: clients over TCP that lie or do nothing: HTTP and TLS on the TURN port, ChannelData longer
# than any may be, STUN lengths that are no multiple of four, messages begun and never finished, one
# byte at a time, a window closed for ever, no allocation, no handshake. Each connection ends under
# the name of lib/tcp_end.def that it should and moves no other; what is merely slow is served; other
# clients' media, over UDP and over TCP, is untouched and every packet is accounted for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

relay_config 's/^  frame-ms:.*/  frame-ms: 1000/' 's/^  idle-timeout:.*/  idle-timeout: 3/' \
	's/^  stall-timeout:.*/  stall-timeout: 6/' 's/^  handshake-ms:.*/  handshake-ms: 1500/' >"$TMP/quickstart"
dp=$(dp_pid) cp=$(cp_pid)
load_start udp media --legs 4 --rate 200
load_start tcp media --tcp --legs 4 --rate 200
load udp go
load tcp go
load_more tcp least 10
sessions=$(counter sessions)
timeout 100 python3 "$E2E/badstream.py" "$BUILD/fairlead" "$CONFIG" || fail "see above"
for name in udp tcp; do
	load_more $name least 10
	load_clean $name
	load $name renew
done
assert_eq "sessions" "$(counter sessions)" "$sessions"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert_eq "fairlead-dp" "$(dp_pid)" "$dp"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
assert "fairlead-cp lives" test -e "/proc/$cp/exe"
