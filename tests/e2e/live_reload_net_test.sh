#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Routes, and limits and timers of the dataplane, are others after a reload, under calls over UDP and TCP of
# which no numbered packet is lost: what no route leads to is reached by one that is added; a call goes
# on while its route is replaced; a route that is removed leads nowhere; a connection without a request
# ends by the new patience; listeners are added, serve at once, and their clients' allocations go on when
# fairlead-cp is killed after it. What nobody could use, or was not prepared for, changes nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

FAR=10.77.0.1 # behind the peer

# routes LIST: of port core, which stand below its addresses.
routes() { sed -i "/^    addresses: \[$RELAY4/{n;s|^    routes: .*|    routes: [$1]|}" "$CONFIG"; }
# file_set KEY VALUE: the first key of that name.
file_set()
{
	sed -i "0,/^  $1:.*/s||  $1: $2|" "$CONFIG"
	grep -qxF "  $1: $2" "$CONFIG" || fail "the configuration has no $1"
}
runs() { fl --json config show | jq -r ".keys[] | select(.key == \"$1\").value"; }
# reload WHAT: all of it is in force.
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	grep -q 'in force' "$TMP/reload" && ! grep -q 'waits for a restart' "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}
clients() { (($(fl_json status .allocations.count) >= $1)); }
no_route() { drops | sed -n 's/^no_route //p'; }

relay_config "s/^    addresses: \[$RELAY4.*/&\n    routes: []/" >"$TMP/quickstart"
in_peer ip address add $FAR/32 dev lo
for address in $PEER4 $FAR; do # each answers by the address that it was asked at
	start "$TMP/peer-$address.log" in_peer turnutils_peer -L "$address" -p 3480
done
peers() { (($(in_ns fl-peer ss -Hlun "sport = :3480" | wc -l) >= 2)); }
await 10 peers || fail "the peers do not listen: $(tail -n 3 "$TMP"/peer-*)"
uclient "$TMP/udp" -n 1200 -m 1 -c -e $PEER4 $SERVER4 &
udp=$!
uclient "$TMP/tcp" -t -n 1200 -m 1 -c -e $PEER4 $SERVER4 &
tcp=$!
await 20 clients 2 || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp" "$TMP/tcp")"
pids="$(cp_pid) $(dp_pid)"

# ---- routes ----

before=$(no_route)
UCLIENT_SECONDS=20 uclient "$TMP/far" -n 5 -m 1 -c -e $FAR $SERVER4 || true
assert_num "packets without a route" "$(no_route)" -gt "$before"
routes "{to: 10.77.0.0/24, via: $PEER4}"
reload "a route is added"
uclient "$TMP/far" -n 20 -m 1 -c -e $FAR $SERVER4 || fail "nobody is behind the route: $(tail -n 3 "$TMP/far")"
assert_eq "packets that were lost on it" "$(uclient_lost "$TMP/far")" 0
had=$(fl_json status .allocations.count)
uclient "$TMP/stays" -n 600 -m 1 -c -e $FAR $SERVER4 &
stays=$!
await 20 clients $((had + 1)) || fail "the client has no allocation: $(tail -n 3 "$TMP/stays")"
for ((n = 1; n <= 20; n++)); do
	routes "{to: 10.77.0.0/$((24 - n % 2)), via: $PEER4}, {to: 10.77.0.$((n % 2))/32, via: $PEER4}"
	reload "its route is replaced, $n" >/dev/null
done
fl --json routes | jq -e '.routes[] | select(.to == "10.77.0.0/32")' >/dev/null || fail "the route is not shown: $(fl routes)"
routes "{to: 10.77.0.0/24, via: 10.3.0.2}"
! fl reload >"$TMP/reload" 2>&1 || fail "a route by no neighbour is taken"
grep -q 'is no neighbour on port core' "$TMP/reload" || fail "reload: $(<"$TMP/reload")"
wait $stays || fail "the client whose route was replaced: $(tail -n 3 "$TMP/stays")"
assert_eq "packets that were lost as its route was replaced" "$(uclient_lost "$TMP/stays")" 0
routes ''
reload "the routes are removed"
before=$(no_route)
UCLIENT_SECONDS=20 uclient "$TMP/far" -n 5 -m 1 -c -e $FAR $SERVER4 || true
assert_num "packets without a route" "$(no_route)" -gt "$before"

# ---- listeners ----

# listener LINE: a last one.
listener() { sed -i "/^relays:/i\\  - $1" "$CONFIG"; }
cp "$CONFIG" "$TMP/before"
UCLIENT_SECONDS=20 uclient "$TMP/new" -p 3479 -n 1 -m 1 -c -e $PEER4 $SERVER4 && fail "somebody listens already"
listener "{address: $SERVER4, port: 3479}"
listener "{address: $SERVER4, port: 3479, transport: tcp}"
listener "{address: $SERVER4, port: 3480, transport: tcp, service: nobody}"
! fl reload >"$TMP/reload" 2>&1 || fail "a listener with a service that is not there is taken"
UCLIENT_SECONDS=20 uclient "$TMP/new" -p 3479 -n 1 -m 1 -c -e $PEER4 $SERVER4 && fail "one before the mistake serves"
sed -i '/service: nobody/d' "$CONFIG"
cp "$CONFIG" "$TMP/right"
# The first one at the address of a relay waits; those before it, and behind it, are served at once.
listener "{address: $RELAY4, port: 3479}"
listener "{address: $SERVER4, port: 3486}"
line=$(grep -n "address: $RELAY4, port: 3479" "$CONFIG" | cut -d: -f1)
fl config diff >"$TMP/diff" || fail "diff: $(<"$TMP/diff")"
fl reload >"$TMP/reload" 2>&1 || fail "reload: $(<"$TMP/reload")"
grep -A2 "^listeners\[[0-9]*\].address: (not there) -> $RELAY4" "$TMP/reload" | tr '\n' ' ' |
	grep -q "waits for a restart of fairlead-dp, then of fairlead-cp; lost: connections over TCP .* $CONFIG:$line: it is the first one at the address of a relay" ||
	fail "a listener at a relay's address: $(<"$TMP/reload")"
assert_eq "keys that wait" "$(grep -B1 'waits for' "$TMP/reload" | grep -c '^listeners')" 5
assert_eq "diff and reload" "$(grep -v '^Certificates' "$TMP/reload" | sed 's/^    \(in force: \|waits for a \)/    applied by: /')" "$(<"$TMP/diff")"
grep -q 'waits for a restart of fairlead-dp: it is the first one at the address of a relay' "$RUN/fairlead-dp.log" || fail "fairlead-dp says nothing: $(tail -n 3 "$RUN/fairlead-dp.log")"
UCLIENT_SECONDS=30 uclient "$TMP/new" -p 3486 -n 1 -m 1 -c -e $PEER4 $SERVER4 || fail "one behind it: $(tail -n 3 "$TMP/new")"
fl config diff >"$TMP/diff"
assert_eq "what is left" "$(grep -c '^[a-z]' "$TMP/diff")" 5
cp "$TMP/right" "$CONFIG"
reload "listeners are added"
for transport in '' -t; do
	uclient "$TMP/new" ${transport:+"$transport"} -p 3479 -n 50 -m 1 -c -e $PEER4 $SERVER4 || fail "a new listener: $(tail -n 3 "$TMP/new")"
	assert_eq "packets that were lost by it" "$(uclient_lost "$TMP/new")" 0
done

# ---- limits and timers ----

set_all()
{
	local key
	for key in "$@"; do
		file_set "${key%=*}" "${key#*=}"
	done
}
keys=(idle-max-us=99 fragment-timeout-ms=1999 binding-rate=4999 request-rate=4998 icmp-rate=999 half-open=1023
	send-buffer=262143 reorder-buffer=131071 media-queue=65535 media-age-ms=199 connect-timeout=29 bind-timeout=28
	frame-ms=9999 stall-timeout=59 slow-rate=63 linger=58 keepalive=119 ecn=false waiting=1022 key-updates=61
	fingerprint-ms=9998 latch-ms=2999 connections-per-allocation=15)
set_all "${keys[@]}"
reload "limits and timers"
for key in tcp.media-queue=65535 dataplane.icmp-rate=999 gateway.latch-ms=2999 tls.key-updates=61 turn.connections-per-allocation=15; do
	assert_eq "$key" "$(runs "${key%=*}")" "${key#*=}"
done
file_set idle-timeout 1
reload "patience with connections"
# It says nothing, and would be borne for a minute.
in_client timeout 40 bash -c "exec 3<>/dev/tcp/$SERVER4/3478 && cat <&3" || fail "the connection did not end by the new patience"

# ---- nobody noticed ----

wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
assert_eq "packets that were lost over UDP" "$(uclient_lost "$TMP/udp")" 0
assert_eq "packets that were lost over TCP" "$(uclient_lost "$TMP/tcp")" 0
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"

# ---- fairlead-cp is killed under a client of a new listener ----

had=$(fl_json status .allocations.count)
uclient "$TMP/new" -p 3479 -n 600 -m 1 -c -e $PEER4 $SERVER4 &
new=$!
await 20 clients $((had + 1)) || fail "the client has no allocation: $(tail -n 3 "$TMP/new")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 attached || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
fl --json sessions | grep -q "$SERVER4:3479" || fail "its allocation is gone: $(fl sessions)"
wait $new || fail "the client of the new listener: $(tail -n 3 "$TMP/new")"
assert_eq "packets that were lost meanwhile" "$(uclient_lost "$TMP/new")" 0
