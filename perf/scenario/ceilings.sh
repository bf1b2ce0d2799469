#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 30 s: what OpenSSL's ciphers, digests and signatures do here by themselves (openssl speed)
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=ceilings TURN=1
SIZES=(200 1350 16384)
ALGORITHMS=(aes-128-gcm aes-256-gcm chacha20-poly1305 sha1 md5 sha256)
SIGNATURES=(ecdsap256 rsa2048)
[[ -z $SHORT ]] || SIZES=(200) ALGORITHMS=(aes-128-gcm) SIGNATURES=(ecdsap256)

# "+F:25:AES-128-GCM:416979487.18" is bytes a second; "+F4:3:256:46300.0:15204.8" signatures and
# verifications a second, +F2 for RSA.
speeds()
{
	local size alg
	for size in "${SIZES[@]}"; do
		for alg in "${ALGORITHMS[@]}"; do
			bench taskset -c 0 openssl speed -mr -seconds 1 -bytes "$size" -evp "$alg"
			awk -F: -v n="$size" '/^\+F:/ { printf "{\"ns\": %.1f}\n", n * 1e9 / $NF }' "$TMP/out" |
				keep openssl what="$alg" bytes="$size"
		done
	done
}

signatures()
{
	local alg
	for alg in "${SIGNATURES[@]}"; do
		bench taskset -c 0 openssl speed -mr -seconds 1 "$alg"
		awk -F: '/^\+F[24]:/ { printf "{\"ns\": %.0f, \"verify_ns\": %.0f}\n", 1e9 / $4, 1e9 / $5 }' \
			"$TMP/out" | keep openssl what="$alg"
	done
}

rig_begin openssl
speeds
signatures
