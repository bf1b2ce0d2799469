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
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
TLS_PORT=5060

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
RTP_BYTES=172 RTCP_BYTES=44


media_relay
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
	M_LINES[$who]=$(tr -d '\r' <"$TMP/$who.sdp" | sed -n '/^m=/,$p')
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
M_LINES=()
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
