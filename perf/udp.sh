# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What scenarios memif and veth have in common: throughput over payload sizes and over sessions,
# with as many packets up as down. testpmd gets plain datagrams of the same payload, and sends them
# back: one packet in, one packet out, as the relay does. SIZES are the scenario's bytes of
# payload (172 is 20 ms of G.711 in RTP), COUNTS its numbers of sessions, at 172 bytes. What
# README.md's table holds, 172 bytes in 1,000 sessions, is measured each turn, all else in the first two.
SEARCHED=(172 1400)
COUNT=1000
STEPS=7
if [[ -n $SHORT ]]; then
	SIZES=(172) COUNTS=() SEARCHED=(172) COUNT=10 STEPS=2
fi

# flat SERVER BYTES SESSIONS
flat()
{
	afresh "$1" "$SCENARIO"
	say "  $2 bytes, $3 sessions, flat out"
	generate "$1" "$SCENARIO" --sessions "$3" --size "$2" --rate 0 --seconds "$SECS" --teardown
	keep "$1" load=flat bytes="$2" sessions="$3" <"$TMP/load.json"
}

# search SERVER BYTES SESSIONS
search()
{
	afresh "$1" "$SCENARIO"
	say "  $2 bytes, $3 sessions, highest rate with $LOSS lost"
	generate "$1" "$SCENARIO" --sessions "$3" --size "$2" --search --loss "$LOSS" \
		--search-seconds "$SEARCH_SECS" --search-steps $STEPS --teardown
	keep "$1" load=search bytes="$2" sessions="$3" loss="$LOSS" <"$TMP/load.json"
}

one_turn()
{
	local x
	udp_up "$1" "$SCENARIO"
	for x in "${SIZES[@]}"; do
		((x != 172 && TURN > 2)) || flat "$1" "$x" $COUNT
	done
	for x in "${COUNTS[@]}"; do
		((TURN > 2)) || flat "$1" 172 "$x"
	done
	for x in "${SEARCHED[@]}"; do
		((x != 172 && TURN > 2)) || search "$1" "$x" $COUNT
	done
	server_down
}

summarise_udp()
{
	figures ratios <(grep '"load": "flat"' "$TMP/runs") fairlead rate_delivered
	figures ratios <(grep '"load": "search"' "$TMP/runs") fairlead loss_free_rate
}
