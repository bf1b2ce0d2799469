#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The configuration is changed under calls: clients whose packets are numbered lose none while the
# file is put in force again and again, by command and by SIGHUP, over UDP and TCP. What is live is in force
# for the next request, metrics move to another port, what needs a restart is told with what it
# costs; a file with mistakes changes nothing, and each is told with its line.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# client LOG MESSAGES ARGUMENT...: one that goes on for a while, and must lose nothing.
client()
{
	local log=$1 messages=$2
	shift 2
	uclient "$log" "$@" -n "$messages" -m 1 -c -e 10.2.0.2 10.1.0.1
}

allocations() { fl_json status .allocations.count; }
has_allocations() { (($(allocations) >= $1)); }
metrics_at() { in_relay curl -sf -o /dev/null "http://127.0.0.1:$1/metrics"; }

# file_set KEY VALUE: in the file that the relay runs with; the first key of that name.
file_set()
{
	sed -i "0,/^  $1:.*/s||  $1: $2|" "$CONFIG"
	grep -qxF "  $1: $2" "$CONFIG" || fail "the configuration has no $1"
}

# runs KEY: its value.
runs() { fl --json config show | jq -r ".keys[] | select(.key == \"$1\").value"; }
# log_has TEXT: told by fairlead-cp.
log_has() { grep -q -- "$1" "$RUN/fairlead-cp.log"; }

relay_config 's/^  reservation-lifetime: .*/  reservation-lifetime: 31/' >"$TMP/quickstart"
start_peer 3480
fl config diff | grep -q '^Nothing differs from what runs.$' || fail "a fresh relay differs from its file: $(fl config diff)"
assert_eq "what runs" "$(runs turn.reservation-lifetime)" 31

# ---- calls go on ----

client "$TMP/udp" 600 &
udp=$!
client "$TMP/tcp" 600 -t &
tcp=$!
await 10 has_allocations 2 || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp" "$TMP/tcp")"
pid=$(cp_pid)

file_set reservation-lifetime 33
file_set neighbour-queue 127
fl config diff >"$TMP/diff"
grep -q '^turn.reservation-lifetime: 31 -> 33$' "$TMP/diff" || fail "diff: $(<"$TMP/diff")"
grep -A1 '^dataplane.neighbour-queue: ' "$TMP/diff" | grep -q 'restart of fairlead-dp, then of fairlead-cp; lost: connections over TCP' ||
	fail "diff does not say what a restart costs: $(<"$TMP/diff")"
assert_eq "diff changes nothing" "$(runs turn.reservation-lifetime)" 31
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
grep -A1 '^turn.reservation-lifetime: ' "$TMP/reload" | grep -q 'in force' || fail "reload: $(<"$TMP/reload")"
grep -A1 '^dataplane.neighbour-queue: ' "$TMP/reload" | grep -q 'waits for a restart of fairlead-dp' || fail "reload: $(<"$TMP/reload")"
grep -q '^Certificates and keys were read again.$' "$TMP/reload" || fail "certificates: $(<"$TMP/reload")"
assert_eq "in force" "$(runs turn.reservation-lifetime)" 33

file_set reservation-lifetime 99
kill -HUP "$pid"
await 10 log_has 'reload: turn.reservation-lifetime is 99 now (was 33)' || fail "SIGHUP: $(tail -n 3 "$RUN/fairlead-cp.log")"

# ---- a mistake changes nothing ----

cp "$CONFIG" "$TMP/right"
file_set reservation-lifetime 0
file_set lifetime-max soon
! fl reload >"$TMP/reload" 2>&1 || fail "a wrong file is taken"
for key in reservation-lifetime lifetime-max; do
	line=$(grep -n "^  $key:" "$CONFIG" | cut -d: -f1)
	grep -q "$CONFIG:$line: turn.$key: " "$TMP/reload" || fail "the mistake in line $line is not told: $(<"$TMP/reload")"
done
grep -q 'nothing has changed' "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
! fl config diff >"$TMP/diff" 2>&1 || fail "diff takes a wrong file"
kill -HUP "$pid"
await 10 log_has 'reload: nothing has changed: mistakes found: 2' || fail "SIGHUP: $(tail -n 3 "$RUN/fairlead-cp.log")"
assert_eq "as before" "$(runs turn.reservation-lifetime)" 99

# ---- a VLAN of a device without any waits for a restart, and says so ----

cp "$TMP/right" "$CONFIG"
device=$(sed -n '/^ports:/,/^listeners:/s/^    device: *//p' "$CONFIG" | head -n 1)
sed -i "/^listeners:/i\\  - {name: lab, device: $device, vlan: 7, addresses: [10.7.0.1/24]}" "$CONFIG"
line=$(grep -n 'name: lab' "$CONFIG" | cut -d: -f1)
fl reload >"$TMP/reload" || fail "a VLAN: $(<"$TMP/reload")"
grep -A2 '^ports\[[0-9]*\].vlan: (not there) -> 7$' "$TMP/reload" | tr '\n' ' ' |
	grep -q "waits for a restart of fairlead-dp, then of fairlead-cp; lost: .* $CONFIG:$line: the device was opened for frames without a tag" || fail "a VLAN: $(<"$TMP/reload")"
# What is at its address waits with it, by itself, and nothing else does.
sed -i "/^relays:/i\\  - {address: 10.7.0.1}" "$CONFIG"
file_set reservation-lifetime 44
line=$(grep -n 'address: 10.7.0.1}' "$CONFIG" | cut -d: -f1)
fl config diff >"$TMP/diff" || fail "diff: $(<"$TMP/diff")"
fl reload >"$TMP/reload" || fail "a listener of a VLAN: $(<"$TMP/reload")"
grep -A2 '^listeners\[[0-9]*\].address: (not there) -> 10.7.0.1$' "$TMP/reload" | tr '\n' ' ' |
	grep -q "waits for a restart of fairlead-dp, then of fairlead-cp; lost: connections over TCP .* $CONFIG:$line: its address is of a port that waits" ||
	fail "its listener: $(<"$TMP/reload")"
assert_eq "diff and reload" "$(grep -v '^Certificates' "$TMP/reload" | sed 's/^    \(in force: \|waits for a \)/    applied by: /')" "$(<"$TMP/diff")"
assert_eq "what need not wait" "$(runs turn.reservation-lifetime)" 44
cp "$TMP/right" "$CONFIG"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"

# ---- again and again, for as long as the calls go on ----

for ((n = 1; n <= 500; n++)); do
	cp "$TMP/right" "$CONFIG"
	file_set lifetime-max $((3600 + n))
	file_set deny "[198.51.100.$((n % 200))/32]"
	fl reload >"$TMP/reload" || fail "reload $n: $(<"$TMP/reload")"
	assert_eq "in force" "$(runs turn.lifetime-max)" $((3600 + n))
	file_set lifetime-max 0
	! fl reload >"$TMP/reload" 2>&1 || fail "a wrong file is taken"
	((n < 10)) || ! { ended $udp && ended $tcp; } || break
done
wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
assert_eq "packets that were lost over UDP" "$(uclient_lost "$TMP/udp")" 0
assert_eq "packets that were lost over TCP" "$(uclient_lost "$TMP/tcp")" 0
note "$n reloads under two calls"
cp "$TMP/right" "$CONFIG"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"

# ---- limits, and the port of the metrics ----

metrics_at 9643 || fail "no metrics"
file_set metrics-port 9650
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
metrics_at 9650 || fail "the metrics did not move"
! metrics_at 9643 || fail "the metrics are served at the old port, too"
start "$TMP/taken.log" in_relay python3 -m http.server 9651
taken() { in_relay curl -s -o /dev/null http://127.0.0.1:9651/; }
await 10 taken || fail "the port cannot be taken"
file_set metrics-port 9651
file_set reservation-lifetime 5
! fl config diff >"$TMP/diff" || fail "diff does not say that the port is taken: $(<"$TMP/diff")"
grep -q '^A reload would change nothing: cannot serve metrics at 127.0.0.1 port 9651' "$TMP/diff" || fail "diff: $(<"$TMP/diff")"
! fl reload >"$TMP/reload" 2>&1 || fail "a port that is taken is taken"
grep -q 'nothing has changed: cannot serve metrics at 127.0.0.1 port 9651' "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
assert_eq "as before" "$(runs turn.reservation-lifetime)" 99
metrics_at 9650 || fail "the metrics are gone"
cp "$TMP/right" "$CONFIG"
# Under a call that loses nothing: fewer allocations than there are, and more again; the first limit of rates.
UCLIENT_SECONDS=120 client "$TMP/stays" 2500 &
stays=$!
await 10 has_allocations 1 || fail "the client has no allocation: $(tail -n 3 "$TMP/stays")"
file_set allocations-max 1
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
! client "$TMP/none" 1 || fail "there are more allocations than there may be"
grep -q 'error 508' "$TMP/none" || fail "not the limit: $(tail -n 3 "$TMP/none")"
file_set allocations-max 2000
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
client "$TMP/more" 1 || fail "the limit was not raised: $(tail -n 3 "$TMP/more")"
file_set session-packets 5
fl config diff | grep -A1 '^turn.session-packets: 0 -> 5$' | grep -q 'applied by: live' || fail "the first limit of rates: $(fl config diff)"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
client "$TMP/limited" 100 || true
assert_num "packets beyond the limit" "$(drops | sed -n 's/^session_rate //p')" -gt 10
file_set session-packets 0
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
client "$TMP/any" 100 || fail "without the limit: $(tail -n 3 "$TMP/any")"
assert_eq "packets that were lost without it" "$(uclient_lost "$TMP/any")" 0
! ended $stays || fail "the call was over before: $(tail -n 3 "$TMP/stays")"
wait $stays || fail "the call: $(tail -n 3 "$TMP/stays")"
assert_eq "packets of it that were lost" "$(uclient_lost "$TMP/stays")" 0
cp "$TMP/right" "$CONFIG"
file_set allocations-per-user 1
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
has_allocations 1 || fail "no allocation is left behind by the clients"
! client "$TMP/third" 1 || fail "a user has more than one allocation"
grep -q 'error 486' "$TMP/third" || fail "not the quota: $(tail -n 3 "$TMP/third")"
file_set allocations-per-user 0
file_set deny '[10.2.0.0/16]'
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
! client "$TMP/fourth" 1 || fail "a peer that is denied can be reached"
grep -q 'error 403' "$TMP/fourth" || fail "not the policy: $(tail -n 3 "$TMP/fourth")"
cp "$TMP/right" "$CONFIG"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
client "$TMP/fifth" 1 || fail "not as before: $(tail -n 3 "$TMP/fifth")"
ng_ping() { in_relay python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.send(b"1 d7:command4:pinge")
sys.exit(s.recv(99) != b"1 d6:result4:ponge")' "$1" 2>"$TMP/ng"; }
for port in 2224 2225; do
	file_set ng-port $port
	fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
	ng_ping $port || fail "ng is not served at port $port: $(tail -n 1 "$TMP/ng")"
done
! ng_ping 2224 || fail "ng is served at the old port, too"
cp "$TMP/right" "$CONFIG"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
ng_ping 2223 || fail "ng did not come back: $(tail -n 1 "$TMP/ng")"
note "limits, policy and the ports of metrics and ng change"

# ---- reloads while one is under way: fairlead-dp takes its time ----

file_set binding-rate 4997
kill -STOP "$(dp_pid)"
fl reload >"$TMP/first" 2>&1 &
first=$!
told_to_wait() { kill -HUP "$pid" && log_has 'reload: one is under way: the file is read again when it is over'; }
await 10 told_to_wait || fail "SIGHUP meanwhile: $(tail -n 3 "$RUN/fairlead-cp.log")"
file_set reservation-lifetime 61
fl reload >"$TMP/second" 2>&1 &
second=$!
fl config diff >"$TMP/diff" || fail "diff meanwhile: $(<"$TMP/diff")"
grep -q '^turn.reservation-lifetime: 99 -> 61$' "$TMP/diff" || fail "diff meanwhile: $(<"$TMP/diff")"
assert_eq "meanwhile" "$(runs dataplane.binding-rate) $(runs turn.reservation-lifetime)" "5000 99"
kill -CONT "$(dp_pid)"
wait $first || fail "the first reload: $(<"$TMP/first")"
wait $second || fail "the second reload: $(<"$TMP/second")"
assert_eq "in force" "$(runs dataplane.binding-rate) $(runs turn.reservation-lifetime)" "4997 61"
cp "$TMP/right" "$CONFIG"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
note "what comes during a reload is done after it"

assert_eq "the same process" "$(cp_pid)" "$pid"
