#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The database of users is another one by reload, while a call goes on that loses nothing: who is in the new
# one is let in and who is in the old one alone is not, pre-shared keys go with it. One that is not there,
# or no database, changes nothing, is named, and is not made.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# allocates USER PASSWORD: relays a message as that user.
allocates()
{
	in_client timeout 60 turnutils_uclient -u "$1" -w "$2" -r 3480 -n 1 -m 1 -c -e "$PEER4" "$SERVER4" >"$TMP/allocates" 2>&1
}
users_db() { sed -i "/^auth:/,/^ipsec:/s|^  users-db: .*|  users-db: $1|" "$CONFIG"; }
allocations() { fl_json status .allocations.count; }
has_allocations() { (($(allocations) >= $1)); }
# psk_set NAME: a pre-shared key, by the relay that runs.
psk_set()
{
	printf '{"jsonrpc":"2.0","id":1,"method":"psk.set","params":{"identity":"%s","key":"%032d"}}\n' "$1" 7 |
		python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
sys.exit("error" in s.makefile().readline())' "$OWN_RUN/control.sock"
}
# psks: of the file that the configuration names.
psks() { fl psk list | grep -c '^lab'; }

relay_config "s|^    psk: false\$|    psk: true|" >"$TMP/quickstart"
start_peer 3480
first=$(sed -n '/^auth:/,/^ipsec:/s/^  users-db: //p' "$CONFIG")
fl user add old --password one --live >/dev/null
psk_set lab1 || fail "no key is taken"
assert_eq "keys of the first" "$(psks)" 1
in_client timeout 120 turnutils_uclient -u demo -w fairlead -r 3480 -n 600 -m 1 -c -e "$PEER4" "$SERVER4" >"$TMP/call" 2>&1 &
call=$!
await 10 has_allocations 1 || fail "no call: $(tail -n 3 "$TMP/call")"

# ---- what is none changes nothing ----

DB=${first%/*}/second.db
users_db "$DB"
! fl reload >"$TMP/reload" 2>&1 || fail "a database that is not there is taken"
grep -q "nothing has changed: auth.users-db: there is no user database $DB: fairlead user makes it" "$TMP/reload" ||
	fail "which, and why: $(<"$TMP/reload")"
[[ ! -e $DB ]] || fail "a reload that fails has made it"
head -c 8192 /dev/urandom >"$TMP/garbage.db"
owned "$TMP/garbage.db"
users_db "$TMP/garbage.db"
! fl reload >"$TMP/reload" 2>&1 || fail "garbage is taken"
grep -q "nothing has changed: auth.users-db: user database $TMP/garbage.db is damaged or not a database" "$TMP/reload" ||
	fail "which, and why: $(<"$TMP/reload")"
allocates old one || fail "a reload that failed has changed users: $(tail -n 3 "$TMP/allocates")"

# ---- the second, and back ----

users_db "$DB"
fl user add demo --password fairlead >/dev/null
fl user add new --password two >/dev/null
allocates old one || fail "users changed before the reload: $(tail -n 3 "$TMP/allocates")"
fl reload >"$TMP/reload" || fail "reload: $(<"$TMP/reload")"
grep -A1 "^auth.users-db: $first -> $DB\$" "$TMP/reload" | grep -q 'in force: live; lost: users who are in the old file alone' ||
	fail "reload: $(<"$TMP/reload")"
allocates new two || fail "a user of the second is not let in: $(tail -n 3 "$TMP/allocates")"
! allocates old one || fail "a user of the first is let in"
assert_eq "keys of the second" "$(psks)" 0
psk_set lab2 || fail "no key is taken"
assert_eq "keys of the second" "$(psks)" 1
fl user add late --password three --live >/dev/null
fl user list | grep -q '^late ' || fail "changes do not go to the second"
for ((n = 1; n <= 20; n++)); do
	users_db "$first"
	fl reload >"$TMP/reload" || fail "reload $n: $(<"$TMP/reload")"
	psk_set "lab-$n" || fail "no key is taken"
	users_db "$DB"
	fl reload >"$TMP/reload" || fail "reload $n: $(<"$TMP/reload")"
done
assert_eq "keys of the second" "$(psks)" 1
users_db "$first"
assert_eq "keys of the first" "$(psks)" 21
kill -HUP "$(cp_pid)"
await 10 allocates old one || fail "a user of the first is not let in again: $(tail -n 3 "$TMP/allocates")"
! allocates new two || fail "a user of the second is let in"
wait $call || fail "the call: $(tail -n 3 "$TMP/call")"
assert_eq "packets that were lost" "$(uclient_lost "$TMP/call")" 0
note "another database of users, $((2 * n - 1)) times under a call"
