#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R71, R73, R74: nothing is stored for an unauthenticated request. A million Allocates without
# credentials (RFC 8656 section 7.1, RFC 8489 section 9.2.3), a million datagrams of garbage and
# requests with wrong passwords, while media flows: memory of both processes, every table and the
# state file are the same before and after, no media is dropped in the dataplane, every packet is
# accounted for, and the next client is served at once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
COUNT=1000000
SLACK_KB=512 # of the C library's own caches
FILE=$OWN_RUN/allocations.state
MEMORY=(VmRSS HugetlbPages VmData)

# memory PID: kB of each kind.
memory()
{
	local kind
	for kind in "${MEMORY[@]}"; do
		awk -v k="$kind:" '$1 == k { print $2 }' "/proc/$1/status"
	done
}

tables()
{
	fl_json status '.allocations | del(.kept) | to_entries[] | "\(.key) \(.value)"'
	fl_json status '.users.active'
	echo "$(counter sessions) sessions, $(counter peers) peers"
}

flood() { in_client "$BUILD/tests/e2e/flood" "$1" "$2" "$3" 3478 >"$TMP/sent"; }

# wrong_passwords COUNT: users that are and are not there, with a nonce that is right.
wrong_passwords()
{
	in_client env PYTHONPATH="$ROOT/tests/e2e" python3 - "$1" <<-END
		import sys, stunlib as s
		c = s.Client("$FLOOD4", password="no")
		for i in range(int(sys.argv[1])):
		    c.user = "demo" if i % 2 else f"user{i}"
		    reply = c.allocate()
		    assert reply.error() == 401, reply.error()
	END
}

# same WHAT COMMAND: until it prints what it printed before, since tables empty in their time.
same() { diff <("$2") "$TMP/$1" >"$TMP/$1.diff"; }

# unchanged WHICH: both processes are as big as before, up to SLACK_KB.
unchanged()
{
	local name now was i
	for name in dp cp; do
		mapfile -t now < <(memory "$(cat "$RUN/fairlead-$name.pid")")
		mapfile -t was <"$TMP/$name"
		for i in "${!MEMORY[@]}"; do
			assert_num "fairlead-$name's ${MEMORY[i]} in kB after $1, ${was[i]} before" "${now[i]}" \
				-le $((was[i] + SLACK_KB))
		done
	done
}

# under NAME COMMAND...: media flows meanwhile, and the relay loses none of it.
under()
{
	local name=$1 missed
	shift
	missed=$(unheard)
	media_drops >"$TMP/media_drops"
	load media go
	load_more media received 100
	"$@" || fail "$name: does not run"
	load_more media received 100
	load media pause
	media_spared "$name" "$missed"
	assert "$name: fairlead-dp lives" test -e "/proc/$dp/exe"
	assert "$name: fairlead-cp lives" test -e "/proc/$cp/exe"
	await 10 accounted || fail "$name: packets are not accounted for: $(fl --json accounting)"
	await 10 same tables tables || fail "$name: tables differ: $(cat "$TMP/tables.diff")"
	await 10 buffers_back || fail "$name: free packet buffers: $(counter mbufs_free) of $buffers"
	assert_num "$name: neighbours, addresses of three links" "$(counter neighbours)" -le 12
	cmp "$FILE" "$TMP/state" || fail "$name: the state file differs"
	assert_eq "$name: size of the state file" "$(stat -c %s "$FILE")" "$(stat -c %s "$TMP/state")"
	unchanged "$name"
}

# A port keeps what it sent last until it sends again.
buffers_back() { (($(counter mbufs_free) >= buffers - 64)); }

flood_config >"$TMP/quickstart" # without what other clients left
dp=$(dp_pid) cp=$(cp_pid)
load_start media media --legs 8 --rate 500
# Rings, pools and the cache of users, all of fixed size, are touched for the first time.
load media go
flood allocate 50000 "$FLOOD4"
flood garbage 50000 "$FLOOD6"
wrong_passwords 20000
load_more media received 500
load media pause
await 10 accounted || fail "packets are not accounted for"
memory "$dp" >"$TMP/dp"
memory "$cp" >"$TMP/cp"
tables >"$TMP/tables"
buffers=$(counter mbufs_free)
cp "$FILE" "$TMP/state"

under "Allocates without credentials" flood allocate $COUNT "$FLOOD4"
assert_eq "Allocates sent" "$(cat "$TMP/sent")" $COUNT
under "garbage" flood garbage $((COUNT / 2)) "$FLOOD4"
under "garbage over IPv6" flood garbage $((COUNT / 2)) "$FLOOD6"
under "wrong passwords" wrong_passwords 5000

start_peer
uclient "$TMP/uclient" -c -e "$PEER4" -n 100 -m 2 "$SERVER4" || fail "$(tail -n 3 "$TMP/uclient")"
assert_eq "messages of the next client" "$(uclient_received "$TMP/uclient")" 200
load media renew
load media go
load_more media received 1000
load_clean media
load media quit
