#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Queues of fairlead-cp get other sizes by reload, while what goes by them comes and a call loses nothing: a
# controller that follows events of contexts hears each, once, also while there is room for others; each record
# of them is a line of the file, in order; each record of an allocation is told to FreeRADIUS once, also those that
# wait for it while their queue is another.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"
# shellcheck source=tests/e2e/radius.sh
. "$E2E/radius.sh"

# set_key SECTION KEY VALUE: in the file, and reloaded; it must be in force.
set_key()
{
	sed -i "/^$1:/,/^[a-z]/s|^  $2: .*|  $2: $3|" "$CONFIG"
	fl reload >"$TMP/reload" || fail "$1.$2: $(<"$TMP/reload")"
	grep -A1 "^$1.$2: .* -> $3\$" "$TMP/reload" | grep -q 'in force: live; lost: nothing' || fail "$1.$2: $(<"$TMP/reload")"
}
# calls NAME N: so many contexts come and go.
calls()
{
	local i id
	for ((i = 0; i < $2; i++)); do
		id=$(fl --json context add --call "$1-$i" --a transport=udp,realm=access,remote=10.1.0.2:4000 \
			--b transport=udp,realm=core,remote=10.2.0.2:4000 | jq -r .context)
		fl context delete "$id" >/dev/null || fail "call $i of $1 does not end"
	done
}
events() { fl --json context events --after 0; }

mkdir "$TMP/records"
owned "$TMP/records"
RECORDS=$TMP/records/records.json
radius_secret "$TMP/secret"
relay_config 's|^  events: .*|  events: 16|' "/^records:/,/^radius:/s|^  file: .*|  file: $RECORDS|" \
	"/^radius:/,/^aka:/ s|^  servers: .*|  servers: [{address: 127.0.0.1, secret-file: $TMP/secret}]|" \
	'/^radius:/,/^aka:/ s|^  timeout: 2$|  timeout: 1|' >"$TMP/quickstart"
load_start media media --rate 1000 --legs 4
load media go

# ---- accounting: first, for RADIUS is told of contexts as well ----

# allocations N: so many come and go, each with a start and a stop.
allocations()
{
	PYTHONPATH=$E2E in_client python3 -c 'import stunlib, sys
for _ in range(int(sys.argv[1])):
    c = stunlib.Client("10.1.0.1")
    assert c.allocate().error() == 0
    assert c.refresh((stunlib.LIFETIME, stunlib.u32(0))).error() == 0
    c.close()' "$1" || fail "an allocation of $1 does not come and go"
}
metric() { in_relay curl -sS http://127.0.0.1:9643/metrics | sed -n "s/^fairlead_$1 //p"; }
waiting() { (($(metric radius_waiting) == $1)); }
# heard TYPE: so many records of it, each of another allocation.
heard() { awk -v type="$1" 'BEGIN { RS = "" } index($0, "Acct-Status-Type = " type) && match($0, /Acct-Session-Id = "[^"]*"/) { print substr($0, RSTART, RLENGTH) }' "$TMP/1813/detail" | sort | uniq -c | awk '{ n++; if ($1 != 1) twice++ } END { print n + 0, twice + 0 }'; }

await 5 waiting 4 || fail "not the four legs' starts wait: $(metric radius_waiting)"
allocations 20
await 5 waiting 44 || fail "not all wait: $(metric radius_waiting)"
for size in 64 1048576 128 64; do
	set_key radius queue $size
	await 5 waiting 44 || fail "of those that wait $(metric radius_waiting) are left with room for $size"
done
radius_start 1813 acct "preacct {
  }
  accounting {
    detail
  }"
await 60 waiting 0 || fail "$(metric radius_waiting) still wait for FreeRADIUS: $(tail -n 3 "$TMP/1813/log")"
for size in 1048576 64 4096 128; do
	allocations 20 &
	set_key radius queue $size
	wait $! || fail "allocations while there is room for $size records"
	await 60 waiting 0 || fail "$(metric radius_waiting) still wait for FreeRADIUS"
done
assert_eq "starts that FreeRADIUS heard, and heard twice" "$(heard Start)" "104 0"
assert_eq "stops" "$(heard Stop)" "100 0"
assert_eq "records that were lost" "$(fl_json status .lost.radius_queue_full)" 0
note "radius.queue has changed eight times, and 204 records were told"

# ---- events of contexts ----

start "$TMP/follow" "$BUILD/fairlead" --config "$CONFIG" --json context events --after 0 --follow
calls first 20
assert_eq "events kept of 16" "$(events | jq -s 'length')" 16
set_key gateway events 64
assert_eq "events kept after a reload" "$(events | jq -rs '[.[0].call, .[-1].call, length] | join(" ")')" "first-4 first-19 16"
for size in 256 32 64 16 4096; do
	calls "at-$size" 10 &
	set_key gateway events $size
	wait $! || fail "calls end while there is room for $size events"
done
heard() { jq -rs 'map(.call) | join(" ")' "$TMP/follow" 2>/dev/null; }
want=$(for i in {0..19}; do echo "first-$i"; done; for size in 256 32 64 16 4096; do for i in {0..9}; do echo "at-$size-$i"; done; done)
all_heard() { [[ $(heard) == "$(xargs <<<"$want")" ]]; }
await 10 all_heard || fail "a controller heard $(heard)"
assert_eq "events that were lost" "$(fl_json status .gateway.events_lost)" 0
note "gateway.events has changed six times, and $(wc -w <<<"$want") events were heard"

# ---- the file of records ----

for size in 64 1048576 128 4096 64; do
	calls "of-$size" 10 &
	set_key records queue $size
	wait $! || fail "calls end while there is room for $size records"
done
made() { fl_json status .records.made; }
all_there()
{
	jq -es . "$RECORDS" >/dev/null && (($(jq -s 'map(select(.event)) | length' "$RECORDS") == $(made)))
}
await 10 all_there || fail "the file has $(wc -l <"$RECORDS") of $(made) records"
jq -rs 'map(select(.event == "end").call // empty) | join(" ")' "$RECORDS" >"$TMP/calls"
assert_eq "calls in the file" "$(<"$TMP/calls")" "$(xargs <<<"$want") $(for size in 64 1048576 128 4096 64; do for i in {0..9}; do echo "of-$size-$i"; done; done | xargs)"
assert_eq "records that were lost" "$(fl_json status '[.lost.records_unwritten, .lost.records_queue_full] | add')" 0
note "records.queue has changed five times, and $(made) records were written"

load_clean media
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
