#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sessions in an operator's hand: those of real clients over UDP, TCP and TLS are found by what they
# are, and ended, on the client's side and on the peer's, with a reason in the file of records; so are
# connections and contexts. What matches nothing, or everything without being asked to, ends nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

RECORDS=$OWN_RUN/records.json
relay_config "s|^  file: \"\"|  file: $RECORDS|" >"$TMP/quickstart"
start_peer

ready() { [[ $(in_relay curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9643/readyz) == 200 ]]; }
await 20 ready || fail "the relay is not ready: $(fl status)"

# client NAME ARGUMENT...: one that goes on until it is ended, in the background.
client()
{
	uclient "$TMP/$1" -n 3000 -m 1 -c -e 10.2.0.2 "${@:2}" 10.1.0.1 &
	CLIENTS+=($!)
}
# sessions FILTER...: how many there are of these. A client leaves an allocation behind that it never
# used, so only those with the peer count. session FIELD FILTER...: of the first of them.
sessions() { fl --json sessions show --peer 10.2.0.2 "$@" | jq '.sessions | length'; }
session() { fl --json sessions --peer 10.2.0.2 "${@:2}" | jq -r ".sessions[0].$1"; }
has_sessions() { (($(sessions "${@:2}") == $1)); }
# recorded JQ: an end of an allocation of which that is so is in the file.
recorded() { jq -e -s "any(.[]; .event == \"end\" and ($1))" "$RECORDS" >/dev/null; }

# refused CODE SENTENCE COMMAND...
refused()
{
	local rc=0 said
	said=$(fl "${@:3}" 2>&1) || rc=$?
	assert_num "exit status of ${*:3}" $rc -eq "$1"
	[[ $said =~ $2 ]] || fail "${*:3} says '$said', not '$2'"
}

# ---- who is there ----

client udp
client tcp -t
client tls -t -S
await 20 has_sessions 3 || fail "the clients have no sessions: $(fl sessions)"
for transport in udp tcp tls; do
	assert_eq "sessions over $transport" "$(sessions --transport $transport)" 1
done
relayed=$(session 'relayed[0]' --transport udp)
from=$(session client --transport udp)
assert_eq "by the relayed address" "$(sessions --relayed "$relayed")" 1
assert_eq "by the client" "$(sessions --client "$from")" 1
assert_eq "by the client's network" "$(sessions --client 10.1.0.0/24)" 3
assert_eq "by the user" "$(sessions --user demo)" 3
assert_eq "by another user" "$(sessions --user somebody)" 0
assert_eq "by another peer" "$(fl --json sessions --peer 10.2.0.3 | jq '.sessions | length')" 0
assert_eq "that are a day old" "$(sessions --older 86400)" 0

# passes MEMBER FILTER...: bytes and packets that way, of the first of them, are told.
passes() { [[ $(session "$1.bytes >= .sessions[0].$1.packets and .sessions[0].$1.packets > 0 and .sessions[0].$1.silent_s != null" "${@:2}") == true ]]; }
for transport in udp tcp tls; do
	for way in to_peer to_client; do
		await 10 passes $way --transport $transport || fail "nothing is relayed $way over $transport: $(fl sessions)"
	done
done
assert_eq "silent for a day" "$(sessions --silent 86400)" 0

# top BY JQ: of the busiest that is so.
top() { fl --json sessions top --by "$1" --peer 10.2.0.2 | jq -e ".by == \"$1\" and (.talkers[0] | $2)" >/dev/null; }
busy='.to_peer.bytes_per_s > 0 and .to_peer.packets_per_s > 0 and .to_client.bytes_per_s > 0'
await 10 top user ".who == \"demo\" and .sessions == 3 and $busy" || fail "the busiest user: $(fl sessions top --by user)"
await 10 top source ".who == \"10.1.0.2\" and .sessions == 3 and $busy" || fail "the busiest source: $(fl sessions top --by source)"
await 10 top session ".sessions == 1 and $busy" || fail "the busiest session: $(fl sessions top)"

# The clients over TCP and TLS have a connection each, of one source.
streams() { fl --json connections top --by "$1" --role client --interval 3 | jq -e ".by == \"$1\" and (.talkers[0] | $2)" >/dev/null; }
await 20 streams source '.who == "10.1.0.2" and .connections == 2 and .rx_bytes_per_s > 0 and .tx_bytes_per_s > 0' ||
	fail "whose streams carry most: $(fl connections top --by source)"
await 20 streams connection '.connections == 1 and .rx_bytes_per_s > 0' || fail "which stream carries most: $(fl connections top)"
# carries TRANSPORT JQ: of the first client's connection over it that carries a byte a second or more.
carries() { fl --json connections show --role client --transport "$1" --rate-over 1 | jq -e ".connections[0] | $2" >/dev/null; }
for transport in tcp tls; do
	await 20 carries $transport '.rx_packets > 0 and .tx_packets > 0 and .rx_bytes > .rx_packets and
		.rx_packets_per_s > 0 and .tx_packets_per_s > 0 and .rx_bytes_per_s > 0 and .tx_bytes_per_s > 0' ||
		fail "what a connection of $transport carries: $(fl --json connections show --transport $transport)"
done
fl connections | grep -q 'NOW RX' || fail "the rates of connections are not shown: $(fl connections)"
assert_eq "connections that carry a gigabyte a second" "$(fl connections show --rate-over 1GB/s)" "No connections."
refused 1 "no connections match" connections kill --rate-over 1GB/s
assert_eq "who relays a byte a second" "$(fl --json sessions top --by user --rate-over 1 | jq -r '.talkers[].who')" demo
assert_eq "who relays a gigabyte" "$(fl sessions top --by user --rate-over '1 GB/s')" "Nobody relays so much."

# By rate, in a list and to end them. uclient sends 50 datagrams a second.
# rated WAY FILTER...: the first of them has a rate each way, and its packets are so many a second.
rated() { [[ $(session "$1.bytes_per_s >= .sessions[0].$1.packets_per_s and .sessions[0].$1.packets_per_s > 10" "${@:2}") == true ]]; }
for way in to_peer to_client; do
	await 10 rated $way --transport udp || fail "no rate $way: $(fl --json sessions --transport udp)"
done
fl sessions --transport udp | grep -q 'NOW TO PEER' || fail "the rates are not shown: $(fl sessions --transport udp)"
over() { [[ $(fl --json sessions show --rate-over "$1" | jq '.sessions | length') == "$2" ]]; }
await 10 over 1 3 || fail "not all relay a byte a second: $(fl sessions show --rate-over 1)"
assert_eq "sessions that relay a gigabyte" "$(fl sessions show --rate-over 1GB/s)" "No sessions."
busy_over() { fl sessions kill --dry-run --rate-over 1 --transport udp | grep -qE '^1 of [0-9]+ sessions match.$'; }
await 10 busy_over || fail "the dry run by rate: $(fl sessions kill --dry-run --rate-over 1 --transport udp 2>&1)"

# ---- what ends nothing ----

refused 1 "no sessions match: nothing was ended" sessions kill --rate-over 1GB/s
refused 2 "--rate-over takes bytes a second, such as 1M, not much" sessions kill --rate-over much
refused 2 "--rate-over takes bytes a second, such as 1M, not much" sessions show --rate-over much

refused 1 "no sessions match: nothing was ended" sessions kill --user somebody
refused 1 'all [0-9]+ sessions match: nothing was ended; add --all' sessions kill --client 10.1.0.0/24
refused 2 "this would end all sessions" sessions kill
refused 2 "unknown option --limit" sessions kill --limit 1
refused 2 "--older takes seconds, as 90, 5m or 2h, not yesterday" sessions kill --older yesterday
refused 2 "--by takes session, user or source, not time" sessions top --by time
refused 2 "--by takes connection or source, not user" connections top --by user
refused 2 "--rate-over takes bytes a second, such as 1M, not much" sessions top --rate-over much
refused 1 '"client" must be an address' sessions kill --client nobody
refused 1 '"transport" cannot be "sctp"' sessions kill --transport sctp
refused 1 "no connections match" connections kill --remote 10.1.0.77
refused 1 "no contexts match" context kill --call nobody@home
fl sessions kill --dry-run --transport udp --peer 10.2.0.2 | grep -qE '^1 of [0-9]+ sessions match.$' || fail "the dry run"
assert_eq "sessions afterwards" "$(sessions)" 3

# ---- sessions end ----

# On both sides: fairlead-cp lists it no more, and the worker has one session fewer.
installed=$(counter sessions)
fl sessions kill --relayed "$relayed" | grep -q '^Ended: 1 of ' || fail "the client over UDP is not ended"
began=$(date +%s%N)
fewer() { (($(sessions --relayed "$relayed") == 0 && $(counter sessions) < installed)); }
await 10 fewer || fail "the session stays: $(fl sessions), $(counter sessions) of $installed on workers"
took=$((($(date +%s%N) - began) / 1000000))
assert_num "milliseconds from the command's end until both processes have it no more, the looks among them" "$took" -lt 1000
note "gone from both processes $took ms after the command, with the looks"
assert_eq "sessions over UDP" "$(sessions --transport udp)" 0
await 10 recorded ".reason == \"killed\" and .relayed[0] == \"$relayed\" and .client == \"$from\" and
	.to_peer.packets > 0 and .to_peer.bytes > 0 and .to_client.packets > 0" ||
	fail "no record has the reason: $(tail -n 1 "$RECORDS")"
"$BUILD/fairlead" --config "$CONFIG" --json who "$relayed" | jq -e '.holders[-1] | .reason == "killed" and .to_peer.bytes > 0' >/dev/null ||
	fail "who does not tell what it relayed: $(fl --json who "$relayed")"
# What the client still sends is of no session, and what a peer sends is nobody's port.
drops_mark
in_peer bash -c "echo anybody >/dev/udp/${relayed%:*}/${relayed##*:}"
nobodys() { drops_except | grep -qE '^(relay_port|udp_port)$'; }
await 10 nobodys || fail "the peer reaches something: $(fl drops)"
strange() { drops_except | grep -q '^no_session$'; }
await 10 strange || fail "the client is still served: $(fl drops)"

# Over TCP and TLS the client's connection ends with it.
killed=$(tcp_ends killed)
fl sessions kill --transport tls --peer 10.2.0.2 | grep -q '^Ended: 1 of ' || fail "the client over TLS is not ended"
more_killed() { (($(tcp_ends killed) > killed)); }
await 10 more_killed || fail "its connection does not end: $(fl tcp --all)"
await 10 recorded '.reason == "killed" and .transport == "tls"' || fail "no record of it: $(tail -n 1 "$RECORDS")"

# ---- a connection ends, and its session with it ----

connected() { fl --json connections --role client --remote "$from" | jq -e '.connections | length >= 1' >/dev/null; }
from=$(session client --transport tcp)
await 10 connected || fail "the client over TCP has no connection: $(fl connections)"
fl connections kill --remote "$from" | grep -q '^Ended: 1 of ' || fail "its connection is not ended"
await 10 has_sessions 0 || fail "its session stays: $(fl sessions)"
await 10 recorded ".reason == \"killed\" and .client == \"$from\"" || fail "no record of it: $(tail -n 1 "$RECORDS")"
assert_eq "allocations that an operator ended" "$(fl_json status .allocations.killed)" 3
# The client over UDP hears why with its next Refresh: there is no allocation.
told_437() { in_relay curl -s http://127.0.0.1:9643/metrics | grep -E '^fairlead_.*refresh.*437.*' | grep -qvE ' 0$'; }
await 60 told_437 || fail "the client over UDP is told nothing: $(fl status)"
kill "${CLIENTS[@]}" 2>/dev/null || true
for pid in "${CLIENTS[@]}"; do
	wait "$pid" || true
done
note "sessions over UDP, TCP and TLS are found and ended"

# ---- contexts ----

media=0

for call in anne bob bob; do
	fl --json context add --call $call@home --media $((++media)) --a transport=udp,realm=access,remote=10.1.0.2:4000 \
		--b transport=udp,realm=core,remote=10.2.0.2:4000 >"$TMP/context" || fail "no context: $(<"$TMP/context")"
done
contexts() { fl --json context list "$@" | jq '.contexts | length'; }
refused 1 "all 3 contexts match: nothing was ended" context kill --remote 10.1.0.2
fl context kill --call bob@home | grep -qx 'Ended: 2 of 3 contexts.' || fail "the contexts of a call are not ended"
assert_eq "contexts of the call" "$(contexts --call bob@home)" 0
assert_eq "contexts of another" "$(contexts --call anne@home)" 1
await 10 recorded '.reason == "killed" and .call == "bob@home"' || fail "no record of it: $(tail -n 1 "$RECORDS")"
fl --json context events | jq -e -s 'any(.[]; .call == "bob@home" and .what == "context_ended" and .why == "killed")' >/dev/null ||
	fail "the controller is not told: $(fl context events)"
fl context kill --local 10.2.0.1 --all | grep -qx 'Ended: 1 of 1 contexts.' || fail "by the local address"

# ---- gone within a second, on both sides, from before the command ----

timeout 200 python3 "$E2E/killed.py" "$BUILD/fairlead" "$CONFIG" "$RECORDS" >"$TMP/killed" 2>&1 ||
	fail "$(tail -n 4 "$TMP/killed")"
while read -r line; do note "$line"; done <"$TMP/killed"

# ---- all, if that is meant ----

client udp
client tcp -t
await 20 has_sessions 2 || fail "the clients have no sessions: $(fl sessions)"
fl sessions kill --all | grep -q '^Ended: ' || fail "not all are ended"
assert_eq "sessions in the end" "$(fl_json status .allocations.count)" 0
grep -q 'sessions are killed by an operator: {"all":true}' "$RUN/fairlead-cp.log" || fail "the log says nothing: $(tail -n 3 "$RUN/fairlead-cp.log")"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
for pid in "${CLIENTS[@]}"; do
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
done
