#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What an operator sees of the gateway: contexts made, changed, moved and deleted with `fairlead
# context` (R28, R32) while media passes: RTP from an address that is learnt (R14), and TLS to TCP
# whose fingerprint comes late (R51); connections that begin on request, with TLS domains that differ;
# an end that --hold keeps from the other side until the controller decides; events as they happen
# (R53), metrics, and the status page in Chromium.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"

chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
context() { fl --json context "$@"; }
of() { jq -r "$2" <<<"$1"; }

# exits WANT WHAT COMMAND...: exit code, and one sentence in $TMP/said.
exits()
{
	local want=$1 what=$2 rc=0
	shift 2
	"$@" >"$TMP/out" 2>"$TMP/said" || rc=$?
	assert_eq "exit code of $what" "$rc" "$want"
}
said() { grep -qF -- "$1" "$TMP/said" || fail "not said: $1, but: $(cat "$TMP/said")"; }

tls_domain old 5351 "version-max: tls1.2"
relay_config "${EDITS[@]}" >"$TMP/quickstart"

# ---- what is wrong is named ----

exits 2 "an unknown field" fl context add --a transport=udp,realm=core,colour=red
said '"colour"'
exits 2 "a side c" fl context subtract 1 c
said 'a or b'
exits 1 "no realm" fl context add --a transport=udp
said '"terminations[0].realm"'
exits 1 "md5" fl context add --a 'transport=tls,realm=core,fingerprints=md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF'
said '"terminations[0].fingerprints"'
exits 1 "an unknown context" fl context show 12345
said 'there is no context "12345"'

# ---- events, followed from here on ----

start "$TMP/events" "$BUILD/fairlead" --config "$CONFIG" --json context events --follow
# happened JQ: an event like this came.
happened() { jq -es "any(.[]; $1)" "$TMP/events" >/dev/null 2>&1; }

# ---- RTP ----

start_peer 3480
c=$(context add --call rtp-1 --a transport=udp,realm=access,rtp,latch=on \
	--b "transport=udp,realm=core,rtp,remote=$PEER4:3480")
id=$(of "$c" .context)
port=$(of "$c" '.terminations[0].local' | cut -d: -f2)
await 10 echoed "$port" || fail "no echo through $id: $(fl context show "$id")"
await 5 happened ".context == \"$id\" and .what == \"latched\" and .side == 0 and .remote == \"$CLIENT4:40000\"" ||
	fail "nobody told of the address that was learnt: $(cat "$TMP/events")"
c=$(context show "$id")
assert_eq "latched" "$(of "$c" '.terminations[0].latched')" "$CLIENT4:40000"
assert_num "packets from the client" "$(of "$c" '.terminations[0].counters.packets')" -ge 1
assert_num "packets from the peer" "$(of "$c" '.terminations[1].counters.packets')" -ge 1
fl context list --call rtp-1 >"$TMP/list"
grep -q "$id .*rtp-1 .* a udp access .* <-> $CLIENT4:40000 .* up" "$TMP/list" || fail "list: $(cat "$TMP/list")"

# ---- what comes by it ----

# 200 packets of 100 bytes a second from the client, for a while.
start "$TMP/sender" in_client python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("'$CLIENT4'", 40000))
for i in range(1000):
    s.sendto(bytes([0x80, 0, i >> 8, i & 255]) + bytes(96), ("'$SERVER4'", int(sys.argv[1])))
    time.sleep(0.005)' "$port"
busy() { context top | jq -e ".talkers[0] | .who == \"$id rtp-1\" and .a.bytes_per_s > 5000 and .a.packets_per_s > 50" >/dev/null; }
await 10 busy || fail "the busiest context: $(fl context top)"
by_call() { context top --by call --rate-over 5k | jq -e '.talkers[0] | .who == "rtp-1" and .contexts == 1' >/dev/null; }
await 5 by_call || fail "the busiest call: $(fl context top --by call)"
listed() { context list "$@" | jq -e "[.contexts[].context] == [\"$id\"]" >/dev/null; }
await 5 listed --rate-over 5k || fail "by its rate: $(fl context list)"
! listed --rate-over 1M || fail "it has no such rate: $(fl context list)"
fl context list --rate-over 1k >"$TMP/list"
grep -qE "$id .* [0-9.]+ kB/s +up" "$TMP/list" || fail "the list tells no rate: $(<"$TMP/list")"
fl context show "$id" >"$TMP/show"
grep -qE '^comes +[0-9.]+ kB/s, [0-9]+ packets/s' "$TMP/show" || fail "nor is it shown: $(<"$TMP/show")"
await 60 ended "$PID" || fail "the sender does not end"
await 10 listed --silent 3 || fail "it is silent: $(fl context list)"
! listed --silent 60 || fail "it is not silent for so long: $(fl context list)"
assert_eq "packets that came, by the list" "$(context list | jq ".contexts[] | select(.context == \"$id\") | .terminations[0].use.packets")" \
	"$(context show "$id" | jq '.terminations[0].counters | .packets + .rtcp_packets')"
fl context kill --silent 3 --dry-run >"$TMP/kill"
grep -q '^1 of 1 contexts match' "$TMP/kill" || fail "what would be ended: $(<"$TMP/kill")"

dropped() { drops | sed -n "s/^$1 //p"; }
closed=$(dropped gate_closed)
context modify "$id" --a gate=out --lifetime 100 >/dev/null
! echoed "$port" || fail "a closed gate lets packets in"
assert_num "packets a closed gate dropped" "$(dropped gate_closed)" -gt "$closed"
context modify "$id" --a gate=open >/dev/null
await 5 echoed "$port" || fail "the gate stays closed"

# To another context and back: the port goes with it.
other=$(of "$(context add --near "$id" --a transport=udp,realm=access,rtp)" .context)
context subtract "$other" a >/dev/null
moved=$(context move "$id" b "$other" b)
assert_eq "side b of the first" "$(of "$moved" '.from.terminations[1]')" null
assert_eq "side b of the second" "$(of "$moved" '.to.terminations[1].remote')" "$PEER4:3480"
! echoed "$port" || fail "a partner that moved away answers"
context move "$other" b "$id" b >/dev/null
await 5 echoed "$port" || fail "the termination does not come back"
context delete "$other" >/dev/null
c=$(context delete "$id")
assert_num "packets in the last counters" "$(of "$c" '.terminations[1].counters.packets')" -ge 3
exits 1 "a context that was deleted" fl context show "$id"
await 5 happened ".context == \"$id\" and .what == \"context_ended\" and .why == \"request\"" ||
	fail "nobody told of the end: $(cat "$TMP/events")"

# ---- TLS to TCP, the fingerprint late ----

fingerprint() { echo "sha-256 $(openssl x509 -in "$TMP/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2)"; }
self_signed phone far
fp=$(fingerprint phone)
# server NAME PORT: takes one connection and no other, and says in $TMP/NAME when it has ended.
server()
{
	start "$TMP/$1" in_peer python3 -uc '
import socket, sys
s = socket.create_server(("'$PEER4'", int(sys.argv[1])))
c = s.accept()[0]
s.close()
while d := c.recv(4096):
	c.sendall(d.upper())
print("ended")' "$2"
	await 5 listens_tcp fl-peer "$2" || fail "no server"
}
# phone NAME: connects to side a of $c over TLS, sends what comes by descriptor 3, and ends with that;
# what it gets is in $TMP/NAME.
phone()
{
	mkfifo "$TMP/$1.in"
	start "$TMP/$1" in_client sh -c "openssl s_client -quiet -no_ign_eof -connect $(of "$c" '.terminations[0].local') \
		-cert $TMP/phone.pem -CAfile $CA <$TMP/$1.in"
	exec 3>"$TMP/$1.in"
}
# states WANT: of both sides of $id.
states() { [[ $(context show "$id" | jq -r '[.terminations[].state] | join(" ")') == "$1" ]]; }

server server 2855
c=$(context add --call msrp-1 --a transport=tls,realm=access,latch=on \
	--b "transport=tcp,tcp_role=client,realm=core,remote=$PEER4:2855")
id=$(of "$c" .context)
assert_num "fingerprints of ours" "$(of "$c" '.terminations[0].own_fingerprints | length')" -ge 1
phone phone
echo hello >&3
await 10 happened ".context == \"$id\" and .what == \"unjudged\" and .peer_fingerprint == \"$fp\"" ||
	fail "nobody told of the certificate: $(cat "$TMP/events")"
! grep -q HELLO "$TMP/phone" || fail "bytes passed before the certificate was judged"
context modify "$id" --a "fingerprints=$(tr A-F a-f <<<"$fp")" >/dev/null
await 10 grep -q HELLO "$TMP/phone" || fail "no answer through $id: $(fl context show "$id")"
c=$(context show "$id")
assert_eq "states" "$(of "$c" '[.terminations[].state] | join(" ")')" "up up"
assert_eq "certificate shown" "$(of "$c" '.terminations[0].peer_fingerprint')" "$fp"
exec 3>&-
await 10 happened ".context == \"$id\" and .what == \"ended\" and .side == 0 and .why == \"close-notify\"" ||
	fail "nobody told of close_notify: $(cat "$TMP/events")"

# ---- connections begin on request; TLS 1.2 on one side, TLS 1.3 on the other ----

start "$TMP/far" in_peer openssl s_server -quiet -rev -accept "$PEER4:2856" -cert "$TMP/far.pem" -key "$TMP/far.key" \
	-CAfile "$CA" -Verify 1 -verify_return_error
await 5 listens_tcp fl-peer 2856 || fail "no server of TLS"
c=$(context add --call msrp-2 --a "transport=tls,realm=access,latch=on,tls_domain=old,begin=no,fingerprints=$fp" \
	--b "transport=tls,tcp_role=client,realm=core,remote=$PEER4:2856,begin=no,fingerprints=$(fingerprint far)")
id=$(of "$c" .context)
assert_eq "states before the order to begin" "$(of "$c" '[.terminations[] | .state, .begun] | join(" ")')" "idle false idle false"
phone early
await 10 grep -q 'onnection refused' "$TMP/early" || fail "the phone is not refused: $(cat "$TMP/early")"
exec 3>&-
context modify "$id" --b begin >/dev/null
await 10 states "idle up" || fail "the far side does not come up: $(fl context show "$id")"
context modify "$id" --a begin >/dev/null
phone begun
echo hello >&3
await 10 grep -q olleh "$TMP/begun" || fail "no answer through $id: $(fl context show "$id")"
assert_eq "versions" "$(context show "$id" | jq -r '[.terminations[].tls.version] | join(", ")')" "TLS 1.2, TLS 1.3"
exec 3>&-
await 10 happened ".context == \"$id\" and .what == \"context_ended\" and .why == \"connection\"" ||
	fail "nobody told of the end: $(cat "$TMP/events")"

# ---- --hold: one side ends, the other stays until the controller decides ----

server held 2857
c=$(context add --call msrp-3 --hold --a "transport=tls,realm=access,latch=on,fingerprints=$fp" \
	--b "transport=tcp,tcp_role=client,realm=core,remote=$PEER4:2857")
id=$(of "$c" .context)
# ends N: so many ends of the phone were told.
ends()
{
	jq -es "[.[] | select(.context == \"$id\" and .what == \"ended\" and .side == 0 and .why == \"close-notify\")] |
		length == $1" "$TMP/events" >/dev/null 2>&1
}
for n in 1 2; do
	phone "hold-$n"
	echo hello >&3
	await 10 grep -q HELLO "$TMP/hold-$n" || fail "no answer to phone $n through $id: $(fl context show "$id")"
	exec 3>&-
	await 10 ends $n || fail "nobody told that phone $n ended: $(cat "$TMP/events")"
	states "ended up" || fail "the other side was not held: $(fl context show "$id")"
	# The server takes no other connection: the second phone is answered over the one that stayed.
	((n == 2)) || context modify "$id" --a begin >/dev/null
done
! grep -q ended "$TMP/held" || fail "the server's connection was ended"
context modify "$id" --no-hold >/dev/null
await 10 grep -q ended "$TMP/held" || fail "the server's connection stays: $(fl context show "$id")"
await 10 happened ".context == \"$id\" and .what == \"ended\" and .side == 1" ||
	fail "nobody told of the server's end: $(cat "$TMP/events")"
await 10 happened ".context == \"$id\" and .what == \"context_ended\" and .why == \"connection\"" ||
	fail "nobody told of the end: $(cat "$TMP/events")"

# ---- metrics, the page ----

fetch() { in_relay curl -sf "http://127.0.0.1:9643$1"; }
assert_num "contexts added" "$(fetch /metrics | sed -n 's/^fairlead_contexts_added_total //p')" -ge 3
assert_num "contexts in JSON" "$(fetch /status | jq .status.gateway.added)" -ge 3
assert_eq "contexts by state" "$(fetch /status | jq '.status.gateway | .contexts - (.states | add)')" 0
assert_eq "states in metrics" "$(fetch /metrics | grep -c '^fairlead_contexts_in_state{')" 6
# The page draws intervals that have ended.
drawn() { (($(fetch /history | jq '[.packets[] | numbers] | length') > 0)); }
await 20 drawn || fail "no interval is in $(fetch /history)"
# shellcheck disable=SC2024
in_relay env HOME="$TMP" timeout -k 5 60 "$chromium" --headless --no-sandbox --disable-gpu \
	--enable-logging=stderr \
	--virtual-time-budget=4000 --dump-dom http://127.0.0.1:9643/ >"$TMP/dom" 2>"$TMP/chromium.log" ||
	fail "chromium: $(tail -n 3 "$TMP/chromium.log")"
for text in '>well</p>' 'Packets received a second' '10.1.0.1:3478</td>' '<td class="text">TURN</td>' 'class="line" d="M' 'Gateway contexts' '<dt>ended: request</dt>' '<dt>waiting for a fingerprint</dt>' '<td class="text">0</td>'; do
	grep -qF "$text" "$TMP/dom" || fail "the page lacks $text"
done
! grep -q "Content Security Policy" "$TMP/chromium.log" || fail "$(grep "Content Security" "$TMP/chromium.log")"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
