#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# conf/quickstart.sh as scripts outside the tree use it: running it twice is harmless, --down
# leaves nothing, and after it everything comes up again. It touches nothing of a relay that is
# installed on the same machine, not even while that one runs.
#
# Alone: the names of an installed relay are the whole machine's.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
OWN_CONFIG=1 # the relay is restarted here

quickstart() { "$ROOT/conf/quickstart.sh" "$@" >"$TMP/log" 2>&1 || fail "quickstart $*: $(tail -n 5 "$TMP/log")"; }

dp=$(dp_pid) cp=$(cp_pid)
quickstart --detach
assert_eq "fairlead-dp after --detach of what runs" "$(dp_pid)" "$dp"
assert_eq "fairlead-cp after --detach of what runs" "$(cp_pid)" "$cp"
quickstart
assert_eq "fairlead-dp after a second start" "$(dp_pid)" "$dp"

kill "$cp"
await 15 ended "$cp" || fail "fairlead-cp does not end when asked"
quickstart --detach
assert_eq "fairlead-dp while fairlead-cp was replaced" "$(dp_pid)" "$dp"
assert "attached again" attached

quickstart --down
assert "fairlead-dp has ended" ended "$dp"
for ns in fl-client fl-relay fl-peer; do
	! ip netns list | grep -qw -- "$ns" || fail "namespace $ns is still there"
done
assert "no runtime directory" test ! -e "$RUN"
quickstart --down

quickstart --detach
assert "attached after a fresh start" attached
fl --json user list | grep -q demo || fail "user demo is not there"

# ---- beside an installed relay ----

INSTALLED=(/run/fairlead /var/lib/fairlead /etc/fairlead)
MADE=()
AT_END=uninstall
uninstall() { ((${#MADE[@]} == 0)) || rm -rf "${MADE[@]}"; }
installed() { find "${INSTALLED[@]}" -printf '%p %i %m %s %T@ %l\n' | sort; }

quickstart --down
for dir in "${INSTALLED[@]}"; do
	if [[ ! -e $dir ]]; then
		MADE+=("$dir")
		mkdir "$dir"
		echo "of the relay that is installed" >"$dir/fairlead.yaml"
	fi
done
if [[ " ${MADE[*]} " == *" /run/fairlead "* ]]; then
	start "$TMP/socket" python3 -uc 'import socket
dp = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
dp.bind("/run/fairlead/dp.sock")
dp.listen()
print("listens")
while True: dp.accept()'
	await 10 grep -q listens "$TMP/socket" || fail "no socket: $(cat "$TMP/socket")"
fi
installed >"$TMP/before"
quickstart --detach
assert "attached beside it" attached
assert_eq "the configuration in force" "$(fl_json status .config)" "$CONFIG"
quickstart --detach
quickstart --down
installed >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "an installed relay's files are not what they were"
