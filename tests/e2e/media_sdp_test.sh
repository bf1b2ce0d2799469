#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24: SDP of the field, in calls by a real kamailio: two sipps whose SDP is in no order, with spaces,
# lines of no type and m-lines that are not served, hear each other by the m-line that is. What each is told
# is RFC 8866's; an m-line that is not served has port 0, and nothing of its sender (RFC 3264 6). RTP/SAVP
# goes from end to end with the keys of both.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"

# told_lines WHO: the SDP that it was told, from its first t= on.
told_lines() { received_all "$CALL-begin-$1" '/^t=0/,/^$/{/./p}'; }

# rejected WHO LINE...: it was told these m-lines with port 0.
rejected()
{
	local who=$1 line
	shift
	for line; do
		told_lines "$who" | grep -qxF "$line" || fail "$CALL: $who was not told \"$line\": $(told_lines "$who")"
	done
}

# in_order WHO: types of lines as RFC 8866 has them, each once where it may be once.
in_order()
{
	local types
	types=$(received_all "$CALL-begin-$1" '/^v=0/,/^$/{/./p}' | cut -c1 | tr -d '\n')
	[[ $types =~ ^vosi?c?b*ta*(mi?c?b*a*)+$ ]] || fail "$CALL: the lines that $1 was told are in this order: $types"
}

media_relay
kamailio_commands "udp:$CONTROL_RELAY:2223"
drops_mark

# ---- out of order ----

call odd $CLIENT4 $PEER4
M_LINES[client]="b=AS:90
a=x-odd:1
X=2
i=a call
m=audio  ${PORT[client]} RTP/AVP  0 
a=rtpmap:0 PCMU/8000
a=sendrecv 
b=AS:80
c=IN  IP4 $CLIENT4 
i=voice
m=video 20002/2 RTP/AVP 96
a=rtcp:20009
m=video 20004 RTP/XYZ 97
m=audio 20006 RTP/AVP 0
c=IN IP4 phone.example"
M_LINES[server]="m=audio ${PORT[server]} RTP/AVP 0
a=rtcp: $((PORT[server] + 1)) IN IP4 $PEER4
c=IN IP4 $PEER4
m=video 0 RTP/AVP 96
m=video 0 RTP/XYZ
m=audio 0 RTP/AVP 0"
invite begin client
told_port() { told_lines "$1" | sed -n 's/^m=audio \([1-9][0-9]*\) .*/\1/p' | head -n 1; }
for who in client server; do
	TOLD_HOST[$who]=$(received_all "$CALL-begin-$who" 's/^c=IN IP4 //p' | head -n 1)
	TOLD_PORT[$who]=$(told_port $who)
	in_order $who
	rejected $who "m=video 0 RTP/AVP 96" "m=audio 0 RTP/AVP 0"
done
rejected server "m=video 0 RTP/XYZ 97" "a=x-odd:1" "a=sendrecv" "b=AS:80" "i=voice"
rejected client "m=video 0 RTP/XYZ 0"
assert_eq "what tells of the client" "$(told_lines server | grep -c 'phone.example\|20002\|20004\|20006\|20009' || true)" 0
gateway_tells $SERVER4 $RELAY4
media "out of order"
assert_num "m-lines rejected" "$(fl_json status .gateway.ng.media_refused)" -ge 3
bye client
over
note "SDP out of order, and four m-lines of which one is served"

# ---- SRTP from end to end ----

call srtp $CLIENT4 $PEER4
KEY="AES_CM_128_HMAC_SHA1_80 inline:"
declare -A CRYPTO=([client]="${KEY}d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
	[server]="${KEY}NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj")
for who in client server; do
	M_LINES[$who]="m=audio ${PORT[$who]} RTP/SAVP 0"$'\n'"a=crypto:1 ${CRYPTO[$who]}"
done
invite begin client
for who in client server; do
	assert_eq "transport told to the $who" "$(told_lines $who | sed -n 's/^m=audio [0-9]* //p')" "RTP/SAVP 0"
	assert_eq "key told to the $who" "$(told_lines $who | sed -n 's/^a=crypto:1 //p')" "${CRYPTO[${OTHER[$who]}]}"
done
media "as SRTP"
bye server
over
none_refused
note "RTP/SAVP passes as it is"

# ---- codecs ----

call codecs $CLIENT4 $PEER4 "X-Media: codec-strip-PCMA codec-offer=PCMU generate-mid"
M_LINES[client]="m=audio ${PORT[client]} RTP/AVP 8 96 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:96 opus/48000/2
a=rtpmap:101 telephone-event/8000"
M_LINES[server]="m=audio ${PORT[server]} RTP/AVP 0 101
a=rtpmap:101 telephone-event/8000"
invite begin client
assert_eq "formats told to the server" "$(told_lines server | sed -n 's/^m=audio [0-9]* //p')" "RTP/AVP 0 96 101"
assert_eq "PCMA told to the server" "$(told_lines server | grep -c PCMA || true)" 0
assert_eq "names of m-lines told to the server" "$(told_lines server | sed -n 's/^a=mid://p')" 0
media "with the codec that was offered first"
bye client
over
none_refused
note "a codec is stripped, another offered first"

await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session)" ""
