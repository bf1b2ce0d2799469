#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The impairment box does what it says, and its counts are right: what a kernel sends through it to
# another and what arrives differ by just what was lost, doubled and broken; nothing broken arrives
# unseen; the same seed has the same accidents; delay and rate are kept; order changes only where
# it shall. Tests of the TCP stack rest on that.
. "$(dirname "$0")/lib.sh"

# through RULES SEED COUNT SIZE: sets CAME (JSON of impair_check.py) and BOX (of impair, forth).
through()
{
	box_up --seed "$2" --forth "$1"
	coproc CHECK { python3 "$TCP/impair_check.py" "$3" "$4" 2>"$TMP/check.log"; }
	local from=${CHECK[0]} to=${CHECK[1]}
	read -r -t 20 _ <&"$from" || fail "no datagram passes: $(cat "$TMP/check.log")"
	kill -USR1 "$BOX_PID" # what was before
	await 5 grep -q '^{"from":"boxa"' "$TMP/box.log" || fail "impair does not print its counts"
	BEFORE=$(grep '^{"from":"boxl"' "$TMP/box.log")
	echo go >&"$to"
	read -r -t 60 CAME <&"$from" || fail "impair_check.py: $(cat "$TMP/check.log")"
	wait "$CHECK_PID" || true
	box_down
	BOX=$(grep '^{"from":"boxl"' "$TMP/box.log" | tail -n 1)
	assert_eq "frames in and out of the box ($1)" "$(jq '.in + .dup' <<<"$BOX")" \
		"$(jq '.lost + .full + .out + .unsent + .waiting' <<<"$BOX")"
	assert_num "frames the socket lost ($1)" "$(box missed)" -eq 0
	assert_num "frames not sent ($1)" "$(box unsent)" -eq 0
	assert_num "broken datagrams that arrived ($1)" "$(came bad)" -eq 0
}
box() { jq ".$1 - ($BEFORE | .$1)" <<<"$BOX"; }
came() { jq ".$1" <<<"$CAME"; }

topology kernel

through "" 1 5000 200
assert_num "datagrams that pass a box without rules" "$(came different)" -eq 5000
assert_num "of them more than once" "$(came came)" -eq 5000
assert_num "out of order" "$(came inversions)" -eq 0

through "loss=3,dup=2,reorder=25:2,error=1" 7 20000 100
assert_num "in" "$(box in)" -ge 20000
assert_num "datagrams that came" "$(came came)" -eq \
	$(($(box in) - $(box lost) + $(box dup) - $(box broken)))
for range in lost:450:750 dup:280:520 reordered:4500:5500 broken:120:280; do
	IFS=: read -r what least most <<<"$range"
	assert_num "$what" "$(box "$what")" -ge "$least"
	assert_num "$what" "$(box "$what")" -le "$most"
done
assert_num "out of order" "$(came inversions)" -gt 0

through "loss=5" 7 5000 100
first=$(came which)
through "loss=5" 7 5000 100
assert_eq "the same seed has the same losses" "$(came which)" "$first"
through "loss=5" 8 5000 100
assert "another seed has others" test "$(came which)" != "$first"

through "delay=300,jitter=50" 1 500 100
assert_num "come through a delay" "$(came came)" -eq 500
assert_num "ms of delay at least" "$(came earliest_ms | cut -d. -f1)" -ge 300
assert_num "out of order by jitter" "$(came inversions)" -eq 0

# 400 frames of 1042 bytes at 4 Mbit/s, of which 100000 bytes may wait.
through "rate=4000,queue=100000" 1 400 1000
assert_num "too many for the queue" "$(box full)" -gt 0
assert_num "come through a rate" "$(came came)" -eq $((400 - $(box full)))
assert_num "faster than the rate" \
	"$(jq '((.came - 1) * 1042 * 8 / 4000000 * 0.99 > .seconds) | if . then 1 else 0 end' \
		<<<"$CAME")" -eq 0
note "counts, seeds, delay, rate and order are as the box says"
