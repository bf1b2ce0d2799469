#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead drops top: beside an honest client whose media go on, a stranger sends to its relayed port without
# permission, beside another who sends little, and one to nobody's port: each is found by its source, by the
# session that it is dropped at, and by the reason that is asked for. The trace by which they are
# found is given back at once; the client loses nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
STRANGER=10.2.0.77 HONEST=10.2.0.78 MANY=10.2.0.79

DEV=$(in_peer ip -o -4 addr show to "$PEER4" | awk '{ print $2 }')
strangers_gone() { for a in $STRANGER $HONEST $MANY; do in_peer ip addr del "$a/24" dev "$DEV"; done; }
for a in $STRANGER $HONEST $MANY; do in_peer ip addr add "$a/24" dev "$DEV"; done
AT_END=strangers_gone

relayed_port() { fl_json sessions '[.sessions[] | select(.user == "demo" and (.permissions | length) > 0)][0].relayed[0] // "" | split(":")[-1]'; }
has_session() { [[ $(relayed_port) =~ ^[0-9]+$ ]]; }

# sends FROM PORT MICROSECONDS: datagrams to that relayed port, that far apart, until the test ends.
sends()
{
	start "$TMP/sends-$1.log" in_peer python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$1', 4321))
while True:
    s.sendto(b'unwanted', ('$RELAY4', $2))
    time.sleep($3 / 1e6)"
}

start_peer 3480
start "$TMP/uclient.log" in_client timeout 120 turnutils_uclient -u demo -w fairlead -r 3480 \
	-n 1500 -m 1 -z 20 -c -e "$PEER4" "$SERVER4"
CLIENT=$PID
await 20 has_session || fail "no session: $(tail -n 2 "$TMP/uclient.log")"
port=$(relayed_port)
slot=$(fl_json sessions "[.sessions[] | select(.relayed[0] == \"$RELAY4:$port\")][0] | \"\(.client) \(.worker)/\(.slot)\"")
sends $STRANGER "$port" 500
sends $HONEST "$port" 100000
sends $MANY 9 1000 # to nobody's port

# top JQ ARGUMENT...: whether that is so of what it finds in a second.
top()
{
	fl --json drops top --interval 1 "${@:2}" >"$TMP/top" || fail "drops top: $(<"$TMP/top")"
	jq -e "$1" "$TMP/top" >/dev/null
}
shown() { fl drops top --interval 1; }

await 20 top ".droppers[0] | .who == \"$STRANGER\" and .reason == \"no_permission\" and .share > 0.3" ||
	fail "the stranger is not the first: $(<"$TMP/top")"
await 20 top "([.droppers[] | select(.who == \"$HONEST\")][0].drops) as \$few | .droppers[0].drops > 5 * \$few and \$few > 0" ||
	fail "who sends little beside him: $(<"$TMP/top")"
await 20 top "[.droppers[] | select(.reason == \"no_permission\")][0] | .who == \"$slot\" and .user == \"demo\"" --by session ||
	fail "the session is not found ($slot): $(<"$TMP/top")"
await 20 top "any(.droppers[]; .who == \"$MANY\")" || fail "who sends to nobody's port: $(<"$TMP/top")"
reason=$(jq -r ".droppers[] | select(.who == \"$MANY\").reason" "$TMP/top")
await 20 top ".droppers | length > 0 and all(.[]; .reason == \"$reason\") and any(.[]; .who == \"$MANY\")" --reason "$reason" ||
	fail "by the reason $reason: $(<"$TMP/top")"
shown | grep -qE "^$STRANGER +no_permission +[0-9,]+ +[0-9.]+ %" || fail "it is not printed: $(shown)"
shown | grep -qE '^Seen: [0-9,]+ drops in 1\.[0-9] s\.$' || fail "how many were seen is not printed: $(shown)"
note "the hostile source is told from the one that errs"

# ---- given back, and what is wrong ----

fl --json drops top --interval 1 >/dev/null
timeout 5 "$BUILD/fairlead" --config "$CONFIG" --json trace --drops --count 1 >"$TMP/next" ||
	fail "the trace was not given back: $(<"$TMP/next")"
refused()
{
	local rc=0 said
	said=$(fl "${@:3}" 2>&1) || rc=$?
	assert_num "exit status of ${*:3}" $rc -eq "$1"
	[[ $said =~ $2 ]] || fail "${*:3} says '$said', not '$2'"
}
refused 2 "--by takes source or session, not user" drops top --by user
refused 2 "--interval takes seconds, at most 600, not 601" drops top --interval 601
refused 1 '"no_reason" is no reason; fairlead drops --all lists them' drops top --reason no_reason
refused 2 'did you mean top' drops topp
assert_eq "of a reason that drops nothing" "$(fl drops top --reason bug --interval 1)" "Nothing was dropped."

wait "$CLIENT" || fail "the client fails: $(tail -n 2 "$TMP/uclient.log")"
grep -qE 'Total lost packets 0 \(0.000000%\)' "$TMP/uclient.log" || fail "the client loses packets: $(grep lost "$TMP/uclient.log" | tail -n 1)"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "what the client and its peer send each other goes on"
