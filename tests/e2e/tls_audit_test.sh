#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What auditors' tools find at TLS domains (R1, R48, R52, R57): sslscan, and the quick sections of
# testssl.sh, at the profiles modern and ts33210 (3GPP TS 33.210 6.2) and at a domain of TLS 1.2 alone.
# Protocols, suites and groups are those of the profile and no others; secure renegotiation; no
# vulnerability that either tool knows.
#
# Alone: testssl.sh leaves out what an answer comes too late for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"

tls_domain carrier 5350 "profile: ts33210"
tls_domain old 5351 "version-max: tls1.2"
relay_config "${EDITS[@]}" >"$TMP/quickstart"
await 10 attached || fail "the control process is not attached"
# testssl.sh tries names that are none, and would wait for servers that cannot be reached from here.
echo "nameserver 127.0.0.1" >"$TMP/resolv.conf"
pids=()
for port in 443 5350 5351; do
	in_client timeout 60 sslscan --no-colour --xml="$TMP/sslscan-$port.xml" "$SERVER4:$port" \
		>"$TMP/sslscan-$port.log" 2>&1 &
	pids+=($!)
	in_client unshare -m sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$TMP/resolv.conf" \
		timeout 100 testssl --quiet --color 0 --warnings off --nodns none --jsonfile "$TMP/testssl-$port.json" \
		-p -H -I -R -C -BB -Z -O -F -J -D "$SERVER4:$port" >"$TMP/testssl-$port.log" 2>&1 </dev/null &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid" || note "a tool ended with $?" # testssl.sh counts findings so
done
for port in 443 5350 5351; do
	[[ -s $TMP/testssl-$port.json ]] || fail "testssl.sh, port $port: $(tail -n 2 "$TMP/testssl-$port.log")"
done
python3 "$E2E/tls_audit.py" "$TMP" || fail "see above"
no_tls() { (($(counter tls_conns) + $(counter tls_handshakes) + $(counter tls_waiting) == 0)); }
await 10 no_tls || fail "TLS connections left: $(fl tls)"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
