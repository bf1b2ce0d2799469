#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Secrets of time-limited credentials are rotated by reload, two at a time, again and again while calls go on:
# the new one is good from the reload on, the one before it as well, the one before that no more. Clients
# that signed in by any of them lose no numbered packet, over UDP and TCP. A file of three, and one that
# others can read, change nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

SECRETS=$TMP/secrets
secrets()
{
	(umask 077 && printf '%s\n' "$@" >"$SECRETS.new")
	owned "$SECRETS.new"
	mv "$SECRETS.new" "$SECRETS"
}
# by_secret LOG SECRET ARGUMENT...: coturn's client makes a credential with it, as a web service does.
by_secret()
{
	in_client timeout 60 turnutils_uclient -u web -W "$2" -r 3480 -m 1 -c -e $PEER4 "${@:3}" $SERVER4 >"$1" 2>&1
}
good() { by_secret "$TMP/one" "$1" -n 1; }
reload() { fl reload >"$TMP/reload" 2>&1 || fail "reload: $(<"$TMP/reload")"; }
clients() { (($(fl_json status .allocations.count) >= $1)); }

secrets secret1
relay_config "s|^  rest-secret-files: .*|  rest-secret-files: [$SECRETS]|" >"$TMP/quickstart"
start_peer
pids=()
for ((n = 1; n <= 4; n++)); do
	((n == 1)) || secrets "secret$n" "secret$((n - 1))"
	reload
	good "secret$n" || fail "the new secret is not taken: $(tail -n 3 "$TMP/one")"
	((n == 1)) || good "secret$((n - 1))" || fail "the one before is gone too early: $(tail -n 3 "$TMP/one")"
	((n <= 2)) || ! good "secret$((n - 2))" || fail "secret$((n - 2)) is still taken"
	had=$(fl_json status .allocations.count)
	by_secret "$TMP/udp$n" "secret$n" -n 600 &
	pids+=($!)
	by_secret "$TMP/tcp$n" "secret$n" -n 600 -t &
	pids+=($!)
	await 20 clients $((had + 2)) || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp$n" "$TMP/tcp$n")"
done
note "three rotations"

# ---- what cannot be taken ----

secrets secret5 secret4 secret3
! fl reload >"$TMP/reload" 2>&1 || fail "a file of three secrets is taken"
grep -q "nothing has changed: .*$SECRETS" "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
secrets secret5 secret4
chmod 0644 "$SECRETS"
! fl reload >"$TMP/reload" 2>&1 || fail "a file that others can read is taken"
grep -q "nothing has changed: .*mode must be 0600" "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
! good secret5 || fail "its secret is taken"
good secret4 || fail "the secret in force is not taken: $(tail -n 3 "$TMP/one")"
secrets secret5 secret4
reload
good secret5 || fail "the new secret is not taken: $(tail -n 3 "$TMP/one")"

# ---- nobody noticed ----

for pid in "${pids[@]}"; do
	wait "$pid" || fail "a client: $(tail -n 2 "$TMP"/udp? "$TMP"/tcp?)"
done
for ((n = 1; n <= 4; n++)); do
	assert_eq "packets that client $n lost over UDP" "$(uclient_lost "$TMP/udp$n")" 0
	assert_eq "packets that client $n lost over TCP" "$(uclient_lost "$TMP/tcp$n")" 0
done
