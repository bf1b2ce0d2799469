#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Accounting by RADIUS of calls and of connections, judged by FreeRADIUS and its detail file: the start, the life and
# the end of a context of JSON-RPC, of one of ng and of a service's connection, with what passed, how long it took and why it
# ended; a TCP allocation's connections are not told of, for its own record has their bytes. What a queue has no room for is counted.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/radius.sh
. "$E2E/radius.sh"

PLAIN=5070 BACKEND=5060 QUEUE=64
radius_of() { echo "/^radius:/,/^aka:/ s|^  $1: .*|  $1: $2|"; }
radius_secret "$TMP/secret"
relay_config 's|^  update-minutes: .*|  update-minutes: 1|' "s/^relays:/  - {address: $SERVER4, port: $PLAIN, transport: tcp, service: sip}\\n&/" \
	"$(radius_of servers "[{address: 127.0.0.1, secret-file: $TMP/secret}]")" "$(radius_of queue $QUEUE)" \
	"$(radius_of timeout 1)" "$(radius_of tries 1)" >"$TMP/quickstart"
start_peer
accounts 1813

# ---- contexts ----

context() { fl --json context add --call "$1" --a "transport=udp,realm=access,remote=$CLIENT4:4000" --b "transport=udp,realm=core,remote=$PEER4:4002" --inactivity 600; }
# told STATUS MORE...: such a record of the call CALL.
told_of() { heard 1813 "Acct-Status-Type = $1" "Acct-Multi-Session-Id = \"$CALL\"" "${@:2}"; }
# datagrams ADDRESS:PORT NAMESPACE OWN NUMBER
datagrams()
{
	"$2" python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('${3%:*}', ${3##*:}))
for _ in range($4):
    s.sendto(bytes([0x80]) + bytes(99), ('${1%:*}', ${1##*:}))"
}

CALL=anne@home
made=$(context $CALL)
id=$(jq -r .context <<<"$made") a=$(jq -r '.terminations[0].local' <<<"$made") b=$(jq -r '.terminations[1].local' <<<"$made")
await 20 told_of Start "NAS-Port = ${a##*:}" "Framed-IP-Address = ${a%:*}" "Calling-Station-Id = \"$CLIENT4:4000\"" "Called-Station-Id = \"$PEER4:4002\"" \
	"Connect-Info = \"context udp $a $b\"" || fail "no start: $(tail -n 20 "$TMP/1813/detail")"
session=$(value Acct-Session-Id)
datagrams "$a" in_client "$CLIENT4:4000" 10
datagrams "$b" in_peer "$PEER4:4002" 7
await 100 told_of Interim-Update "Acct-Session-Id = \"$session\"" "Acct-Input-Packets = 10" "Acct-Input-Octets = 1000" "Acct-Output-Packets = 7" ||
	fail "no interim update: $(tail -n 40 "$TMP/1813/detail")"
assert_num "seconds so far" "$(value Acct-Session-Time)" -le 100
fl context delete "$id" >/dev/null || fail "$CALL cannot be deleted"
await 20 told_of Stop "Acct-Session-Id = \"$session\"" "Acct-Input-Packets = 10" "Acct-Input-Octets = 1000" "Acct-Output-Packets = 7" "Acct-Output-Octets = 700" \
	"Acct-Terminate-Cause = User-Request" || fail "no stop: $(tail -n 20 "$TMP/1813/detail")"
assert_num "seconds" "$(value Acct-Session-Time)" -ge 1
note "$CALL: $(value Acct-Input-Octets) and $(value Acct-Output-Octets) octets in $(value Acct-Session-Time) s"

CALL=killed@home
context $CALL >"$TMP/made"
fl context kill --all >"$TMP/kill" 2>&1 || fl contexts kill --all >"$TMP/kill" 2>&1 || fail "kill: $(<"$TMP/kill")"
await 20 told_of Stop "Acct-Terminate-Cause = Admin-Reset" || fail "no end by an operator: $(tail -n 20 "$TMP/1813/detail")"

# By ng: a call of two m-lines is two contexts, which have its name.
CALL=ng-call
cat >"$TMP/ng.py" <<'END'
import os, sys
sys.path.insert(0, os.environ["E2E"])
import gatelib as g
ng = g.Ng()
who = {"call-id": sys.argv[1], "from-tag": "a"}
sdp = g.sdp("10.1.0.2", ("audio 4010 RTP/AVP 0",), ("video 4012 RTP/AVP 96", "rtpmap:96 VP8/90000"))
answer = ng.ask("offer", **who, sdp=sdp, direction=["access", "core"])
assert answer["result"] == "ok", answer
assert ng.ask("delete", **who)["result"] == "ok"
END
PYTHONPATH=$E2E:$E2E/../tcp timeout 30 python3 "$TMP/ng.py" $CALL >"$TMP/ng" 2>&1 || fail "ng: $(tail -n 2 "$TMP/ng")"
both_over() { told_of Stop && [[ $(grep -c '^	Acct-Session-Id' "$TMP/heard") == 2 ]]; }
await 60 both_over || fail "two contexts of $CALL have not ended: $(tail -n 30 "$TMP/1813/detail")"
note "$CALL: two contexts of one call"

# ---- a service ----

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
start "$TMP/client" in_client python3 -uc '
import os, socket, sys, time
s = socket.create_connection(("'$SERVER4'", int(sys.argv[1])))
print("at %s:%d" % s.getsockname(), flush=True)
s.sendall(bytes(1000))
got = 0
while got < 2000:
    got += len(s.recv(4096))
print("has all", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)' $PLAIN "$TMP/go"
await 10 grep -qs "has all" "$TMP/client" || fail "no service: $(<"$TMP/client")"
at=$(sed -n 's/^at //p' "$TMP/client") from=$(sed -n 's/^from //p' "$TMP/backend")
served() { heard 1813 "Acct-Status-Type = $1" "Calling-Station-Id = \"$at\"" "Called-Station-Id = \"$SERVER4:$PLAIN\"" "Connect-Info = \"connection tcp $from $PEER4:$BACKEND sip\"" "${@:2}"; }
await 20 served Start "NAS-Port = ${from##*:}" "Framed-IP-Address = ${from%:*}" || fail "no start: $(tail -n 20 "$TMP/1813/detail")"
session=$(value Acct-Session-Id)
await 100 served Interim-Update "Acct-Session-Id = \"$session\"" "Acct-Input-Octets = 1000" "Acct-Output-Octets = 2000" || fail "no interim update: $(tail -n 20 "$TMP/1813/detail")"
touch "$TMP/go"
await 20 served Stop "Acct-Session-Id = \"$session\"" "Acct-Input-Octets = 1000" "Acct-Output-Octets = 2000" "Acct-Terminate-Cause = User-Request" ||
	fail "no stop: $(tail -n 20 "$TMP/1813/detail")"
note "a service's connection: $(value Acct-Session-Time) s"

# ---- a TCP allocation's, whose bytes are its own ----

uclient "$TMP/uclient" -T -n 20 -m 1 "$SERVER4" || fail "turnutils_uclient: $(tail -n 2 "$TMP/uclient")"
await 30 heard 1813 "Acct-Status-Type = Stop" "User-Name = \"demo\"" || fail "no end of an allocation: $(tail -n 20 "$TMP/1813/detail")"
assert_eq "records of its connections" "$(grep -c "Connect-Info = \"connection tcp" "$TMP/1813/detail")" \
	"$(grep -c "Connect-Info = \"connection tcp $from $PEER4:$BACKEND" "$TMP/1813/detail")"

# ---- a queue that is full ----

lost() { in_relay curl -sS http://127.0.0.1:9643/metrics | sed -n 's/^fairlead_lost_total{what="radius_queue_full"} //p'; }
await 20 told || fail "records wait although a server answers"
assert_eq "records lost" "$(lost)" 0
radius_stop 1813
CALLS=60
for ((n = 0; n < CALLS; n++)); do
	fl context delete "$(context "full-$n" | jq -r .context)" >/dev/null || fail "call $n does not end"
done
# Of the last sixteenth nobody has more than his part; some of those before may have waited as well.
full() { (($(lost) >= 2 * CALLS - QUEUE)) && (($(lost) <= 2 * CALLS - QUEUE + QUEUE / 16 + 8)); }
await 10 full || fail "$(lost) of $((2 * CALLS)) records are lost, with room for $QUEUE; $(metric radius_waiting) wait"
accounts 1813
await 60 told || fail "records wait although a server answers again"

await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
