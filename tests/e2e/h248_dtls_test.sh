#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R39, RFC 5763 by H.248: a=setup and a=fingerprint of UDP/TLS/RTP/SAVP in Local and Remote, by erlang-megaco. OpenSSL's client
# agrees on SRTP with a termination that is the server and shows the fingerprint that was told; a certificate that is not the
# one of Remote gets nowhere, and both are told; and media passes two contexts that are client and server of each other.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' 's/^  srtp: .*/  srtp: 64/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}]|" >"$TMP/quickstart"
control_network
start_peer 3480
self_signed phone stranger
fingerprint() { openssl x509 -in "$TMP/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2; }
# dtls REALM ROLE MORE: a termination whose keys come by DTLS.
dtls()
{
	printf '%s ' "Add = ip/$1/\$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }," \
		"Local {\\nc=IN IP4 \$\\nm=audio \$ UDP/TLS/RTP/SAVP -\\na=setup:$2\\na=fingerprint:SHA-256 \$\\na=rtcp-mux\\n}${3:+, $3} } }," \
		"Events = 21 { g/cause, tlsbsc/BNCChange } }"
}
# far ADDRESS PORT ROLE FINGERPRINT: the other end of it.
far() { printf 'Remote {\\nc=IN IP4 %s\\nm=audio %s UDP/TLS/RTP/SAVP -\\na=setup:%s\\na=rtcp-mux\\na=fingerprint:SHA-256 %s\\n}' "$@"; }
ours() { grep -io 'a=fingerprint:sha-256 [0-9A-F:]*' <<<"$REPLY" | sed -n "${1}s/.* //p"; }
told() { grep '^notify' "$MGC_SAID" | tail -n +"$((NOTICES + 1))" | grep -i "\"$1\"" | grep -qi -- "$2"; }
# shakes NAME CERTIFICATE: OpenSSL's client, from the phone's port, until over.
shakes()
{
	NOTICES=$(grep -c '^notify' "$MGC_SAID" || true)
	mkfifo "$TMP/$1.in"
	start "$TMP/$1" in_client sh -c "exec openssl s_client -no_ign_eof -dtls1_2 -bind $CLIENT4:40000 -connect $SERVER4:$PORT \
		-use_srtp SRTP_AES128_CM_SHA1_80 -cert $TMP/$2.pem <$TMP/$1.in"
	SHAKES=$PID
	exec 3>"$TMP/$1.in"
}
over()
{
	exec 3>&-
	await 10 ended "$SHAKES" || fail "OpenSSL's client does not end"
	ask "Context = $C { W-Subtract = * { Audit { } } }"
}

mgc_start "$CONTROL_PEER" pretty
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"

# ---- another's client ----

ask "Context = \$ { $(dtls access passive "$(far "$CLIENT4" 40000 active "$(fingerprint phone)")"), $(add core "$PEER4" 3480) }"
C=$(number) PORT=$(port 1) OURS=$(ours 1)
shakes right phone
await 15 told tlsbsc/BNCChange Est || fail "nobody is told of the handshake: $(tail -n 3 "$MGC_SAID" "$TMP/right")"
await 5 grep -q 'SRTP Extension negotiated, profile=SRTP_AES128_CM_SHA1_80' "$TMP/right" || fail "no SRTP: $(tail -n 20 "$TMP/right")"
assert_eq "the fingerprint that it told" "$(openssl x509 -in "$TMP/right" -noout -fingerprint -sha256 | cut -d= -f2)" "$OURS"
over
note "OpenSSL's client agrees on SRTP"

ask "Context = \$ { $(dtls access passive "$(far "$CLIENT4" 40000 active "$(fingerprint phone)")"), $(add core "$PEER4" 3480) }"
C=$(number) PORT=$(port 1)
shakes wrong stranger
await 15 told g/cause tls_fingerprint || fail "nobody is told of another's certificate: $(tail -n 3 "$MGC_SAID" "$TMP/wrong") $(fl context list)"
! told tlsbsc/BNCChange Est || fail "another's certificate is taken"
over

# ---- two contexts, client and server of each other ----

ask "Context = \$ { $(add access "$CLIENT4" 40000), $(dtls core active) }"
C1=$(number) PORT=$(port 1) P1=$(port 2) T1=$(added 2) F1=$(ours 1) CORE=$(grep -o 'c=IN IP4 [0-9.]*' <<<"$REPLY" | sed -n '2s/.* //p')
ask "Context = \$ { $(dtls core passive "$(far "$CORE" "$P1" active "$F1")"), $(add core "$PEER4" 3480) }"
C2=$(number) P2=$(port 1) F2=$(ours 1)
ask "Context = $C1 { Modify = $T1 { Media { Stream = 1 { $(far "$CORE" "$P2" passive "$F2") } } } }"
await 20 echoed "$PORT" || fail "no echo through SRTP: $REPLY: $(fl context list)"
for C in $C1 $C2; do ask "Context = $C { W-Subtract = * { Audit { } } }"; done
note "media passes, by keys of DTLS"
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
