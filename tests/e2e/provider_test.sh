#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A provider of OpenSSL's makes the signatures of handshakes (tls.provider): a slow one of the tests'
# own, whose threads wake the jobs (tests/accel). Handshakes of both versions and both kinds of keys
# wait for it; one that stalls is noticed and told, handshakes go on without it and come back to it;
# one that is missing costs one sentence in the log and nothing else.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

PROVIDER=$BUILD/tests/accel/slow_provider.so
export SLOW_MS=1 SLOW_STALL=$TMP/stall

says() { grep -q "$1" "$RUN/fairlead-dp.log"; }
stalls() { counter tls_stalls; }
overdue() { counter tls_overdue; }
is() { [[ $("$1") == "$2" ]]; }

# handshake VERSION SIGNATURE: a whole one, with such a signature of the relay's.
handshake()
{
	in_client timeout 20 openssl s_client -connect "$SERVER4:5349" "-tls$1" -CAfile "$CA" \
		-sigalgs "$2" </dev/null >"$TMP/client" 2>&1
	grep -q 'Verify return code: 0' "$TMP/client"
}

handshakes()
{
	local version algorithm
	for version in 1_2 1_3; do
		for algorithm in ecdsa_secp256r1_sha256 rsa_pss_rsae_sha256; do
			handshake "$version" "$algorithm" ||
				fail "$1: TLS $version, $algorithm: $(tail -n 3 "$TMP/client")"
		done
	done
}

relay_config "s|^  provider: .*|  provider: $PROVIDER|"
assert "it is told" says "tls.provider $PROVIDER: signs"
handshakes "by the provider"
assert_num "handshake steps that waited for it" "$(counter tls_async)" -eq 4
assert_num "stalls" "$(stalls)" -eq 0

touch "$SLOW_STALL"
start "$TMP/held" in_client openssl s_client -connect "$SERVER4:5349" -tls1_3 -CAfile "$CA"
held=$PID
await 10 is stalls 1 || fail "that it stalls is not noticed: $(stalls)"
assert_num "handshakes that it keeps" "$(overdue)" -eq 1
await 5 says "tls.provider $PROVIDER: stalled 1 times" || fail "that it stalls is not told"
handshakes "without the provider"
assert_num "handshake steps that waited for it" "$(counter tls_async)" -eq 4
assert "the client waits" kill -0 "$held"
rm "$SLOW_STALL"
await 10 grep -q 'Verify return code: 0' "$TMP/held" || fail "the handshake that it kept does not end: $(tail -n 3 "$TMP/held")"
await 5 is overdue 0 || fail "it keeps $(overdue) handshakes"
await 5 says "its jobs have come back" || fail "that it came back is not told"
handshakes "by the provider again"
assert_num "handshake steps that waited for it" "$(counter tls_async)" -eq 9

# Nor does the end wait for jobs that do not come back.
touch "$SLOW_STALL"
start "$TMP/lost" in_client openssl s_client -connect "$SERVER4:5349" -tls1_3 -CAfile "$CA"
await 10 is overdue 1 || fail "it keeps $(overdue) handshakes, not one more"
dp=$(dp_pid)
kill "$dp"
await 20 ended "$dp" || fail "with a job that does not come back fairlead-dp does not end"
assert "it says what is left behind" says "tls.provider $PROVIDER: 1 of its jobs have not come back"
rm "$SLOW_STALL"

relay_config "s|^  provider: .*|  provider: /nowhere/provider.so|"
assert_num "sentences about a provider that is missing" \
	"$(grep -c "^fairlead-dp: $CONFIG:[0-9]*: tls.provider: /nowhere/provider.so cannot be loaded: .*; handshakes are done in software" "$RUN/fairlead-dp.log")" -eq 1
handshakes "without a provider"
assert_num "handshake steps that waited" "$(counter tls_async)" -eq 0
