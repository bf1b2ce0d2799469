#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two pages in headless Chromium with iceTransportPolicy "relay" (R5), over UDP and over TCP: a file
# over a data channel and a fake camera's video through Fairlead, looped inside; getStats() shows
# relay candidates on both sides.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
drops_mark
looped=$(counter relay_looped)
for transport in udp tcp; do
	in_client timeout -k 5 80 node "$E2E/node/browser.cjs" "$chromium" "$TMP/$transport" $transport \
		2>"$TMP/chromium.log" || fail "see above: $(tail -n 3 "$TMP/chromium.log")"
done
assert_num "packets looped inside" "$(counter relay_looped)" -gt $((looped + 2000))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# ICE tries pairs that have no permission yet; a page that goes leaves packets on their way.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission no_channel relay_port no_session tcp_closed tcp_seq tcp_port)" ""
