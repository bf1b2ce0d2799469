#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Who had which address, when: a real client's allocation, its end, and a call's ports are in the file
# of records, and `fairlead who` finds them there, at the time and not before, also when the relay is gone. The same lines
# come to the system's log. A log that stops takes none of them from the file and no packet from media; what it did not
# take is counted, and what comes once it goes on is there again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"

RECORDS=$OWN_RUN/records.json
# The client leaves an allocation behind, which ends soon.
SHORT='s/^  lifetime-max: .*/  lifetime-max: 20/' DEFAULT='s/^  lifetime-default: .*/  lifetime-default: 20/'
relay_config "$SHORT" "$DEFAULT" 's/^  update-minutes: .*/  update-minutes: 1/' "s|^  file: \"\"|  file: $RECORDS|" \
	's/^  syslog: false/  syslog: true/' >"$TMP/quickstart"
assert_eq "the file is its group's to read" "$(stat -c %a "$RECORDS")" 640
start_peer

# who ARGUMENT...: its answer, as JSON.
who() { "$BUILD/fairlead" --config "$CONFIG" --json who "$@"; }
# found ADDRESS JQ: somebody had it, of whom that is so.
found() { who "$1" >"$TMP/who" 2>&1 && jq -e "$2" "$TMP/who" >/dev/null; }
# ---- the system's log ----

# A /dev of the test's own, for fairlead-cp alone, whose log prints what comes.
SYSLOG=$TMP/syslog
mkdir "$TMP/dev"
touch "$TMP/dev/null" "$TMP/dev/urandom"
start "$SYSLOG" python3 -u -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
while True:
    print(s.recv(65536).decode(), flush=True)' "$TMP/dev/log"
LOGGER=$PID
is_log() { [[ $(stat -c %a "$TMP/dev/log" 2>/dev/null) == 666 ]]; }
await 10 is_log || fail "no log: $(<"$SYSLOG")"
chmod 711 "$TMP"
pid=$(cp_pid)
kill -INT "$pid"
await 10 ended "$pid" || fail "fairlead-cp does not end"
# shellcheck disable=SC2016 # expanded there
start_cp unshare --mount --propagation private sh -ec \
	'for f in null urandom; do mount --bind "/dev/$f" "$0/$f"; done; mount --rbind "$0" /dev; exec "$@"' "$TMP/dev"
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"

# in_log: the lines that it was told, as the file has them.
in_log() { sed -n 's/^<30>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]\{8\} fairlead-cp\[[0-9]*\]: {/{/p' "$SYSLOG"; }
# logged JQ: it was told of such a record.
logged() { in_log | jq -e -s "any(.[]; $1)" >/dev/null; }

relayed() { fl_json sessions '.sessions[0].relayed[0] // empty'; }
has_relayed() { [[ -n $(relayed) ]]; }

# ---- an allocation ----

before=$(date -u +%FT%T.%3NZ)
uclient "$TMP/client" -n 100 -m 1 -c -e $PEER4 $SERVER4 &
client=$!
await 10 has_relayed || fail "the client has no allocation: $(tail -n 3 "$TMP/client")"
address=$(relayed) from=$(fl_json sessions '.sessions[0].client')
await 10 found "$address" '.holders[-1] | .until == null' || fail "who has $address: $(<"$TMP/who")"
assert_eq "its user" "$(jq -r '.holders[-1].user' "$TMP/who")" demo
assert_eq "its client" "$(jq -r '.holders[-1].client' "$TMP/who")" "$from"
wait $client || fail "the client: $(tail -n 3 "$TMP/client")"
await 40 found "$address" '.holders[-1] | .until != null' || fail "its end is not told: $(<"$TMP/who")"
began=$(jq -r '.holders[-1].from' "$TMP/who") ended=$(jq -r '.holders[-1].until' "$TMP/who")
for event in start end; do
	await 5 logged ".type == \"allocation\" and .event == \"$event\" and .user == \"demo\" and (.relayed | index(\"$address\"))" ||
		fail "the log has no $event of $address: $(tail -n 3 "$SYSLOG")"
done
assert "it began when the client came" test "$began" '>' "${before%.*}"
found "$address" '.holders | length == 1' || fail "others had $address: $(<"$TMP/who")"
who "$address" "$began" >"$TMP/who" || fail "nobody had it at $began"
who "$address" "$ended" >"$TMP/who" || fail "nobody had it at $ended"
rc=0
"$BUILD/fairlead" --config "$CONFIG" who "$address" 2020-01-01T12:00Z >"$TMP/nobody" || rc=$?
assert_num "exit status where nobody had it" $rc -eq 1
grep -q '^Nobody had it, as far as records go, which begin at 20' "$TMP/nobody" || fail "it says '$(<"$TMP/nobody")'"

# ---- an update ----

# It lives for longer than a minute, in which it is told of once.
context=$(fl --json context add --call carl@home --inactivity 600 --a transport=udp,realm=access,remote=10.1.0.2:4002 \
	--b transport=udp,realm=core,remote=10.2.0.2:4002 | jq -r .context)
port=$(fl --json context show "$context" | jq -r '.terminations[1].local')
updated() { jq -e -s "any(.[]; .event == \"update\" and .call == \"carl@home\" and .b.local == \"$port\" and .started)" "$RECORDS" >/dev/null; }
await 90 updated || fail "a context that lives is not told of: $(tail -n 3 "$RECORDS")"
found "$port" '.holders[-1] | .call == "carl@home" and .until == null' || fail "an update looks like an end: $(<"$TMP/who")"
fl context delete "$context" >/dev/null || fail "the context $context cannot be deleted"
await 5 logged ".event == \"update\" and .call == \"carl@home\" and .b.local == \"$port\"" ||
	fail "the log has no update: $(tail -n 3 "$SYSLOG")"
note "a context that lives is told of within its minute"

# ---- a call ----

context=$(fl --json context add --call anne@home --a transport=udp,realm=access,remote=10.1.0.2:4000 \
	--b transport=udp,realm=core,remote=10.2.0.2:4000 | jq -r .context)
port=$(fl --json context show "$context" | jq -r '.terminations[1].local')
await 10 found "$port" '.holders[-1] | .call == "anne@home" and .until == null' || fail "who has $port: $(<"$TMP/who")"
# Ten datagrams of 100 bytes come to one side of it.
side=$(fl --json context show "$context" | jq -r '.terminations[0].local')
in_client python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.1.0.2', 4000))
for _ in range(10):
    s.sendto(bytes([0x80]) + bytes(99), ('${side%:*}', ${side##*:}))"
came() { [[ $(fl --json context show "$context" | jq '.terminations[0].counters.packets') == 10 ]]; }
await 10 came || fail "ten datagrams did not come: $(fl --json context show "$context")"
fl context delete "$context" >/dev/null
await 10 found "$port" '.holders[-1] | .until != null' || fail "its end is not told: $(<"$TMP/who")"
# At a time: while it lasted, and not before.
began=$(jq -r '.holders[-1].from' "$TMP/who") ended=$(jq -r '.holders[-1].until' "$TMP/who")
for at in "$began" "$ended"; do
	who "$port" "$at" >"$TMP/who" || fail "nobody had $port at $at"
	jq -e '.holders | length == 1 and .[0].call == "anne@home"' "$TMP/who" >/dev/null || fail "who had $port at $at: $(<"$TMP/who")"
done
! who "$port" 2020-01-01T12:00Z >"$TMP/who" || fail "somebody had $port long ago: $(<"$TMP/who")"
grep '"type":"context"' "$RECORDS" | tail -n 1 >"$TMP/end"
assert_eq "what its end says was received" "$(jq -c '[.event, .a.received.packets, .a.received.bytes, .b.received.packets]' "$TMP/end")" '["end",10,1000,0]'

as_the_file() { cmp -s <(in_log) "$RECORDS"; }
await 5 as_the_file || fail "the log differs from the file: $(diff <(in_log) "$RECORDS")"
assert_eq "lines of it that are no record's" "$(grep -cv '^<30>.* fairlead-cp\[[0-9]*\]: {' "$SYSLOG" || true)" 0
note "the log has all $(wc -l <"$RECORDS") lines of the file"

# ---- a log that stops ----

CALLS=60
unlogged() { fl_json status .lost.records_unlogged; }
# calls WORD: begins and ends CALLS contexts, by one process since allocations live for seconds here: two records each.
calls()
{
	timeout 60 python3 - "$1" "$CALLS" >"$TMP/calls" 2>&1 <<-'END' || fail "calls $1: $(tail -n 1 "$TMP/calls")"
	import os, sys
	sys.path.insert(0, os.environ["E2E"])
	import gatelib
	rpc = gatelib.Rpc()
	for n in range(int(sys.argv[2])):
	    c = rpc.ask("context.add", call=f"log-{sys.argv[1]}-{n}", terminations=[
	        {"transport": "udp", "realm": "access", "remote": "10.1.0.2:4000"}, {"transport": "udp", "realm": "core", "remote": "10.2.0.2:4000"}])
	    rpc.ask("context.delete", context=c["context"])
	END
}
# ends WORD: how many ends of its calls the files have, in $REPLY.
ends() { REPLY=$(cat "$RECORDS"* | jq -n "[inputs | select(.event == \"end\" and ((.call // \"\") | startswith(\"log-$1-\")))] | length"); }
all_ended() { ends "$1" && ((REPLY == CALLS)); }

assert_eq "lost before it stops" "$(unlogged)" 0
load_start media media --rate 1000 --legs 4
load media go
kill -STOP "$LOGGER"
calls stopped
counted() { (($(unlogged) > 0)); }
load media renew
await 10 counted || fail "what a log that has stopped does not take is not counted: $(fl --json status | jq -c .lost)"
await 10 all_ended stopped || fail "the file has $REPLY ends of $CALLS calls"
assert_eq "lost for want of room, or in the file" "$(fl_json status '[.lost.records_queue_full, .lost.records_unwritten] | add')" 0
kill -CONT "$LOGGER"
again() { fl context delete "$(fl --json context add --call log-again --a transport=udp,realm=access,remote=10.1.0.2:4000 \
	--b transport=udp,realm=core,remote=10.2.0.2:4000 | jq -r .context)" >/dev/null && logged '.event == "end" and .call == "log-again"'; }
await 10 again || fail "a log that goes on is told nothing: $(tail -n 1 "$SYSLOG")"
load_clean media
whole()
{
	made=$(wc -l <"$RECORDS")
	(($(in_log | wc -l) + $(unlogged) == made))
}
await 10 whole || fail "$(in_log | wc -l) lines in the log and $(unlogged) that are counted are not the $made of the file"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "a log that stops: $(unlogged) of $made records are counted, all are in the file, media lost nothing"

# ---- a file that is full ----

# How large it may be is lowered live; files of that size are put aside, and asked like the newest.
rotated() { in_relay curl -sSf http://127.0.0.1:9643/metrics | awk '$1 == "fairlead_records_rotated_total" { print $2 }'; }
assert_eq "files put aside so far" "$(rotated)" 0
sed -i 's/^  size-mb: .*/  size-mb: 1/' "$CONFIG"
fl reload >"$TMP/reload" || fail "it cannot be lowered: $(<"$TMP/reload")"
CALLS=3000
calls full
await 20 all_ended full || fail "the files have $REPLY ends of $CALLS calls"
files=("$RECORDS".*)
assert_num "files put aside" "$(rotated)" -ge 2
assert_eq "files with a number" "${#files[@]}" "$(rotated)"
for file in "$RECORDS" "${files[@]}"; do
	assert_num "bytes of ${file##*/}" "$(stat -c %s "$file")" -le 1048576
	assert_eq "the mode of ${file##*/}" "$(stat -c %a "$file")" 640
	[[ $(tail -c 1 "$file") == "" ]] && jq -e -s 'length > 0 and all(.[]; type == "object")' "$file" >"$TMP/jq" || fail "a line of ${file##*/} is not whole"
done
oldest=$RECORDS.${#files[@]}
for word in '"user":"demo"' '"call":"log-full-0"'; do
	grep -qF "$word" "$oldest" || fail "$word is not in ${oldest##*/}"
	! grep -qF "$word" "$RECORDS" || fail "$word is in the newest file still"
done
found "$address" 'any(.holders[]; .user == "demo" and .until != null)' || fail "who had $address, of a file put aside: $(<"$TMP/who")"
read -r port at < <(jq -r 'select(.event == "end" and .call == "log-full-0") | "\(.b.local) \(.time)"' "$oldest")
who "$port" "$at" >"$TMP/who" || fail "nobody had $port at $at"
jq -e '[.holders[].call] == ["log-full-0"]' "$TMP/who" >/dev/null || fail "who had $port at $at: $(<"$TMP/who")"
assert_eq "lost meanwhile" "$(fl_json status '[.lost.records_queue_full, .lost.records_unwritten] | add')" 0
note "$(rotated) full files are put aside, each line is whole, and who finds the oldest"

# ---- what cannot be answered ----

# refused CODE SENTENCE ARGUMENT...
refused()
{
	local rc=0 said
	said=$("$BUILD/fairlead" --config "$CONFIG" who "${@:3}" 2>&1) || rc=$?
	assert_num "exit status of who ${*:3}" $rc -eq "$1"
	[[ $said == *"$2"* ]] || fail "who ${*:3} says '$said', not '$2'"
}
refused 2 "who takes an address" 10.2.0.1:70000
refused 2 "who takes a time" "$address" yesterday
refused 2 "unexpected 5" "$address" 12:03 5
refused 1 "No such file" "$address" --file "$TMP/none"

# ---- the relay is gone ----

printf '%s\0' "$RECORDS"* | sort -zrV | xargs -0 cat >"$TMP/records"
kill "$(cp_pid)"
who "$address" --file "$TMP/records" >"$TMP/who" || fail "it wants a relay that runs: $(<"$TMP/who")"
