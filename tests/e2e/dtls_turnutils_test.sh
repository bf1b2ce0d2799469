#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# coturn's client reaches Fairlead over DTLS (R6, RFC 7350, RFC 8656 3.1), on two workers: channels
# and indications, IPv4 and IPv6 on either side, dual allocations, 20 clients at once; OpenSSL's
# s_client, whose ClientHello comes in pieces where its MTU is small. An association that is closed
# takes its allocation along, and is listed and ended as connections are. Every packet is accounted
# for (R74).
#
# Alone: two workers that wait for each other's CPU lose what is handed over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"

DTLS=5349

no_dtls() { (($(counter dtls_conns) == 0)); }
some_dtls() { (($(counter dtls_conns) > 0)); }
listed() { [[ $(fl_json connections '[.connections[] | select(.tls.version == "DTLS 1.2")] | length') == "$1" ]]; }

# handshakes WHAT ARGUMENT...: openssl's client, to the end of its handshake.
handshakes()
{
	local what=$1 log=$TMP/openssl.log
	shift
	in_client timeout 20 openssl s_client -dtls1_2 -connect "$SERVER4:$DTLS" -CAfile "$CA" "$@" \
		</dev/null >"$log" 2>&1 || fail "$what: $(tail -n 5 "$log")"
	grep -q 'Verify return code: 0' "$log" || fail "$what: $(grep -i verif "$log")"
	note "$what: $(grep -m 1 -o 'Cipher is.*' "$log")"
}

relay_config 's/^  workers: \[0\]$/  workers: [0, 1]/' \
	's|^listeners:|&\n  - address: 10.1.0.1\n    port: 5349\n    transport: dtls\n  - address: "fd00:1::1"\n    port: 5349\n    transport: dtls|' \
	's|^  associations: .*|  associations: 1024|' 's|^  dtls-handshakes: .*|  dtls-handshakes: 32|' >"$TMP/quickstart"
await 10 attached || fail "the control process is not attached"
drops_mark
start_peer
v4=(-e "$PEER4") v6=(-x -e "$PEER6")
few=(-S -p "$DTLS" -n 50 -m 2)
relayed=$(to_clients)
also relays "channels" 100 "${few[@]}" -c "${v4[@]}" "$SERVER4"
also relays "indications" 100 "${few[@]}" -c -s "${v4[@]}" "$SERVER4"
also relays "IPv6 to IPv6" 100 "${few[@]}" -c "${v6[@]}" "$SERVER6"
also relays "IPv4 to IPv6, indications" 100 "${few[@]}" -c -s "${v6[@]}" "$SERVER4"
also relays "IPv6 to IPv4" 100 "${few[@]}" -c -X "${v4[@]}" "$SERVER6"
also relays "odd length" 100 "${few[@]}" -c -l 101 "${v4[@]}" "$SERVER4"
also relays "dual" 100 "${few[@]}" -Z "${v4[@]}" "$SERVER4"
all_end
assert_eq "messages relayed to clients" $(($(to_clients) - relayed)) $((7 * 100))
also many "20 clients" 1000 -S -p "$DTLS" -n 50 -m 20 -z 20 -c "${v4[@]}" "$SERVER4"
all_end
handshakes "openssl"
handshakes "openssl, in pieces" -mtu 256
handshakes "openssl, ChaCha20" -cipher ECDHE-ECDSA-CHACHA20-POLY1305
# coturn's client says no word when it goes, nor ends its allocation.
fl sessions kill --transport dtls --all >"$TMP/sessions" || fail "$(cat "$TMP/sessions")"
await 10 no_dtls || fail "associations left: $(counter dtls_conns)"
assert_num "handshakes" "$(counter dtls_done)" -gt 20
await 10 listed 0 || fail "those that are gone are listed: $(fl --json connections)"

start "$TMP/held.log" in_client openssl s_client -dtls1_2 -ign_eof -connect "$SERVER4:$DTLS" -CAfile "$CA"
await 10 some_dtls || fail "no association: $(tail -n 3 "$TMP/held.log")"
await 20 listed 1 || fail "it is not listed: $(fl --json connections)"
fl connections kill --transport dtls --all >"$TMP/kill" || fail "$(cat "$TMP/kill")"
await 10 no_dtls || fail "it was not ended"

await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session dtls_epoch dtls_none dtls_replay)" ""
