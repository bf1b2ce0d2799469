#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R2, R4, R66: calls of sipp over TLS on port 443, which kamailio sees as SIP over TCP: from clients to
# the core; and from the core to a client that has registered, over the connection of its
# registration, there being no other way to it. Through squid's CONNECT likewise; from before the
# first call until after the last, TURN relays through the same port. RTP is not this test's matter.
# service_test.sh has the choice of the service and keep-alives.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
CALLS=40 PROXY=3128 SERVER=5080 DOMAIN=sip.fairlead.test
DIRECT=5060 PROXIED=5062 # of TLS ends in fl-client

# ua NAME in_client|in_peer PARTS WHO OPTION...: sipp as the user agent of that user.
ua()
{
	local who=$4
	sipp "$1" "$2" "$3" -t t1 -key self "$who" -key from "<sip:$who@$DOMAIN>" -key mine "tag-$who" \
		-key tag ";tag=tag-$who" -key version 1 -key sdp_address "IN IP4 192.0.2.99" \
		-key sdp_media "m=audio 20000 RTP/AVP 0" "${@:5}"
}

# calls_out NAME PORT: CALLS calls of clients, through the TLS end on this port, to a server in the core.
calls_out()
{
	local rc=0 server
	ua "$1-server" in_peer "invited byed" server -i "$PEER4" -p $SERVER -m $CALLS &
	server=$!
	await 10 listens_tcp "$NS-peer" $SERVER || fail "$1: sipp does not listen"
	ua "$1" in_client "invite bye" client -key uri "sip:server@$DOMAIN" -key to "<sip:server@$DOMAIN>" \
		-key more "X-Server: $PEER4:$SERVER;transport=tcp" -m $CALLS -r 20 -l 10 "127.0.0.1:$2" || rc=$?
	((rc == 0)) || fail "$1: the caller's sipp: $rc: $(tail -n 3 "$TMP/$1.errors" 2>/dev/null)"
	wait $server || fail "$1: the server's sipp: $(tail -n 3 "$TMP/$1-server.errors" 2>/dev/null)"
	note "$1: $CALLS calls"
}

registered() { grep -q '^SIP/2.0 200' "$TMP/$1.messages" 2>/dev/null; }

# call_in NAME PORT: a client registers through the TLS end on this port, and is called; with the Call-ID
# of its registration, since sipp knows one a scenario.
call_in()
{
	local client
	ua "$1" in_client "register invited byed" client -cid_str "$1" -m 1 "127.0.0.1:$2" &
	client=$!
	await 10 registered "$1" || fail "$1: the client is not registered"
	ua "$1-caller" in_peer "invite bye" server -i "$PEER4" -key uri "sip:client@$DOMAIN" \
		-key to "<sip:client@$DOMAIN>" -key more "Subject: none" -cid_str "$1" -m 1 "$PEER4:$SIP" ||
		fail "$1: the caller's sipp: $(tail -n 3 "$TMP/$1-caller.errors" 2>/dev/null)"
	wait $client || fail "$1: the client's sipp: $(tail -n 3 "$TMP/$1.errors" 2>/dev/null)"
	note "$1: called over the connection of the registration"
}

squid_start $PROXY 443
kamailio_start
stunnel_start $DIRECT "connect = $SERVER4:443"
stunnel_start $PROXIED "connect = 127.0.0.1:$PROXY" "protocol = connect" "protocolHost = $SERVER4:443"

drops_mark
load_start turn media --tls --port 443 --legs 2 --rate 100 --family 4
missed=$(unheard)
media_drops >"$TMP/media_drops"
service=$(counter tls_service)
load turn go
load_more turn least 10
calls_out "direct" $DIRECT
calls_out "squid" $PROXIED
call_in "direct-in" $DIRECT
call_in "squid-in" $PROXIED
load_more turn least 10
load turn pause
media_spared "TURN on the same port" "$missed"
load turn quit
assert_num "connections of clients that reached kamailio" $(($(counter tls_service) - service)) -eq 4
assert_num "streams that were cut wrong" "$(counter tls_sip_lost)" -eq 0
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	relay_port no_session tcp_closed tcp_port tcp_seq)" ""
