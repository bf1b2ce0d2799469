#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R61, R62, R63, R82: TLS with a certificate that no CA vouches for, asserted by IK. A P-CSCF behind the
# relay, told of phones by the PROXY protocol, has the control socket make s_token of the certificate that
# a phone's connection was shown, and judge the answer; openssl s_client answers with c_token. A wrong one, and a right
# one over another connection, end the connection they came by. Without TLS, and in a resumed session,
# which shows no certificate, there is no token.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
SIP=5060 TLS_PORT=5061 PLAIN=5070 IK=f769bcd751044604127672711c6d3441

self_signed tokens
owned "$TMP"/tokens.{crt,key}
listens() { printf 's/^relays:/  - {address: "%s", port: %s, transport: %s, service: sip%s}\\n&/' "$SERVER4" "$@"; }
relay_config 's/^    proxy-protocol: none$/    proxy-protocol: v2/' \
	"s|^certificates:.*|  - {name: tokens}\\n&\\n  - {domain: tokens, chain: $TMP/tokens.crt, key: $TMP/tokens.key}|" \
	"$(listens $TLS_PORT tls ", domain: tokens")" "$(listens $PLAIN tcp "")"
start "$TMP/pcscf.log" in_peer env "PYTHONPATH=$E2E" /usr/bin/python3 "$E2E/access_pcscf.py" "$PEER4" $SIP $IK "$TMP/tokens.crt"
await 10 listens_tcp "$NS-peer" $SIP || fail "the P-CSCF does not listen: $(tail -n 3 "$TMP/pcscf.log")"
drops_mark
in_client env "PYTHONPATH=$E2E" timeout 60 /usr/bin/python3 "$E2E/access_phone.py" $IK ||
	fail "see above; the P-CSCF: $(tail -n 5 "$TMP/pcscf.log")"
assert_eq "what the P-CSCF found" "$(xargs <"$TMP/pcscf.log")" \
	"token right token right token wrong token moved right token no-token resumed no-token no_tls"
assert_num "connections ended for a wrong token" "$(tcp_ends killed)" -eq 2
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "a certificate of no CA is vouched for by IK, on the connection that was asked"
