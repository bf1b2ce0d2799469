#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70: no change of the configuration and no loss of a state file ends a call. Under media fairlead-cp
# is restarted with other limits, more of them and fewer than there are; with its state files gone; with
# limits that fairlead-dp does not have, which make it wait until that is restarted, too, and with another listener.
# Relayed addresses, permissions and channels stay, clients refresh, and nothing that fairlead-dp does
# not have to lose is lost. --check-config tells what each change costs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
COMPONENTS=16

end_cp() { local pid; pid=$(cp_pid); kill "$pid"; await 10 ended "$pid" || fail "fairlead-cp does not end"; }

revive_cp()
{
	start_cp
	await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
}

sessions()
{
	fl --json sessions --peers --limit 0 | jq -S '.sessions |
		map(select(.transport == "udp") | {client, relayed, permissions: (.permissions | map(.peer) | sort),
		channels: (.channels | map(del(.expires_s)) | sort)}) | sort_by(.client)'
}

# edit SED: the configuration in force.
edit()
{
	local before
	before=$(md5sum <"$CONFIG")
	sed -i -e "$1" "$CONFIG"
	[[ $before != "$(md5sum <"$CONFIG")" ]] || fail "'$1' changes nothing"
}

# survived WHAT: clients have lost nothing while fairlead-cp was another, and go on with it.
survived()
{
	load_more media received 1000
	load_more stream received 200
	sessions >"$TMP/after"
	diff "$TMP/before" "$TMP/after" || fail "$1: other allocations"
	load media renew
	load stream renew
	load_clean media
	load_clean stream
	load media go
	load stream go
	load_more media received 500
	sessions >"$TMP/before" # a renewal asks for a permission more
}

relay_config 's/^  allocations-max:.*/  allocations-max: 20000/' >"$TMP/quickstart"
load_start media media --legs $COMPONENTS --rate 1000
load_start stream media --tcp --legs 4 --rate 200
load media go
load stream go
load_more media received 1000
sessions >"$TMP/before"
dp=$(dp_pid)

end_cp
edit 's/^  allocations-max:.*/  allocations-max: 30000/'
"$BUILD/fairlead-cp" --check-config "$CONFIG" >"$TMP/cost"
assert "--check-config tells of the file" grep -q '^control.state: allocations are carried over' "$TMP/cost"
assert "and of no restart" test "$(grep -c fairlead-dp "$TMP/cost")" -eq 0
revive_cp
survived "more allocations"

end_cp
edit 's/^  allocations-max:.*/  allocations-max: 4/'
revive_cp
survived "fewer allocations than there are"
assert_eq "the limit" "$(fl_json status .allocations.max)" 4
assert_eq "allocations" "$(fl_json status .allocations.count)" $((COMPONENTS + 4))

end_cp
edit 's/^  allocations-max:.*/  allocations-max: 32768/'
rm "$OWN_RUN/allocations.state" "$OWN_RUN/allocations.state.ports"
revive_cp
survived "no state file"
note "$(grep -o '[0-9]* allocations are taken over from the dataplane' "$RUN/fairlead-cp.log" | tail -n 1)"

end_cp
edit 's/^  peers:.*/  peers: 70000/'
edit 's|^listeners:|&\n  - address: 10.1.0.1\n    port: 3479|'
"$BUILD/fairlead-cp" --check-config "$CONFIG" >"$TMP/cost"
assert "--check-config tells of the restart" \
	grep -q '^fairlead-dp has to be started again for dataplane.peers:' "$TMP/cost"
start_cp
refused() { grep -q 'configuration' "$RUN/fairlead-cp.log"; }
await 20 refused || fail "fairlead-cp does not say that fairlead-dp has another configuration"
grep -q 'it runs another configuration: dataplane.peers differs: restart fairlead-dp' "$RUN/fairlead-cp.log" ||
	fail "nor by which key: $(tail -n 3 "$RUN/fairlead-cp.log")"
load_more media received 500
load media pause
kill "$dp"
await 10 ended "$dp" || fail "fairlead-dp does not end"
cp "$CONFIG" "$CONFIG.kept"
FAIRLEAD_CONFIG=$CONFIG.kept FAIRLEAD_BUILD=$BUILD "$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart"
await 20 synced || fail "not attached with both restarted: $(tail -n 3 "$RUN/fairlead-cp.log")"
sessions >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "other listeners and peers: other allocations"
load media go
load_more media received 1000
load_clean media
load media renew
load media quit
