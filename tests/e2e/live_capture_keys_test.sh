#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A capture never holds keys: not those of sessions by TLS 1.2 and 1.3, DTLS, DTLS-SRTP, SRTP with keys of the control
# socket (RFC 4568) and ESP that begin and pass while it is made, nor the private keys of certificates, in binary, digits or
# base64, with --plaintext or without; and no block of secrets, which pcapng has. What the same search must find are
# their ClientHellos, packets and, with --plaintext, what was said inside.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/captures.sh
. "$ROOT/tests/e2e/captures.sh"

OURS=10.1.0.4 DTLS=5349
CK=b40ba9a3c58b2a05bbf0d987b21bf8cb IK=f769bcd751044604127672711c6d3441
export PYTHONPATH=$E2E:$E2E/../tcp

relay_config "s|^    addresses: \[10.1.0.1/24|&, $OURS/24|" \
	"/^ipsec:/,/^turn:/s|^  addresses: .*|  addresses: [$OURS]|" \
	"/^ipsec:/,/^turn:/s|^  inner: .*|  inner: [10.77.0.0/16]|" \
	"s|^realms:|&\\n  - {name: phones}|" \
	"s|^relays:|&\\n  - {address: $OURS, port-min: 20000, port-max: 29999, turn: false, realm: phones}|" \
	"s|^listeners:|&\\n  - {address: $SERVER4, port: $DTLS, transport: dtls}|" >"$TMP/quickstart"
start_peer 3480
self_signed phone
fingerprint="sha-256 $(openssl x509 -in "$TMP/phone.crt" -noout -fingerprint -sha256 | cut -d= -f2)"

# dtls NAME ARGUMENT...: OpenSSL, to the end of its handshake, which writes its secrets down. Its standard input is ours.
dtls()
{
	in_client timeout 20 openssl s_client -dtls1_2 -keylogfile "$TMP/$1.keylog" "${@:2}" >"$TMP/$1.openssl" 2>&1 ||
		fail "$1: $(tail -n 5 "$TMP/$1.openssl")"
	python3 "$E2E/capture_keys.py" keylog "$SECRETS" "$TMP/$1.keylog" || fail "$1 has no secrets"
}

# dtls_srtp NAME: keys of SRTP, which its exporter makes (RFC 5764 4.2).
dtls_srtp()
{
	local made id
	made=$(fl --json context add --a "transport=udp,realm=access,rtp,rtcp_mux,remote=$CLIENT4:40100,srtp=dtls,dtls_role=server,fingerprints=$fingerprint" \
		--b "transport=udp,realm=core,rtp,rtcp_mux,remote=$PEER4:3480")
	id=$(jq -r .context <<<"$made")
	dtls "$1" -use_srtp SRTP_AES128_CM_SHA1_80 -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen 60 -bind "$CLIENT4:40100" \
		-connect "$(jq -r '.terminations[0].local' <<<"$made")" -cert "$TMP/phone.crt" -key "$TMP/phone.key" </dev/null
	fl context delete "$id" >/dev/null
	sed -n 's/.*Keying material: \([0-9A-F]*\)$/\1/p' "$TMP/$1.openssl" >"$TMP/material"
	assert_eq "digits of keys of SRTP" "$(tr -d '\n' <"$TMP/material" | wc -c)" 120
	# Two keys of 16 bytes, two salts of 14.
	sed -E 's/(.{32})(.{32})(.{28})(.{28})/dtls-srtp-client \1\ndtls-srtp-server \2\ndtls-srtp-salt \3\ndtls-srtp-salt \4/' \
		"$TMP/material" >>"$SECRETS"
}

# keys NAME BUT OPTION...: a capture of sessions of each kind has no secret, and what passes in clear of them but BUT.
keys()
{
	local name=$1 but=$2
	SECRETS=$TMP/$name.secrets
	python3 "$E2E/capture_keys.py" private "$SECRETS" "$TLS/rsa.key" "$TLS/ecdsa.key" "$TMP/phone.key" || fail "no private keys"
	capture "$name" --duration 120 "${@:3}"
	# A message on no channel, which is dropped after it was deciphered.
	printf '\x40\x07\x00\x14inside-of-dtls-alone' | dtls "dtls-$name" -connect "$SERVER4:$DTLS" -CAfile "$CA"
	dtls_srtp "srtp-$name"
	timeout 100 python3 "$E2E/capture_keys.py" talk "$SECRETS" "$OURS" "$PEER4" "$CK" "$IK" >"$TMP/talk" 2>&1 || fail "$name: $(tail -n 5 "$TMP/talk")"
	NAME_NOW=$name
	await 10 last_is_there || fail "$name: what was said last is not there: $(tail -n 5 "$TMP/$name.log")"
	done_with "$name"
	# shellcheck disable=SC2086 # words
	python3 "$E2E/capture_keys.py" find "$SECRETS" "$TMP/$name.pcapng" $but >"$TMP/found" 2>&1 || fail "$name: $(tail -n 1 "$TMP/found")"
	note "$(<"$TMP/found")"
	assert_num "$name: secrets" "$(grep -vc '+ ' "$SECRETS")" -gt 30
	assert_num "$name: what came inside of DTLS and was dropped" "$(n_frames "$name" 'frame contains "inside-of-dtls-alone"')" -eq 0
	assert_num "$name: packets of ESP" "$(n_frames "$name" 'udp.port == 4500')" -ge 2
}
last_is_there() { [[ $(n_frames "$NAME_NOW" "frame contains \"phonephone\" && ip.src == $PEER4") -ge 1 ]]; }

keys wire ''
keys plain 'TLSv1_2-random+ TLSv1_3-random+' --plaintext
assert_num "what was said inside of TLS" "$(n_frames plain 'frame.interface_name == "plaintext" && frame contains "said over TLSv1_3"')" -ge 2
grep -q 'audit: user 0 .*: capture.plaintext .*: done' "$RUN/fairlead-cp.log" || fail "no line in the audit log: $(grep audit: "$RUN/fairlead-cp.log")"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
