#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24, R39: a page of Chromium with JsSIP, over WebSocket to a real kamailio, and a phone without any of WebRTC
# in the core (baresip). kamailio's rtpengine module asks for RTP/AVP without ICE towards the one and, by its flag
# WebRTC, for what browsers need towards the other. Each calls the other; each has a tone of its own, which the other
# one hears; the page holds the call and resumes it. A browser that is gone without a word does not renew its consent
# (RFC 7675): the call ends, though the phone talks on, and kamailio is told. So it does when the page has the call on
# hold; as long as the browser is there, silence ends nothing.
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

# Silence of the phone would end nothing before the test is over.
media_relay 0 's/^  inactivity: .*/  inactivity: 20/' \
	"s|^  ng-proxies: .*|  ng-proxies: [{address: $CONTROL_PEER, port: $SIP}]|"
# The host name in a browser's Contact is none (RFC 7118 5): that it cannot be resolved is to be known at once, and
# not when kamailio has waited for this machine's name servers, which cannot be reached from there.
sed -n 's/^nameserver *//p' /etc/resolv.conf | while read -r server; do in_peer ip route replace unreachable "$server" || true; done
kamailio_commands "udp:$CONTROL_RELAY:2223" "SIP_WS=tcp:$CONTROL_SIP:$WS_PORT" "RPC=tcp:$CONTROL_PEER:$SIP"
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

CALL="page-gone"
page_start
phone_start core manual -e "/dial sip:page@$DOMAIN"
page_says hears
CONTEXT=$(fl --json context list | jq -r '.contexts[0].context')
assert_eq "$CALL: dialogues ended so far" "$(fl_json status .gateway.ng.dialogues_ended)" 0
kill -9 "$PAGE" # and Chromium with it, whose orders came from there
await 50 none_left || fail "$CALL: it does not end: $(fl context show "$CONTEXT")"
byed() { grep -qa "Call with .* terminated" "$TMP/$CALL-core/log"; }
await 20 byed || fail "$CALL: no BYE came to the phone: $(tail -n 3 "$TMP/fairlead-cp.log")"
# It hangs up before it answers us.
told_so() { [[ $(fl_json status .gateway.ng.dialogues_ended) == 1 ]]; }
await 10 told_so || fail "$CALL: dialogues that kamailio ended: $(fl_json status .gateway.ng.dialogues_ended), not 1"
drops | grep -q "^gate_consent [1-9]" || fail "$CALL: the phone was not talking any more"
kill "${PHONE[core]}"
await 10 ended "${PHONE[core]}" || fail "$CALL: core does not end"
note "$CALL: ended, and the phone was hung up"

CALL="held-gone"
phone_start core auto
page_start "sip:core@$DOMAIN" held
page_says held
CONTEXT=$(fl --json context list | jq -r '.contexts[0].context')
checks() { fl --json context show "$CONTEXT" | jq '[.. | .ice_checks? // empty] | add'; }
first=$(checks)
begun=$SECONDS
# For longer than silence or missed consent would take.
goes_on() { ((SECONDS - begun >= 33)) && (($(checks) >= first + 5)); }
await 45 goes_on || fail "$CALL: the browser does not check: $first, then $(checks) times"
assert_eq "$CALL: contexts on hold" "$(contexts)" 1
kill -9 "$PAGE"
await 50 none_left || fail "$CALL: it does not end: $(fl context show "$CONTEXT")"
await 20 byed || fail "$CALL: no BYE came to the phone: $(tail -n 3 "$TMP/fairlead-cp.log")"
told_so() { [[ $(fl_json status .gateway.ng.dialogues_ended) == 2 ]]; }
await 10 told_so || fail "$CALL: dialogues that kamailio ended: $(fl_json status .gateway.ng.dialogues_ended), not 2"
kill "${PHONE[core]}"
await 10 ended "${PHONE[core]}" || fail "$CALL: core does not end"
note "$CALL: ended, and the phone was hung up"

none_refused
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
