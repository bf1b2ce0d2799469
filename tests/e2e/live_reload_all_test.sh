#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every key that is live gets another value, and its own again, while media goes on whose packets are
# numbered, of clients over UDP, TCP and TLS and of a context of RTP: nothing of it is lost, comes twice or is
# altered, and what config diff says before each reload is what it does. Which keys are live is asked of
# fairlead-cp, so one that is added to the schema and not to reload_all.py fails.
# Alone: it counts each packet of minutes, and would count what a busy machine loses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"

DIR=$TMP/values
mkdir "$DIR"
self_signed own
mv "$TMP/own.crt" "$TMP/own.key" "$DIR"
head -c 48 /dev/urandom >"$DIR/ticket"
echo some-secret-of-ours >"$DIR/secret"
echo 'ipdc-1 ipdc-7' >"$DIR/names"
chmod 600 "$DIR"/*
# A device for frames with tags, and patience with a machine that pauses.
device=$(sed -n '/^ports:/,/^listeners:/s/^    device: *"\(.*\)"$/\1/p' "$SAMPLE" | head -n 1)
relay_config "/^listeners:/i\\  - {name: office, device: \"$device\", vlan: 6, addresses: [10.6.0.1/24]}" \
	's|^  media-age-ms: .*|  media-age-ms: 5000|' 's|^  media-queue: .*|  media-queue: 1048576|' >"$TMP/quickstart"
db=$(sed -n '/^auth:/,/^ipsec:/s/^  users-db: //p' "$CONFIG")
python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))' "$db" "$DIR/users.db"
owned "$DIR" "$DIR"/*
# Both processes read these: root without its capabilities, and the user of fairlead-cp.
chown "root:$(stat -c %G "$OWN_RUN")" "$DIR"/own.*
chmod 640 "$DIR"/own.*
cp -p "$CONFIG" "$TMP/right"

# context NAME: with media of both sides, until SIGTERM; sets MEDIA.
context()
{
	local a b
	fl --json context add --call "$1" --a "transport=udp,realm=access,rtp,remote=$CLIENT4:41000,rtcp_remote=$CLIENT4:41001" \
		--b "transport=udp,realm=core,rtp,remote=$PEER4:42000,rtcp_remote=$PEER4:42001" >"$TMP/context" 2>&1 ||
		fail "no context: $(<"$TMP/context")"
	a=$(jq -r '.terminations[0].local' "$TMP/context") b=$(jq -r '.terminations[1].local' "$TMP/context")
	start "$TMP/$1.log" python3 "$E2E/rtp.py" --packets 0 "$NS-client,$CLIENT4,41000,${a%:*},${a##*:}" "$NS-peer,$PEER4,42000,${b%:*},${b##*:}"
	MEDIA=$PID
	await 10 grep -q flows "$TMP/$1.log" || fail "no media: $(<"$TMP/$1.log")"
}

# through: every key while all media goes on, which is paused then; LOST of it, and MISSED never reached the relay.
through()
{
	local name before rtp
	before=$(unheard)
	context "rtp$1"
	for name in udp tcp tls; do
		load $name renew
		load $name go
	done
	for name in udp tcp tls; do load_more $name least 20; done
	timeout 240 python3 "$E2E/reload_all.py" "$CONFIG" "$BUILD/fairlead-cp" "$DIR" >"$TMP/all" 2>&1 ||
		fail "$(tail -n 5 "$TMP/all")"
	note "$(tail -n 1 "$TMP/all")"
	LOST=0
	for name in udp tcp tls; do
		load $name pause
		assert_eq "$name: packets that came twice or wrong" "$(jq '.twice + .wrong' <<<"$REPLY")" 0
		assert_num "$name: packets of the flow that got least" "$(jq .least <<<"$REPLY")" -gt 0
		LOST=$((LOST + $(jq .lost <<<"$REPLY")))
		note "$name: $(jq -r '"\(.sent) packets, \(.lost) lost"' <<<"$REPLY")"
	done
	kill -TERM "$MEDIA"
	rtp=0
	wait "$MEDIA" || rtp=1
	LOST=$((LOST + rtp))
	note "rtp: $(tail -n 1 "$TMP/rtp$1.log")"
	fl context delete "$(jq -r .context "$TMP/context")" >/dev/null
	MISSED=$(unheard_since "$before")
}

load_start udp media --rate 400 --legs 4
load_start tcp media --tcp --rate 200 --legs 2
load_start tls media --tls --rate 200 --legs 2
pids="$(cp_pid) $(dp_pid)"
allocations=$(fl_json status .allocations.count)
for attempt in 1 2 3; do
	drops >"$TMP/drops"
	through $attempt
	drops | diff "$TMP/drops" - >"$TMP/drops.diff" || note "dropped meanwhile: $(sed -n 's/^> //p' "$TMP/drops.diff" | paste -sd ,)"
	((MISSED)) || break
	note "$MISSED packets never reached the relay: once more"
done
# On a machine that is never quiet enough no more is lost than that.
if ((MISSED)); then assert_num "packets that the relay lost" "$LOST" -le "$MISSED"; else assert_eq "packets that were lost" "$LOST" 0; fi
assert_eq "allocations" "$(fl_json status .allocations.count)" "$allocations"
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
