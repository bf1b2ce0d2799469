#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R93: what hosts tell each other by RTCP is read as it passes unchanged: round trips from sender reports and the
# report blocks that answer them, and from the sub-blocks of DLRR that answer a receiver's reference time; the MOS of
# VoIP metrics (RFC 3611). It is told by fairlead context show, as a MOS with its round trip to a real kamailio, whose
# rtpengine module makes its mos_* variables of it, by /metrics and by the record of the end.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
TRIP=(80 40) # milliseconds to the client, to the server and back, as rtp.py claims them
SLACK=30     # that sending and receiving take more here

side() { fl --json context show "$CONTEXT" | jq -c ".terminations[$1].counters.quality$2"; }
metric() { in_relay curl -sf http://127.0.0.1:9643/metrics | awk -v m="fairlead_$1" '$1 == m { print $2 }'; }
# assert_trip WHAT MILLISECONDS LEAST: so long, or a little longer.
assert_trip()
{
	[[ $2 =~ ^[0-9.]+$ ]] || fail "$1: $2"
	assert_num "$1, ms: $2" "${2%.*}" -ge "$3"
	assert_num "$1, ms: $2" "${2%.*}" -le $(($3 + 2 * SLACK))
}

RECORDS=$OWN_RUN/records.json
media_relay 0 "s|^  file: \"\"|  file: $RECORDS|"
kamailio_commands "udp:$CONTROL_RELAY:2223"
drops_mark
call reports $CLIENT4 $PEER4
invite begin client
PACKETS=1001 media "with reports" --reports
CONTEXT=$(fl --json context list | jq -r '.contexts[0].context')

# One tells by extended reports alone, the other by report blocks, too.
assert_eq "what the client says" "$(side 0 '.told | [.reports, .mos_lq, .mos_cq]')" "[0,3.6,3.4]"
assert_eq "what the server says" "$(side 1 '.told | [.reports >= 19, .lost, .mos_lq, .mos_cq]')" "[true,0,4.2,4]"
for n in 0 1; do
	assert_trip "round trip to side $n" "$(side $n .round_trip_ms)" "${TRIP[n]}"
	assert_trip "round trip that side $n hears by" "$(side $n .heard.mean.round_trip_ms)" $((TRIP[0] + TRIP[1]))
done
fl context show "$CONTEXT" >"$TMP/show"
assert_eq "the client's row" "$(grep -c 'tells *MOS-LQ 3.6, MOS-CQ 3.4; round trip to it [0-9.]* ms' "$TMP/show")" 1
assert_eq "the server's row" "$(grep -c 'tells *0 lost, jitter 0.0 ms, MOS-LQ 4.2, MOS-CQ 4.0; round trip to it [0-9.]* ms' "$TMP/show")" 1
bye client
over

read -r average _ _ loss _ trip <<<"$(sed -n 's/.* mos reports //p' "$TMP/kamailio.log" | tail -n 1)"
note "kamailio has a MOS of $average, $loss % lost, a round trip of $trip us"
assert_eq "packets lost in percent, as kamailio has it" "$loss" 0
assert_trip "round trip, as kamailio has it" "$((trip / 1000))" $((TRIP[0] + TRIP[1]))
assert_num "round trips in /metrics" "$(metric media_round_trip_seconds_count)" -ge 2
assert_eq "of these of 50 ms or less" "$(metric 'media_round_trip_seconds_bucket{le="0.05"}')" 0

recorded()
{
	jq -s -c '[.[] | select(.type == "context" and .event == "end" and .a.rtp)][-1] | [.a, .b] | map([.told.mos_lq, .told.mos_cq, .heard.round_trip_ms >= 120])' \
		"$RECORDS" >"$TMP/recorded" && [[ $(<"$TMP/recorded") == "[[3.6,3.4,true],[4.2,4,true]]" ]]
}
await 10 recorded || fail "the record of the end has $(<"$TMP/recorded"): $(tail -n 1 "$RECORDS")"
none_refused
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session relay_port)" ""
