#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP allocations (RFC 6062) with a real web server as peer: a download byte for byte over IPv4 and
# IPv6, connections that come in, half-closes, a reader that stops, RST passed on both ways, the
# errors of 4.3 to 4.5, and the allocation's end; with one worker, and with two. Every packet is
# accounted for (R74).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=tests/e2e/web.sh
. "$(dirname "$0")/web.sh"

web_files 8
web_start
show()
{
	local spliced
	drops_mark
	spliced=$(counter tcp_spliced)
	timeout 80 python3 "$E2E/tcp_alloc.py" "$BUILD/fairlead" "$CONFIG" "$TMP/www/file" || fail "see above"
	assert_num "pairs joined" "$(counter tcp_spliced)" -gt "$spliced"
	await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
	# Ends by RST leave segments on their way; a connection nobody may open is answered with RST.
	assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other tcp_closed tcp_port \
		tcp_seq tcp_cookie no_permission)" ""
}

show
# A client's data connection may be another worker's than the peer's: it moves there.
relay_config 's/^  workers: .*/  workers: [0, 1]/' >"$TMP/quickstart"
web_start
show
assert_num "connections that moved" "$(counter tcp_moved)" -gt 0
