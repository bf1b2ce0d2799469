#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R24, R93: calls that end without an order are ended by a real kamailio, whose dialog module is told by XML-RPC:
# both sides get a BYE when nothing came for gateway.inactivity, and when an operator ends the context. A
# call that goes on is told of by nobody, and one that kamailio does not know is counted. A call that kamailio
# blocks passes nothing until it is unblocked (R32), one whose DTMF it blocks all but telephone events (RFC 4733);
# of one that kamailio silences packets come whole, and nothing is heard.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
ended_of() { fl_json status ".gateway.ng.dialogues_$1"; }

# hang_up COMMAND...: both sides wait for a BYE, which that brings about.
hang_up()
{
	local client
	CSEQ=$((CSEQ + 1))
	listen_ua end byed-slowly client
	client=$CALLED
	listen_ua end byed-slowly server
	"$@"
	wait "$client" || fail "$CALL: no BYE came to the client: $(tail -n 3 "$TMP/$CALL-end-client.errors" 2>/dev/null)"
	wait "$CALLED" || fail "$CALL: no BYE came to the server: $(tail -n 3 "$TMP/$CALL-end-server.errors" 2>/dev/null)"
}

media_relay 0 's/^  inactivity: .*/  inactivity: 8/' \
	"s|^  ng-proxies: .*|  ng-proxies: [{address: $CONTROL_PEER, port: $SIP}]|"
kamailio_commands "udp:$CONTROL_RELAY:2223" "RPC=tcp:$CONTROL_PEER:$SIP"

call silent $CLIENT4 $PEER4
invite begin client
media "before it is silent"
assert_eq "dialogues ended while media came" "$(ended_of ended)" 0
hang_up true
over
assert_eq "dialogues that kamailio ended" "$(ended_of ended)" 1
note "both sides hung up a call that was silent"

# orders WORD: kamailio is asked to do that to the call's media.
orders()
{
	local at=${AT[client]}
	CSEQ=$((CSEQ + 1))
	ua "$1" info client -i "${at%:*}" -p "${at##*:}" -key contact "${CONTACT[server]}" \
		-key peer "<sip:server@$DOMAIN>;tag=tag-server" -key route "Route: <sip:$CONTROL_SIP;lr>" \
		-key more "X-Media: $1" "$CONTROL_SIP:$SIP" ||
		fail "$CALL: $1: $(tail -n 3 "$TMP/$CALL-$1-client.errors" 2>/dev/null)"
}
call blocked $CLIENT4 $PEER4
invite begin client
media "before it is blocked"
orders block
media "while it is blocked" --stray
invite again client
media "while it is blocked, after another offer" --stray
orders unblock
media "unblocked"
bye client
over
note "blocked, offered again and unblocked"

call events $CLIENT4 $PEER4
for who in client server; do
	M_LINES[$who]="m=audio ${PORT[$who]} RTP/AVP 0 101"$'\n'"a=rtpmap:0 PCMU/8000"$'\n'"a=rtpmap:101 telephone-event/8000"
done
invite begin client
media "with events" --events 5
orders block-dtmf
media "without events" --events 5 --no-events
invite again client
media "without events, after another offer" --events 5 --no-events
orders unblock-dtmf
media "with events again" --events 5
bye client
over
M_LINES=()
note "events were blocked, and nothing else"

call silenced $CLIENT4 $PEER4
invite begin client
orders silence
media "silent" --silent
invite again client
media "silent, after another offer" --silent
assert_eq "sides that are told as silent" "$(fl --json context list | jq -c '[.contexts[].terminations[].silent]')" "[true,true]"
orders unsilence
media "heard again"
bye client
over
note "silenced, offered again and heard again"

call killed $CLIENT4 $PEER4
invite begin client
kill_it() { fl context kill --call killed >"$TMP/kill.log" || fail "context kill: $(tail -n 2 "$TMP/kill.log")"; }
hang_up kill_it
over
assert_eq "dialogues that kamailio ended" "$(ended_of ended)" 2
note "both sides hung up a call that an operator ended"

# Of a call that ends as calls do, and of one that kamailio has forgotten.
call ordered $CLIENT4 $PEER4
invite begin client
bye client
over
kamailio_stop
kamailio_commands "udp:$CONTROL_RELAY:2223" "RPC=tcp:$CONTROL_PEER:$SIP"
call forgotten $CLIENT4 $PEER4
invite begin client
kamailio_stop
kamailio_commands "udp:$CONTROL_RELAY:2223" "RPC=tcp:$CONTROL_PEER:$SIP"
await 20 none_left || fail "$CALL: contexts are left: $(contexts)"
told() { [[ $(ended_of left) == 1 ]]; }
await 10 told || fail "dialogues that nobody ended: $(ended_of left), not 1"
assert_eq "dialogues that kamailio ended" "$(ended_of ended)" 2
none_refused
