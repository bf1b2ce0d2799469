#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The metrics port, locked: TLS and a password, seen by curl and scraped by Prometheus itself, which asks for
# OpenMetrics; the strict parser of python3-prometheus-client has nothing to say of it. Who guesses is told,
# counted and held back; a certificate and a password that are replaced are in force after a reload, and one that is
# no password changes nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$E2E/tls.sh"

AT=127.0.0.1:9644 PORT=9643
OPENMETRICS='application/openmetrics-text; version=1.0.0'

# locked PASSWORD PATH [ARGUMENT...]: the status; what is answered is in $TMP/body, its headers in $TMP/headers.
locked()
{
	in_relay curl -sS --cacert "$TMP/ca.pem" -u "metrics:$1" -o "$TMP/body" -D "$TMP/headers" -w '%{http_code}' \
		"${@:3}" "https://relay.test:$PORT$2" --resolve "relay.test:$PORT:127.0.0.1"
}
ask() { in_relay curl -sS -G "http://$AT/api/v1/query" --data-urlencode "query=$1" | jq -r "$2"; }
password() { (umask 077 && echo "$1" >"$TMP/password") && owned "$TMP/password"; }

tls_ca
tls_certificate one relay.test
tls_certificate two relay.test
password "correct horse"
owned "$TMP/one.key"
relay_config "s|^  metrics-certificate: .*|  metrics-certificate: $TMP/one.pem|" "s|^  metrics-key: .*|  metrics-key: $TMP/one.key|" \
	"s|^  metrics-password-file: .*|  metrics-password-file: $TMP/password|" >"$TMP/quickstart"

# ---- who may read ----

assert_eq "with the password" "$(locked 'correct horse' /metrics)" 200
assert_eq "the page" "$(locked 'correct horse' /)" 200
for path in / /metrics /status /history /healthz /page.js; do
	assert_eq "$path without a password" "$(in_relay curl -sk -o "$TMP/body" -w '%{http_code}' "https://127.0.0.1:$PORT$path")" 401
	assert_eq "what is told of $path" "$(wc -c <"$TMP/body")" 0
done
! in_relay curl -s -o "$TMP/body" "http://127.0.0.1:$PORT/metrics" || fail "plain text is answered: $(head -n 1 "$TMP/body")"
for ((n = 0; n < 12; n++)); do locked "guess $n" /metrics >"$TMP/code"; done
assert_eq "who guesses on" "$(<"$TMP/code")" 429
grep -q 'authentication failed: address 127.0.0.1: metrics port' "$RUN/fairlead-cp.log" || fail "nobody is told of who guesses"
guessed() { [[ $(locked 'correct horse' /metrics) == 200 ]]; }
await 10 guessed || fail "who knows the password is kept out: $(<"$TMP/headers")"
counted=$(sed -n 's/^fairlead_metrics_auth_wrong_total //p' "$TMP/body")
assert_num "wrong passwords that are counted" "$counted" -ge 10
note "$counted wrong passwords are counted"

# ---- in which format ----

grep -qi '^content-type: text/plain; version=0.0.4' "$TMP/headers" || fail "the type of text: $(<"$TMP/headers")"
promtool check metrics <"$TMP/body" >"$TMP/lint" 2>&1 || fail "promtool: $(cat "$TMP/lint")"
assert_eq "OpenMetrics" "$(locked 'correct horse' /metrics -H "Accept: $OPENMETRICS")" 200
grep -qi '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$TMP/headers" || fail "its type: $(<"$TMP/headers")"
assert_eq "its last line" "$(tail -n 1 "$TMP/body")" "# EOF"
/usr/bin/python3 - "$TMP/body" <<-'PY' || fail "the parser of OpenMetrics finds a mistake"
	import sys
	from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
	families = {f.name: f for f in parse(open(sys.argv[1]).read())}
	assert len(families) > 100, len(families)
	assert families["fairlead_build"].type == "info"
	assert families["fairlead_responses"].type == "counter"
	assert families["fairlead_request_duration_seconds"].type == "histogram"
PY

# ---- Prometheus ----

cat >"$TMP/prometheus.yml" <<-END2
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: fairlead
    scheme: https
    tls_config: {ca_file: $TMP/ca.pem, server_name: relay.test}
    basic_auth: {username: metrics, password_file: $TMP/prometheus.password}
    static_configs: [{targets: ["127.0.0.1:$PORT"]}]
END2
echo -n "correct horse" >"$TMP/prometheus.password"
start "$TMP/prometheus.log" in_relay prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/tsdb" \
	--web.listen-address="$AT"
up() { [[ $(ask 'up{job="fairlead"}' '.data.result[0].value[1]' 2>/dev/null) == "$1" ]]; }
await 30 up 1 || fail "Prometheus does not scrape: $(in_relay curl -sS "http://$AT/api/v1/targets" | jq -r '.data.activeTargets[].lastError')"
assert_eq "what it knows of a counter" "$(in_relay curl -sS "http://$AT/api/v1/targets/metadata?metric=fairlead_responses" | jq -r '.data[0].type')" counter
buckets() { [[ $(ask 'count(fairlead_worker_rx_burst_packets_bucket{le="1.0"})' '.data.result[0].value[1] // 0') -ge 1 ]]; }
await 10 buckets || fail "no bucket is named as OpenMetrics has it"

# ---- what a reload makes of it ----

serial() { in_relay openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
one=$(serial)
cp "$TMP/two.pem" "$TMP/one.pem"
cp "$TMP/two.key" "$TMP/one.key"
password short
! fl reload >"$TMP/reload" 2>&1 || fail "a reload takes what is no password: $(<"$TMP/reload")"
grep -q 'metrics-password-file: .* less than 8 bytes' "$TMP/reload" || fail "why not: $(<"$TMP/reload")"
assert_eq "the certificate after it" "$(serial)" "$one"
password "battery staple"
fl reload >"$TMP/reload" 2>&1 || fail "a reload: $(<"$TMP/reload")"
[[ $(serial) != "$one" ]] || fail "the new certificate is not in force"
assert_eq "the new password" "$(locked 'battery staple' /metrics)" 200
assert_eq "the old password" "$(locked 'correct horse' /metrics)" 401
await 10 up 0 || fail "Prometheus goes on with the old password"
