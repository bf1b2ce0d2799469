#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What both processes take at a reload, under calls whose numbered packets are all there at the end:
# services are added, changed and removed, and a connection that has reached a back end stays there;
# certificates for new names come and go; a TLS domain is added and removed; DPDK's log levels,
# the realm and the file of records are others. What cannot be had by one of the processes changes
# nothing in either. The clients are coturn's and openssl's.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$TMP/backend.py" <<'END'
# Answers each line with a name before it; "bye" ends it.
import socketserver, sys

class Line(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line.strip() == b"bye":
                return
            self.wfile.write(sys.argv[1].encode() + b" " + line)

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", int(sys.argv[2])), Line).serve_forever()
END

# file_edit SED: of the file that the relay runs with; it must change something.
file_edit()
{
	local before
	before=$(md5sum <"$CONFIG")
	sed -i -e "$1" "$CONFIG"
	[[ $before != "$(md5sum <"$CONFIG")" ]] || fail "'$1' changes nothing in the configuration"
}

# reload WHAT: all of it is in force.
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -q 'waits for a restart' "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}

# refused WHAT SENTENCE: nothing of it is.
refused()
{
	! fl reload >"$TMP/reload" 2>&1 || fail "$1: it is taken: $(<"$TMP/reload")"
	grep -q "nothing has changed: .*$2" "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}

s_client() { in_client timeout 30 openssl s_client -connect $SERVER4:443 -quiet -verify_quiet "$@"; }
# ask ALPN: who answers.
ask() { printf 'hello\nbye\n' | s_client -alpn "$1" 2>"$TMP/s_client" || true; }
# subject NAME: of the certificate that is shown for it.
subject()
{
	in_client timeout 30 openssl s_client -connect $SERVER4:443 -servername "$1" -alpn stun.turn </dev/null 2>/dev/null |
		openssl x509 -noout -subject
}
clients() { (($(fl_json status .allocations.count) >= 2)); }
dp_log_has() { grep -q -- "$1" "$RUN/fairlead-dp.log"; }

relay_config 's/^  lifetime-max: .*/  lifetime-max: 3600/;s/^  reservation-lifetime: .*/  reservation-lifetime: 31/' >"$TMP/quickstart"
start_peer
for n in 1 2; do
	start "$TMP/backend$n.log" in_peer python3 "$TMP/backend.py" backend$n 700$n
	await 10 listens_tcp fl-peer 700$n || fail "back end $n does not listen"
done
uclient "$TMP/udp" -n 1500 -m 1 -c -e $PEER4 $SERVER4 &
udp=$!
uclient "$TMP/tcp" -t -n 1500 -m 1 -c -e $PEER4 $SERVER4 &
tcp=$!
await 20 clients || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp" "$TMP/tcp")"
pids="$(cp_pid) $(dp_pid)"

# ---- services; the one that was there gets another place ----

assert_eq "before there is such a service" "$(ask web)" ""
file_edit "s/^services:.*/&\\n  - {name: web, alpn: [web], backend: $PEER4, port: 7001}/"
reload "a service is added"
assert_eq "it is reached" "$(ask web)" "backend1 hello"
mkfifo "$TMP/in"
exec 7<>"$TMP/in"
s_client -alpn web <"$TMP/in" >"$TMP/out" 2>/dev/null &
stays=$!
# answered LINE: by the first back end, on the connection that stays.
answered() { grep -qx "backend1 $1" "$TMP/out"; }
echo one >&7
await 10 answered one || fail "the connection: $(<"$TMP/out")"
file_edit 's/, port: 7001}/, port: 7002}/'
reload "its back end is another"
assert_eq "who comes now" "$(ask web)" "backend2 hello"
echo two >&7
await 10 answered two || fail "the connection has lost its back end: $(<"$TMP/out")"

# ---- the service of a listener ----

listener=$(awk -v a="$SERVER4" '/- address: /{ at = $3 } /^    port: /{ port = $2 }
	/^    transport: tls/ && at == a && port == 443 { print NR }' "$CONFIG")
cp "$CONFIG" "$TMP/right"
file_edit "${listener}s/transport: tls/&\\n    service: web/"
reload "all that comes to the listener is the service's"
assert_eq "who says no protocol" "$(printf 'hello\nbye\n' | s_client 2>"$TMP/s_client" || true)" "backend2 hello"
file_edit "$((listener + 1))s/service: web/service: wbe/"
! fl reload >"$TMP/reload" 2>&1 || fail "a service that is not there is taken: $(<"$TMP/reload")"
assert_eq "who says no protocol" "$(printf 'hello\nbye\n' | s_client 2>"$TMP/s_client" || true)" "backend2 hello"
cp "$TMP/right" "$CONFIG"
reload "the listener is TURN's again"
assert_eq "who says no protocol" "$(printf 'hello\nbye\n' | s_client 2>"$TMP/s_client" || true)" ""
file_edit 's/^  neighbour-queue: .*/  neighbour-queue: 31/'
file_edit 's/, port: 7002}/, port: 7001}/'
fl reload >"$TMP/reload" 2>&1 || fail "a key that waits for a restart: $(<"$TMP/reload")"
grep -q 'waits for a restart' "$TMP/reload" || fail "it does not wait: $(<"$TMP/reload")"
assert_eq "what is live in that file is taken" "$(ask web)" "backend1 hello"
cp "$TMP/right" "$CONFIG"
reload "the file is as before"
file_edit '/^  - {name: web,/d'
reload "the service is removed"
assert_eq "who comes now" "$(ask web)" ""
echo three >&7
await 10 answered three || fail "the connection has lost its back end: $(<"$TMP/out")"
echo bye >&7
wait $stays || fail "the connection did not end in order"
exec 7>&-

# ---- certificates for names ----

self_signed new.fairlead.test
NEW=$TMP/new.fairlead.test
first=$(subject new.fairlead.test)
[[ $first != *new.fairlead.test* ]] || fail "who shows that certificate already? $first"
file_edit "s|^services:|  - {chain: $NEW.pem, key: $NEW.key}\\n&|"
reload "a certificate for a new name"
[[ $(subject new.fairlead.test) == *new.fairlead.test* ]] || fail "it is not shown: $(subject new.fairlead.test)"
assert_eq "others see what they saw" "$(subject fairlead.test)" "$first"
cp "$CONFIG" "$TMP/right"
file_edit "s|$NEW.key|$TMP/none.key|; s/^  reservation-lifetime: .*/  reservation-lifetime: 44/"
refused "a key that is not there" "$TMP/none.key"
assert_eq "the other key of the file" "$(fl --json config show | jq -r '.keys[] | select(.key == "turn.reservation-lifetime").value')" 31
[[ $(subject new.fairlead.test) == *new.fairlead.test* ]] || fail "the certificate is gone"
cp "$TMP/right" "$CONFIG"
file_edit "\\|$NEW.pem|d"
reload "and it is gone"
assert_eq "the first stands for it again" "$(subject new.fairlead.test)" "$first"

# ---- a domain ----

cp "$CONFIG" "$TMP/right"
file_edit "s|^certificates:.*|  - {name: second}\\n&\\n  - {domain: second, chain: $NEW.pem, key: $NEW.key}|"
reload "a domain is added"
cp "$TMP/right" "$CONFIG"
reload "it is removed"
file_edit "s|^certificates:.*|  - {name: second}\\n&\\n  - {domain: second, chain: $NEW.pem, key: $NEW.key}|"
reload "and is back"
cp "$CONFIG" "$TMP/right"

# ---- log levels ----

file_edit "s/^  log-levels: .*/  log-levels: ['user1:error']/"
reload "less is logged"
lines=$(wc -l <"$RUN/fairlead-dp.log")
fl tls reload >"$TMP/reload" || fail "certificates: $(<"$TMP/reload")"
assert_eq "lines that fairlead-dp wrote" "$(wc -l <"$RUN/fairlead-dp.log")" "$lines"
cp "$TMP/right" "$CONFIG"
reload "as much as before"
fl tls reload >"$TMP/reload" || fail "certificates: $(<"$TMP/reload")"
assert_num "lines that fairlead-dp wrote" "$(wc -l <"$RUN/fairlead-dp.log")" -gt "$lines"

# ---- records, realm ----

# has FILE: a client's allocation is told there.
has() { grep -q '"user":"demo"' "$1"; }
for n in 1 2; do
	file_edit "s|^  file: .*|  file: $OWN_RUN/records$n.json|"
	reload "records go to file $n"
	uclient "$TMP/client" -n 1 -m 1 -c -e $PEER4 $SERVER4 || fail "the client: $(tail -n 3 "$TMP/client")"
	await 10 has "$OWN_RUN/records$n.json" || fail "nothing is in file $n: $(ls -l "$RUN")"
done
realm=$(sed -n 's/^  realm: *//p' "$CONFIG" | head -n 1)
file_edit "0,/^  realm: .*/s//  realm: other.test/"
reload "another realm"
! uclient "$TMP/client" -n 1 -m 1 -c -e $PEER4 $SERVER4 || fail "a user of the old realm is one of the new"
file_edit "0,/^  realm: .*/s//  realm: $realm/"
reload "the old one"
uclient "$TMP/client" -n 1 -m 1 -c -e $PEER4 $SERVER4 || fail "the client: $(tail -n 3 "$TMP/client")"

# ---- nobody noticed ----

wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
assert_eq "packets that were lost over UDP" "$(uclient_lost "$TMP/udp")" 0
assert_eq "packets that were lost over TCP" "$(uclient_lost "$TMP/tcp")" 0
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"
