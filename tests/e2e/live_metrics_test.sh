#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Metrics, seen by Prometheus itself: promtool finds nothing to say of their format; each family that
# doc/metrics.md lists is there, with its type, its help and a sample, and none besides; those that traffic
# moves have moved after some of each kind, a driver's own counters among them; each that a rule of
# conf/prometheus or a panel of conf/grafana names is there, the rules are right by their own tests, a scrape
# has what clients did, every panel's question has an answer, and alerts fire while the workers are stopped.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

RULES=$ROOT/conf/prometheus/fairlead.rules.yml DASHBOARD=$ROOT/conf/grafana/fairlead.json
AT=127.0.0.1:9644

fetch() { in_relay curl -sSf "http://127.0.0.1:9643$1"; }
# ask QUESTION: Prometheus' answer, by jq -r FILTER.
ask() { in_relay curl -sS -G "http://$AT/api/v1/query" --data-urlencode "query=$1" | jq -r "$2"; }

# One that has all families: the controller need not be there.
relay_config "s|^  h248-controllers: .*|  h248-controllers: [{address: 127.0.0.2}]|" >"$TMP/quickstart"

# ---- the files ----

promtool check rules "$RULES" >"$TMP/rules" 2>&1 || fail "promtool: $(cat "$TMP/rules")"
promtool test rules "${RULES%.yml}.test.yml" >"$TMP/rules" 2>&1 || fail "promtool: $(cat "$TMP/rules")"
sed -n 's/.* alert: //p' "$RULES" >"$TMP/alerts"
assert_num "alerts" "$(wc -l <"$TMP/alerts")" -gt 20
while read -r alert; do
	grep -A 2 "alertname: $alert$" "${RULES%.yml}.test.yml" | grep -q exp_labels || fail "no test of promtool's makes $alert fire"
done <"$TMP/alerts"

# What an alert tells the operator to type is there. An option that wants a value has one: a label, or a word
# with a comma, a full stop or the like behind it.
grep -oE '\bfairlead [a-z]+( [a-z]+)*( --[a-z-]+( \{\{[^}]*\}\}| [a-z]+[,.;:])?)?' "$RULES" | sort -u >"$TMP/typed"
assert_num "commands in alerts" "$(grep -c -e -- "$TMP/typed")" -gt 4
while read -r _ word rest; do
	fl "$word" --help >"$TMP/help" 2>&1 || fail "alerts name a command that is not there: fairlead $word"
	[[ $rest == *--* ]] || continue
	read -ra sub <<<"${rest%%--*}"
	option=${rest#"${rest%%--*}"}
	fl "$word" "${sub[@]}" --help >"$TMP/help" 2>&1 || fail "alerts name what is not there: fairlead $word ${sub[*]}"
	grep -qE -e "\\[${option%% *}[][ =]" "$TMP/help" || fail "fairlead $word ${sub[*]} has no ${option%% *}"
	[[ $option == *' '* ]] || ! grep -qE -e "\\[$option [A-Z]" "$TMP/help" || fail "fairlead $word ${sub[*]} $option wants a value"
done <"$TMP/typed"

fetch /metrics >"$TMP/metrics"
promtool check metrics <"$TMP/metrics" >"$TMP/lint" 2>&1 || fail "promtool: $(cat "$TMP/lint")"

# ---- every family ----

# "NAME TYPE HELP" of each family: as doc/metrics.md has it, and as it is exported.
listed() { sed -n 's/^| `\([a-z0-9_]*\)` | \([a-z]*\) | [a-z_, ]*| \(.*\) |$/\1 \2 \3/p' "$ROOT/doc/metrics.md"; }
described() { awk '/^# HELP / { name = $3; help = substr($0, length(name) + 9) } /^# TYPE / { print $3, $4, name == $3 ? help : "no help" }' "$1"; }
# sums FILE: "NAME SUM" of each family's samples, of a histogram's counts.
sums()
{
	awk '/^# TYPE / { type[$3] = $4 }
		/^#/ { next }
		{
			name = $0
			sub(/[{ ].*/, "", name)
			of = name
			if (sub(/_(bucket|sum|count)$/, "", of) && type[of] == "histogram") {
				if (name !~ /_count$/)
					next
				name = of
			}
			sum[name] += $NF
		}
		END { for (name in sum) printf "%s %.17g\n", name, sum[name] }' "$1" | sort
}
diff <(listed) <(described "$TMP/metrics") >"$TMP/differ" || fail "families that doc/metrics.md and /metrics have otherwise: $(<"$TMP/differ")"
assert_num "families" "$(wc -l < <(listed))" -gt 250
# That of a certificate of our own ports has one where one is configured: live_openmetrics has.
assert_eq "families without a sample" "$(join -v 1 <(listed | cut -d ' ' -f 1 | sort) <(sums "$TMP/metrics") | xargs)" \
	fairlead_own_certificate_not_after_timestamp_seconds

# Some of everything: clients over UDP, TCP and TLS, a wrong password, a port that nobody has, a context
# of RTP, and a word of ng.
start_peer
sums "$TMP/metrics" >"$TMP/before"
in_client turnutils_stunclient "$SERVER4" >"$TMP/binding.log" 2>&1 || fail "no answer to a Binding: $(tail -n 2 "$TMP/binding.log")"
uclient "$TMP/udp.log" -n 200 -m 4 -e "$PEER4" "$SERVER4" || fail "over UDP: $(tail -n 2 "$TMP/udp.log")"
uclient "$TMP/tcp.log" -t -n 50 -m 1 -e "$PEER4" "$SERVER4" || fail "over TCP: $(tail -n 2 "$TMP/tcp.log")"
uclient "$TMP/tls.log" -t -S -n 50 -m 1 -e "$PEER4" "$SERVER4" || fail "over TLS: $(tail -n 2 "$TMP/tls.log")"
in_client timeout 10 turnutils_uclient -u demo -w wrong -n 1 -m 1 -e "$PEER4" "$SERVER4" >"$TMP/wrong.log" 2>&1 &&
	fail "a wrong password is taken: $(tail -n 2 "$TMP/wrong.log")"
in_client bash -c "echo nobody >/dev/udp/$SERVER4/9"
fl --json context add --call anne --a transport=udp,realm=access,remote=$CLIENT4:4000 \
	--b transport=udp,realm=core,remote=$PEER4:4000 >"$TMP/context" || fail "no context: $(<"$TMP/context")"
in_client python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4000))
s.sendto(bytes([0x80, 0]) + bytes(170), (sys.argv[1], int(sys.argv[2])))' "$SERVER4" "$(jq -r '.terminations[0].local | split(":")[1]' "$TMP/context")"
in_relay bash -c 'exec 3<>/dev/udp/127.0.0.1/2223 && echo -n "1 d7:command4:pinge" >&3 && read -r -N 1 -t 5 -u 3' || fail "ng does not answer"

# unmoved: those of the list below that have not moved yet.
unmoved()
{
	fetch /metrics >"$TMP/now"
	join -a 2 "$TMP/before" <(sums "$TMP/now") | awk 'NR == FNR { if ($NF + 0 > (NF == 3 ? $2 : 0) + 0) moved[$1] = 1; next } !($1 in moved)' - "$TMP/moves"
}
sort >"$TMP/moves" <<'END'
process_cpu_seconds_total
fairlead_allocations_made_total
fairlead_allocations_deleted_total
fairlead_auth_wrong_total
fairlead_requests_total
fairlead_responses_total
fairlead_link_events_total
fairlead_link_commands_total
fairlead_contexts
fairlead_contexts_in_state
fairlead_contexts_added_total
fairlead_ng_commands_total
fairlead_h248_sent_total
fairlead_ring_wait_seconds
fairlead_request_duration_seconds
fairlead_loop_turn_seconds
fairlead_loop_lag_seconds
fairlead_listener_requests_total
fairlead_listener_relay_to_peer_packets_total
fairlead_listener_relay_to_peer_bytes_total
fairlead_listener_relay_to_client_packets_total
fairlead_listener_relay_to_client_bytes_total
fairlead_worker_rx_packets_total
fairlead_worker_made_packets_total
fairlead_worker_tx_packets_total
fairlead_worker_consumed_packets_total
fairlead_worker_relay_to_peer_packets_total
fairlead_worker_relay_to_client_packets_total
fairlead_worker_relay_to_peer_bytes_total
fairlead_worker_relay_to_client_bytes_total
fairlead_worker_binding_total
fairlead_worker_punt_total
fairlead_worker_reply_total
fairlead_worker_cmd_total
fairlead_worker_loops_total
fairlead_worker_loops_idle_total
fairlead_worker_sleeps_total
fairlead_worker_neighbours
fairlead_tcp_rx_segments_total
fairlead_tcp_tx_segments_total
fairlead_tcp_rx_bytes_total
fairlead_tcp_tx_bytes_total
fairlead_tcp_accepted_total
fairlead_tcp_ends_total
fairlead_tls_records_in_total
fairlead_tls_records_out_total
fairlead_tls_in_bytes_total
fairlead_tls_out_bytes_total
fairlead_handshake_duration_seconds
fairlead_worker_gate_packets_total
fairlead_worker_gate_bytes_total
fairlead_worker_gate_contexts
fairlead_worker_dropped_total
fairlead_worker_stage_cycles_total
fairlead_worker_stage_calls_total
fairlead_worker_stage_items_total
fairlead_worker_rx_burst_packets
fairlead_worker_tx_batch_packets
fairlead_worker_turn_seconds
fairlead_worker_idle_seconds_total
fairlead_port_rx_packets_total
fairlead_port_rx_bytes_total
fairlead_port_tx_packets_total
fairlead_port_tx_bytes_total
fairlead_port_driver
END
all_moved() { [[ -z $(unmoved) ]]; }
await 15 all_moved || fail "traffic does not move $(unmoved | xargs)"

# What the driver of each port counts, by its names.
for port in access core; do
	grep -E "^fairlead_port_driver\{port=\"$port\",stat=\"rx_good_packets\"\} [1-9]" "$TMP/now" >"$TMP/driver" ||
		fail "the driver of $port has counted nothing: $(grep "port_driver.*$port" "$TMP/now")"
done

# ---- both processes ----

# of PROCESS METRIC: its value in $TMP/metrics, as a whole number.
of() { sed -n "s/^$2{process=\"$1\"} //p" "$TMP/metrics" | awk '{printf "%d", $1}'; }
for process in fairlead-dp fairlead-cp; do
	pid=$(cat "$RUN/$process.pid")
	assert_num "$process: files that are open" "$(of $process process_open_fds)" -gt 5
	assert_eq "$process: files it may have" "$(of $process process_max_fds)" "$(awk '/^Max open files/ {print $4}' "/proc/$pid/limits")"
	assert_eq "$process: threads" "$(of $process process_threads)" "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
	resident=$(awk '/^VmRSS/ {print $2 * 1024}' "/proc/$pid/status")
	assert_num "$process: resident memory" "$(of $process process_resident_memory_bytes)" -gt $((resident / 2))
	assert_num "$process: resident memory" "$(of $process process_resident_memory_bytes)" -lt $((resident * 2))
	assert_num "$process: seconds since its start" $(($(date +%s) - $(of $process process_start_time_seconds))) -lt 3600
done
# Its naps are long while nothing comes: milliseconds.
cpu_ms() { fetch /metrics | awk '/^process_cpu_seconds_total{process="fairlead-dp"}/ {printf "%d", 1000 * $2}'; }
cpu=$(cpu_ms)
busy() { (($(cpu_ms) > cpu)); }
await 20 busy || fail "no CPU time of fairlead-dp passes: $cpu ms"

# ---- names ----

jq -r '.. | .expr? // empty' "$DASHBOARD" >"$TMP/questions"
assert_num "questions of the dashboard" "$(wc -l <"$TMP/questions")" -gt 20
{ grep expr: "$RULES" && cat "$TMP/questions"; } | grep -oE '\b(fairlead|process)_[a-z0-9_]+' | sort -u >"$TMP/named"
assert_num "metrics that are named" "$(wc -l <"$TMP/named")" -gt 30
sed -n 's/^# TYPE \([a-z0-9_]*\) histogram$/\1_bucket/p; s/^# TYPE \([a-z0-9_]*\) .*/\1/p' "$TMP/metrics" | sort -u >"$TMP/there"
# Without gateway.contexts there are none of those.
assert_eq "metrics that are named and not there" \
	"$(comm -23 "$TMP/named" "$TMP/there" | grep -vxE 'fairlead_contexts(_limit)?' | xargs)" ""

# ---- Prometheus ----

sed 's/for: .*/for: 1s/' "$RULES" >"$TMP/fast.rules.yml"
cat >"$TMP/prometheus.yml" <<-END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$TMP/fast.rules.yml]
scrape_configs:
  - job_name: fairlead
    static_configs: [{targets: ["127.0.0.1:9643"]}]
END
promtool check config "$TMP/prometheus.yml" >"$TMP/config" 2>&1 || fail "promtool: $(cat "$TMP/config")"
start "$TMP/prometheus.log" in_relay prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/tsdb" \
	--web.listen-address="$AT"
up() { [[ $(ask 'up{job="fairlead"}' '.data.result[0].value[1]' 2>/dev/null) == 1 ]]; }
await 30 up || fail "Prometheus does not scrape: $(tail -n 5 "$TMP/prometheus.log")"
assert_eq "alerts on a relay that is well" "$(in_relay curl -sS "http://$AT/api/v1/alerts" | jq -c '[.data.alerts[].labels.alertname]')" "[]"

allocates() { (($(ask 'fairlead_responses_total{method="allocate",code="200"}' '.data.result[0].value[1] // 0') > "$1")); }
relayed() { [[ $(ask 'fairlead:relayed_packets:rate1m > 0' '.data.result | length') == 1 ]]; }
before=$(ask 'fairlead_responses_total{method="allocate",code="200"}' '.data.result[0].value[1] // 0')
uclient "$TMP/uclient.log" -n 200 -m 4 -e "$PEER4" "$SERVER4" || fail "uclient: $(tail -n 2 "$TMP/uclient.log")"
await 10 allocates "$before" || fail "no allocation is seen: $(ask fairlead_responses_total .)"
await 10 relayed || fail "no packet is seen: $(ask 'fairlead:relayed_packets:rate1m' .)"
# Of each relayed address the states sum up to its limit, and the ports that were given back rest.
all_ports() { [[ $(ask 'sum by (address) (fairlead_relay_ports) != on (address) fairlead_relay_ports_limit' '.data.result | length') == 0 ]]; }
of_state() { ask "fairlead_relay_ports{address=\"$RELAY4\",state=\"$1\"}" '.data.result[0].value[1]'; }
await 10 all_ports || fail "ports of relayed addresses that are in no state: $(ask fairlead_relay_ports .)"
assert_num "ports in quarantine" "$(of_state quarantine)" -gt 0
assert_num "free ports" "$(of_state free)" -gt 0
# What its clients relayed is the listener's, once allocations have ended, too.
by_listener() { (($(ask "sum(fairlead_listener_relay_$1_total{listener=\"$SERVER4:3478\",transport=\"udp\",family=\"ipv4\"})" '.data.result[0].value[1] // 0') >= $2)); }
for what in to_peer_packets to_peer_bytes to_client_packets to_client_bytes; do
	await 10 by_listener $what 100 || fail "nothing was relayed $what for the listener: $(fetch /metrics | grep listener_relay)"
done
slow=$(ask 'histogram_quantile(0.99, rate(fairlead_request_duration_seconds_bucket[1m]))' '.data.result[0].value[1]')
[[ $slow =~ ^[0-9.e-]+$ ]] || fail "how long a request takes: '$slow'"
note "99 of 100 requests took less than $slow s"

# ---- every question of the dashboard ----

while read -r question; do
	question=${question//\$__rate_interval/1m}
	[[ $(ask "${question//\$instance/.*}" .status) == success ]] ||
		fail "$question: $(ask "${question//\$instance/.*}" .error)"
done <"$TMP/questions"

# ---- an alert ----

firing() { in_relay curl -sS "http://$AT/api/v1/alerts" | jq -e ".data.alerts[] | select(.labels.alertname == \"$1\" and .state == \"firing\")" >"$TMP/alert"; }
kill -STOP "$(cat "$RUN/fairlead-dp.pid")"
await 30 firing FairleadWorkerStill || fail "no alert: $(in_relay curl -sS "http://$AT/api/v1/alerts")"
assert "the alert names the worker" jq -e '.annotations.summary | contains("worker 0 makes no turn")' "$TMP/alert"
await 30 firing FairleadServiceStill || fail "no alert of the service thread: $(fetch /metrics | grep still_seconds)"
await 10 firing FairleadProblem || fail "no alert of a problem"
kill -CONT "$(cat "$RUN/fairlead-dp.pid")"
calm() { ! firing FairleadWorkerStill && ! firing FairleadServiceStill && ! firing FairleadProblem; }
await 30 calm || fail "the alert stays: $(cat "$TMP/alert")"
