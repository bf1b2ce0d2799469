# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Calls for tests, one at a time, from calls.sh's sipps by its kamailio, whose rtpengine module has Fairlead
# for its gateway. The client is on the access side, the server on the core's:
#
#   media_relay; kamailio_commands "udp:$CONTROL_RELAY:2223"
#   call NAME $CLIENT4 $PEER4; invite begin client; media "after the answer"; bye client; over
DOMAIN=sip.fairlead.test
PACKETS=300 DELETE_DELAY=0 RTP_SUM=0 RTCP_SUM=0
# Of the two user agents: where they are, as the kernel, as signalling and as SDP name it.
declare -A WHERE=([client]=in_client [server]=in_peer) OTHER=([client]=server [server]=client)
declare -A AT=([client]=$CONTROL_CLIENT:5070 [server]=$PEER4:5080)
declare -A HOST PORT=([client]=20000 [server]=30000) ATTRIBUTE
declare -A M_LINES # m-lines and their attributes, where they are not one of audio
declare -A TOLD_HOST TOLD_PORT # what the gateway's SDP told them

# call NAME HOST HOST [HEADER]: begins one; addresses of the media of client and server.
call()
{
	CALL=$1 CSEQ=0 HOST[client]=$2 HOST[server]=$3 ATTRIBUTE[client]=sendrecv ATTRIBUTE[server]=sendrecv
	HEADER=${4:-Subject: none}
	declare -gA CONTACT=([client]="sip:client@${AT[client]};transport=UDP"
		[server]="sip:server@${AT[server]};transport=UDP")
}

sdp_address() { [[ $1 == *:* ]] && echo "IN IP6 $1" || echo "IN IP4 $1"; }

# ua STEP PARTS WHO OPTION...: sipp as this user agent of the call.
ua()
{
	local step=$1 parts=$2 who=$3 media
	media="m=audio ${PORT[$3]} RTP/AVP 0"$'\n'"a=rtpmap:0 PCMU/8000"$'\n'"a=${ATTRIBUTE[$3]}"
	sipp "$CALL-$step-$who" "${WHERE[$who]}" "$parts" -m 1 -cid_str "$CALL" -base_cseq "$CSEQ" \
		-key self "$who" -key from "<sip:$who@$DOMAIN>" -key mine "tag-$who" -key version "$CSEQ" \
		-key sdp_address "$(sdp_address "${HOST[$who]}")" -key sdp_media "${M_LINES[$who]:-$media}" "${@:4}"
}

# listen_ua STEP PARTS WHO OPTION...: the same in the background, as $CALLED, once it can be called.
listen_ua()
{
	local at=${AT[$3]}
	ua "$@" -i "${at%:*}" -p "${at##*:}" &
	CALLED=$!
	await 10 listens "$NS-${WHERE[$3]#in_}" "${at##*:}" || fail "$CALL: $1: sipp does not listen"
}

# both STEP CALLER COMMAND...: the caller's sipp, whose other side is $CALLED.
both()
{
	local step=$1 caller=$2 rc=0
	shift 2
	"$@" || rc=$?
	((rc == 0)) || fail "$CALL: $step: sipp: $rc: $(tail -n 12 "$TMP/$CALL-$step-$caller.errors" 2>/dev/null)"
	wait "$CALLED" ||
		fail "$CALL: $step: sipp: $(tail -n 12 "$TMP/$CALL-$step-${OTHER[$caller]}.errors" 2>/dev/null)"
}

# told STEP WHO: takes what the SDP that this sipp received says.
told()
{
	local name=$CALL-$1-$2
	TOLD_HOST[$2]=$(received "$name" 's/^c=IN IP[46] //p')
	TOLD_PORT[$2]=$(received "$name" 's/^m=[a-z]* \([0-9]*\) .*/\1/p')
	[[ -n ${TOLD_HOST[$2]} && -n ${TOLD_PORT[$2]} ]] || fail "$CALL: $1: no SDP came to $2"
}

# invite STEP CALLER: the call begins, or is changed (re-INVITE).
invite()
{
	local step=$1 caller=$2 called=${OTHER[$2]} uri more to at
	CSEQ=$((CSEQ + 1))
	if ((CSEQ == 1)); then
		uri="sip:server@$DOMAIN" to="<$uri>" more="X-Server: ${AT[server]}"$'\n'"$HEADER"
		listen_ua "$step" invited "$called" -key tag ";tag=tag-$called"
	else
		uri=${CONTACT[$called]} to="<sip:$called@$DOMAIN>;tag=tag-$called" more="Route: <sip:$CONTROL_SIP;lr>"
		listen_ua "$step" invited "$called" -key tag ""
	fi
	at=${AT[$caller]}
	both "$step" "$caller" ua "$step" invite "$caller" -i "${at%:*}" -p "${at##*:}" -key uri "$uri" \
		-key to "$to" -key more "$more" "$CONTROL_SIP:$SIP"
	told "$step" client
	told "$step" server
}

# bye CALLER: ends it. bye_from STEP CALLER OPTION...: with $CALLED ready.
bye()
{
	CSEQ=$((CSEQ + 1))
	listen_ua bye byed "${OTHER[$1]}"
	bye_from "$1"
}
bye_from()
{
	local at=${AT[$1]} called=${OTHER[$1]}
	both bye "$1" ua bye bye-alone "$1" -i "${at%:*}" -p "${at##*:}" -key contact "${CONTACT[$called]}" \
		-key peer "<sip:$called@$DOMAIN>;tag=tag-$called" -key route "Route: ${ROUTE:-<sip:$CONTROL_SIP;lr>}" \
		"$CONTROL_SIP:$SIP"
}

# ends: where media is, for rtp.py. A client behind a NAT is where it always is.
ends()
{
	local host=${SEEN_AS:-${HOST[client]}}
	ENDS=("$NS-client,$host,${PORT[client]},${TOLD_HOST[client]},${TOLD_PORT[client]}"
		"$NS-peer,${HOST[server]},${PORT[server]},${TOLD_HOST[server]},${TOLD_PORT[server]}")
}

# media WHAT OPTION...: RTP and RTCP pass; counted in RTP_SUM, RTCP_SUM.
media()
{
	local what=$1
	shift
	ends
	REPLY=$(timeout 60 python3 "$E2E/rtp.py" --packets $PACKETS "$@" "${ENDS[@]}" 2>"$TMP/rtp.log") ||
		fail "$CALL: $what: $(tail -n 1 "$TMP/rtp.log")"
	count
}
count()
{
	RTP_SUM=$((RTP_SUM + $(jq 'map(.rtp) | add' <<<"$REPLY")))
	RTCP_SUM=$((RTCP_SUM + $(jq 'map(.rtcp) | add' <<<"$REPLY")))
}

# gateway_tells CLIENT SERVER: both were told these addresses of the gateway, and even ports.
gateway_tells()
{
	assert_eq "$CALL: address told to the client" "${TOLD_HOST[client]}" "$1"
	assert_eq "$CALL: address told to the server" "${TOLD_HOST[server]}" "$2"
	assert_num "$CALL: port told to the client is even" $((TOLD_PORT[client] % 2)) -eq 0
	assert_num "$CALL: port told to the server is even" $((TOLD_PORT[server] % 2)) -eq 0
}

ports_told() { echo "${TOLD_PORT[client]} ${TOLD_PORT[server]}"; }

contexts() { fl_json status .gateway.contexts; }
none_left() { [[ $(contexts) == 0 && $(counter gate_contexts) == 0 ]]; }

# none_refused: of the commands that this kamailio's module sent.
none_refused()
{
	assert_eq "commands that kamailio's module had refused" "$(grep -c ' refused ' "$TMP/kamailio.log" || true)" 0
}

# over: the call is, and nothing of it is left.
over() { await $((DELETE_DELAY + 5)) none_left || fail "$CALL: contexts are left: $(contexts)"; }

# kamailio_commands ADDRESS [DEFINE]: starts it, with the gateway there.
kamailio_commands()
{
	kamailio_start "CONTROL=udp:$CONTROL_SIP:$SIP" "CLIENT=$CONTROL_CLIENT" "MEDIA=\"$1\"" "${@:2}"
}

# media_relay [SECONDS [EXPRESSION...]]: with this delete-delay and changes of the configuration, the relay that
# is commanded so, and the network of its controller.
media_relay()
{
	DELETE_DELAY=${1:-0}
	relay_config 's/^  ng-address: .*/  ng-address: 0.0.0.0/' \
		's/^  ng-websocket-port: .*/  ng-websocket-port: 2224/' \
		"s/^  delete-delay: .*/  delete-delay: $DELETE_DELAY/" \
		"s|^  ng-allow: .*|  ng-allow: [127.0.0.0/8, $CONTROL_PEER/32]|" \
		"s|^  allow: \[10|  allow: [$CONTROL_CLIENT/32, 10|" "${@:2}" >"$TMP/quickstart"
	control_network
}
