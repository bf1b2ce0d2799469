#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Users and secrets of a relay that runs, by coturn's client: who guesses is counted and told in a line that
# fail2ban takes, and a challenge is not; secrets of files are replaced without turning clients away; users come
# and go, and outlast the process; who asks at the control socket may do what its role says, and is told.
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

# ---- secrets in files ----

SECRETS=$TMP/secrets
# in_force N: so many secrets were read, so often.
in_force() { grep -q "rest-secret-files were read again: $1 secrets are in force" "$LOG"; }
secrets()
{
	(umask 077 && printf '%s\n' "$@" >"$SECRETS.new")
	owned "$SECRETS.new"
	mv "$SECRETS.new" "$SECRETS"
}
# by_secret LOG SECRET: coturn's client makes a credential with it, as a web service does.
by_secret()
{
	in_client timeout 60 turnutils_uclient -u web -W "$2" -r 3480 -n 1 -m 1 -c -e "$PEER4" "$SERVER4" >"$1" 2>&1
}

secrets oldsecret
ROLES='  roles: [{user: nobody, may: look}, {user: daemon, may: operate}]'
relay_config "s|^  rest-secret-files: .*|  rest-secret-files: [$SECRETS]|" "/^control:/,/^management:/s|^  roles: .*|$ROLES|" >"$TMP/quickstart"
start_peer
by_secret "$TMP/old" oldsecret || fail "the secret of a file is not taken: $(tail -n 3 "$TMP/old")"
! by_secret "$TMP/new" newsecret || fail "a secret that nobody gave is taken"
secrets newsecret oldsecret
await 10 in_force 2 || fail "the file is not read again: $(tail -n 3 "$LOG")"
by_secret "$TMP/old" oldsecret || fail "the old secret is gone too early: $(tail -n 3 "$TMP/old")"
by_secret "$TMP/new" newsecret || fail "the new secret is not taken: $(tail -n 3 "$TMP/new")"
secrets newsecret
await 10 in_force 1 || fail "the file is not read again: $(tail -n 3 "$LOG")"
by_secret "$TMP/new" newsecret || fail "the new secret is not taken: $(tail -n 3 "$TMP/new")"
! by_secret "$TMP/old" oldsecret || fail "the old secret is still taken"
chmod 0644 "$SECRETS"
told() { grep -q "$SECRETS can be read by others: its mode must be 0600; the secrets that were read before stay in force" "$LOG"; }
await 10 told || fail "a file that others can read is not told: $(tail -n 3 "$LOG")"
fl_json status '.problems[].what' | grep -q "$SECRETS can be read by others" || fail "status knows of no problem"
by_secret "$TMP/new" newsecret || fail "the secret in force is not taken: $(tail -n 3 "$TMP/new")"
! in_relay timeout 20 "$BUILD/fairlead-cp" --config "$CONFIG" >"$TMP/start" 2>&1 || fail "starts with secrets that others can read"
grep -q "$SECRETS can be read by others" "$TMP/start" || fail "why it does not start: $(<"$TMP/start")"
chmod 0600 "$SECRETS"
note "a secret is replaced while clients use it; one that others can read is refused"

# ---- credentials, and users ----

fl --json credentials --name probe --lifetime 60 >"$TMP/credentials"
allocates "$TMP/probe" "$(jq -r .username "$TMP/credentials")" "$(jq -r .password "$TMP/credentials")" ||
	fail "credentials are not let in: $(tail -n 3 "$TMP/probe")"
fl user add bob --password one --live | grep -q '^user bob added' || fail "no user is added"
allocates "$TMP/bob" bob one || fail "bob is not let in: $(tail -n 3 "$TMP/bob")"
fl user passwd bob --password two --live | grep -q '^user bob changed' || fail "no password is changed"
! allocates "$TMP/bob" bob one || fail "the old password is good"
allocates "$TMP/bob" bob two || fail "the new password is not good: $(tail -n 3 "$TMP/bob")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 attached || fail "fairlead-cp does not attach"
# No port is given out before the dataplane has told which are in use.
await 20 allocates "$TMP/bob" bob two || fail "bob is lost with a restart: $(tail -n 3 "$TMP/bob")"
fl user list --live | grep -q '^bob ' || fail "bob is not in the list: $(fl user list --live)"
fl user disable bob --live | grep -q '^user bob disabled' || fail "bob is not disabled"
! allocates "$TMP/bob" bob two || fail "bob is let in while he is disabled"
fl user list --live | grep -q '^bob .* disabled ' || fail "the list does not say so: $(fl user list --live)"
fl user enable bob | grep -q '^user bob enabled' || fail "bob is not enabled, in the file"
allocates "$TMP/bob" bob two || fail "bob is not let in again: $(tail -n 3 "$TMP/bob")"
fl user disable bob | grep -q '^user bob disabled' || fail "bob is not disabled, in the file"
! allocates "$TMP/bob" bob two || fail "bob is let in while he is disabled in the file"
fl user enable bob --live | grep -q '^user bob enabled' || fail "bob is not enabled"
allocates "$TMP/bob" bob two || fail "bob is not let in again: $(tail -n 3 "$TMP/bob")"
fl user del bob --live >/dev/null
! allocates "$TMP/bob" bob two || fail "bob is let in after he went"
! fl user del bob --live 2>"$TMP/del" || fail "bob goes twice"
grep -q 'no user of that name' "$TMP/del" || fail "why not: $(<"$TMP/del")"
note "users come and go while the relay runs, and outlast it"

# ---- roles ----

GROUP=$(stat -c %g "$OWN_RUN")
# as USER COMMAND...: the fairlead command of somebody who may connect.
as() { setpriv --reuid "$1" --regid "$GROUP" --clear-groups "$BUILD/fairlead" --socket "$OWN_RUN/control.sock" "${@:2}"; }
# refused ROLE USER COMMAND...
refused()
{
	! as "${@:2}" >"$TMP/as" 2>&1 || fail "${*:2}: is let do it"
	grep -q "may $1 (control.roles)" "$TMP/as" || fail "${*:2}: why not: $(<"$TMP/as")"
}

as nobody status >/dev/null || fail "nobody may not look"
refused operate nobody drain
refused administer nobody credentials
as daemon drain >/dev/null || fail "daemon may not drain"
as daemon undrain >/dev/null || fail "daemon may not undrain"
refused administer daemon user add eve --password opensesame --live
refused look bin status
daemon=$(id -u daemon)
grep -q "audit: user $daemon group $GROUP process [0-9]*: drain: done" "$LOG" || fail "who drained is not told: $(grep audit "$LOG")"
grep -q "audit: user $daemon group $GROUP process [0-9]*: user.add {\"name\":\"eve\"}: failed: " "$LOG" || fail "who was refused is not told"
grep -q 'audit: user 0 group 0 process [0-9]*: user.del {"name":"bob"}: done' "$LOG" || fail "whom root deleted is not told"
! grep -E 'opensesame|newsecret' "$LOG" || fail "a secret is in the log"

# A connection that is there already may what the file says from then on.
roles_set() { sed -i "/^control:/,/^management:/s|^  roles: .*|  roles: $1|" "$CONFIG" && fl reload >"$TMP/reload" 2>&1; }
coproc KEPT { exec python3 -c 'import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
answers = s.makefile()
for line in sys.stdin:
    s.sendall(line.encode())
    print(answers.readline(), end="", flush=True)' "$OWN_RUN/control.sock" "$(id -u daemon)" "$GROUP"; }
kept()
{
	printf '{"jsonrpc":"2.0","id":1,"method":"%s"}\n' "$1" >&"${KEPT[1]}"
	read -r -t 10 line <&"${KEPT[0]}" || fail "$1 is not answered"
}
kept undrain
[[ $line != *error* ]] || fail "daemon may not undrain: $line"
roles_set '[{user: daemon, may: look}, {user: bin, may: operate}]' || fail "reload: $(<"$TMP/reload")"
grep -q '^control.roles\[0\].user: nobody -> daemon$' "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
kept undrain
[[ $line == *"may operate (control.roles)"* ]] || fail "a connection keeps what it may no more: $line"
as bin status >/dev/null || fail "bin may not look"
! roles_set '[{user: nosuchuser, may: look}]' || fail "a user that there is not is taken"
as bin undrain >/dev/null || fail "a file that is wrong changes roles"
# A group's role is its members', whoever they are; the third role may all.
members=$(stat -c %G "$OWN_RUN")
roles_set "[{group: $members, may: operate}]" || fail "reload: $(<"$TMP/reload")"
as nobody undrain >/dev/null || fail "a member of $members may not undrain"
refused administer nobody user add zoe --password opensesame --live
roles_set "[{group: $members, may: administer}]" || fail "reload: $(<"$TMP/reload")"
as nobody user add zoe --password opensesame --live >/dev/null || fail "a member of $members may not add a user"
grep -q "audit: user $(id -u nobody) group $GROUP process [0-9]*: user.add {\"name\":\"zoe\"}: done" "$LOG" || fail "who added zoe is not told"
fl user del zoe --live >/dev/null || fail "zoe stays"
! grep opensesame "$LOG" || fail "a secret is in the log"
note "each may what its role says, by user or group, and who changed what is told"
