#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two pages in headless Chromium with iceTransportPolicy "relay" (R5, R6), over UDP, TCP and TLS on
# port 443 with the relay's certificate checked: a file over a data channel and a fake camera's video through Fairlead, looped inside; getStats() shows
# relay candidates on both sides.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
# Chromium trusts what is in the NSS database of its user.
mkdir -p "$TMP/.pki/nssdb"
certutil -N -d "sql:$TMP/.pki/nssdb" --empty-password
certutil -A -d "sql:$TMP/.pki/nssdb" -n fairlead -t C,, -i "$CA"

drops_mark
looped=$(counter relay_looped)
for transport in udp tcp tls; do
	HOME=$TMP in_client timeout -k 5 80 node "$E2E/node/browser.cjs" "$chromium" "$TMP/$transport" $transport \
		2>"$TMP/chromium.log" || fail "see above: $(tail -n 3 "$TMP/chromium.log")"
done
assert_num "packets looped inside" "$(counter relay_looped)" -gt $((looped + 3000))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# ICE tries pairs that have no permission yet; a page that goes leaves packets on their way; SCTP sends
# ever more until something is lost, which towards a client over TCP is what its queue does not hold.
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission no_channel relay_port no_session tcp_closed tcp_seq tcp_port media_full media_old)" ""
