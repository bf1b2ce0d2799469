#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The secret of session tickets is another one by reload, by name and in the same file, while media loses
# nothing: what was sealed with the old one resumes nothing any more, what is sealed from then on does.
# A file that others can read changes nothing, and is named with its line.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"

s_client() { in_client timeout 20 openssl s_client -connect "$SERVER4:5349" -CAfile "$CA" -tls1_2 "$@" </dev/null 2>&1; }
session() { s_client -sess_out "$1" | grep -q '^New, TLSv1.2' || fail "no session"; }
resumes() { s_client -sess_in "$1" | grep -q '^Reused, TLSv1.2'; }
resumes_not() { ! resumes "$1"; }
# seals NAME: tickets of a new session are good, with the keys that there are now.
seals() { session "$1" && resumes "$1"; }
secret() { sed -i "/^tls:/,/^[a-z]/s|^  ticket-secret: .*|  ticket-secret: $1|" "$CONFIG"; }
# secret_write FILE MODE
secret_write()
{
	head -c 48 /dev/urandom >"$1.new"
	chmod "$2" "$1.new"
	owned "$1.new"
	mv "$1.new" "$1"
}
reload() { fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"; }

relay_start "$SAMPLE" >"$TMP/quickstart" # without what other tests left
load_start media media --rate 1000 --legs 4
load media go
seals "$TMP/own" || fail "tickets of our own secret are not good"

secret_write "$TMP/a" 0600
secret "$TMP/a"
reload "another secret"
grep -A1 '^tls.ticket-secret: ' "$TMP/reload" | grep -q 'in force: live; lost: sessions that tickets of the old secret' ||
	fail "reload: $(<"$TMP/reload")"
await 10 resumes_not "$TMP/own" || fail "a ticket of our own secret is good after another came into force"
seals "$TMP/a.session" || fail "tickets of the first file are not good"
reload "the same secret"
resumes "$TMP/a.session" || fail "a reload without another secret spoils tickets"

cp -p "$TMP/a" "$TMP/a.was"
secret_write "$TMP/a" 0600
reload "another secret in the same file"
await 10 resumes_not "$TMP/a.session" || fail "a ticket of the first secret is good"
seals "$TMP/b.session" || fail "tickets of the second secret are not good"
mv "$TMP/a.was" "$TMP/a"
reload "the first secret again"
await 10 resumes "$TMP/a.session" || fail "a ticket of the first secret is not good with it"

secret_write "$TMP/open" 0644
secret "$TMP/open"
! fl reload >"$TMP/reload" 2>&1 || fail "a secret that others can read is taken"
line=$(grep -n '^  ticket-secret: ' "$CONFIG" | cut -d: -f1)
grep -q "nothing has changed: $CONFIG:$line: tls.ticket-secret: $TMP/open " "$TMP/reload" || fail "which, and why: $(<"$TMP/reload")"
resumes "$TMP/a.session" || fail "a reload that failed spoils tickets"
note "the secret of session tickets has changed three times"
load_clean media
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
