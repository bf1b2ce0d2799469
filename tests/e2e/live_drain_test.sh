#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A node is emptied under calls: a client and a call's media that are there lose no packet until they end by themselves,
# a new client is sent to coturn's server and relays there, or gets 508; no new call, whoever asks for it: the command line,
# a controller of ng, one of H.248, which are told why; /readyz says so at once. A control process that is killed goes on with it; "drain --wait" ends with the last call; the
# deadline ends the rest, of which record, event and client are told why; after undrain all is as before. SIGTERM with
# control.term-drain waits for what is left. And a service manager is told that fairlead-cp is ready when it is attached.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

ELSEWHERE=3490

readyz() { in_relay curl -s -o "$TMP/readyz" -w '%{http_code}' "http://127.0.0.1:9643$1"; }
allocations() { fl_json status .allocations.count; }
has_allocations() { (($(allocations) >= $1)); }

# client LOG MESSAGES: one that goes on for a while, and must lose nothing.
client() { uclient "$1" -n "$2" -m 1 -c -e 10.2.0.2 10.1.0.1; }

# refused LOG CODE: an allocation is not granted.
refused() { ! client "$1" 1 && grep -q "error $2" "$1"; }

context_add()
{
	fl --json context add --call "$1" --a "transport=udp,realm=access,rtp,remote=$CLIENT4:41000,rtcp_remote=$CLIENT4:41001" \
		--b "transport=udp,realm=core,rtp,remote=$PEER4:42000,rtcp_remote=$PEER4:42001"
}

# media LOG CONTEXT-JSON: RTP and RTCP each way, until SIGTERM; sets MEDIA.
media()
{
	local a b
	a=$(jq -r '.terminations[0].local' "$2") b=$(jq -r '.terminations[1].local' "$2")
	start "$1" python3 "$E2E/rtp.py" --packets 0 "$NS-client,$CLIENT4,41000,${a%:*},${a##*:}" "$NS-peer,$PEER4,42000,${b%:*},${b##*:}"
	MEDIA=$PID
	await 10 grep -q flows "$1" || fail "no media: $(<"$1")"
}

# The client leaves an allocation behind, which ends soon.
SHORT='s/^  lifetime-max: .*/  lifetime-max: 20/' DEFAULT='s/^  lifetime-default: .*/  lifetime-default: 20/'
RECORDS=$OWN_RUN/records.json
relay_config "$SHORT" "$DEFAULT" "s|^  file: \"\"|  file: $RECORDS|" \
	"s|^  alternate-servers: \[\]|  alternate-servers: [{address: 10.1.0.2, port: $ELSEWHERE}]|" >"$TMP/quickstart"
start_peer
start "$TMP/turnserver.log" in_client turnserver -v -n --no-cli --no-tls --no-dtls -L 10.1.0.2 -p $ELSEWHERE -E 10.1.0.2 \
	--relay-threads 1 -a -u demo:fairlead -r fairlead --allow-loopback-peers --log-file stdout --pidfile "$TMP/turnserver.pid"
await 10 listens "$NS-client" $ELSEWHERE || fail "turnserver does not listen: $(tail -n 3 "$TMP/turnserver.log")"
assert_eq "ready before" "$(readyz /readyz)" 200

# ---- calls go on, new ones do not ----

client "$TMP/first" 500 &
first=$!
await 10 has_allocations 1 || fail "the first client has no allocation: $(tail -n 3 "$TMP/first")"
context_add old >"$TMP/context" 2>&1 || fail "no context can be added: $(<"$TMP/context")"
context=$(jq -r .context "$TMP/context")
media "$TMP/media" "$TMP/context"
before=$(allocations)
fl drain >"$TMP/drain"
grep -q "^draining: $before allocations and 1 contexts are left$" "$TMP/drain" || fail "drain does not say what is left: $(<"$TMP/drain")"
assert_eq "not ready" "$(readyz /readyz)" 503
assert_eq "why not" "$(<"$TMP/readyz")" "the node is being drained"
assert_eq "healthy all the same" "$(readyz /healthz)" 200
start "$TMP/there.log" in_client turnutils_peer -p 3480 -L 10.1.0.2 # the other server reaches nobody through us
await 10 listens "$NS-client" 3480 || fail "turnutils_peer does not listen in $NS-client"
uclient "$TMP/second" -n 20 -m 1 -c -e 10.1.0.2 10.1.0.1 || fail "the second client is not served elsewhere: $(tail -n 3 "$TMP/second")"
assert_eq "packets that it lost" "$(uclient_lost "$TMP/second")" 0
assert_num "at coturn's server" "$(grep -c 'ALLOCATE processed, success' "$TMP/turnserver.log")" -ge 1
assert_num "allocations here" "$(allocations)" -le "$before"
assert_num "clients sent there" "$(fl_json status '.replies."300"')" -ge 1
! context_add new >"$TMP/context" 2>&1 || fail "a new call is let in"
grep -q 'drained' "$TMP/context" || fail "why not: $(<"$TMP/context")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 attached || fail "fairlead-cp does not attach"
assert_eq "drained after a restart" "$(fl_json status .drain.on)" true
wait $first || fail "the first client: $(tail -n 3 "$TMP/first")"
assert_eq "packets that the first client lost" "$(uclient_lost "$TMP/first")" 0
heard() { fl --json context show "$context" | jq '[.terminations[].counters.packets] | add'; }
then=$(heard)
hears() { (($(heard) > then + 200)); }
await 10 hears || fail "the call's media stands still at $then"
kill "$MEDIA"
wait "$MEDIA" || fail "the call's media: $(tail -n 1 "$TMP/media")"
note "a client and a call go on: media $(tail -n 1 "$TMP/media"), none lost; a new client is served elsewhere"

# ---- until nothing is left, and no longer than the deadline ----

fl drain --wait >"$TMP/wait" &
waits=$!
await 10 grep -q '^draining: ' "$TMP/wait" || fail "drain --wait prints nothing"
fl context delete "$context" >/dev/null || fail "the context $context cannot be deleted"
wait $waits || fail "drain --wait: $(<"$TMP/wait")"
fl undrain | grep -q '^not draining' || fail "undrain"
assert_eq "ready again" "$(readyz /readyz)" 200
client "$TMP/third" 2000 &
third=$!
await 10 has_allocations 1 || fail "no allocation after undrain: $(tail -n 3 "$TMP/third")"
context_add cut >"$TMP/context" 2>&1 || fail "no context can be added: $(<"$TMP/context")"
context=$(jq -r .context "$TMP/context")
media "$TMP/media" "$TMP/context"
fl drain --deadline 1 --wait >"$TMP/wait" || fail "the deadline ends nothing: $(<"$TMP/wait")"
grep -q '; they are ended in 1 s$' "$TMP/wait" || fail "drain --deadline 1 does not say 1 s: $(<"$TMP/wait")"
assert_num "ended by the deadline" "$(fl_json status .allocations.drained)" -ge 1
assert_num "contexts ended by it" "$(fl_json status .gateway.ended.drain)" -ge 1
assert_eq "what is left" "$(fl_json status '[.allocations.count, .gateway.contexts]' | jq -c .)" '[0,0]'
fl --json context events >"$TMP/events"
assert_eq "why, as the controller is told" "$(jq -r "select((.context | tostring) == \"$context\" and .what == \"context_ended\").why" "$TMP/events")" drain
# why TYPE JQ: the reason of the end of such a record.
why() { jq -r "select(.type == \"$1\" and .event == \"end\" and $2).reason" "$RECORDS"; }
told() { [[ $(why context '.call == "cut"') == drain && $(why allocation 'true' | tail -n 1) == drained ]]; }
await 10 told || fail "the records say no reason: $(tail -n 3 "$RECORDS")"
! ended "$MEDIA" || fail "media ended before its call: $(<"$TMP/media")"
kill "$MEDIA"
! wait "$MEDIA" || fail "media went on behind the deadline"
grep -q 'lacks' "$TMP/media" || fail "media ended otherwise: $(<"$TMP/media")"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "the deadline ends a client and a call with media, and says why"
kill $third 2>/dev/null || true
wait $third || true
fl undrain >/dev/null

# ---- controllers ----

relay_config 's/^  h248-name: .*/  h248-name: mg1.example.net/' 's/^  h248-controllers: .*/  h248-controllers: [{address: 127.0.0.5}]/' >"$TMP/quickstart"
timeout 120 python3 "$E2E/drain_controllers.py" "$BUILD/fairlead" "$CONFIG" >"$TMP/controllers" 2>&1 ||
	fail "controllers: $(tail -n 3 "$TMP/controllers")"
assert_eq "contexts that are left" "$(fl_json status .gateway.contexts)" 0
note "controllers of ng and H.248 are refused new calls, and theirs go on: $(tail -n 1 "$TMP/controllers")"

# ---- SIGTERM ----

relay_config "$SHORT" "$DEFAULT" 's/^  term-drain: 0/  term-drain: 60/' >"$TMP/quickstart"
start_peer # its namespace is another one
# Under a service manager, which would kill it after its own time.
start "$TMP/notified" python3 -u -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    print(s.recv(4096).decode(), flush=True)' "$TMP/notify"
is_notify() { [[ -S $TMP/notify ]]; }
await 10 is_notify || fail "no socket for notices"
chmod 711 "$TMP"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
NOTIFY_SOCKET=$TMP/notify start_cp
await 20 attached || fail "fairlead-cp does not attach"
# No port is given out before the dataplane has told which are in use.
serves() { client "$TMP/probe" 1; }
await 20 serves || fail "nobody is served after a restart: $(tail -n 3 "$TMP/probe")"
before=$(allocations)
client "$TMP/fourth" 300 &
fourth=$!
await 10 has_allocations $((before + 1)) || fail "no allocation: $(tail -n 3 "$TMP/fourth")"
pid=$(cp_pid)
kill -TERM "$pid"
await 5 refused "$TMP/fifth" 508 || fail "SIGTERM does not drain: $(tail -n 3 "$TMP/fifth")"
assert_eq "not ready by then" "$(readyz /readyz)" 503
wait $fourth || fail "the fourth client: $(tail -n 3 "$TMP/fourth")"
assert_eq "packets that the fourth client lost" "$(uclient_lost "$TMP/fourth")" 0
assert_num "times that it asked the service manager for more time" "$(grep -c '^EXTEND_TIMEOUT_USEC=' "$TMP/notified")" -ge 2
await 40 ended "$pid" || fail "fairlead-cp goes on with nothing left"
grep -q 'stopping drained' "$RUN/fairlead-cp.log" || fail "why it stopped: $(tail -n 3 "$RUN/fairlead-cp.log")"

# ---- a restart ----

# An upgrade's restart is by SIGINT (RestartKillSignal=), which does not drain.
start_cp
await 20 attached || fail "fairlead-cp does not attach"
await 20 serves || fail "nobody is served after a restart: $(tail -n 3 "$TMP/probe")"
before=$(allocations)
client "$TMP/sixth" 300 &
sixth=$!
await 20 has_allocations $((before + 1)) || fail "no allocation: $(tail -n 3 "$TMP/sixth")"
pid=$(cp_pid)
kill -INT "$pid"
await 5 ended "$pid" || fail "SIGINT drains"
grep -q 'stopping on SIGINT' "$RUN/fairlead-cp.log" || fail "why it stopped: $(tail -n 3 "$RUN/fairlead-cp.log")"
start_cp
wait $sixth || fail "the sixth client: $(tail -n 3 "$TMP/sixth")"
assert_eq "packets that the sixth client lost" "$(uclient_lost "$TMP/sixth")" 0

# ---- readiness ----

# READY= makes "systemctl start" return (Type=notify), so it comes with a dataplane, and not before.
told_ready() { grep -c '^READY=1$' "$TMP/notified" || true; }
says_why() { (($(grep -c 'not attached to the dataplane' "$RUN/fairlead-cp.log" || true) > logged)); }
is_ready() { (($(told_ready) == ready + 1)); }
cp=$(cp_pid) dp=$(dp_pid)
kill -KILL "$cp" "$dp"
await 10 ended "$cp" && await 10 ended "$dp" || fail "they survive SIGKILL"
logged=$(grep -c 'not attached to the dataplane' "$RUN/fairlead-cp.log" || true) ready=$(told_ready)
NOTIFY_SOCKET=$TMP/notify start_cp
await 20 says_why || fail "fairlead-cp does not miss its dataplane: $(tail -n 3 "$RUN/fairlead-cp.log")"
assert_eq "times that it said READY=1 without a dataplane" $(($(told_ready) - ready)) 0
RELAY_STAYS_DOWN=1 relay_start "$TMP/fairlead.yaml" >"$TMP/quickstart" || fail "fairlead-dp does not come back"
await 20 is_ready || fail "READY=1 is not said where there is a dataplane: $(tail -n 3 "$TMP/notified")"
