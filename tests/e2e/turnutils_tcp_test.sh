#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# coturn's client reaches Fairlead over TCP (R5, RFC 8656 3.1): channels and indications, IPv4 and
# IPv6 on either side, dual allocations, port 80; 20 clients at once; broken requests. With TCP
# allocations (RFC 6062) its clients connect to one another, opening the connections themselves and
# having them opened. Every packet is accounted for (R74).
#
# Alone: its client does not count what comes late.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"

# streams WHAT MESSAGES ARGUMENT...: over TCP allocations. Its clients lose count where messages share
# a segment, and with -P expect twice what there is (with coturn's server, too): the bytes are counted
# by the relay.
streams()
{
	local what=$1 messages=$2 log=$TMP/$1.log
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -ge $((messages * 9 / 10))
	note "$what: $(uclient_received "$log") of $messages"
}

drops_mark
start_peer
v4=(-e "$PEER4") v6=(-x -e "$PEER6")
few=(-t -n 50 -m 2)
also relays "channels" 100 "${few[@]}" -c "${v4[@]}" "$SERVER4"
also relays "indications" 100 "${few[@]}" -c -s "${v4[@]}" "$SERVER4"
also relays "IPv6 to IPv6" 100 "${few[@]}" -c "${v6[@]}" "$SERVER6"
also relays "IPv4 to IPv6, indications" 100 "${few[@]}" -c -s "${v6[@]}" "$SERVER4"
also relays "IPv6 to IPv4" 100 "${few[@]}" -c -X "${v4[@]}" "$SERVER6"
also relays "port 80" 100 "${few[@]}" -c -p 80 "${v4[@]}" "$SERVER4"
also relays "padded" 100 "${few[@]}" -c -l 101 "${v4[@]}" "$SERVER4"
also relays "dual" 100 "${few[@]}" -Z "${v4[@]}" "$SERVER4"
all_end
also relays "large" 100 "${few[@]}" -c -l 1350 "${v4[@]}" "$SERVER4"
also relays "20 clients" 4000 -t -n 200 -m 20 -z 5 -c "${v4[@]}" "$SERVER4"
bytes=$(counter tcp_splice_bytes)
also streams "TCP to TCP" 100 -T -n 50 -m 2 "$SERVER4"
also streams "TCP to TCP, IPv6" 100 -T -x -n 50 -m 2 "$SERVER6"
also streams "TCP to TCP, opened by the peer" 50 -P -L "$CLIENT4" -n 50 -m 2 "$SERVER4"
all_end
# Messages of 100 bytes, each through two joined pairs.
assert_eq "bytes through joined pairs" $(($(counter tcp_splice_bytes) - bytes)) $((2 * 100 * (100 + 100 + 50)))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" \
	"$(drops_except ip_dst nd_other icmp_no_session tcp_closed tcp_port tcp_seq)" ""
