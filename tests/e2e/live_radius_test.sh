#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Accounting by RADIUS, judged by FreeRADIUS and its detail file: the start, the life and the end of a real
# client's allocation, with what the file of records says it relayed; one that an operator ends has another
# cause. While no server answers, records wait and the relay goes on; a server that comes back hears all of it, and
# when it is away the second one is told. A reload names another server, whose secret is another, and none.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/radius.sh
. "$E2E/radius.sh"

RECORDS=$OWN_RUN/records.json
client() { uclient "$1" -n "$2" -m 1 -c -e $PEER4 $SERVER4; }
session() { fl_json sessions '.sessions[0].relayed[0] // empty'; }
has_session() { [[ -n $(session) ]]; }

radius_secret "$TMP/secret"
relay_config "s|^  file: \"\"|  file: $RECORDS|" 's|^  update-minutes: .*|  update-minutes: 1|' \
	"/^radius:/,/^aka:/ s|^  servers: .*|  servers: [{address: 127.0.0.1, secret-file: $TMP/secret}, {address: 127.0.0.1, port: 1814, secret-file: $TMP/secret}]|" \
	'/^radius:/,/^aka:/ s|^  nas-identifier: .*|  nas-identifier: relay1|' '/^radius:/,/^aka:/ s|^  timeout: 2$|  timeout: 1|' '/^radius:/,/^aka:/ s|^  tries: 2$|  tries: 1|' >"$TMP/quickstart"
start_peer
accounts 1813 # the namespaces are new

# ---- start and end ----

client "$TMP/first" 100 &
first=$!
await 10 has_session || fail "no allocation: $(tail -n 3 "$TMP/first")"
relayed=$(session) from=$(fl_json sessions '.sessions[0].client')
await 20 heard 1813 "Acct-Status-Type = Start" "User-Name = \"demo\"" "NAS-Identifier = \"relay1\"" "Framed-IP-Address = ${relayed%:*}" \
	"NAS-Port = ${relayed##*:}" "Calling-Station-Id = \"$from\"" || fail "no start: $(tail -n 20 "$TMP/1813/detail")"
wait $first || fail "the client: $(tail -n 3 "$TMP/first")"
# Of its allocations one relays.
await 60 heard 1813 "Acct-Status-Type = Stop" "User-Name = \"demo\"" "Acct-Input-Packets = 100" || fail "no stop: $(tail -n 30 "$TMP/1813/detail")"
id=$(value Acct-Session-Id) port=$(value NAS-Port)
heard 1813 "Acct-Status-Type = Start" "Acct-Session-Id = \"$id\"" "NAS-Port = $port" || fail "it has another start"
heard 1813 "Acct-Status-Type = Stop" "Acct-Session-Id = \"$id\""
record() { jq -s -r "[.[] | select(.type == \"allocation\" and .event == \"end\" and (.relayed[0] | endswith(\":$port\")))][0] | $1" "$RECORDS"; }
ends() { [[ $(record '.reason') != null ]]; }
await 10 ends || fail "the file of records has no end: $(tail -n 1 "$RECORDS")"
assert_eq "octets from the client" "$(value Acct-Input-Octets)" "$(record .to_peer.bytes)"
assert_eq "octets to the client" "$(value Acct-Output-Octets)" "$(record .to_client.bytes)"
assert_eq "packets from the client" "$(value Acct-Input-Packets)" "$(record .to_peer.packets)"
assert_eq "seconds" "$(value Acct-Session-Time)" "$(record .duration_s)"
assert_num "octets" "$(value Acct-Input-Octets)" -gt 1000
assert_eq "gigawords" "$(value Acct-Input-Gigawords)" 0
assert_eq "the cause of its end" "$(value Acct-Terminate-Cause)" User-Request
note "$(value Acct-Input-Octets) octets, $(value Acct-Session-Time) s, $(value Acct-Terminate-Cause)"

# ---- life, and an end by an operator ----

client "$TMP/second" 6000 &
second=$!
await 10 has_session || fail "no allocation: $(tail -n 3 "$TMP/second")"
await 100 heard 1813 "Acct-Status-Type = Interim-Update" "User-Name = \"demo\"" || fail "no interim update: $(tail -n 20 "$TMP/1813/detail")"
assert_num "octets so far, of the one that relays" "$(sed -n 's/^\tAcct-Input-Octets = //p' "$TMP/heard" | sort -n | tail -n 1)" -gt 1000
fl sessions kill --all >"$TMP/kill" 2>&1 || fail "kill: $(<"$TMP/kill")"
await 20 heard 1813 "Acct-Status-Type = Stop" "Acct-Terminate-Cause = Admin-Reset" || fail "no end by an operator: $(tail -n 20 "$TMP/1813/detail")"
kill $second 2>/dev/null || true
wait $second || true
await 20 told || fail "records wait although a server answers"

# ---- nobody answers, and somebody does again ----

radius_stop 1813
mv "$TMP/1813/detail" "$TMP/before"
client "$TMP/third" 50 || fail "a client while no server answers: $(tail -n 3 "$TMP/third")"
await 10 waits 1 || fail "no record waits"
await 20 grep -q 'no RADIUS server answers: records wait' "$RUN/fairlead-cp.log" || fail "nobody is told"
accounts 1813
await 60 heard 1813 "Acct-Status-Type = Start" "User-Name = \"demo\"" || fail "the start is not told later"
late=$(value Acct-Delay-Time)
await 60 heard 1813 "Acct-Status-Type = Stop" "Acct-Input-Packets = 50" || fail "the end is not told later"
await 20 told || fail "records wait although a server answers again"
await 20 grep -q 'a RADIUS server answers again' "$RUN/fairlead-cp.log" || fail "nobody is told of that"
grep -q 'Acct-Status-Type = Stop' "$TMP/before" || fail "the first detail file is gone"
note "told $late s late"

# ---- the second server ----

radius_stop 1813
accounts 1814
client "$TMP/fourth" 50 || fail "a client of the second server: $(tail -n 3 "$TMP/fourth")"
await 60 heard 1814 "Acct-Status-Type = Start" "User-Name = \"demo\"" || fail "the second server hears nothing"
assert_eq "records lost" "$(in_relay curl -sS http://127.0.0.1:9643/metrics | sed -n 's/^fairlead_lost_total{what="radius_queue_full"} //p')" 0
assert_num "answered" "$(metric radius_answered_total)" -ge 7

# ---- other servers and another secret, at a reload ----

servers() { sed -i "/^radius:/,/^aka:/ s|^  servers: .*|  servers: $1|" "$CONFIG"; }
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -qi restart "$TMP/reload" || fail "$1 waits for a restart: $(<"$TMP/reload")"
}
radius_stop 1814
client "$TMP/fifth" 50 || fail "a client while no server answers: $(tail -n 3 "$TMP/fifth")"
await 10 waits 1 || fail "no record waits"
SECRET=another456
accounts 1815
(umask 077 && echo $SECRET >"$TMP/other")
owned "$TMP/other"
servers "[{address: 127.0.0.1, port: 1815, secret-file: $TMP/other}]"
sed -i '/^radius:/,/^aka:/ s|^  nas-identifier: .*|  nas-identifier: relay2|' "$CONFIG"
reload "another server"
await 60 heard 1815 "Acct-Status-Type = Start" "NAS-Identifier = \"relay2\"" || fail "what waited is not told to the new server: $(tail -n 3 "$TMP/1815/log")"
await 60 told || fail "records wait although the new server answers"
servers '[]'
reload "no server"
answered=$(metric radius_answered_total)
client "$TMP/sixth" 50 || fail "a client without accounting: $(tail -n 3 "$TMP/sixth")"
assert_eq "records that wait for nobody" "$(metric radius_waiting)" 0
assert_eq "records told to nobody" "$(metric radius_answered_total)" "$answered"
servers "[{address: 127.0.0.1, port: 1815, secret-file: $TMP/other}]"
reload "the server again"
mv "$TMP/1815/detail" "$TMP/fifth.detail"
client "$TMP/seventh" 50 || fail "a client of the server again: $(tail -n 3 "$TMP/seventh")"
await 60 heard 1815 "Acct-Status-Type = Start" || fail "the server hears nothing again"
note "other servers at a reload, and none"
