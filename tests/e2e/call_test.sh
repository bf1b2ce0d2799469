#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R14, R24, R39, R70: calls between two sipps by a real kamailio, whose rtpengine module has Fairlead for
# its gateway: RTP and RTCP both ways, every packet once and from the address that the SDP names; hold
# and resume by either side, ends by either side, IPv4, IPv6 and one to the other, RTP and RTCP on one
# port, a client that lies about its address as behind a NAT. The controller's query counts what
# passed. fairlead-cp is killed in a call and nothing is lost; a new fairlead-dp goes on with the same
# ports. A session of MSRP over TLS from the client to TCP at the server, with what rtpengine's module is
# given for it (doc/ng.md, R42). A call whose kamailio commands over WebSocket. What has ended leaves no
# context.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
DOMAIN=sip.fairlead.test TLS_PORT=5060
PACKETS=300
# Of the two user agents: where they are, as the kernel, as signalling and as SDP name it.
declare -A WHERE=([client]=in_client [server]=in_peer) OTHER=([client]=server [server]=client)
declare -A AT=([client]=$CONTROL_CLIENT:5070 [server]=$PEER4:5080)
declare -A HOST PORT=([client]=20000 [server]=30000) ATTRIBUTE
declare -A MSRP # m-lines and their attributes of user agents that have no audio
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
	sipp "$CALL-$step-$who" "${WHERE[$who]}" "$parts" -m 1 -cid_str "$CALL" -base_cseq $CSEQ \
		-key self "$who" -key from "<sip:$who@$DOMAIN>" -key mine "tag-$who" -key version $CSEQ \
		-key sdp_address "$(sdp_address "${HOST[$who]}")" -key sdp_media "${MSRP[$who]:-$media}" "${@:4}"
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

# queried: what kamailio's rtpengine_query() was answered before the end counts every packet.
queried() { sed -n "s/.* query $CALL \({.*\)/\1/p" "$TMP/kamailio.log" | tail -n 1; }
counted()
{
	local json
	json=$(queried)
	[[ -n $json ]] || fail "$CALL: kamailio logged no query"
	assert_eq "$CALL: packets counted" "$(jq '.totals | .RTP.packets + .RTCP.packets' <<<"$json")" \
		$((RTP_SUM + RTCP_SUM))
	assert_eq "$CALL: bytes counted" "$(jq '.totals | .RTP.bytes + .RTCP.bytes' <<<"$json")" \
		$((RTP_SUM * RTP_BYTES + RTCP_SUM * RTCP_BYTES))
	RTP_SUM=0 RTCP_SUM=0
}

# shown: the same by fairlead.
shown()
{
	local id json
	id=$(fl --json context list --call "$CALL" | jq -r '.contexts[0].context')
	json=$(fl --json context show "$id" | jq '[.terminations[].counters]')
	assert_eq "$CALL: RTP packets shown" "$(jq 'map(.packets) | add' <<<"$json")" "$RTP_SUM"
	assert_eq "$CALL: RTCP packets shown" "$(jq 'map(.rtcp_packets) | add' <<<"$json")" "$RTCP_SUM"
	assert_eq "$CALL: packets dropped" "$(jq 'map(.dropped) | add' <<<"$json")" 0
}
RTP_SUM=0 RTCP_SUM=0 RTP_BYTES=172 RTCP_BYTES=44

contexts() { fl_json status .gateway.contexts; }
none_left() { [[ $(contexts) == 0 && $(counter gate_contexts) == 0 ]]; }
synced() { attached && [[ $(fl_json status .dataplane.replaying) == false ]]; }

# none_refused: of the commands that this kamailio's module sent.
none_refused()
{
	assert_eq "commands that kamailio's module had refused" "$(grep -c ' refused ' "$TMP/kamailio.log" || true)" 0
}

# over: the call is, and nothing of it is left.
over() { await 5 none_left || fail "$CALL: contexts are left: $(contexts)"; }

# kamailio_commands ADDRESS [DEFINE]: starts it, with the gateway there.
kamailio_commands()
{
	kamailio_start "CONTROL=udp:$CONTROL_SIP:$SIP" "CLIENT=$CONTROL_CLIENT" "MEDIA=\"$1\"" "${@:2}"
}

relay_config 's/^  ng-address: .*/  ng-address: 0.0.0.0/' \
	's/^  ng-websocket-port: .*/  ng-websocket-port: 2224/' \
	"s|^  ng-allow: .*|  ng-allow: [127.0.0.0/8, $CONTROL_PEER/32]|" \
	"s|^  allow: \[10|  allow: [$CONTROL_CLIENT/32, 10|" >"$TMP/quickstart"
control_network
kamailio_commands "udp:$CONTROL_RELAY:2223"
stunnel_start $TLS_PORT "connect = $SERVER4:443"
drops_mark

# ---- a call with everything, IPv4 ----

call plain $CLIENT4 $PEER4
invite begin client
gateway_tells $SERVER4 $RELAY4
first=$(ports_told)
media "after the answer"
ATTRIBUTE[client]=sendonly ATTRIBUTE[server]=recvonly
invite hold client
media "held by the client" --only 0
ATTRIBUTE[client]=sendrecv ATTRIBUTE[server]=sendrecv
invite resume client
media "resumed"
ATTRIBUTE[server]=inactive ATTRIBUTE[client]=inactive
invite server-hold server
ATTRIBUTE[server]=sendrecv ATTRIBUTE[client]=sendrecv
invite server-resume server
assert_eq "ports after holding and resuming" "$(ports_told)" "$first"
media "resumed by the server"
shown
bye client
counted
over
note "held, resumed, ended by the client: $first"

# ---- IPv6, ended by the other side ----

call six $CLIENT6 $PEER6
invite begin client
gateway_tells $SERVER6 $RELAY6
media "IPv6"
bye server
counted
over
note "IPv6, ended by the server"

# ---- IPv4 to IPv6, RTCP on the same port ----

call mixed $CLIENT4 $PEER6 "X-Media: address-family=IP6"
invite begin client
gateway_tells $SERVER4 $RELAY6
media "IPv4 to IPv6"
bye server
counted
over
note "IPv4 to IPv6"

call mux $CLIENT4 $PEER4
ATTRIBUTE[client]=$'sendrecv\na=rtcp-mux' ATTRIBUTE[server]=$'sendrecv\na=rtcp-mux'
invite begin client
media "RTP and RTCP on one port" --mux
bye client
counted
over
note "RTP and RTCP on one port"

# ---- behind a NAT: policy denies what its SDP says, where its SIP came from is no good either ----

call nat 192.168.77.5 $PEER4
invite begin client
SEEN_AS=$CLIENT4
media "towards the gateway" --only 0
media "and back, to where it came from"
SEEN_AS=
bye client
counted
over
note "a client that does not know its address"

# ---- MSRP: TLS towards the access, TCP towards the core ----

# msrp_told WHO: all of the SDP that came to it is msrp.py's, at once.
msrp_told()
{
	received_all "msrp-begin-$1" '/^v=0/,/^$/{/./p}' >"$TMP/$1.new"
	mv "$TMP/$1.new" "$TMP/$1.told"
}

self_signed one
start "$TMP/msrp.log" timeout 100 python3 "$E2E/msrp.py" "$TMP" signalled
session=$PID
await 10 grep -q offers "$TMP/msrp.log" || fail "msrp: $(tail -n 3 "$TMP/msrp.log")"
call msrp $CLIENT4 $PEER4 "X-Media: transport-protocol=TCP/MSRP"
for who in client server; do
	MSRP[$who]=$(tr -d '\r' <"$TMP/$who.sdp" | sed -n '/^m=/,$p')
done
invite begin client
assert_eq "addresses told to client and server" "${TOLD_HOST[client]} ${TOLD_HOST[server]}" "$SERVER4 $RELAY4"
assert_eq "m-line told to the server" "$(received msrp-begin-server 's/^m=//p')" "message ${TOLD_PORT[server]} TCP/MSRP *"
assert_eq "fingerprints told to the server" "$(received msrp-begin-server '/^a=fingerprint:/p')" ""
assert_eq "m-line told to the client" "$(received msrp-begin-client 's/^m=//p')" "message ${TOLD_PORT[client]} TCP/TLS/MSRP *"
msrp_told client
msrp_told server
await 60 grep -q passed "$TMP/msrp.log" || fail "msrp: $(tail -n 3 "$TMP/msrp.log")"
bye client
wait "$session" || fail "msrp: $(tail -n 3 "$TMP/msrp.log")"
over
MSRP=()
note "MSRP over TLS to TCP"
# ---- signalling over TLS on port 443, the client has no other way ----

call tls $CLIENT4 $PEER4
CSEQ=1
listen_ua begin invited server -key tag ";tag=tag-server"
server=$CALLED
ua begin "invite byed" client -t t1 -key uri "sip:server@$DOMAIN" -key to "<sip:server@$DOMAIN>" \
	-key more "X-Server: ${AT[server]}" "127.0.0.1:$TLS_PORT" &
CALLED=$!
wait $server || fail "tls: begin: $(tail -n 12 "$TMP/tls-begin-server.errors" 2>/dev/null)"
told begin client
told begin server
media "signalled over TLS"
CONTACT[client]=$(received tls-begin-server 's/^Contact: <\(.*\)>.*/\1/p')
ROUTE=$(received_all tls-begin-server 's/^Record-Route: //p' | paste -sd ,)
bye_from server
ROUTE=
counted
over
note "signalled over TLS on port 443"

# ---- fairlead-cp is killed in a call ----

call restart $CLIENT4 $PEER4
invite begin client
first=$(ports_told)
ends
start "$TMP/media.log" python3 "$E2E/rtp.py" --packets 0 "${ENDS[@]}"
flowing=$PID
await 10 grep -q flows "$TMP/media.log" || fail "no media: $(cat "$TMP/media.log")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
kill "$flowing"
wait "$flowing" || fail "media while fairlead-cp was away: $(tail -n 1 "$TMP/media.log")"
REPLY=$(tail -n 1 "$TMP/media.log")
count
ATTRIBUTE[client]=sendonly ATTRIBUTE[server]=recvonly
invite hold client
ATTRIBUTE[client]=sendrecv ATTRIBUTE[server]=sendrecv
invite resume server
assert_eq "ports after fairlead-cp's restart" "$(ports_told)" "$first"
media "after fairlead-cp's restart"
note "fairlead-cp was killed, and $RTP_SUM packets of RTP came through"

# ---- and fairlead-dp ----

pid=$(dp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-dp survives SIGKILL"
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "fairlead-dp does not come back"
await 20 synced || fail "the new fairlead-dp is not given the contexts"
drops_mark
RTP_SUM=0 RTCP_SUM=0
media "after fairlead-dp's restart, on the same ports"
bye server
counted # by the new one
over
note "fairlead-dp was killed, and media went on"

# ---- commands over WebSocket ----

none_refused
kamailio_stop
kamailio_commands "ws://$CONTROL_RELAY:2224" WEBSOCKET=1
call websocket $CLIENT4 $PEER4
invite begin client
gateway_tells $SERVER4 $RELAY4
media "commanded over WebSocket"
assert_num "WebSocket connections" "$(in_relay ss -Htn state established "sport = :2224" | wc -l)" -ge 1
bye server
counted
over
none_refused
note "commanded over WebSocket"

await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	relay_port no_session tcp_closed tcp_port tcp_seq)" ""
