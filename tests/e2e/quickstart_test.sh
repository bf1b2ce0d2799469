#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# conf/quickstart.sh as scripts outside the tree use it: running it twice is harmless, --down
# leaves nothing, and after it everything comes up again. It touches nothing of a relay that is
# installed on the same machine, not even while that one runs, makes nothing where one would be, and
# gives back those huge pages that it added. fairlead-cp is a user's that has no rights and is nobody else's, also
# where he cannot reach what was built.
#
# Alone: the names of an installed relay are the whole machine's, and so are huge pages.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
OWN_CONFIG=1 # the relay is restarted here

INSTALLED=(/run/fairlead /var/lib/fairlead /etc/fairlead)
PAGES=/proc/sys/vm/nr_hugepages
HAD=
MADE=()
AT_END=uninstall
uninstall()
{
	"$ROOT/conf/quickstart.sh" --down >/dev/null || true
	[[ -z $HAD ]] || echo "$HAD" >$PAGES
	((${#MADE[@]} == 0)) || rm -rf "${MADE[@]}"
}
installed() { { find "${INSTALLED[@]}" -printf '%p %i %m %s %T@ %l\n' 2>/dev/null || true; } | sort; }
# As in conf/quickstart.sh: without the pages of a process that has not quite ended.
pages() { awk '/^HugePages_Total:/ { n += $2 } /^HugePages_Surp:/ { n -= $2 } END { print n }' /proc/meminfo; }
free_pages() { awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo; }
quickstart() { "$ROOT/conf/quickstart.sh" "$@" >"$TMP/log" 2>&1 || fail "quickstart $*: $(tail -n 5 "$TMP/log")"; }

dp=$(dp_pid) cp=$(cp_pid)
quickstart --detach
assert_eq "fairlead-dp after --detach of what runs" "$(dp_pid)" "$dp"
assert_eq "fairlead-cp after --detach of what runs" "$(cp_pid)" "$cp"
quickstart
assert_eq "fairlead-dp after a second start" "$(dp_pid)" "$dp"

# without_rights PID: of the user, and with no capability.
without_rights()
{
	assert_eq "whose fairlead-cp is" "$(stat -c %U "/proc/$1")" fairlead-quickstart
	assert_eq "its capabilities" "$(grep -hE '^Cap(Inh|Prm|Eff|Bnd|Amb)' "/proc/$1/status" | cut -f2 | sort -u)" 0000000000000000
}
without_rights "$cp"
assert_eq "what others have in its directories" "$(find "$OWN_RUN" "$OWN_STATE" ! -user fairlead-quickstart)" ""
assert_eq "what it has elsewhere" "$(find "$RUN" "$STATE" -user fairlead-quickstart ! -path "$OWN_RUN*" ! -path "$OWN_STATE*")" ""

kill "$cp"
await 15 ended "$cp" || fail "fairlead-cp does not end when asked"
quickstart --detach
assert_eq "fairlead-dp while fairlead-cp was replaced" "$(dp_pid)" "$dp"
assert "attached again" attached

# Another configuration than that of what runs is not left out in silence.
! FAIRLEAD_CONFIG=$TMP/other.yaml "$ROOT/conf/quickstart.sh" --detach >"$TMP/log" 2>&1 || fail "another configuration is left out"
assert "it says which one runs" grep -q "^quickstart: the relay runs with a copy of $SAMPLE, not of $TMP/other.yaml: take it down first" "$TMP/log"
FAIRLEAD_CONFIG=$SAMPLE quickstart --detach
FAIRLEAD_CONFIG=$CONFIG quickstart --detach
assert_eq "fairlead-dp after other configurations" "$(dp_pid)" "$dp"

# Who takes it down waits for who is about to bring it up.
start "$TMP/held" flock --no-fork "$RUN.lock" sh -c "echo held; exec sleep 600"
HOLDER=$PID
await 10 grep -q held "$TMP/held" || fail "the lock is not to be had"
start "$TMP/down.log" "$ROOT/conf/quickstart.sh" --down
DOWN=$PID
await 10 grep -q "another one is at work" "$TMP/down.log" || fail "--down waits for nobody: $(cat "$TMP/down.log")"
! ended "$dp" || fail "--down does not wait"
kill "$HOLDER"
await 60 ended "$DOWN" || fail "--down does not end: $(cat "$TMP/down.log")"
assert "fairlead-dp has ended" ended "$dp"
for ns in fl-client fl-relay fl-peer; do
	! ip netns list | grep -qw -- "$ns" || fail "namespace $ns is still there"
done
assert "no runtime directory" test ! -e "$RUN"
quickstart --down

# Who waits for another one knows for whom, and takes nothing of his down when he is told to end. The first is kept
# from its end by a command line that answers when it may.
mkdir "$TMP/slow"
ln -s "$BUILD"/fairlead-{cp,dp} "$TMP/slow"
printf '#!/bin/sh\nuntil [ -e %q ]; do sleep 0.1; done\nexec %q "$@"\n' "$TMP/go" "$BUILD/fairlead" >"$TMP/slow/fairlead"
chmod +x "$TMP/slow/fairlead"
start "$TMP/first.log" env FAIRLEAD_BUILD="$TMP/slow" "$ROOT/conf/quickstart.sh" --detach
FIRST=$PID
await 60 grep -q "starting fairlead-cp" "$TMP/first.log" || fail "it does not start: $(cat "$TMP/first.log")"
for command in --detach --check ""; do
	start "$TMP/second.log" "$ROOT/conf/quickstart.sh" ${command:+"$command"}
	SECOND=$PID
	await 10 grep -q "another one is at work: process $FIRST, conf/quickstart.sh --detach of $ROOT; waiting" "$TMP/second.log" ||
		fail "it does not say for whom it waits: $(cat "$TMP/second.log")"
	kill "$SECOND"
	await 10 ended "$SECOND" || fail "'$command' does not end while it waits: $(cat "$TMP/second.log")"
done
touch "$TMP/go"
await 60 ended "$FIRST" || fail "the first does not come to its end: $(cat "$TMP/first.log")"
assert "what the first has started" attached

# Nor does the end of a check take down what somebody has meanwhile asked to stay.
quickstart --down
start "$TMP/check.log" "$ROOT/conf/quickstart.sh" --check
CHECK=$PID
await 60 grep -q "relaying with" "$TMP/check.log" || fail "no check: $(cat "$TMP/check.log")"
quickstart --detach
await 60 ended "$CHECK" || fail "the check does not end: $(cat "$TMP/check.log")"
assert "it works" grep -q "verdict: the relay works" "$TMP/check.log"
assert "what was asked to stay" attached
quickstart --down

# The relay starts where no huge page is free, and meanwhile somebody reserves five more.
installed >"$TMP/before"
HAD=$(pages)
echo $((HAD - $(free_pages))) >$PAGES
had=$(pages)
quickstart --detach
assert "attached after a fresh start" attached
installed >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "something is made where a relay would be installed"
fl --json user list | grep -q demo || fail "user demo is not there"

now=$(pages)
assert_num "huge pages with the relay" "$now" -gt "$had"
echo $((now + 5)) >$PAGES
quickstart --detach
assert_eq "huge pages after --detach of what runs" "$(pages)" $((now + 5))
quickstart --down
assert_eq "huge pages after --down" "$(pages)" $((had + 5))

# One page is missing, and meanwhile somebody takes back more than that one.
echo $((now - 1)) >$PAGES
quickstart --detach
assert_eq "huge pages with one more" "$(pages)" "$now"
echo $((now - 6)) >$PAGES
quickstart --down
assert_eq "huge pages after --down, fewer than before" "$(pages)" $((now - 6))

# ---- beside an installed relay ----

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
if [[ " ${MADE[*]} " == *" /etc/fairlead "* ]]; then
	echo "hugepages 2M 600" >/etc/fairlead/setup.conf
	echo $((had + 600)) >$PAGES
fi
free=$(free_pages)
installed >"$TMP/before"
quickstart --detach
assert "attached beside it" attached
assert_num "huge pages that are free for it" "$(free_pages)" -ge "$free"
assert_eq "the configuration in force" "$(fl_json status .config)" "$CONFIG"
quickstart --detach
quickstart --down
installed >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "an installed relay's files are not what they were"

# The defaults of what a configuration leaves out are that relay's files.
sed -E '/^  (socket|users-db|state|contexts): \//d' "$SAMPLE" >"$TMP/short.yaml"
FAIRLEAD_CONFIG=$TMP/short.yaml quickstart --detach
assert "attached with a short configuration" attached
quickstart --down
installed >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "a short configuration uses an installed relay's files"

# Programs in a directory that is closed to that user.
mkdir -m 700 "$TMP/bin"
cp "$BUILD"/fairlead{,-cp,-dp} "$TMP/bin"
FAIRLEAD_BUILD=$TMP/bin quickstart --detach
assert "attached with programs that its user cannot reach" attached
without_rights "$(cp_pid)"
quickstart --down
