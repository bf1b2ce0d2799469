#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R70 by H.248 over a network that loses, doubles and reorders datagrams: calls of erlang-megaco are made, changed and ended,
# each once; a call and its association outlive fairlead-dp, which is killed. tshark reads every message that the gateway sent.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"
CALLS=10

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_SIP}]|" >"$TMP/quickstart"
control_network
in_relay ip route add "$CONTROL_SIP" via "$CONTROL_PEER"
start_peer 3480
mgc_start "$CONTROL_PEER" pretty
start "$TMP/wire" in_peer python3 "$E2E/h248_wire.py" "$CONTROL_SIP" "$CONTROL_PEER" $H248 "$TMP/wire.pcap"
WIRE=$PID
await 60 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID" "$TMP/wire")"

added_before=$(fl_json status .gateway.added) REGISTERED=$(fl_json status .gateway.h248.registrations)
for ((i = 0; i < CALLS; i++)); do
	ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
	C=$(number) A=$(added 1)
	[[ -n $C ]] || fail "no call: $REPLY"
	ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendOnly } } } } }"
	replied "MF=$A"
	ask "Context = $C { W-Subtract = * { Audit { } } }"
	replied 'S=*'
done
assert_eq "contexts that were added" "$(($(fl_json status .gateway.added) - added_before))" "$CALLS"
assert_eq "contexts left" "$(fl_json status .gateway.contexts)" 0
metric() { in_relay curl -s http://127.0.0.1:9643/metrics | awk -v n="$1" '$1 == n { print $2 }'; }
assert_num "transactions that came once more" "$(metric fairlead_h248_retransmissions_total)" -gt 0
assert_eq "times it registered" "$(fl_json status .gateway.h248.registrations)" "$REGISTERED"

# ---- fairlead-dp is killed under a call ----

ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number) A=$(added 1) PORT=$(port 1)
await 10 echoed "$PORT" || fail "no echo: $REPLY: $(fl context list)"
DP=$(dp_pid)
kill -9 "$DP"
await 10 ended "$DP" || fail "fairlead-dp does not end"
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" 2>&1 || fail "fairlead-dp does not come back"
await 20 echoed "$PORT" || fail "no echo by another fairlead-dp: $(fl context list)"
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
replied "m=audio $PORT RTP/AVP"
ask "Context = $C { W-Subtract = * { Audit { } } }"
replied 'S=*'
assert_eq "times it registered" "$(fl_json status .gateway.h248.registrations)" "$REGISTERED"
# A reply that came twice is one that nobody waits for.
! grep '^wrong' "$MGC_SAID" | grep -v "^wrong {'TransactionReply'" || fail "the controller cannot read what the gateway sends"

# ---- what was on the wire ----

kill "$WIRE"
await 10 ended "$WIRE" || fail "h248_wire.py does not end"
note "the network: $(tail -n 1 "$TMP/wire")"
jq -e '.lost > 5 and .doubled > 5 and .late > 5' "$TMP/wire" >/dev/null || fail "the network does no harm"
messages() { tshark -n -r "$TMP/wire.pcap" -d "udp.port==$H248,megaco" -Y "$1" 2>/dev/null | wc -l; }
assert_num "messages of the gateway" "$(messages udp)" -gt $((3 * CALLS))
assert_eq "those that tshark reads" "$(messages 'megaco && !_ws.malformed')" "$(messages udp)"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
