#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The command line at a running relay: check has the exit status and the line that monitoring wants, for a
# relay that is well, one that is drained, a worker that stands still, a certificate that ends, a control process
# that is gone and a command line that is wrong; --watch looks again and again, also past a restart; colour is on
# terminals only; a mistyped word gets the right one, and all mistakes are told at once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# check CODE ARGUMENT...: its line is in $TMP/check.
check()
{
	local want=$1 got=0
	shift
	fl check "$@" >"$TMP/check" 2>"$TMP/check.err" || got=$?
	assert_eq "exit status of check $*: $(<"$TMP/check") $(<"$TMP/check.err")" "$got" "$want"
}
says() { grep -qE "$1" "$TMP/check" || fail "check does not say '$1': $(<"$TMP/check")"; }
is_critical() { fl check >"$TMP/check" 2>&1; (($? == 2)); }
is_well() { fl check >"$TMP/check" 2>&1; }

# ---- check ----

check 0
says '^FAIRLEAD OK: [0-9,]+ allocations, 2 of 2 ports up, certificates for [0-9]+ days \| allocations=[0-9]+;;;0;[0-9]+ '
assert_num "lines of a relay that is well" "$(wc -l <"$TMP/check")" -eq 1
days=$(fl --json tls | jq '[.certificates[].days_left] | min')
says " certificate_days=$days;14:;3:;0;$"
check 1 --days $((days + 1)),0
says "^FAIRLEAD WARNING: certificate .* ends in $days days"
check 2 --days $((days + 1)),$((days + 1))
check 0 --json
assert_eq "state as JSON" "$(jq -r .state "$TMP/check")" OK
fl drain >"$TMP/drain"
check 1
says '^FAIRLEAD WARNING: the node is being drained'
fl undrain >"$TMP/drain"
check 3 --dys 4 --drops x
says '^FAIRLEAD UNKNOWN: '
assert_eq "mistakes" "$(<"$TMP/check.err")" 'fairlead: unknown option --dys: did you mean --days?
fairlead: --drops takes packets a second, as 1,100, not x
fairlead: see "fairlead check --help"'

dp_goes_on() { kill -CONT "$(cat "$RUN/fairlead-dp.pid")"; }
AT_END=dp_goes_on
kill -STOP "$(cat "$RUN/fairlead-dp.pid")"
await 20 is_critical || fail "workers that stand still are not seen: $(<"$TMP/check")"
says '^FAIRLEAD CRITICAL: worker [0-9]+ has made no turn for [0-9]+ s'
dp_goes_on
await 20 is_well || fail "that they go on is not seen: $(<"$TMP/check")"
note "check tells how the relay is"

# ---- mistakes ----

# mistake COMMAND... as in: mistake "did you mean status" statsu
mistake()
{
	local want=$1 got=0
	shift
	fl "$@" >"$TMP/mistake" 2>&1 || got=$?
	assert_eq "exit status of '$*'" "$got" 2
	grep -qF "$want" "$TMP/mistake" || fail "'$*' does not say '$want': $(<"$TMP/mistake")"
}
mistake 'unknown command statsu: did you mean status?' statsu
mistake 'unknown after tls: relaod: did you mean reload?' tls relaod
mistake 'unknown after user: lsit: did you mean list?' user lsit
mistake 'unknown option --limti: did you mean --limit?' sessions --limti 4
mistake 'unexpected everything' tcp everything --al1
assert_eq "sentences" "$(wc -l <"$TMP/mistake")" 3

# ---- watch, and colour ----

# on_terminal COMMAND...: what a terminal gets of it.
on_terminal() { in_relay env TERM=xterm script -qefc "$(printf '%q ' "$BUILD/fairlead" --config "$CONFIG" "$@")" /dev/null </dev/null; }
lines() { (($(wc -l <"$1") >= $2)); }
ESC=$'\e'
on_terminal ports >"$TMP/terminal"
grep -qF "core    ${ESC}[32mup${ESC}[0m" "$TMP/terminal" || fail "no colour: $(cat -v "$TMP/terminal")"
NO_COLOR=1 on_terminal ports >"$TMP/terminal"
! grep -qF "$ESC" "$TMP/terminal" || fail "colour in spite of NO_COLOR: $(cat -v "$TMP/terminal")"
fl ports >"$TMP/plain"
! grep -qF "$ESC" "$TMP/plain" || fail "colour in a file"

start "$TMP/watched" in_relay "$BUILD/fairlead" --config "$CONFIG" status --watch --json
await 20 lines "$TMP/watched" 3 || fail "it is not watched: $(<"$TMP/watched")"
assert_eq "what is no status" "$(jq -r 'select(.version == null)' "$TMP/watched")" ""
watcher=$PID
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
missed() { grep -q '^fairlead: ' "$TMP/watched"; }
await 20 missed || fail "that it is gone is not told"
check 2
says '^FAIRLEAD CRITICAL: cannot reach the control process'
start_cp
await 20 is_well || fail "it is not well again: $(<"$TMP/check")"
looks() { grep -c '^{' "$TMP/watched"; }
seen=$(looks)
sees_more() { (($(looks) > seen)); }
await 20 sees_more || fail "it is not watched on: $(tail -n 2 "$TMP/watched")"
kill "$watcher"
note "watched past the end of the control process"
