#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# VLANs of a device that is up come and go by a reload, under a call on the untagged port of the same
# device of which no numbered packet is lost: one that is added has its address, route, listener, relay
# and realm at once, for a client, a host behind its gateway and a context; it is shown, and has its
# series. One that is removed ends: its clients' allocations for the reason that their listener is gone,
# its contexts with its realm's relay, its series and neighbours; its frames are strangers'. With
# another tag it is there by that one, and no more by the old one. What nobody could use, and a device
# that was opened without tags, changes nothing and is told in a sentence; so is one more than fit.
# A fairlead-cp that was killed finds all of it again, in another order. A fairlead-dp that is started with a
# file that nobody has reloaded is followed: fairlead-cp reads the file again, or starts again where that is
# what a key takes, and says which (R70).
# Alone: its clients count each packet of a minute, and would count what a busy machine loses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

ALIEN=10.78.0.1 # behind the VLAN's gateway
LAB4=10.7.0.1 GUEST4=10.7.0.2

# reload WHAT: all of it is in force.
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	grep -q 'in force' "$TMP/reload" && ! grep -q 'waits for a restart' "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}
# refused WHAT SENTENCE: nothing changes, and the sentence is said.
refused()
{
	! fl reload >"$TMP/reload" 2>&1 || fail "$1 is taken"
	grep -q "$2" "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
}
# waits WHAT SENTENCE: the file is taken, but for the port, which waits for a restart.
waits()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	grep -q "waits for a restart of fairlead-dp" "$TMP/reload" && grep -q "$2" "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
}
# port LINE...: one more. listener, relay, realm, likewise.
port() { sed -i "/^listeners:/i\\  - {device: \"$ACCESS\", $1}" "$CONFIG"; }
listener() { sed -i "/^relays:/i\\  - {$1}" "$CONFIG"; }
relay() { sed -i "/^realms:/i\\  - {$1}" "$CONFIG"; }
realm() { sed -i "/^gateway:/i\\  - {$1}" "$CONFIG"; }
# lab VLAN: port lab with all that is at it.
lab()
{
	cp "$TMP/right" "$CONFIG"
	port "name: lab, vlan: $1, addresses: [$LAB4/24, 10.7.0.3/24], routes: [{to: 10.78.0.0/24, via: $GUEST4}]"
	listener "address: $LAB4"
	listener "address: $LAB4, transport: tcp"
	relay "address: 10.7.0.3, turn: false, realm: lab"
	realm "name: lab"
}
# guest VLAN: the client's interface lab is in it from now on.
guest()
{
	[[ -z $TAGS ]] || kill "$TAGS"
	: >"$TMP/tags"
	start "$TMP/tags" in_client python3 "$E2E/vlan.py" "$LINK" labwire "$1"
	TAGS=$PID
	await 10 grep -q ready "$TMP/tags" || fail "the VLAN's interface: $(<"$TMP/tags")"
}
# guest_client NAME ARGUMENT...
guest_client()
{
	local log=$TMP/$1
	shift
	uclient "$log" -L $GUEST4 "$@" -m 1 -c -e $PEER4 $LAB4
}
ports() { fl --json ports | jq -r ".ports[].info | \"\(.name):\(.vlan)\"" | xargs; }
has_ports() { [[ $(ports) == "$1" ]]; }
series() { in_relay curl -sf http://127.0.0.1:9643/metrics | grep -c "port=\"$1\"" || true; }
sessions_at() { fl --json sessions | jq "[.sessions[] | select(.listener == \"$1:3478\")] | length"; }
has_sessions() { (($(sessions_at "$1") >= $2)); }
no_sessions() { (($(sessions_at "$1") == 0)); }
neighbours_of() { fl --json neighbours | jq "[.neighbours[] | select(.port == \"$1\")] | length"; }
no_neighbours() { (($(neighbours_of "$1") == 0)); }
pings() { fl ping "$1" --count 1 >"$TMP/ping" 2>&1; }
answers() { in_client ping -c 1 -W 1 -I lab "$LAB4" >"$TMP/arping" 2>&1; }
strangers() { drops | sed -n 's/^vlan //p'; }

ACCESS=$(sed -n '/^ports:/,/^listeners:/s/^    device: *"\(.*\)"$/\1/p' "$SAMPLE" | head -n 1)
relay_config "/^listeners:/i\\  - {name: office, device: \"$ACCESS\", vlan: 6, addresses: [10.6.0.1/24]}" >"$TMP/quickstart"
LINK=$(in_client ip -o -4 address show | awk -v a="$CLIENT4/" 'index($4, a) == 1 { print $2; exit }')
TAGS=
in_client ip link add lab type veth peer name labwire
in_client ethtool -K lab tx off tso off gso off gro off >/dev/null
in_client ip link set labwire up
in_client ip link set lab up
in_client ip address add $GUEST4/24 dev lab
in_client ip address add $ALIEN/32 dev lo
start_peer
cp "$CONFIG" "$TMP/right"
UCLIENT_SECONDS=180 uclient "$TMP/udp" -n 4000 -m 1 -c -e $PEER4 $SERVER4 &
udp=$!
await 20 has_sessions $SERVER4 1 || fail "the client has no allocation: $(tail -n 3 "$TMP/udp")"
pids="$(cp_pid) $(dp_pid)"
had=$(series access)
guest 7
before=$(strangers)
! answers || fail "somebody answers in a VLAN that is not there"
assert_num "frames of it that were dropped" "$(strangers)" -gt "$before"

# ---- one is added ----

lab 7
fl config diff >"$TMP/diff" || true
grep -A1 'name: (not there) -> lab' "$TMP/diff" | grep -q 'applied by: live; lost: nothing of other ports' || fail "config diff: $(<"$TMP/diff")"
reload "VLAN 7 is added"
await 10 has_ports "access:0 core:0 office:6 lab:7" || fail "ports: $(ports)"
fl ports | grep -q 'VLAN 7 on the device of access' || fail "ports: $(fl ports)"
assert_num "series of it" "$(series lab)" -gt 0
assert_eq "series of access" "$(series access)" "$had"
fl config diff | grep -q '^Nothing differs' || fail "what runs is not the file: $(fl config diff)"
await 10 answers || fail "its address does not answer: $(<"$TMP/arping")"
await 10 pings $ALIEN || fail "nobody is behind its gateway: $(<"$TMP/ping")"
guest_client udp-lab -n 400 || fail "the client over UDP: $(tail -n 3 "$TMP/udp-lab")"
assert_eq "packets that it lost" "$(uclient_lost "$TMP/udp-lab")" 0
guest_client tcp-lab -t -n 100 || fail "the client over TCP: $(tail -n 3 "$TMP/tcp-lab")"
assert_eq "packets that it lost" "$(uclient_lost "$TMP/tcp-lab")" 0
context=$(fl --json context add --a transport=udp,realm=lab,latch=on --b "transport=udp,realm=core,remote=$PEER4:4000")
[[ $(jq -r '.terminations[0].local' <<<"$context") == 10.7.0.3:* ]] || fail "no context in its realm: $context"
start "$TMP/remote" in_peer python3 -uc "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$PEER4', 4000))
print(*s.recvfrom(100))"
await 10 listens fl-peer 4000 || fail "no remote"
across()
{
	in_client python3 -c "import socket, sys
host, port = sys.argv[1].split(':')
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'across', (host, int(port)))" \
		"$(jq -r '.terminations[0].local' <<<"$context")"
	grep -q across "$TMP/remote"
}
await 10 across || fail "nothing comes through the context: $(fl context show "$(jq .context <<<"$context")")"
note "an allocation over UDP and one over TCP, a context, and a host behind its gateway"

# ---- fairlead-cp finds it again ----

guest_client stays -n 900 &
stays=$!
await 20 has_sessions $LAB4 1 || fail "no allocation: $(tail -n 3 "$TMP/stays")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
lab 7
sed -i '/name: office/d' "$CONFIG"
port "name: office, vlan: 6, addresses: [10.6.0.1/24]"
# shellcheck disable=SC2119 # none
start_cp
await 20 attached || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log" "$RUN/fairlead-dp.log")"
fl --json routes | jq -e '.routes[] | select(.port == "lab" and .via != null and .link_up)' >/dev/null || fail "its route: $(fl routes)"
await 10 pings $ALIEN || fail "nobody is behind its gateway: $(<"$TMP/ping")"
grep -q "by port lab\|by lab\|lab" "$TMP/ping" || fail "it goes by another port: $(<"$TMP/ping")"
pings() { fl ping "$1" --count 1 --port lab >"$TMP/ping" 2>&1; }
await 10 pings $ALIEN || fail "nor when it is named: $(<"$TMP/ping")"
fl --json neighbours | jq -e ".neighbours[] | select(.address == \"$GUEST4\" and .port == \"lab\")" >/dev/null || fail "neighbours: $(fl neighbours)"
wait $stays || fail "its client: $(tail -n 3 "$TMP/stays")"
assert_eq "packets that it lost meanwhile" "$(uclient_lost "$TMP/stays")" 0
note "a new fairlead-cp knows its ports in another order"
pids="$(cp_pid) ${pids#* }"

# ---- it is removed ----

guest_client gone -n 3000 &
gone=$!
await 20 has_sessions $LAB4 1 || fail "no allocation: $(tail -n 3 "$TMP/gone")"
ends=$(fl_json status .allocations.listener)
cp "$TMP/right" "$CONFIG"
reload "VLAN 7 is removed"
await 10 has_ports "access:0 core:0 office:6" || fail "ports: $(ports)"
await 10 no_sessions $LAB4 || fail "its allocations: $(fl sessions)"
assert_num "ends for its listener" "$(fl_json status .allocations.listener)" -gt "$ends"
assert_eq "its series" "$(series lab)" 0
assert_eq "series of access" "$(series access)" "$had"
await 10 no_neighbours lab || fail "its neighbours: $(fl neighbours)"
! fl context show "$(jq .context <<<"$context")" >/dev/null 2>&1 || fail "its context: $(fl context show "$(jq .context <<<"$context")")"
before=$(strangers)
! answers || fail "its address answers"
assert_num "frames of it that were dropped" "$(strangers)" -gt "$before"
! pings $ALIEN || fail "its route is there"
kill $gone 2>/dev/null || true
wait $gone || true

# ---- it comes back, and changes its tag ----

for ((n = 0; n < 5; n++)); do
	lab 7
	reload "VLAN 7 is back" >/dev/null
	await 10 answers || fail "it does not answer, the ${n}th time"
	lab 8
	reload "it is VLAN 8 now" >/dev/null
	await 10 has_ports "access:0 core:0 office:6 lab:8" || fail "ports: $(ports)"
	! answers || fail "VLAN 7 answers"
	guest 8
	await 10 answers || fail "VLAN 8 does not answer: $(<"$TMP/arping")"
	guest 7
done
guest 8
guest_client eight -n 100 || fail "the client in VLAN 8: $(tail -n 3 "$TMP/eight")"
assert_eq "packets that it lost" "$(uclient_lost "$TMP/eight")" 0
assert_num "series of it" "$(series lab)" -gt 0
note "it has come, and changed its tag, five times"

# ---- what nobody could use ----

lab 7
port "name: other, vlan: 7, addresses: [10.9.0.1/24]"
refused "the same VLAN twice" "is used already, in line [0-9]*: ports of one device differ by their vlan"
lab 8
sed -i '/^listeners:/i\  - {name: other, device: "'"${ACCESS//access/core}"'", vlan: 9, addresses: [10.9.0.1/24]}' "$CONFIG"
sed -i '/name: other/s/net_af_xdp0/net_af_xdp1/' "$CONFIG"
waits "a VLAN of a device that has none" "the device was opened for frames without a tag"
lab 8
port "name: other, vlan: 9, mtu: 1504, addresses: [10.9.0.1/24]"
waits "a VLAN with a larger MTU" "the device was opened for packets that are no longer"
lab 8
for ((n = 20; n < 32; n++)); do port "name: v$n, vlan: $n, addresses: [10.$n.0.1/24]"; done
refused "more than fit" "ports\[[0-9]*\]: there were 16 others already: it is added by a restart of both processes"
await 10 has_ports "access:0 core:0 office:6 lab:8" || fail "something of it is there: $(ports)"
lab 8
for ((n = 20; n < 31; n++)); do port "name: v$n, vlan: $n, addresses: [10.$n.0.1/24]"; done
reload "all that there is room for"
await 10 answers || fail "VLAN 8 does not answer: $(<"$TMP/arping")"
cp "$TMP/right" "$CONFIG"
reload "and none"
await 10 has_ports "access:0 core:0 office:6" || fail "ports: $(ports)"

# ---- nobody else noticed ----

wait $udp || fail "the client on the untagged port: $(tail -n 3 "$TMP/udp")"
assert_eq "packets that it lost" "$(uclient_lost "$TMP/udp")" 0
assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"
await 10 accounted || fail "packets are unaccounted for: $(fl accounting)"

# ---- fairlead-dp is started with a file that nobody has reloaded ----

# dp_again: killed, and started with the file as it is now.
dp_again()
{
	local pid
	pid=$(dp_pid)
	kill -KILL "$pid"
	await 10 ended "$pid" || fail "fairlead-dp survives SIGKILL"
	cp "$CONFIG" "$TMP/edited"
	FAIRLEAD_CONFIG=$TMP/edited FAIRLEAD_BUILD=$BUILD "$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" ||
		fail "fairlead-dp does not come back: $(tail -n 3 "$TMP/quickstart")"
	await 20 synced || fail "fairlead-cp is not attached: $(tail -n 5 "$RUN/fairlead-cp.log")"
	await 20 in_force || fail "what runs is not the file: $(<"$TMP/diff")"
	assert_eq "fairlead-cp's process" "$(cp_pid)" "$cp"
	! ended "$cp" || fail "fairlead-cp has ended: $(tail -n 3 "$RUN/fairlead-cp.log")"
}
in_force() { fl config diff >"$TMP/diff" 2>&1 && grep -q '^Nothing differs' "$TMP/diff"; }
said() { tail -n +"$((lines + 1))" "$RUN/fairlead-cp.log" | grep -q "$1"; }
lines_now() { wc -l <"$RUN/fairlead-cp.log"; }

cp=$(cp_pid) lines=$(lines_now)
uclient "$TMP/over" -n 6000 -m 1 -c -e $PEER4 $SERVER4 &
over=$!
await 20 has_sessions $SERVER4 1 || fail "the client has no allocation: $(tail -n 3 "$TMP/over")"
lab 7
dp_again
await 10 has_ports "access:0 core:0 office:6 lab:7" || fail "ports: $(ports)"
said 'the file as it is now: it is read again' || fail "fairlead-cp does not say so: $(tail -n 5 "$RUN/fairlead-cp.log")"
guest 7
await 10 answers || fail "its address does not answer: $(<"$TMP/arping")"
guest_client edited -n 100 || fail "the client in a VLAN that nobody has reloaded: $(tail -n 3 "$TMP/edited")"
lines=$(lines_now)
sed -i 's/^  peers: [0-9].*/  peers: 60000/' "$CONFIG"
dp_again
said 'so must fairlead-cp be for dataplane.peers: it starts again' || fail "the key is not told: $(tail -n 5 "$RUN/fairlead-cp.log")"
assert_eq "fairlead-cp runs with it" "$(in_relay cat "/proc/$cp/comm")" fairlead-cp
has_sessions $SERVER4 1 || fail "the allocation over UDP is gone: $(fl sessions)"
kill $over 2>/dev/null || true
wait $over || true
note "fairlead-cp has followed fairlead-dp to a file that nobody had reloaded"
