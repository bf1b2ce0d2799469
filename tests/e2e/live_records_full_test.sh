#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk of records that is full, a small tmpfs: media beside it loses no packet and calls come and go;
# each record that has no room is counted, the log and the health say so, once; with room again they are
# written, the file says how many are missing, and every line of it is whole.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"

DISK=$TMP/disk
RECORDS=$DISK/records.json
CALLS=40
mkdir "$DISK"
mount -t tmpfs -o size=16k,mode=755 records "$DISK"
disk_gone() { umount -l "$DISK"; }
AT_END=disk_gone
owned "$DISK"
relay_config "s|^  file: \"\"|  file: $RECORDS|" >"$TMP/quickstart"

unwritten() { fl_json status '[.lost.records_unwritten, .lost.records_queue_full] | add'; }
made() { fl_json status .records.made; }
# Begins and ends CALLS contexts: two records each.
calls()
{
	local i id
	for ((i = 0; i < CALLS; i++)); do
		id=$(fl --json context add --call "full-$1-$i" --a transport=udp,realm=access,remote=10.1.0.2:4000 \
			--b transport=udp,realm=core,remote=10.2.0.2:4000 | jq -r .context)
		fl context delete "$id" >/dev/null || fail "call $i of $1 does not end"
	done
}
problem() { fl --json status | jq -e '.problems[] | select(.about == "records")' >/dev/null; }
told() { grep -c "records $1" "$RUN/fairlead-cp.log" || true; }

# ---- it is full ----

load_start media media --rate 1000 --legs 4
load media go
calls first
lines=$(wc -l <"$RECORDS")
await 10 problem || fail "nobody says that the disk is full: $(df "$DISK"; fl status)"
before=$(unwritten)
calls second
more_lost() { (($(unwritten) >= before + 2 * CALLS)); }
await 10 more_lost || fail "records that are lost are not counted: $(unwritten) after $before"
fl --json status | jq -r '.problems[] | select(.about == "records").what' >"$TMP/problem"
grep -q "$RECORDS: No space left on device" "$TMP/problem" || fail "the problem is told so: $(<"$TMP/problem")"
assert_eq "times that the log says it" "$(told 'cannot be written')" 1
assert_eq "that it is over" "$(told 'are written again')" 0
jq -es . "$RECORDS" >/dev/null || fail "a line is not whole: $(tail -n 1 "$RECORDS")"
load_clean media
note "a full disk: $(unwritten) records of $(made) are lost and counted, $lines lines were written"

# ---- there is room ----

load media go
mount -o remount,size=4m "$DISK"
calls third
again() { [[ $(told 'are written again') == 1 ]]; }
await 10 again || fail "nobody says that it is over: $(tail -n 3 "$RUN/fairlead-cp.log")"
over() { ! problem; }
await 10 over || fail "it is a problem still: $(<"$TMP/problem")"
load_clean media
all_there()
{
	in_file=$(jq -s '[.[] | select(.lost == null)] | length' "$RECORDS")
	missing=$(jq -s '[.[].lost // 0] | add' "$RECORDS")
	((in_file + missing == $(made)))
}
await 10 all_there || fail "$in_file records in the file and $missing that it says are missing are not the $(made) that were made"
assert_eq "missing, by the file and by the counter" "$missing" "$(unwritten)"
assert_eq "ends of the last calls" "$(jq -s '[.[] | select(.event == "end" and ((.call // "") | startswith("full-third-")))] | length' "$RECORDS")" "$CALLS"
assert_eq "times that the log said it" "$(told 'cannot be written')" 1
note "with room again: $in_file records in the file, which says that $missing are missing"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
