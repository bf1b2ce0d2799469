#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70 for TCP: fairlead-cp is killed, or restarted as its unit does it (RestartKillSignal=), and connections of
# clients, of peers and joined ones go on; a request that came meanwhile is answered by its successor, which knows
# the allocations. With fairlead-dp they end, and fairlead-cp forgets them, so that their clients can come again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

allocations() { [[ $(fl_json status .allocations.count) == "$1" ]]; }

# goes_on WORD: the next thing the clients say.
goes_on()
{
	local word
	read -r -t 60 -u 4 word && [[ $word == "$1" ]] || fail "not $1: $(tail -n 3 "$TMP/clients.log")"
}

relay_config >"$TMP/quickstart" # without allocations that another test's clients left to expire
start_peer
mkfifo "$TMP/in" "$TMP/out"
start "$TMP/clients" bash -c "exec python3 '$E2E/tcp_restart.py' <'$TMP/in' >'$TMP/out' 2>'$TMP/clients.log'"
exec 3>"$TMP/in" 4<"$TMP/out"
goes_on up
for signal in KILL INT; do
	cp=$(cp_pid)
	kill -$signal "$cp"
	await 10 ended "$cp" || fail "fairlead-cp survives SIG$signal"
	echo >&3
	goes_on asked
	start_cp
	await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
	assert_eq "allocations kept after SIG$signal" "$(fl_json status .allocations.kept)" 2
	echo >&3
	goes_on kept
done
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
dp=$(dp_pid)
kill -KILL "$dp"
await 10 ended "$dp" || fail "fairlead-dp survives SIGKILL"
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "fairlead-dp does not come back"
await 20 synced || fail "the new fairlead-dp is not attached to"
await 5 allocations 0 || fail "allocations without connections: $(fl_json status .allocations.count)"
echo >&3
goes_on again
echo >&3
await 10 allocations 0 || fail "left after all clients are gone: $(fl_json status .allocations.count)"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
