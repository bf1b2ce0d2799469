#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R93: what is told of RTP that loses exactly each twentieth packet is what was lost: by fairlead context
# show, to a real kamailio, whose rtpengine module makes its mos_* variables of the answer to delete, by
# /metrics, by the record of the end, and by HEP3 to a real sipcapture, which has it of that record.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
SENT=1001 LOST=50 HEP=9060 AGENT=77 DB=$TMP/hep

# capture_start: sipcapture, and its tables.
capture_start()
{
	local column="date(int) micro_ts(double) correlation_id(string) source_ip(string) source_port(int)"
	column+=" destination_ip(string) destination_port(int) proto(int) family(int) type(int) node(string)"
	mkdir -p "$DB"
	echo "id(int,auto) table_name(string) table_version(int)" >"$DB/version"
	echo "$column msg(string)" | tee "$DB/sip_capture" >"$DB/rtcp_capture"
	start "$TMP/sipcapture.log" in_peer kamailio -DD -E -f "$E2E/kamailio/hep.cfg" -m 16 -M 4 -Y "$TMP" \
		-A "LISTEN=udp:$CONTROL_PEER:$HEP" -A "DB=\"text://$DB\""
	SIPCAPTURE=$PID
	await 20 listens "$NS-peer" $HEP || fail "sipcapture does not listen: $(tail -n 3 "$TMP/sipcapture.log")"
}

quality() { fl --json context show "$CONTEXT" | jq "$1"; }
of_side() { quality ".terminations[$1].counters.quality$2"; }
metric() { in_relay curl -sf http://127.0.0.1:9643/metrics | awk -v m="fairlead_$1" '$1 == m { print $2 }'; }

install -m 0600 /dev/stdin "$TMP/hep-password" <<<"not a word"
owned "$TMP/hep-password"
RECORDS=$OWN_RUN/records.json
media_relay 0 "s|^  file: \"\"|  file: $RECORDS|" "s|^  hep: .*|  hep: [{address: $CONTROL_PEER, port: $HEP, id: $AGENT, password-file: $TMP/hep-password}]|"
capture_start
kamailio_commands "udp:$CONTROL_RELAY:2223"

drops_mark
call quality $CLIENT4 $PEER4
invite begin client
PACKETS=$SENT media "with loss" --skip 20
CONTEXT=$(fl --json context list | jq -r '.contexts[0].context')
for side in 0 1; do
	assert_eq "lost of side $side" "$(of_side $side .lost)" $LOST
	assert_eq "received of side $side" "$(of_side $side .received)" $((SENT - LOST))
	assert_eq "reordered or twice of side $side" "$(of_side $side '|.reordered + .duplicates + .bursts')" 0
	assert_eq "codec of side $side" "$(of_side $side .codec)" '"PCMU"'
	assert_num "MOS of side $side, hundredths" "$(of_side $side '.heard.mean.mos * 100 | floor')" -ge 300
	assert_num "MOS of side $side, hundredths" "$(of_side $side '.heard.mean.mos * 100 | floor')" -le 430
done
fl context show "$CONTEXT" >"$TMP/show"
assert_num "rows of quality that are shown" "$(grep -c -e ' lost, 0 of them in bursts' -e '^ *hears *MOS' "$TMP/show")" -eq 4
bye client
over

# What kamailio's module made of it.
mos=$(sed -n 's/.* mos quality //p' "$TMP/kamailio.log" | tail -n 1)
read -r average lowest highest loss samples _ <<<"$mos"
assert_eq "packets lost in percent, as kamailio has it" "$loss" 5
assert_num "samples that kamailio has" "${samples:-0}" -ge 1
awk "BEGIN { exit !($lowest >= 3 && $lowest <= $average && $average <= $highest && $highest <= 4.3) }" ||
	fail "kamailio's MOS: average, lowest, highest, loss, samples: $mos"
note "kamailio has $mos"

assert_num "looks at flows in /metrics" "$(metric media_loss_ratio_count)" -ge 2
assert_eq "of these without loss" "$(metric 'media_loss_ratio_bucket{le="0"}')" 0

# The record of the call's end.
recorded()
{
	jq -s -c '[.[] | select(.type == "context" and .event == "end" and .a.rtp)][-1] | [.a, .b][] | [.rtp.codec, .rtp.lost, .heard.mos >= 3 and .heard.mos <= 4.3]' \
		"$RECORDS" >"$TMP/recorded" && [[ $(sort -u "$TMP/recorded") == "[\"PCMU\",$LOST,true]" ]]
}
await 10 recorded || fail "the record of the end has $(<"$TMP/recorded"): $(tail -n 1 "$RECORDS")"

# HEP3: a report for each side that heard.
reported() { [[ $(metric hep_sent_total) == 2 ]]; }
await 5 reported || fail "reports sent: $(metric hep_sent_total), not 2"
# db_text, which writes when it ends, says of each report that it does not know such large numbers.
taken() { [[ $(grep -c "BIGINT not supported" "$TMP/sipcapture.log") == 2 ]]; }
await 10 taken || fail "sipcapture has not taken two reports: $(tail -n 3 "$TMP/sipcapture.log")"
kill "$SIPCAPTURE"
await 20 ended "$SIPCAPTURE" || fail "sipcapture does not end"
sed -n '2,$s/\\:/:/gp' "$DB/rtcp_capture" >"$TMP/reports"
assert_eq "reports that sipcapture stored" "$(wc -l <"$TMP/reports")" 2
assert_eq "of them of the call and of this agent" "$(grep -c ":quality:.*:homer01:$AGENT:" "$TMP/reports")" 2
sed 's/^[^{]*//' "$TMP/reports" >"$TMP/reports.json"
assert_eq "packets lost, as sipcapture has it" \
	"$(jq -s -c '[.[].report_blocks[0].packets_lost]' "$TMP/reports.json")" "[$LOST,$LOST]"
assert_num "MOS that sipcapture has, hundredths" "$(jq -s '[.[].mos] | min * 100 | floor' "$TMP/reports.json")" -ge 300
none_refused
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session relay_port)" ""
