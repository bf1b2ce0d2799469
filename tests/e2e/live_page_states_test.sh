#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The page while something is wrong, as Chromium draws it for a desk and for a phone, light and dark: a certificate
# that ends soon (a warning), one that has ended, a link that is down (failing), each with its reason in words. On
# each picture all text stands out, nothing is wider than the screen, the keyboard is seen wherever it comes, and
# a screen reader is told what each part is. PICTURES=DIRECTORY keeps the pictures.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"
chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
PICTURES=${PICTURES:-$TMP}

# ends DAYS: the certificate of domain page does, so many days from now.
ends()
{
	openssl x509 -req -in "$TMP/page.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -days "$1" \
		-extfile <(echo "subjectAltName=DNS:page.fairlead.test") -out "$TMP/page.pem" 2>"$TMP/openssl.log" ||
		fail "$(tail -n 1 "$TMP/openssl.log")"
}

# looks NAME STATE TEXT...: the page says STATE, and has all of these lines.
looks()
{
	local name=$1 state=$2 text
	shift 2
	HOME=$TMP in_relay timeout -k 5 90 node "$E2E/node/page.cjs" "$chromium" "$TMP/profile" http://127.0.0.1:9643/ \
		"$PICTURES/$name" "$state" >"$TMP/text" 2>"$TMP/chromium.log" ||
		fail "$name: $(tail -n 1 "$TMP/text"): $(tail -n 2 "$TMP/chromium.log")"
	for text; do
		grep -qF -- "$text" "$TMP/text" || fail "$name: the page lacks '$text': $(<"$TMP/text")"
	done
	note "$name: $state"
}

tls_ca
tls_certificate page page.fairlead.test
ends 5
EDITS+=("s|^    psk: false\$|&\n\n  - name: page|"
	"s|^certificates:\$|&\n  - {domain: page, chain: $TMP/page.pem, key: $TMP/page.key}|"
	"s|^listeners:\$|&\n  - {address: $SERVER4, port: 5352, transport: tls, domain: page}|")
relay_config "${EDITS[@]}" >"$TMP/quickstart"
start_peer
uclient "$TMP/uclient.log" -n 100 -m 2 -e "$PEER4" "$SERVER4" || fail "uclient: $(tail -n 2 "$TMP/uclient.log")"
looks soon warning "page.pem ends in"

# reload DAYS: the certificate is another one from now on.
reload()
{
	ends "$1"
	fl tls reload >"$TMP/reload" 2>&1 || fail "the certificate is not read again: $(<"$TMP/reload")"
}
reload -1
looks ended failing "page.pem has ended"
grep -qE '^page[[:space:]]+ended 1 d ago' "$TMP/text" || fail "since when: $(grep -A 4 Certificates "$TMP/text")"
reload 30
looks well well

# A port of memif to which nobody comes: AF_XDP's are always up.
relay_config "${EDITS[@]}" "/^ports:/,/^listeners:/s|^  - name: core\$|  - name: spare\n    device: \"net_memif0,role=server,socket-abstract=no,socket=$TMP/m.sock\"\n    addresses: [10.9.0.1/24]\n\n&|" >"$TMP/quickstart"
looks down failing "port spare: the link is down"
grep -qE '^spare[[:space:]]+down' "$TMP/text" || fail "the table of ports: $(grep -A 5 '^Ports' "$TMP/text")"
