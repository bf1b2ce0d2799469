#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead trace: what happens to a client's packets, from received to sent, by the client's address;
# and with --drops, why a datagram of a peer without permission is not relayed. One trace at a time,
# no payload unless it was asked for, and no trace is left when its client goes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
STRANGER=10.2.0.77

DEV=$(in_peer ip -o -4 addr show to "$PEER4" | awk '{ print $2 }')
stranger_gone() { in_peer ip addr del "$STRANGER/24" dev "$DEV"; }
in_peer ip addr add "$STRANGER/24" dev "$DEV"
AT_END=stranger_gone

# trace NAME ARGUMENT...: in the background, to $TMP/NAME.trace.
trace()
{
	# shellcheck disable=SC2016
	start "$TMP/$1.log" bash -c 'exec "${@:2}" >"$1"' - "$TMP/$1.trace" \
		"$BUILD/fairlead" --config "$CONFIG" --json trace "${@:2}"
	TRACE=$PID
	await 10 begun "$1" || fail "the trace does not begin: $(cat "$TMP/$1.log")"
}
begun() { grep -qs 'looking at packets' "$TMP/$1.log"; }

relayed_port() { fl_json sessions '[.sessions[] | select(.user == "demo")][0].relayed[0] // "" | split(":")[-1]'; }
has_session() { [[ $(relayed_port) =~ ^[0-9]+$ ]]; }
seen() { jq -se "any($2)" "$TMP/$1.trace" >/dev/null; }

start_peer 3480
start "$TMP/uclient.log" in_client timeout 60 turnutils_uclient -u demo -w fairlead -r 3480 \
	-n 400 -m 1 -z 50 -c -e "$PEER4" "$SERVER4"
await 20 has_session || fail "no session: $(tail -n 2 "$TMP/uclient.log")"

trace client --client "$CLIENT4" --count 400
await 20 ended "$TRACE" || fail "the trace does not end by its count: $(tail -n 2 "$TMP/client.trace")"
assert_eq "records" "$(wc -l <"$TMP/client.trace")" 400
for event in received relayed sent; do
	seen client ".event == \"$event\"" || fail "nothing was $event: $(cat "$TMP/client.trace")"
done
seen client '.event == "sent" and (.destination | startswith("'"$PEER4"':"))' ||
	fail "nothing was sent to the peer: $(cat "$TMP/client.trace")"
! seen client '.bytes' || fail "bytes that nobody asked for"
note "a client's packets are seen"

trace drops --peer "$STRANGER" --drops --bytes
port=$(relayed_port)
in_peer python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$STRANGER', 4321))
s.sendto(b'unwanted', ('$RELAY4', $port))"
await 10 seen drops '.reason == "no_permission" and .source == "'"$STRANGER"':4321" and .bytes' ||
	fail "the drop is not seen: $(cat "$TMP/drops.trace")"
seen drops '.session' || fail "nobody's session: $(cat "$TMP/drops.trace")"
kill "$TRACE"
# Another one may begin.
free() { [[ $(timeout 2 "$BUILD/fairlead" --config "$CONFIG" trace --drops=bug 2>&1) == *'looking at packets'* ]]; }
await 20 free || fail "a trace is left behind"
note "a stranger's datagram is seen, and why it goes no further"
