# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Configurations with more TLS domains, and certificates beyond those of conf/quickstart.sh.
EDITS=() # for relay_config

# tls_domain NAME PORT [SETTING...]: one more domain with the sample's certificates and a listener.
tls_domain()
{
	local name=$1 port=$2 kind settings=''
	shift 2
	(($# == 0)) || settings=$(printf '\\n    %s' "$@")
	EDITS+=("s|^    psk: false\$|&\n\n  - name: $name$settings|")
	for kind in rsa ecdsa; do # the last one comes first
		EDITS+=("s|^certificates:\$|&\n  - {domain: $name, chain: $TLS/$kind.pem, key: $TLS/$kind.key}|")
	done
	EDITS+=("s|^listeners:\$|&\n  - {address: $SERVER4, port: $port, transport: tls, domain: $name}|")
}

# tls_ca: a CA of the test's own, in $TMP/ca.pem.
tls_ca()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=CA of $NAME" \
		-addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout "$TMP/ca.key" -out "$TMP/ca.pem" 2>"$TMP/openssl.log" || fail "$(tail -n 1 "$TMP/openssl.log")"
}

# tls_certificate FILE SUBJECT [NAME]: a key and a certificate of the test's CA, for a host name (SUBJECT).
tls_certificate()
{
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
		-keyout "$TMP/$1.key" -out "$TMP/$1.csr" 2>"$TMP/openssl.log" &&
		openssl x509 -req -in "$TMP/$1.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -CAcreateserial \
			-days 30 -out "$TMP/$1.pem" -extfile <(echo "subjectAltName=DNS:${3:-$2}") \
			2>>"$TMP/openssl.log" || fail "$(tail -n 1 "$TMP/openssl.log")"
}
