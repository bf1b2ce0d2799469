#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R42 to R59, TS 23.334 5.11.2.x, as controllers and user agents see it: sessions of MSRP (RFC 4975) over
# TLS, to TCP and to TLS, made by SDP offers and answers over ng, every role of TCP and TLS;
# fingerprints right, wrong and late; ends from each side, with the reason told. openssl's ends;
# kamailio's MSRP relay (RFC 4976) behind a termination that is a TLS client; BFCP byte for byte.
# tshark judges the syntax of what came out, and that both sides carry the same bytes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
RELAY_PORT=2855

msrp()
{
	timeout 100 python3 "$E2E/msrp.py" "$TMP" "$@" >>"$TMP/msrp.log" 2>&1 ||
		fail "$*: $(tail -n 3 "$TMP/msrp.log")"
	note "$*"
}

# shark FILE OPTION...
shark() { tshark -r "$TMP/$1.pcapng" -o "tls.keylog_file:$TMP/keys.log" "${@:2}" 2>"$TMP/tshark.log"; }

# over FILE PORT: whether the connection's end is in the file.
over() { (($(shark "$1" -Y "tcp.port == $2 && tcp.flags.fin == 1" | wc -l) == 2)); }

# bytes FILE tls|tcp PORT: all that both sides of the connection to this port said, in hexadecimal,
# each way a line; which way is first is different in the two.
bytes()
{
	local stream
	stream=$(shark "$1" -Y "tcp.port == $3" -T fields -e tcp.stream | sed -n 1p)
	[[ -n $stream ]] || fail "no connection to $3 in $1"
	shark "$1" -q -z "follow,$2,raw,$stream" | grep -xE $'\t?[0-9a-f]+' |
		awk '/^\t/ { back = back substr($0, 2); next } { forth = forth $0 } END { print forth; print back }' | sort
}

# judge PORT: tshark's opinion of the session that syntax() left.
judge()
{
	local port=$1 all methods
	all=(-d "tcp.port==$port,msrp" -Y "msrp && tcp.port == $port")
	shark plain "${all[@]}" -T fields -e msrp.method -e msrp.status.code -e msrp.cnt.flg -e _ws.malformed \
		-e _ws.expert.message -E separator=' ' >"$TMP/judged"
	methods=$(awk '{ print $1 }' "$TMP/judged" | sort | uniq -c | xargs)
	# Two ways: a short message, and one of 2250 bytes in five chunks; each with a report.
	assert_eq "frames as tshark saw them" "$methods" "12 200 4 REPORT 12 SEND"
	assert_eq "frames that tshark complains of" "$(grep -cE 'Malformed|[a-z]{4}' "$TMP/judged" || true)" 0
}

self_signed one two other relay
drops_mark
start "$TMP/relay.log" in_peer kamailio -DD -E -f "$E2E/kamailio/msrp.cfg" -m 32 -M 4 -Y "$TMP" \
	-P "$TMP/relay.pid" -A "LISTEN=tls:$PEER4:$RELAY_PORT" -A "RELAY=\"$PEER4:$RELAY_PORT\"" \
	-A "CERTIFICATE=\"$TMP/relay.crt\"" -A "KEY=\"$TMP/relay.key\""
await 20 listens_tcp fl-peer $RELAY_PORT || fail "kamailio does not listen: $(tail -n 3 "$TMP/relay.log")"
capture tls in_client client0
capture plain in_peer peer0
msrp bfcp syntax
read -r gateway server <"$TMP/syntax.ports"
await 10 over tls "$gateway" || fail "no end of the session in tls"
await 10 over plain "$server" || fail "no end of the session in plain"
captures_end
judge "$server"
bytes tls tls "$gateway" >"$TMP/inside"
bytes plain tcp "$server" >"$TMP/outside"
assert_num "bytes of the session" "$(wc -c <"$TMP/outside")" -gt 10000
cmp "$TMP/inside" "$TMP/outside" || fail "the sides of the session do not carry the same bytes"
assert_eq "BFCP as tshark saw it" "$(shark plain --enable-heuristic bfcp_tcp -Y bfcp -T fields -e bfcp.primitive | xargs)" "11 12"
note "tshark finds nothing wrong"

msrp roles:tls_tcp
msrp roles:tcp_tls
msrp roles:tls_tls
msrp teardown
msrp judged late
msrp openssl
msrp relay

start "$TMP/survives.log" timeout 100 python3 "$E2E/msrp.py" "$TMP" survives
session=$PID
await 20 grep -q killed "$TMP/survives.log" || fail "survives: $(tail -n 3 "$TMP/survives.log")"
start_cp
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
touch "$TMP/revived"
wait "$session" || fail "survives: $(tail -n 3 "$TMP/survives.log")"
note "survives"

none_left() { [[ $(fl_json status .gateway.contexts) == 0 && $(counter gate_contexts) == 0 ]]; }
await 10 none_left || fail "contexts are left: $(fl_json status .gateway.contexts)"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	relay_port no_session tcp_closed tcp_port tcp_seq)" ""
