#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Users and secrets of a relay that runs, by coturn's client: who guesses is counted and told in a line that
# fail2ban takes, and a challenge is not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

LOG=$RUN/fairlead-cp.log

# allocates LOG USER PASSWORD: relays a message as that user.
allocates()
{
	in_client timeout 60 turnutils_uclient -u "$2" -w "$3" -r 3480 -n 1 -m 1 -c -e "$PEER4" "$SERVER4" >"$1" 2>&1
}
wrong() { in_relay curl -sSf http://127.0.0.1:9643/metrics | sed -n 's/^fairlead_auth_wrong_total //p'; }

# banned_of FILE: whom fail2ban would ban for the lines of a log, as syslog has them.
banned_of()
{
	sed 's/^/Nov 25 12:03:00 node fairlead-cp[7]: /' "$1" >"$TMP/syslog"
	fail2ban-regex -c "$TMP/fail2ban" -o ip "$TMP/syslog" fairlead | xargs
}

# ---- guesses ----

start_peer
before=$(wrong)
allocates "$TMP/right" demo fairlead || fail "demo is not served: $(tail -n 3 "$TMP/right")"
assert_eq "challenges that count as guesses" "$(wrong)" "$before"
: >"$TMP/lines"
! grep 'authentication failed' "$LOG" >"$TMP/lines" || fail "a right client is told: $(<"$TMP/lines")"
! allocates "$TMP/guess" 'de"mo' guess || fail "a guess is let in"
assert_num "guesses counted" "$(wrong)" -gt "$before"
grep 'authentication failed' "$LOG" >"$TMP/lines" || fail "a guess is not told"

cp -r /etc/fail2ban "$TMP/fail2ban"
cp "$ROOT/conf/fail2ban/fairlead.conf" "$TMP/fail2ban/filter.d/"
assert_eq "whom fail2ban sees" "$(banned_of "$TMP/lines" | tr ' ' '\n' | sort -u | xargs)" "$CLIENT4"
assert_num "lines that fail2ban takes" "$(banned_of "$TMP/lines" | wc -w)" -eq "$(wc -l <"$TMP/lines")"
cat >"$TMP/others" <<-'END'
	fairlead-cp: authentication failed: address 2001:db8::7 port 50000 user "bob" (12 messages before this one were held back)
	fairlead-cp: authentication failed: address 192.0.2.8 port 50000 user "a?b??[2J address 192.0.2.9 port 1 user x"
	fairlead-cp: authentication failed: address 192.0.2.10 port 50000 user "-"
	fairlead-cp: stopping on SIGTERM; authentication failed: address 192.0.2.11 port 5 user "x"
	fairlead-cp: audit: authentication failed: address 192.0.2.12 port 5 user "x"
END
assert_eq "other lines" "$(banned_of "$TMP/others")" "2001:db8::7 192.0.2.8 192.0.2.10"
note "a guess is counted, told, and taken by fail2ban; a challenge is not"
