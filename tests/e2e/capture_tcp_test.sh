#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Captured conversations over TCP, seen from client and peer by an independent dissector (RFC 9293,
# 7323, 2018, RFC 8656 3.1, RFC 6062): no segment is malformed, every checksum is good, a SYN-ACK
# agrees to what the SYN offered, every STUN message and every ChannelData is seen whole in the stream,
# and nothing was acknowledged that had not been sent.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

finished() { grep -qa the-very-last "$TMP/client.pcapng" && grep -qa the-very-last "$TMP/peer.pcapng"; }

drops_mark
capture client in_client client0
capture peer in_peer peer0
timeout 60 python3 "$E2E/capture_tcp.py" || fail "see above"
await 10 finished || fail "the captures are not whole"
captures_end

# seen SIDE WHAT FILTER OPERATOR NUMBER: of the captured packets it holds for.
seen()
{
	local n
	n=$(tshark -n -r "$TMP/$1.pcapng" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y "$3" 2>/dev/null | tee "$TMP/seen" | wc -l)
	# shellcheck disable=SC1072,SC1073
	test "$n" "$4" "$5" || fail "$1: $2: $n is not $4 $5: $(tail -n 5 "$TMP/seen")"
	note "$1: $2: $n"
}
for side in client peer; do
	seen $side "malformed, or a bad checksum" "_ws.malformed || ip.checksum.status == 0 ||
		tcp.checksum.status == 0 || udp.checksum.status == 0 || stun.att.crc32.status == 0" -eq 0
	seen $side "checksums seen as good" "tcp.checksum.status == 1" -gt 50
	seen $side "acknowledged and never sent" "tcp.analysis.ack_lost_segment" -eq 0
	seen $side "resets" "tcp.flags.reset == 1" -eq 0
done
ours="(ip.src == $SERVER4 || ipv6.src == $SERVER6)"
agreed="tcp.options.mss_val && tcp.options.wscale.shift && tcp.options.sack_perm && tcp.options.timestamp.tsval"
seen client "SYN-ACKs" "$ours && tcp.flags.syn == 1" -ge 4
seen client "SYN-ACKs that refuse an option" "$ours && tcp.flags.syn == 1 && !($agreed)" -eq 0
seen client "segments without timestamps" "$ours && !tcp.options.timestamp.tsval && tcp" -eq 0
seen client "Allocate successes" "stun.type == 0x0103" -ge 3
seen client "Data indications" "stun.type == 0x0017" -ge 8
seen client "ChannelData both ways" "stun.channel" -ge 16
seen client "ConnectionBind successes" "stun.type == 0x010b" -eq 2
seen client "ConnectionAttempts" "stun.type == 0x001c" -eq 1
seen peer "SYNs from the relayed address" "ip.src == $RELAY4 && tcp.flags.syn == 1 && tcp.flags.ack == 0" -ge 1
seen peer "peers' SYNs answered" "ip.src == $RELAY4 && tcp.flags.syn == 1 && tcp.flags.ack == 1" -ge 1
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# Whom a busy machine keeps from acknowledging in time is sent a segment again, which is dropped.
again=$(drops | awk '$1 == "tcp_seq" { print $2 }') was=$(awk '$1 == "tcp_seq" { print $2 }' "$TMP/drops")
for side in client peer; do
	seen $side "segments that came again" "tcp.analysis.retransmission && !$ours" -ge 0
	AGAIN=$((${AGAIN:-0} + $(wc -l <"$TMP/seen")))
done
assert_num "segments dropped that came again" $((${again:-0} - ${was:-0})) -le "$AGAIN"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session tcp_seq)" ""
