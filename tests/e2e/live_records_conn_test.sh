#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Who was behind a TCP connection: those that the relay joins have records of their own: a start, updates while they
# live, an end with bytes and reason. A back end that asks who came from a port of ours at that time is told the
# client's address (`fairlead who`), also while fairlead-cp was away when it began; of a TCP allocation
# (RFC 6062) each connection with a peer is told of, with its user, beside the allocation.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

RECORDS=$OWN_RUN/records.json PLAIN=5070 BACKEND=5060
relay_config 's/^  update-minutes: .*/  update-minutes: 1/' "s|^  file: \"\"|  file: $RECORDS|" \
	"s/^relays:/  - {address: $SERVER4, port: $PLAIN, transport: tcp, service: sip}\\n&/" >"$TMP/quickstart"

# The back end says from which address each connection came, and how many bytes it had of it at its end.
start "$TMP/backend" in_peer python3 -uc '
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        print("from %s:%d" % self.client_address, flush=True)
        while data := self.request.recv(65536):
            self.request.sendall(data + data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("'$PEER4'", int(sys.argv[1])), Echo).serve_forever()' $BACKEND
await 10 listens_tcp fl-peer $BACKEND || fail "no back end"

who() { "$BUILD/fairlead" --config "$CONFIG" --json who "$@"; }
# found ADDRESS JQ: somebody had it, of whom that is so.
found() { who "$1" >"$TMP/who" 2>&1 && jq -e "$2" "$TMP/who" >/dev/null; }
# recorded JQ: the file has such a record.
recorded() { jq -e -s "any(.[]; .type == \"connection\" and ($1))" "$RECORDS" >/dev/null; }

# client NAME: connects to the service, says 1,000 bytes and waits for 2,000; goes when $TMP/NAME.go is there.
client()
{
	start "$TMP/$1" in_client python3 -uc '
import os, socket, sys, time
s = socket.create_connection(("'$SERVER4'", int(sys.argv[1])))
print("at %s:%d" % s.getsockname(), flush=True)
s.sendall(bytes(1000))
got = 0
while got < 2000:
    got += len(s.recv(4096))
print("has all", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
s.close()' $PLAIN "$TMP/$1.go"
	await 10 grep -q "has all" "$TMP/$1" || fail "$1 is not served: $(<"$TMP/$1")"
	AT=$(sed -n 's/^at //p' "$TMP/$1") FROM=$(sed -n 's/^from //p' "$TMP/backend" | tail -n 1)
}

# ---- a service ----

client first
await 10 found "$FROM" ".holders == [.holders[0]] and .holders[0].client == \"$AT\" and .holders[0].service == \"sip\" and .holders[0].until == null" ||
	fail "who came to the back end from $FROM: $(<"$TMP/who")"
assert_eq "the back end's address" "$(jq -r '.holders[0].peer' "$TMP/who")" "$PEER4:$BACKEND"
"$BUILD/fairlead" --config "$CONFIG" who "$FROM" >"$TMP/table"
grep -qE "^$FROM +.* sip +$AT +$PEER4:$BACKEND +not seen" "$TMP/table" || fail "as a table: $(<"$TMP/table")"
await 90 recorded ".event == \"update\" and .client == \"$AT\" and .service == \"sip\" and .to_peer.bytes == 1000 and .to_client.bytes == 2000" ||
	fail "a connection that lives is not told of: $(tail -n 3 "$RECORDS")"
touch "$TMP/first.go"
await 20 found "$FROM" '.holders[0].until != null' || fail "its end is not told: $(<"$TMP/who")"
assert_eq "what passed, and why it ended" \
	"$(jq -c '.holders[0] | [.to_peer.bytes, .to_client.bytes, .reason]' "$TMP/who")" '[1000,2000,"done"]'
assert_num "ids of that connection" "$(jq -s --arg at "$AT" '[.[] | select(.client == $at) | .id] | unique | length' "$RECORDS")" -eq 1
began=$(jq -r '.holders[0].from' "$TMP/who") ended=$(jq -r '.holders[0].until' "$TMP/who")
for at in "$began" "$ended"; do
	who "$FROM" "$at" >"$TMP/who" || fail "nobody came from $FROM at $at"
	jq -e ".holders | length == 1 and .[0].client == \"$AT\"" "$TMP/who" >/dev/null || fail "who came from $FROM at $at: $(<"$TMP/who")"
done
! who "$FROM" 2020-01-01T12:00Z >"$TMP/who" || fail "somebody came from $FROM long ago: $(<"$TMP/who")"
note "a back end's: $(wc -l <"$RECORDS") records"

# ---- fairlead-cp is away ----

client second
kill "$(cp_pid)"
await 20 ended "$(cp_pid)" || fail "fairlead-cp does not end"
start_cp
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
touch "$TMP/second.go"
await 20 found "$FROM" ".holders[0].client == \"$AT\" and .holders[0].until != null and .holders[0].to_peer.bytes == 1000" ||
	fail "an end after a restart is not told: $(<"$TMP/who")"

# ---- TCP allocations ----

uclient "$TMP/uclient.log" -T -n 50 -m 2 "$SERVER4" || fail "turnutils_uclient: $(tail -n 2 "$TMP/uclient.log")"
ends() { recorded '.event == "end" and .user == "demo" and .allocation and .to_peer.bytes > 0'; }
await 20 ends || fail "no end of a user's connection: $(grep '"connection"' "$RECORDS" | tail -n 2)"
grep '"type":"connection","event":"end"' "$RECORDS" | grep '"user":"demo"' | tail -n 1 >"$TMP/end"
allocation=$(jq -r .allocation "$TMP/end") relayed=$(jq -r '.relayed[0]' "$TMP/end")
assert_num "records of its allocation" "$(grep -c "\"type\":\"allocation\".*\"id\":\"$allocation\"" "$RECORDS")" -ge 1
found "$relayed" "[.holders[].type] | (index(\"allocation\") != null and index(\"connection\") != null)" ||
	fail "who had $relayed: $(<"$TMP/who")"
assert_eq "records that were lost for want of room" "$(counter tcp_joined_untold)" 0
