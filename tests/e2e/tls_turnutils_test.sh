#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# coturn's client reaches Fairlead over TLS (R6, RFC 8656 3.1), on two workers: channels and
# indications, ports 443 and 5349, IPv4 and IPv6 on either side, dual allocations, messages longer than
# a segment; 20 clients at once; TCP allocations (RFC 6062) whose control and data connections are TLS.
# On the wire there is nothing but well-formed records (RFC 8446 5.1), media of one turn share them,
# and segments are no longer than the path takes. Every packet is accounted for (R74).
#
# Alone: two workers that wait for each other's CPU lose what is handed over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"

# streams WHAT MESSAGES ARGUMENT...: over TCP allocations, whose clients lose count where messages
# share a segment (turnutils_tcp_test.sh); the bytes are counted by the relay.
streams()
{
	local what=$1 messages=$2 log=$TMP/$1.log
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -ge $((messages * 9 / 10))
	note "$what: $(uclient_received "$log") of $messages"
}

# captured: whether the end of the connection from $port is in the capture's file.
captured()
{
	tshark -n -r "$TMP/wire.pcapng" --disable-protocol tls -Y "tcp.srcport == $port && tcp.flags.fin == 1" 2>/dev/null |
		grep -q .
}

no_tls() { (($(counter tls_conns) == 0)); }

relay_config 's/^  workers: \[0\]$/  workers: [0, 1]/' >"$TMP/quickstart"
await 10 attached || fail "the control process is not attached"
drops_mark
start_peer
capture wire in_client client0
v4=(-e "$PEER4") v6=(-x -e "$PEER6")
few=(-t -S -n 50 -m 2)
relayed=$(to_clients)
also relays "channels" 100 "${few[@]}" -c -E "$CA" "${v4[@]}" "$SERVER4"
also relays "indications" 100 "${few[@]}" -c -s "${v4[@]}" "$SERVER4"
also relays "IPv6 to IPv6" 100 "${few[@]}" -c "${v6[@]}" "$SERVER6"
also relays "IPv4 to IPv6, indications" 100 "${few[@]}" -c -s "${v6[@]}" "$SERVER4"
also relays "IPv6 to IPv4" 100 "${few[@]}" -c -X "${v4[@]}" "$SERVER6"
also relays "port 443" 100 "${few[@]}" -c -p 443 "${v4[@]}" "$SERVER4"
also relays "port 443, IPv6" 100 "${few[@]}" -c -p 443 "${v6[@]}" "$SERVER6"
also relays "padded" 100 "${few[@]}" -c -l 101 "${v4[@]}" "$SERVER4"
also relays "dual" 100 "${few[@]}" -Z "${v4[@]}" "$SERVER4"
all_end
assert_eq "messages relayed to clients" $(($(to_clients) - relayed)) $((9 * 100))
relayed=$(to_clients)
also relays "large" 100 "${few[@]}" -c -l 1350 "${v4[@]}" "$SERVER4"
also many "20 clients" 4000 -t -S -n 200 -m 20 -z 5 -c "${v4[@]}" "$SERVER4"
bytes=$(counter tcp_splice_bytes)
also streams "TCP to TCP" 100 -S -T -n 50 -m 2 "$SERVER4"
also streams "TCP to TCP, IPv6" 100 -S -T -x -n 50 -m 2 "$SERVER6"
all_end
assert_eq "messages relayed to clients" $(($(to_clients) - relayed)) $((100 + 4000))
# Messages of 100 bytes, each through two joined pairs.
assert_eq "bytes through joined pairs" $(($(counter tcp_splice_bytes) - bytes)) $((2 * 100 * (100 + 100)))
for worker in 0 1; do
	assert_num "TLS handshakes on worker $worker" \
		"$(fl_json workers ".workers[$worker].counters | .tls_full_12 + .tls_full_13 + .tls_resumed_13")" -gt 0
done
port=$(python3 "$E2E/tls_wire.py" burst) || fail "see above"
await 10 no_tls || fail "TLS connections left: $(counter tls_conns)"
await 10 captured || fail "the end of the burst's connection is not captured"
captures_end
python3 "$E2E/tls_wire.py" "$TMP/wire.pcapng" "$port" || fail "see above"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" \
	"$(drops_except ip_dst nd_other icmp_no_session tcp_closed tcp_cookie tcp_port tcp_rst tcp_seq)" ""
