#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Relays, their addresses, realms and TLS domains come, go and change while calls go on whose numbered packets are all there
# at the end, over UDP and TCP: a relay that is added gives out its ports at once; one whose ports are fewer
# keeps what has one that stays; of one that is taken out allocations and contexts end with a reason of
# their own, and others do not notice, whatever the order of the file. A realm that goes takes its contexts
# with it, a TLS domain those that wait for a handshake in it. A fairlead-dp and a fairlead-cp that were
# killed, and find another order, go on with what is left. The clients are coturn's.
# Alone: its clients count each packet of a minute, and would count what a busy machine loses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

UCLIENT_SECONDS=120
MORE4=10.2.0.3 # an address that port core does not have at the start

# right: the file of the start. relays LINE...: its relays behind others, and an address more.
right() { cp "$TMP/right" "$CONFIG"; }
relays()
{
	local line
	right
	more_address
	for line in "$@"; do sed -i "/^relays:/a\\  - $line" "$CONFIG"; done
}
edit() { sed -i "$1" "$CONFIG"; }
more_address() { edit "s|addresses: \[$RELAY4/24|addresses: [$MORE4/24, $RELAY4/24|"; }
# reload WHAT: all of it is in force. refused WHAT SENTENCE: nothing of it is.
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -q 'waits for a restart' "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}
refused()
{
	! fl reload >"$TMP/reload" 2>&1 || fail "$1: it is taken: $(<"$TMP/reload")"
	grep -q "$2" "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}
# client NAME MESSAGES ARGUMENT...
client()
{
	local log=$TMP/$1 messages=$2
	shift 2
	uclient "$log" "$@" -n "$messages" -m 1 -c -e $PEER4 $SERVER4
}
nothing_lost() { assert_eq "packets that $1 lost" "$(uclient_lost "$TMP/$1")" 0; }
# sessions_on ADDRESS: that have a relayed port of it.
sessions_on() { fl --json sessions | jq "[.sessions[] | select(.relayed[] | startswith(\"$1:\"))] | length"; }
has_sessions() { (($(sessions_on "$1") >= $2)); }
no_sessions() { (($(sessions_on "$1") == 0)); }
shown() { [[ $(in_relay curl -sf http://127.0.0.1:9643/metrics | grep "^fairlead_relay_ports_limit{address=\"$MORE4\",") ]]; }
count() { fl_json status "$1"; }
# context NAME ARGUMENT...: its number, in $TMP/NAME.
context()
{
	local name=$1
	shift
	fl --json context add --call "$name" "$@" >"$TMP/$name" 2>&1 || fail "context $name: $(<"$TMP/$name")"
	jq -r .context "$TMP/$name"
}
lives() { fl --json context show "$1" >/dev/null 2>&1; }
gone() { ! lives "$1"; }

relay_config >"$TMP/quickstart"
start_peer
cp "$CONFIG" "$TMP/right"
CHAIN=$(sed -n "s/.*chain: *\(.*ecdsa.pem\)$/\1/p" "$CONFIG" | head -n 1)
client udp 2400 &
udp=$!
client tcp 2400 -t &
tcp=$!
await 20 has_sessions $RELAY4 2 || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp" "$TMP/tcp"; fl --json sessions)"
pids="$(cp_pid) $(dp_pid)"
stays=$(context stays --a transport=udp,realm=access --b transport=udp,realm=core)

# ---- one is added ----

relays "{address: $MORE4, port-min: 30000, port-max: 39999}"
reload "an address and a relay at it are added, in front"
in_peer ping -c 1 -W 5 $MORE4 >"$TMP/ping" || fail "the address does not answer: $(<"$TMP/ping")"
# Relays are drawn from by chance.
for ((n = 0; n < 8; n++)); do
	client more$n 600 &
	more[n]=$!
done
await 30 has_sessions $MORE4 1 || fail "nobody is given its ports: $(fl sessions)"
shown || fail "it is not in the metrics"
for ((n = 0; n < 8; n++)); do
	wait "${more[n]}" || fail "client $n: $(tail -n 3 "$TMP/more$n")"
	nothing_lost more$n
done
note "eight clients of two relays"

# ---- its ports are others; a mistake changes nothing ----

for ((n = 0; n < 8; n++)); do
	client long$n 3000 &
	more[n]=$!
done
await 30 has_sessions $MORE4 1 || fail "nobody is given its ports: $(fl sessions)"
had=$(sessions_on $MORE4)
for max in 65535 39999 50000 40001; do
	relays "{address: $MORE4, port-min: 30000, port-max: $max}"
	reload "its ports are 30000 to $max"
	assert_eq "sessions that have one" "$(sessions_on $MORE4)" "$had"
done
relays "{address: 10.2.0.77, port-min: 30000, port-max: 39999}"
refused "the address of no port" 'is the address of no port'
assert_eq "sessions that the mistake cost" "$(sessions_on $MORE4)" "$had"
relays "{address: $MORE4, port-min: 50000, port-max: 50999}"
reload "none of its ports stays"
await 5 no_sessions $MORE4 || fail "sessions of ports that are not its: $(fl sessions)"
assert_eq "ends by the relay" "$(count .allocations.relay)" "$had"

# ---- it is taken out ----

for ((n = 0; n < 8; n++)); do
	client last$n 3000 &
	more+=($!)
done
await 30 has_sessions $MORE4 1 || fail "nobody is given its ports: $(fl sessions)"
had=$(($(count .allocations.relay) + $(sessions_on $MORE4)))
right
reload "the relay is taken out, and its address"
await 5 no_sessions $MORE4 || fail "sessions of a relay that is gone: $(fl sessions)"
assert_eq "ends by the relay" "$(count .allocations.relay)" "$had"
! in_peer ping -c 1 -W 1 $MORE4 >"$TMP/ping" || fail "the address answers still"
! shown || fail "it is still in the metrics"
for pid in "${more[@]}"; do
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
done
for ((n = 0; n < 10; n++)); do
	relays "{address: $MORE4, port-min: 30000}"
	reload "it is back" >/dev/null
	right
	reload "and gone" >/dev/null
done
note "it has come and gone ten times"
has_sessions $RELAY4 2 || fail "the others' allocations are gone: $(fl sessions)"
lives "$stays" || fail "a context that nothing was taken from is gone"

# ---- a realm, and a TLS domain ----

more_address
edit "/^realms:/a\\  - {name: third}"
edit "/^relays:/a\\  - {address: $MORE4, port-min: 30000, turn: false, realm: third}"
edit "/^tls-domains:/a\\  - {name: fresh}"
edit "/^certificates:/a\\  - {domain: fresh, chain: $CHAIN, key: ${CHAIN%.pem}.key}"
reload "a realm, its relay and a TLS domain are added"
third=$(context third --a transport=udp,realm=access --b transport=udp,realm=third)
fresh=$(context fresh --a transport=tls,realm=access,tls_domain=fresh,latch=on,begin=no --b transport=tcp,realm=core,begin=no)
sed '/name: third/d; /realm: third/d' "$CONFIG" >"$TMP/without"
cp "$TMP/without" "$CONFIG"
reload "the realm is taken out"
await 5 gone "$third" || fail "a context of a realm that is gone: $(fl context show "$third")"
assert_eq "contexts that ended by it" "$(count .gateway.ended.relay)" 1
lives "$fresh" || fail "a context of a TLS domain is gone with a realm"
right
reload "the TLS domain is taken out"
await 5 gone "$fresh" || fail "a context of a TLS domain that is gone: $(fl context show "$fresh")"
assert_eq "contexts that ended by it" "$(count .gateway.ended.tls_domain)" 1
lives "$stays" || fail "a context that nothing was taken from is gone"
! fl context add --call none --a transport=udp,realm=third >"$TMP/none" 2>&1 || fail "a realm that is gone is served"

# ---- nobody else noticed ----

wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
nothing_lost udp
nothing_lost tcp
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"

# ---- fairlead-cp, which has other places than fairlead-dp by now, starts anew ----

relays "{address: $MORE4, port-min: 30000}"
reload "the relay is back, before the others"
for ((n = 0; n < 6; n++)); do
	client kill$n 900 &
	more[n]=$!
done
await 30 has_sessions $MORE4 1 || fail "nobody is given its ports: $(fl sessions)"
await 30 has_sessions $RELAY4 1 || fail "nobody has the other's: $(fl sessions)"
had="$(sessions_on $MORE4) $(sessions_on $RELAY4)"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 attached || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log" "$RUN/fairlead-dp.log")"
assert_eq "sessions of both relays" "$(sessions_on $MORE4) $(sessions_on $RELAY4)" "$had"
for ((n = 0; n < 6; n++)); do
	wait "${more[n]}" || fail "client $n: $(tail -n 3 "$TMP/kill$n")"
	nothing_lost kill$n
done
fl config diff | grep -q '^Nothing differs' || fail "what runs is not the file: $(fl config diff)"
