#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# openssl s_client and gnutls-cli on several TLS domains (R1, R48) and two workers: versions, suites,
# groups; ALPN and host names, and which certificate they choose (R2, R76); client certificates (R47);
# resumption on either worker, across a rotation of ticket keys, and not into another domain (R9);
# pre-shared keys (R65); KeyUpdate within traffic; early data, which is skipped, and renegotiation, which is refused (R57);
# certificates that change under a connection. Each connection that stands has a STUN transaction.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"

tls_ca
tls_certificate client client.example.test
tls_certificate other other.example.test
tls_certificate renewed renewed other.example.test
(TMP=$TMP/strange && mkdir "$TMP" && tls_ca && tls_certificate stranger stranger.example.test)
mv "$TMP"/strange/stranger.* "$TMP"
tls_domain ask 5350 "client-certificate: ask" "client-ca: $TMP/ca.pem"
tls_domain require 5351 "client-certificate: require" "client-ca: $TMP/ca.pem"
tls_domain psk 5352 "psk: true"
tls_domain no-tickets 5353 "tickets: false"
tls_domain narrow 5354 "version-min: tls1.3" "suites: [TLS_AES_256_GCM_SHA384]" "groups: [P-384]"
relay_config "${EDITS[@]}" 's/^  workers: \[0\]$/  workers: [0, 1]/' 's/^  ticket-lifetime:.*/  ticket-lifetime: 4/' \
	"s|^    key: .*/rsa.key$|&\n  - {chain: $TMP/other.pem, key: $TMP/other.key}|" >"$TMP/quickstart"
await 10 attached || fail "the control process is not attached"
drops_mark
for program in openssl gnutls; do
	timeout 100 python3 "$E2E/tls_$program.py" "$BUILD/fairlead" "$CONFIG" "$TMP" || fail "$program: see above"
done
no_tls() { (($(counter tls_conns) + $(counter tls_handshakes) + $(counter tls_waiting) == 0)); }
await 10 no_tls || fail "TLS connections left: $(fl tls)"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session tcp_closed tcp_cookie tcp_port tcp_rst tcp_seq)" ""
