#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R89: contexts of the control socket with SRTP: by keys that a controller gives (RFC 4568), changes, and is never
# told again, towards libsrtp; and by DTLS (RFC 5764), towards OpenSSL, whose certificate has the fingerprint that was
# given. No key is in a log or in a file of ours.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"
context() { fl --json context "$@"; }
of() { jq -r "$2" <<<"$1"; }

relay_config "${EDITS[@]}" >"$TMP/quickstart"

# ---- by keys ----

python3 "$E2E/context_srtp.py" "$NS-client" "$NS-peer" $CLIENT4 $PEER4 >"$TMP/keys" 2>&1 ||
	fail "keys: $(tail -n 3 "$TMP/keys")"
grep -q 'audit: .*context.add .*"srtp":"sdes"' "$RUN/fairlead-cp.log" || fail "what was asked for is not written down"
grep -q -e inline -e crypto_ "$RUN/fairlead-cp.log" && fail "a key is in the log"
note "keys were given and changed, and are told nowhere"

# ---- by DTLS ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=phone \
	-keyout "$TMP/phone.key" -out "$TMP/phone.crt" 2>/dev/null || fail "openssl makes no certificate"
fp="sha-256 $(openssl x509 -in "$TMP/phone.crt" -noout -fingerprint -sha256 | cut -d= -f2)"
c=$(context add --a "transport=udp,realm=access,rtp,rtcp_mux,remote=$CLIENT4:40100,srtp=dtls,dtls_role=server,fingerprints=$fp" \
	--b "transport=udp,realm=core,rtp,rtcp_mux,remote=$PEER4:3480")
id=$(of "$c" .context)
assert_num "fingerprints of ours" "$(of "$c" '.terminations[0].own_fingerprints | length')" -eq 1
# Its standard input has ended: it goes once it has agreed.
start "$TMP/openssl" in_client openssl s_client -dtls1_2 -use_srtp SRTP_AES128_CM_SHA1_80 -bind "$CLIENT4:40100" \
	-connect "$(of "$c" '.terminations[0].local')" -cert "$TMP/phone.crt" -key "$TMP/phone.key"
agreed() { [[ $(context show "$id" | jq -r '.terminations[0].peer_fingerprint') == "$fp" ]]; }
await 20 agreed || fail "no handshake: $(fl context show "$id"), $(tail -n 5 "$TMP/openssl")"
profile() { grep -q 'SRTP Extension negotiated, profile=SRTP_AES128_CM_SHA1_80' "$TMP/openssl"; }
await 10 profile || fail "no profile of SRTP: $(tail -n 20 "$TMP/openssl")"
assert_eq "certificate that OpenSSL was shown" \
	"$(sed -n '/BEGIN CERT/,/END CERT/p' "$TMP/openssl" | openssl x509 -noout -fingerprint -sha256 | cut -d= -f2)" \
	"$(of "$c" '.terminations[0].own_fingerprints[0]' | cut -d' ' -f2)"
await 10 ended "$PID" || fail "OpenSSL does not end"
# Another fingerprint is another's certificate.
c=$(context modify "$id" --a "fingerprints=sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33")
start "$TMP/openssl2" in_client openssl s_client -dtls1_2 -use_srtp SRTP_AES128_CM_SHA1_80 -bind "$CLIENT4:40100" \
	-connect "$(of "$c" '.terminations[0].local')" -cert "$TMP/phone.crt" -key "$TMP/phone.key"
failed() { [[ $(counter dtls_failed) -gt 0 ]]; }
await 20 failed || fail "who has another certificate is not refused: $(tail -n 5 "$TMP/openssl2")"
await 10 ended "$PID" || fail "OpenSSL does not end when it is refused"
fl context delete "$id" >/dev/null
note "OpenSSL's client agreed on keys, and was refused with another certificate"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
