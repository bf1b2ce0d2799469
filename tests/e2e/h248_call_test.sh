#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R14, R27, R93: a controller that nobody here wrote, erlang-megaco, whose parser judges every byte: the gateway
# registers with it; contexts of RTP are made, changed, audited and ended by it while media passes; it
# is told of what an operator ends and of terminations that it has forgotten; errors have their codes; fairlead-cp
# is killed under calls, which it does not notice; and it is killed itself and the next one takes over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$(dirname "$0")/mgc.sh"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' 's/^  h248-name: .*/  h248-name: mg1.example.net/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}, {address: $CONTROL_SIP}]|" >"$TMP/quickstart"
control_network
in_relay ip route add "$CONTROL_SIP" via "$CONTROL_PEER"
start_peer 3480
contexts() { fl_json status .gateway.contexts; }

mgc_start "$CONTROL_PEER" pretty
FIRST=$MGC FIRST_IN=$MGC_IN
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"

# ---- what there is ----

ask 'Context = - { AuditValue = ROOT { Audit { Packages, Media } } }'
replied 'PG{g-1,root-2,'
replied 'root/maxNumberOfContexts='

# ---- a call ----

ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number) A=$(added 1) PORT=$(port 1)
replied "c=IN IP4 $SERVER4"
await 10 echoed "$PORT" || fail "no echo: $REPLY: $(fl context list)"
ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendOnly } } } } }"
! echoed "$PORT" || fail "SendOnly lets packets in"
ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendReceive } } } } }"
await 10 echoed "$PORT" || fail "SendReceive keeps packets out"
ask "Context = $C { Topology { ip/access/*, ip/core/*, Isolate }, ContextAudit { Topology } }"
replied ',IS'
! echoed "$PORT" || fail "who is isolated is heard"
ask "Context = $C { Topology { *, *, Bothway }, ContextAudit { Topology } }"
replied ',BW'
await 10 echoed "$PORT" || fail "Bothway keeps packets out"
ask "Context = $C { AuditValue = $A { Audit { Media, Statistics } } }"
replied "m=audio $PORT RTP/AVP"
RECEIVED=$(grep -io 'rtp/pr=[0-9]*' <<<"$REPLY" | cut -d= -f2)
assert_num "packets received, by its statistics" "$RECEIVED" -ge 2
note "a call of two terminations, $RECEIVED packets"

# Latching: the client's address is not the one that was told (R14).
ask "Context = \$ { $(add access "$CLIENT4" 9), $(add core "$PEER4" 3480) }"
L=$(number) LA=$(added 1) PORT2=$(port 1)
! echoed "$PORT2" || fail "an answer came back to a port that nobody told of"
ask "Context = $L { Modify = $LA { Signals { ipnapt/latch { Stream = 1, napt = LATCH } } } }"
await 10 echoed "$PORT2" || fail "no echo after latching: $(fl context list)"

# ---- hanging, and an end that it did not order ----

hung() { grep -q "^notify.*\"hangterm/thb\"" "$MGC_SAID"; }
await 30 hung || fail "nothing is told of a hanging termination: $(tail -n 3 "$MGC_SAID")"
fl context kill --all >"$TMP/kill.log" 2>&1 || fail "kill: $(cat "$TMP/kill.log")"
caused() { grep -q "^notify.*\"g/cause\".*killed" "$MGC_SAID"; }
await 20 caused || fail "nothing is told of what an operator ended: $(tail -n 3 "$MGC_SAID")"
ask "Context = $C { Subtract = $A }"
replied 'ER=411'

# ---- errors are the standard's ----

ask 'Context = $ { Add = ip/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, ipdc/realm = "none" }, Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n} } } } }'
replied 'ER=449'
ask "Context = \$ { $(add access "$CLIENT4" 40000 ', x/y = 1') }"
replied 'ER=445'
ask 'Context = - { Modify = ip/none/1 { Events } }'
replied 'ER=421'
assert_eq "contexts after what was refused" "$(contexts)" 0

# ---- fairlead-cp is killed under a call, and goes on as if it had not been (R70) ----

ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number) A=$(added 1) PORT=$(port 1)
await 10 echoed "$PORT" || fail "no echo before fairlead-cp is killed"
BOOTS=$(grep -c '^registered' "$MGC_SAID")
RAW=$(raw 900001 "Context = \$ { $(add core "$PEER4" 3480) }")
grep -q 'Reply = 900001 { Context = .* Add = ip/core' <<<"$RAW" || fail "a transaction before the restart: $RAW"
CP=$(cp_pid)
kill -9 "$CP"
await 10 ended "$CP" || fail "fairlead-cp does not end"
echoed "$PORT" || fail "no echo while fairlead-cp is away"
start_cp
as_before() { [[ $(fl_json status .gateway.h248_controller) == *", served" ]]; }
await 30 as_before || fail "the association does not go on: $(fl status)"
ask "Context = $C { AuditValue = * { Audit { Media } } }"
replied "AV=$A{"
assert_eq "answer of a transaction that comes once more" "$(raw 900001 "Context = \$ { $(add core "$PEER4" 3480) }")" "$RAW"
assert_eq "contexts" "$(contexts)" 2
ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendOnly } } } } }"
! echoed "$PORT" || fail "SendOnly lets packets in after the restart"
ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendReceive } } } } }"
await 10 echoed "$PORT" || fail "no echo after the restart"
ask "Context = $C { Subtract = $A }"
replied "S=$A"
ask "Context = * { W-Subtract = * { Audit { } } }"
assert_eq "contexts" "$(contexts)" 0
caused_again() { (($(grep -c '^notify.*"g/cause".*killed' "$MGC_SAID") > CAUSES)); }
CAUSES=$(grep -c '^notify.*"g/cause".*killed' "$MGC_SAID")
ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number)
fl context kill --all >"$TMP/kill.log" 2>&1 || fail "kill: $(cat "$TMP/kill.log")"
await 20 caused_again || fail "events are not told after the restart: $(tail -n 3 "$MGC_SAID")"
assert_eq "ServiceChanges of a restart that nobody notices" "$(grep -c '^registered' "$MGC_SAID")" "$BOOTS"
ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number)
note "contexts, their names and the association outlive fairlead-cp"

# ---- the controller is killed, and the next one takes over ----

wrong
kill -9 "$FIRST"
await 10 ended "$FIRST" || fail "the controller does not end"
exec {FIRST_IN}>&-
mgc_start "$CONTROL_SIP" compact
# What hangs is told, and nobody answers.
await 90 registered failover || fail "the second controller is not asked: $(fl status) $(tail -n 3 "$RUN/fairlead-cp.log")"
ask "Context = $C { W-Subtract = * { Audit { } } }"
replied 'S=*'
assert_eq "contexts" "$(contexts)" 0
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
