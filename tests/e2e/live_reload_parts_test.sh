#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Files of conf.d are one configuration with the main file, for both processes: both start with them,
# take them up at a reload, and refuse a value that is given twice, with both places.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

PARTS=$RUN/conf.d

# runs KEY: its value.
runs() { fl --json config show | jq -r ".keys[] | select(.key == \"$1\").value"; }
# put FILE LINE...: a part.
put() { printf '%s\n' "${@:2}" >"$PARTS/$1"; }
client() { uclient "$TMP/client" -n 1 -m 1 -c -e 10.2.0.2 10.1.0.1; }

# ---- at a start: a listener of a part is both processes' ----

mkdir "$TMP/conf.d"
printf '%s\n' 'turn:' '  reservation-lifetime: 32' >"$TMP/conf.d/10-turn.yaml"
printf '%s\n' 'listeners:' '  - {address: 10.1.0.1, port: 3999}' >"$TMP/conf.d/20-listener.yaml"
relay_config '/^  reservation-lifetime: /d' >"$TMP/quickstart"
start_peer 3480
assert_eq "a value of a part" "$(runs turn.reservation-lifetime)" 32
fl --json config show | jq -r '.parts[]' >"$TMP/parts"
assert_eq "the parts" "$(paste -sd ' ' "$TMP/parts")" "$PARTS/10-turn.yaml $PARTS/20-listener.yaml"
fl config show | grep -qF "Read from $CONFIG, $PARTS/10-turn.yaml" || fail "config show does not name the files"
uclient "$TMP/client" -p 3999 -n 1 -m 1 -c -e 10.2.0.2 10.1.0.1 || fail "the listener of a part: $(tail -n 3 "$TMP/client")"
fl config diff | grep -q '^Nothing differs from what runs.$' || fail "it differs from its files: $(fl config diff)"

# ---- at a reload: what both processes have, and policy ----

put 10-turn.yaml 'turn:' '  reservation-lifetime: 33'
put 30-peers.yaml 'peers:' '  deny: [10.2.0.0/16]'
client || fail "before the reload: $(tail -n 3 "$TMP/client")"
sed -i '/^  idle-max-us: /d' "$CONFIG"
put 40-idle.yaml 'dataplane:' '  idle-max-us: 77'
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
assert_eq "live" "$(runs turn.reservation-lifetime)" 33
assert_eq "of both processes" "$(runs dataplane.idle-max-us)" 77
! client || fail "a peer that a part denies can be reached"
grep -q 'error 403' "$TMP/client" || fail "not the policy: $(tail -n 3 "$TMP/client")"
rm "$PARTS/30-peers.yaml"
kill -HUP "$(cp_pid)"
taken() { grep -q 'reload: peers.deny is .* now' "$RUN/fairlead-cp.log"; }
await 10 taken || fail "SIGHUP: $(tail -n 3 "$RUN/fairlead-cp.log")"
await 10 client || fail "a part that is gone denies still: $(tail -n 3 "$TMP/client")"

# ---- mistakes change nothing ----

put 50-twice.yaml '# mine' 'turn:' '  reservation-lifetime: 40'
want="$PARTS/50-twice.yaml:3: turn.reservation-lifetime: is given already, in line 2 of conf.d/10-turn.yaml"
! fl reload >"$TMP/reload" 2>&1 || fail "a value that is given twice is taken"
grep -qF "$want" "$TMP/reload" || fail "it does not say '$want': $(<"$TMP/reload")"
for program in "fairlead-cp --check-config" "fairlead-cp --config" "fairlead-dp --config"; do
	read -r name option <<<"$program"
	! in_relay timeout 60 "$BUILD/$name" "$option" "$CONFIG" >"$TMP/said" 2>&1 </dev/null || fail "$program takes it"
	grep -qF "$want" "$TMP/said" || fail "$program does not say '$want': $(<"$TMP/said")"
done
rm "$PARTS/50-twice.yaml"
mkfifo "$PARTS/50-fifo.yaml"
! fl reload >"$TMP/reload" 2>&1 || fail "a FIFO is taken"
grep -q '50-fifo.yaml: cannot be read: it is no ordinary file' "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
rm "$PARTS/50-fifo.yaml"
assert_eq "as before" "$(runs turn.reservation-lifetime)" 33
