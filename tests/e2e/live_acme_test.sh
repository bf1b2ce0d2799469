#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Certificates by themselves (RFC 8555): pebble, an ACME server on the clients' side, validates names of the
# relay by http-01 on port 80, a service on plain TCP, and by tls-alpn-01 on port 443, where TURN over TLS is as well
# (RFC 8737). The back ends are the ACME clients' own servers in the core: lego for either, certbot for http-01. They reach
# pebble through a listener on the core's side. What they write, lego over the files that were there
# and certbot by links that change or by a hook that copies, clients of TLS are shown without a word of the
# operator's; an allocation that was there goes on.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"
API=14000
DIRECTORY=https://$RELAY4:$API/dir
LEGO=$TMP/lego/certificates

# ---- the relay, with certificates of another CA where lego writes ----

tls_ca
mkdir -p "$LEGO"
EDITS=()
for name in http alpn; do
	tls_certificate $name $name.fairlead.test
	cp "$TMP/$name.pem" "$LEGO/$name.fairlead.test.crt"
	cp "$TMP/$name.key" "$LEGO/$name.fairlead.test.key"
	EDITS+=("s|^    key: .*/rsa.key$|&\n  - {chain: $LEGO/$name.fairlead.test.crt, key: $LEGO/$name.fairlead.test.key}|")
done
BOT=$TMP/bot # a link to the directory that certbot keeps
tls_certificate bot bot.fairlead.test
mkdir "$TMP/first"
cp "$TMP/bot.pem" "$TMP/first/fullchain.pem"
cp "$TMP/bot.key" "$TMP/first/privkey.pem"
ln -s "$TMP/first" "$BOT"
EDITS+=("s|^    key: .*/rsa.key$|&\n  - {chain: $BOT/fullchain.pem, key: $BOT/privkey.pem}|")
for service in "http01, backend: $PEER4, port: 5080" "alpn01, alpn: [acme-tls/1], tls: pass, backend: $PEER4, port: 5443" "ca, backend: $CLIENT4, port: $API"; do
	EDITS+=("s|^services:\$|&\n  - {name: $service}|")
done
relay_config "${EDITS[@]}" 's|^    port: 80$|&\n    service: http01|' \
	"s|^listeners:\$|&\n  - {address: $RELAY4, port: $API, transport: tcp, service: ca}|" \
	>"$TMP/quickstart"

# shown NAME FIELD: of the certificate that a client is shown who asks for it.
shown()
{
	in_client timeout 10 openssl s_client -connect "$SERVER4:5349" -servername "$1" </dev/null 2>/dev/null |
		openssl x509 -noout "-$2"
}
issued() { shown "$1" issuer | grep -q 'Pebble Intermediate'; }
assert_eq "issuer at first" "$(shown http.fairlead.test issuer)" "issuer=CN = CA of $NAME"

# ---- the ACME server ----

tls_certificate api "$RELAY4"
openssl x509 -req -in "$TMP/api.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -CAcreateserial -days 30 \
	-out "$TMP/api.pem" -extfile <(echo "subjectAltName=IP:$RELAY4") 2>"$TMP/openssl.log" || fail "$(<"$TMP/openssl.log")"
cat >"$TMP/pebble.json" <<END
{ "pebble": { "listenAddress": "$CLIENT4:$API", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "$TMP/api.pem", "privateKey": "$TMP/api.key", "httpPort": 80, "tlsPort": 443,
  "ocspResponderURL": "", "externalAccountBindingRequired": false } }
END
start "$TMP/dns.log" in_client pebble-challtestsrv -http01 '' -https01 '' -tlsalpn01 '' -dns01 127.0.0.1:8053 \
	-management 127.0.0.1:8055 -defaultIPv4 $SERVER4 -defaultIPv6 ''
await 10 listens_tcp fl-client 8055 || fail "pebble-challtestsrv: $(<"$TMP/dns.log")"
export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0
start "$TMP/pebble.log" in_client pebble -config "$TMP/pebble.json" -dnsserver 127.0.0.1:8053
await 10 listens_tcp fl-client $API || fail "pebble: $(<"$TMP/pebble.log")"

# ---- lego ----

# lego_run NAME OPTION...
lego_run()
{
	LEGO_CA_CERTIFICATES=$TMP/ca.pem in_peer timeout 100 lego -a -m admin@fairlead.test -s "$DIRECTORY" --path "$TMP/lego" \
		-d "$1.fairlead.test" "${@:2}" run >"$TMP/lego.log" 2>&1 || fail "lego, $1: $(tail -n 3 "$TMP/lego.log"); pebble: $(tail -n 3 "$TMP/pebble.log")"
}

services=$(counter tls_service)
start_peer
uclient "$TMP/turn" -t -S -p 443 -n 2000 -m 1 -c -e "$PEER4" "$SERVER4" &
turn=$!
has_allocation() { (($(fl_json status .allocations.count) >= 1)); }
await 20 has_allocation || fail "no allocation: $(tail -n 3 "$TMP/turn")"
lego_run http --http --http.port "$PEER4:5080"
await 20 issued http.fairlead.test || fail "http-01: shown is $(shown http.fairlead.test issuer)"
note "lego, http-01"
lego_run alpn --tls --tls.port "$PEER4:5443"
await 20 issued alpn.fairlead.test || fail "tls-alpn-01: shown is $(shown alpn.fairlead.test issuer)"
assert_num "connections passed to back ends" $(($(counter tls_service) - services)) -ge 4
note "lego, tls-alpn-01, on the port of TURN"

# ---- certbot, which changes links ----

certbot_run()
{
	REQUESTS_CA_BUNDLE=$TMP/ca.pem in_peer timeout 100 certbot "$@" -n --config-dir "$TMP/certbot" --work-dir "$TMP/work" \
		--logs-dir "$TMP/logs" --no-random-sleep-on-renew >"$TMP/certbot.log" 2>&1 || fail "certbot $1: $(tail -n 5 "$TMP/certbot.log")"
}
certbot_run certonly --agree-tos -m admin@fairlead.test --no-eff-email --server "$DIRECTORY" --standalone \
	--http-01-address "$PEER4" --http-01-port 5080 -d bot.fairlead.test
LIVE=$TMP/certbot/live/bot.fairlead.test
ln -s "$LIVE" "$TMP/link" && mv -T "$TMP/link" "$BOT" # once, where the relay looks
await 20 issued bot.fairlead.test || fail "certbot: shown is $(shown bot.fairlead.test issuer)"
serial=$(shown bot.fairlead.test serial)
other() { [[ $(shown bot.fairlead.test serial) != "$serial" ]] && issued bot.fairlead.test; }
certbot_run renew --force-renewal
await 20 other || fail "the renewed certificate is not shown"
assert_eq "serial number" "$(shown bot.fairlead.test serial)" "$(openssl x509 -noout -serial -in "$LIVE/cert.pem")"
note "certbot, http-01, and its renewal"
# Where certbot is on another machine, or its directories are nobody else's, a hook copies (doc/deploy.md).
mkdir "$TMP/copied"
cp "$LIVE/fullchain.pem" "$LIVE/privkey.pem" "$TMP/copied"
ln -s "$TMP/copied" "$TMP/link" && mv -T "$TMP/link" "$BOT"
serial=$(shown bot.fairlead.test serial)
certbot_run renew --force-renewal --deploy-hook "cp \"\$RENEWED_LINEAGE/fullchain.pem\" \"\$RENEWED_LINEAGE/privkey.pem\" $TMP/copied"
await 20 other || fail "what the hook has copied is not shown: $(tail -n 5 "$TMP/certbot.log")"
assert_eq "serial number of the copy" "$(shown bot.fairlead.test serial)" "$(openssl x509 -noout -serial -in "$LIVE/cert.pem")"
note "certbot, and a hook that copies"

wait $turn || fail "the client that was there: $(tail -n 3 "$TMP/turn")"
assert_num "messages that came back to it" "$(uclient_received "$TMP/turn")" -gt 0 # see relays() of uclient.sh
await 10 accounted || fail "packets are unaccounted for: $(fl accounting)"
