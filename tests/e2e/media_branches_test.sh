#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R14, R24: calls that a real kamailio forks to two at once, with a via-branch each (RFC 3261 16.6): who refuses
# takes nothing from who does not; who rings has ports of its own, and goes with the call. A re-INVITE that is
# refused deletes in kamailio's script: the call goes on (RFC 3261 14.1), the next re-INVITE takes the
# delete back, and a call that nobody takes back is gone after gateway.delete-delay.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
WHERE[other]=in_peer AT[other]=$PEER4:5090 HOST[other]=$PEER4 PORT[other]=31000 ATTRIBUTE[other]=sendrecv

has_contexts() { [[ $(contexts) == "$1" ]]; }

rings() { grep -q "183 Session" "$TMP/$CALL-begin-client.messages" 2>/dev/null; }

# forked NAME PARTS COUNT: a call to both, where the other plays these parts. When there are COUNT contexts,
# the server takes the call.
forked()
{
	local other caller
	call "$1" $CLIENT4 $PEER4
	CSEQ=1
	listen_ua begin "$2" other -key tag ";tag=tag-other"
	other=$CALLED
	ua begin invite client -i "${AT[client]%:*}" -p "${AT[client]##*:}" -key uri "sip:both@$DOMAIN" \
		-key to "<sip:both@$DOMAIN>" -key more "X-Server: ${AT[server]}"$'\n'"X-Other: ${AT[other]}" \
		"$CONTROL_SIP:$SIP" &
	caller=$!
	if [[ $2 == refuses ]]; then
		wait $other || fail "$CALL: other: $(tail -n 12 "$TMP/$CALL-begin-other.errors" 2>/dev/null)"
	else
		await 10 rings || fail "$CALL: it does not ring"
	fi
	await 10 has_contexts "$3" || fail "$CALL: $(contexts) contexts while the server is away, not $3"
	# kamailio sends the INVITE to the server until it answers.
	listen_ua begin invited server -key tag ";tag=tag-server"
	wait $caller || fail "$CALL: client: $(tail -n 12 "$TMP/$CALL-begin-client.errors" 2>/dev/null)"
	wait $CALLED || fail "$CALL: server: $(tail -n 12 "$TMP/$CALL-begin-server.errors" 2>/dev/null)"
	[[ $2 == refuses ]] || wait $other || fail "$CALL: other: $(tail -n 12 "$TMP/$CALL-begin-other.errors" 2>/dev/null)"
	TOLD_HOST[server]=$(received "$CALL-begin-server" 's/^c=IN IP4 //p')
	TOLD_PORT[server]=$(received "$CALL-begin-server" 's/^m=audio \([0-9]*\) .*/\1/p')
	told begin client
	has_contexts "$3" || fail "$CALL: $(contexts) contexts after the answer, not $3"
}

media_relay 10
kamailio_commands "udp:$CONTROL_RELAY:2223"
drops_mark

# ---- forked ----

forked unable refuses 1
media "with the one who is able"
bye server
over
note "one of two refuses"

forked rings cancelled 2
port_to() { received_all "rings-begin-$1" 's/^m=audio \([0-9]*\) .*/\1/p' | head -n 1; }
[[ $(port_to server) != "$(port_to other)" ]] || fail "the two are told the same port: $(port_to other)"
assert_eq "ports told to the client by the answers" \
	"$(received_all rings-begin-client 's/^m=audio \([0-9]*\) .*/\1/p' | sort -u | wc -l)" 2
media "with the one who took the call"
bye client
over
note "one of two rings, the other takes the call"

# ---- a re-INVITE is refused ----

call reinvite $CLIENT4 $PEER4
invite begin client
first=$(ports_told)
deletes() { fl_json status .gateway.ng.delete; }
before=$(deletes)
CSEQ=$((CSEQ + 1))
listen_ua refuse refuses server -key tag ""
both refuse client ua refuse invite-refused client -i "${AT[client]%:*}" -p "${AT[client]##*:}" \
	-key uri "${CONTACT[server]}" -key to "<sip:server@$DOMAIN>;tag=tag-server" \
	-key more "Route: <sip:$CONTROL_SIP;lr>" "$CONTROL_SIP:$SIP"
more_deletes() { (($(deletes) > before)); }
await 10 more_deletes || fail "kamailio did not delete the call whose re-INVITE was refused"
invite again client
assert_eq "ports after the refused re-INVITE" "$(ports_told)" "$first"
# One that is deleted now is gone when the other would be.
id=$(fl --json context add --call deleted --a transport=udp,realm=access --b transport=udp,realm=core | jq -r .context)
in_relay python3 - "$E2E" <<-'END'
	import sys
	sys.path.insert(0, sys.argv[1])
	from gatelib import Ng
	Ng("127.0.0.1", 2223).exchange({"command": "delete", "call-id": "deleted"})
END
has_contexts 2 || fail "what was deleted is gone at once: $(contexts)"
await 30 has_contexts 1 || fail "context $id is not gone: $(contexts)"
media "after a re-INVITE that was refused, and one that was not"
bye server
over
none_refused
note "the delete of a re-INVITE that was refused was taken back"

await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session)" ""
