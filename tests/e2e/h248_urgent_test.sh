#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R27, R32, R70: what a controller (erlang-megaco) meets where little is left: calls are refused while the last ports and contexts
# are kept for urgent ones, and an emergency call is served and carries media; it is told of overload
# at each Add, of a drain and its end, and that a gateway without calls goes; names of packages are those of a file.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$(dirname "$0")/mgc.sh"

# put KEY VALUE: in the file, and in force.
put()
{
	sed -i "s|^  $1: .*|  $1: $2|" "$CONFIG"
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -qi 'restart' "$TMP/reload" || fail "$1 waits for a restart: $(<"$TMP/reload")"
}
told() { grep -q "^$1" "$MGC_SAID"; }
call="Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
urgent="Context = \$ { Emergency, ${call#*\{ }"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' 's/^  h248-name: .*/  h248-name: mg1.example.net/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}]|" >"$TMP/quickstart"
control_network
start_peer 3480
mgc_start "$CONTROL_PEER" pretty
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"
ask "$call"
OTHER=$(number)

# ---- what is kept ----

for key in urgent-ports:32768 urgent-contexts:4194304; do
	put "${key%:*}" "${key#*:}"
	ask "$call"
	replied 'ER=510{"'
	replied ' for urgent calls"'
	ask "$urgent"
	C=$(number) PORT=$(port 1)
	await 10 echoed "$PORT" || fail "no echo in an emergency call with $key: $REPLY: $(fl context list)"
	ask "Context = $C { W-Subtract = * { Audit { } } }"
	put "${key%:*}" 0
done
assert_eq "requests withheld" "$(fl_json status .gateway.withheld)" 2
assert_eq "urgent contexts" "$(fl_json status .gateway.urgent)" 2
ask "$call"
ask "Context = $(number) { W-Subtract = * { Audit { } } }"
replied 'S=*'
note "emergency calls are served where others are refused"

# ---- overload ----

put urgent-contexts 4194304
ask 'Context = - { Modify = ROOT { Events = 7 { ocp/mg_overload } } }'
ask "$urgent"
await 10 told 'notify.*"ocp/mg_overload"' || fail "nothing is told of overload: $(tail -n 3 "$MGC_SAID")"
ask "Context = $(number) { W-Subtract = * { Audit { } } }"
assert_eq "times overload was told" "$(fl_json status .gateway.h248.overload)" 2
put urgent-contexts 0

# ---- a drain ----

fl drain --deadline 600 >"$TMP/drain" || fail "drain: $(<"$TMP/drain")"
await 10 told 'registered graceful' || fail "nothing is told of a drain: $(tail -n 3 "$MGC_SAID")"
ask "$call"
replied 'ER=503'
ask "$urgent"
C=$(number) PORT=$(port 1)
await 10 echoed "$PORT" || fail "no echo in an emergency call while the node is drained: $REPLY: $(fl context list)"
ask "Context = $C { W-Subtract = * { Audit { } } }"
fl undrain >"$TMP/drain" || fail "undrain: $(<"$TMP/drain")"
again() { (($(grep -c '^registered restart' "$MGC_SAID") == 2)); }
await 10 again || fail "nothing is told of a drain's end: $(tail -n 3 "$MGC_SAID")"
ask "$call"
ask "Context = $(number) { W-Subtract = * { Audit { } } }"

# ---- names ----

echo 'ipdc-1 ipdc-7' >"$TMP/names"
owned "$TMP/names"
put h248-names "$TMP/names"
ask 'Context = - { AuditValue = ROOT { Audit { Packages } } }'
replied 'root-2,ipdc-7,'
echo 'ipdc-9 ipdc-7' >"$TMP/names"
fl reload >"$TMP/reload" 2>&1 && fail "a name that is none is taken"
grep -q 'line 1: ipdc-9 is no name' "$TMP/reload" || fail "why a name is refused: $(<"$TMP/reload")"

# ---- the end ----

ask "Context = $OTHER { W-Subtract = * { Audit { } } }"
CP=$(cp_pid)
kill "$CP"
await 10 ended "$CP" || fail "fairlead-cp does not end"
await 10 told 'registered forced' || fail "nothing is told of the gateway's end: $(tail -n 3 "$MGC_SAID")"
wrong
