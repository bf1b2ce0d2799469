#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24, R39: a page of Chromium with JsSIP, over WebSocket to a real kamailio, and a phone without any of WebRTC
# in the core (baresip). kamailio's rtpengine module asks for RTP/AVP without ICE towards the one and, by its flag
# WebRTC, for what browsers need towards the other. Each calls the other; each has a tone of its own, which the other
# one hears; the page holds the call and resumes it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
# shellcheck source=tests/e2e/phones.sh
. "$(dirname "$0")/phones.sh"
WS_PORT=8080

chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
node_modules
"$MODULES/node_modules/.bin/esbuild" "$MODULES/node_modules/jssip/lib/JsSIP.js" --bundle --format=iife --global-name=JsSIP \
	--outfile="$TMP/jssip.js" 2>"$TMP/esbuild.log" || fail "JsSIP: $(tail -n 3 "$TMP/esbuild.log")"

# page_start [URI]: Chromium, which calls it or is called; its process is $PAGE.
page_start()
{
	start "$TMP/$CALL-page.log" in_client env "HOME=$TMP" node "$E2E/node/sip.cjs" "$chromium" \
		"$TMP/$CALL-profile" "$TMP/jssip.js" "ws://$CONTROL_SIP:$WS_PORT" "sip:page@$DOMAIN" "${HZ[phone]}" "$@"
	PAGE=$PID
	page_says registered
}
page_says() { await 60 grep -q "^$1" "$TMP/$CALL-page.log" || fail "$CALL: the page is not $1: $(tail -n 5 "$TMP/$CALL-page.log")"; }

page_ends()
{
	page_says ended
	await 20 ended "$PAGE" || fail "$CALL: Chromium does not end"
}

media_relay
kamailio_commands "udp:$CONTROL_RELAY:2223" "SIP_WS=tcp:$CONTROL_SIP:$WS_PORT"
drops_mark

CALL="from-page"
phone_start core auto
page_start "sip:core@$DOMAIN"
page_says resumed
page_ends
over
kill "${PHONE[core]}"
await 10 ended "${PHONE[core]}" || fail "$CALL: core does not end"
heard core "${HZ[phone]}"
note "$CALL: $(grep '^hears' "$TMP/$CALL-page.log")"

CALL="to-page"
page_start
phone_start core manual -e "/dial sip:page@$DOMAIN"
page_says hears
kill "${PHONE[core]}"
page_ends
over
heard core "${HZ[phone]}"
note "$CALL: $(grep '^hears' "$TMP/$CALL-page.log")"

none_refused
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
