#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32: the keys of H.248 at a reload, with controllers that nobody here wrote (erlang-megaco, whose parser judges every
# byte): the first ones come while the node runs; one that goes is told so, once, and the next one has its
# contexts, whose media does not notice; another name, port or address is told in the old one and
# registered anew; the form of messages changes at once; a port that somebody has changes nothing; without any it rests.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$(dirname "$0")/mgc.sh"

# put KEY VALUE: in the file. reload WHAT: all of it is in force.
put() { sed -i "s|^  h248-$1: .*|  h248-$1: $2|" "$CONFIG"; }
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -qi 'restart' "$TMP/reload" || fail "$1 waits for a restart: $(<"$TMP/reload")"
}
# said N TEXT: it stands in what the current controller said, N times.
said() { [[ $(grep -c "$2" "$MGC_SAID") == "$1" ]]; }
one() { MGC_SAID=$TMP/mgc-$CONTROL_PEER MGC_IN=$ONE; }
two() { MGC_SAID=$TMP/mgc-$CONTROL_SIP MGC_IN=$TWO; }
in_charge() { fl --json status | jq -r '.gateway.h248_controller'; }

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' >"$TMP/quickstart"
control_network
in_relay ip route add "$CONTROL_SIP" via "$CONTROL_PEER"
start_peer 3480
mgc_start "$CONTROL_PEER" pretty
ONE=$MGC_IN
mgc_start "$CONTROL_SIP" compact
TWO=$MGC_IN
assert_eq "without controllers" "$(in_charge)" null
[[ -z $(in_relay ss -Hlun "sport = :$H248") ]] || fail "a port is open for nobody"

# ---- the first ones come ----

put controllers "[{address: $CONTROL_PEER}]"
reload "a controller"
one
await 20 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"
ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
C=$(number) A=$(added 1) PORT=$(port 1)
await 10 echoed "$PORT" || fail "no echo: $REPLY: $(fl context list)"

# Another one, more wanted: who is in charge stays so.
put controllers "[{address: $CONTROL_SIP}, {address: $CONTROL_PEER}]"
reload "a second controller"
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
replied "m=audio $PORT RTP/AVP"
assert_eq "in charge" "$(in_charge)" "$CONTROL_PEER:$H248 udp, served"
two
said 0 '^registered' || fail "the second one is asked although the first is there"

# ---- one goes ----

put controllers "[{address: $CONTROL_SIP}]"
reload "the first controller's end"
await 20 registered failover || fail "the next one is not asked: $(tail -n 3 "$MGC_SAID")"
echoed "$PORT" || fail "the call ends with its controller"
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
replied "m=audio $PORT RTP/AVP"
one
await 10 said 1 '^registered forced' || fail "the first one is not told: $(tail -n 3 "$MGC_SAID")"
note "a controller goes, the next one has its call"

# ---- who we are ----

two
put name mg7.example.net
reload "another name"
await 20 said 1 '^registered forced' || fail "the old name's end is not told: $(tail -n 3 "$MGC_SAID")"
await 20 said 1 '^registered restart 3' || fail "the new name does not register: $(tail -n 3 "$MGC_SAID")"
put port 2955
reload "another port"
await 20 said 2 '^registered restart 3' || fail "the new port does not register: $(tail -n 3 "$MGC_SAID")"
[[ -z $(in_relay ss -Hlun "sport = :2944") ]] || fail "the old port is open still"
put port 2956
put address "$CONTROL_RELAY"
reload "another address"
await 20 said 3 '^registered restart 3' || fail "the new address does not register: $(tail -n 3 "$MGC_SAID")"
in_relay ss -Hlun "src $CONTROL_RELAY:2956" | grep -q . || fail "not at its address: $(in_relay ss -lun)"
put profile other/2
reload "another profile"
await 20 said 4 '^registered restart 3' || fail "a profile is not offered: $(tail -n 3 "$MGC_SAID")"
assert_eq "ends that were told" "$(grep -c '^registered forced' "$MGC_SAID")" 3

# The form of what is sent: seen on the wire.
capture form in_relay control1
# sent BEGINNING: a message of ours that begins so.
sent() { tshark -r "$TMP/form.pcapng" -Y "udp.srcport == 2956 && frame contains \"$1\" && frame contains \"mg7.example.net\"" 2>/dev/null | grep -q .; }
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
await 10 sent MEGACO/3 || fail "the long form is not on the wire"
! sent '!/3' || fail "the short form is on the wire before"
put brief true
reload "the short form"
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
await 10 sent '!/3' || fail "the short form is not on the wire"
captures_end
note "name, port, address, profile and form, each at a reload"

# ---- what cannot be ----

# shellcheck disable=SC2016 # python's
in_relay timeout 60 python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 2957))
time.sleep(60)' "$CONTROL_RELAY" &
STARTED+=($!)
taken() { in_relay ss -Hlun "sport = :2957" | grep -q .; }
await 10 taken || fail "the port is not taken"
put port 2957
! fl reload >"$TMP/reload" 2>&1 || fail "a port that somebody has is taken"
grep -q 'UDP port 2957 for H.248 (gateway.h248-address)' "$TMP/reload" || fail "not told so: $(<"$TMP/reload")"
ask "Context = $C { AuditValue = $A { Audit { Media } } }"
replied "m=audio $PORT RTP/AVP"
put port 2956

# ---- none is left ----

put controllers '[]'
reload "the last controller's end"
await 10 said 4 '^registered forced' || fail "it is not told: $(tail -n 3 "$MGC_SAID")"
closed() { [[ -z $(in_relay ss -Hlun "sport = :2956") ]]; }
await 40 closed || fail "a port is open for nobody"
assert_eq "without controllers" "$(in_charge)" null
echoed "$PORT" || fail "the call ends with its controller"
put controllers "[{address: $CONTROL_SIP}]"
reload "a controller again"
await 20 said 5 '^registered restart 3' || fail "it does not register again: $(tail -n 3 "$MGC_SAID")"
ask "Context = $C { W-Subtract = * { Audit { } } }"
replied 'S=*'
wrong
one
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
