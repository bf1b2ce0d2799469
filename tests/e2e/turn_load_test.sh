#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# perf/turn_load counts right and speaks TURN: a reflector that loses, repeats, delays and swaps known
# datagrams is reported exactly, one that stops is seen in the latency of all that was due; through the relay (both families, SHA-256 and MD5 keys) and through
# coturn nothing is lost while allocations, channels and nonces run out and are renewed (RFC 8656 3.3,
# RFC 8489 9.2.5), and a later run takes over addresses whose allocations an earlier one left (437).
# No namespaces but for coturn, no huge pages, no rates asserted.
#
#   raw     turn_load == memif == turn_load --reflect
#   relay   turn_load == memif (access, core) == fairlead-dp
#   coturn  turn_load == AF_PACKET on far <-> near == turnserver, in fl-load-relay
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
NS=fl-load
LOAD=$BUILD/perf/turn_load
EAL=(--no-huge -m 256 --no-pci --no-shconf --no-telemetry --lcores 0@0-1)

# memif INDEX ROLE SOCKET: a device.
memif() { echo "net_memif$1,role=$2,socket-abstract=no,socket=$TMP/$3.sock"; }

# load NAME DEVICES... -- ARGUMENT...: a run; its result is in $TMP/NAME.json.
load()
{
	local name=$1 vdev=() in=()
	shift
	[[ $name != coturn* ]] || in=(in_relay)
	while [[ $1 != -- ]]; do
		vdev+=(--vdev "$1")
		shift
	done
	"${in[@]}" timeout 60 "$LOAD" "${EAL[@]}" "--file-prefix=load$$" "${vdev[@]}" "$@" --json \
		>"$TMP/$name.json" 2>"$TMP/$name.log" || fail "$name: $(tail -n 2 "$TMP/$name.log")"
}

# result NAME MEMBER WANT
result() { assert_eq "$1: $2" "$(jq ".$2" "$TMP/$1.json")" "$3"; }

# carried NAME: something was, nothing went wrong.
carried()
{
	local member
	assert_num "$1: delivered up" "$(jq .up.delivered "$TMP/$1.json")" -gt 0
	assert_num "$1: delivered down" "$(jq .down.delivered "$TMP/$1.json")" -gt 0
	for member in lost duplicated reordered strays setup.errors; do
		result "$1" "$member" 0
	done
	note "$1: $(jq -c '[.delivered, .setup.challenges, .setup.stale]' "$TMP/$1.json") delivered," \
		"challenges, stale nonces"
}

# ---- raw ----

# mirror_up FAULT...
mirror_up()
{
	start "$TMP/reflect.log" "$LOAD" "${EAL[@]}" "--file-prefix=mirror$$" \
		--vdev "$(memif 0 server raw)" -- --reflect "$@"
	MIRROR=$PID
	await 20 grep -qs ': started' "$TMP/reflect.log" || fail "no reflector: $(tail -n 2 "$TMP/reflect.log")"
}

mirror_down()
{
	kill "$MIRROR"
	await 10 ended "$MIRROR" || fail "the reflector does not end"
}

# raw NAME FAULTS ARGUMENT...: a run against a reflector with these faults.
raw()
{
	local faults
	read -ra faults <<<"$2"
	mirror_up "${faults[@]}"
	load "$1" "$(memif 0 client raw)" -- --raw "${@:3}"
	mirror_down
}

# What a reflector must do with datagrams 1 to 20000 (one fault each, in this order).
faults_expected()
{
	awk 'BEGIN { for (n = 1; n <= 20000; n++)
		if (n % 100 == 0) lost++
		else if (n % 107 == 0) held++
		else if (n % 103 == 0) held++
		else if (n % 101 == 0) twice++
		print lost, twice, held }'
}

raw_faults()
{
	local lost twice held
	read -r lost twice held < <(faults_expected)
	# One session, or a swap would change the order of two that have none between them. The delay is
	# short: of what waited for a reflector that was stopped, a window's worth passes in 20 us.
	raw faults "--lose-every 100 --repeat-every 101 --delay-every 107 --delay-us 1 --swap-every 103" \
		--sessions 1 --direction up --rate 20000 --packets 20000
	result faults offered 20000
	result faults lost "$lost"
	result faults delivered $((20000 - lost))
	result faults duplicated "$twice"
	result faults reordered "$held"
	result faults late 0
	result faults up.reordered "$held"
	result faults down.offered 0
	# Many sessions, both ways, any size.
	raw many "--lose-every 10 --repeat-every 11" --sessions 70000 --size 1000 --rate 30000 \
		--packets 20000
	result many offered 20000
	result many up.offered 10000
	result many lost 2000
	result many duplicated $((20000 / 11 - 20000 / 110))
	result many reordered 0
	result many strays 0
	# Addresses of two sessions on one port differ by one: the next session's is not this one's.
	raw spoiled "--spoil-every 10" --sessions 70000 --rate 30000 --packets 6000
	result spoiled strays 600
	result spoiled lost 600
	result spoiled duplicated 0
}

# A reflector that stands still for 0.3 s of 2: what was due meanwhile is sent late, and has waited
# since. Half of 0.3 s, for 15 % of the datagrams, is 22.5 ms for each on average.
raw_stopped()
{
	local sum run
	mirror_up
	load stopped "$(memif 0 client raw)" -- --raw --rate 10000 --seconds 2 --warmup 0.2 &
	run=$!
	await 20 grep -qs ' 1 s:' "$TMP/stopped.log" || fail "stopped: no second of it is over"
	kill -STOP "$MIRROR"
	sleep 0.3
	kill -CONT "$MIRROR"
	wait "$run" || fail "stopped: the run failed"
	mirror_down
	sum=$(jq '.offered + .forgotten' "$TMP/stopped.json")
	assert_num "stopped: all that was due" "$sum" -ge 19998
	assert_num "stopped: all that was due" "$sum" -le 20002
	result stopped forgotten 0
	result stopped lost 0
	result stopped 'latency_us.max >= 299000' true
	result stopped 'latency_us.mean >= 22000' true
}

# What a search reports is what a longer trial at the end carried, or 0.
raw_search()
{
	local rate='[.search[] | select(.confirming and .passed and (.generator_limited | not)) | .offered]'
	raw search "--lose-every 10" --search --loss 0.2 --rate 2000 --search-seconds 0.2 --warmup 0
	result search "loss_free_rate == ($rate | first // 0)" true
	result search 'confirmed == (.loss_free_rate > 0)' true
	result search 'search | all(.passed)' true
	result search 'search | last | .confirming' true
	raw lossy "--lose-every 10" --search --loss 0 --rate 2000 --search-seconds 0.2 --warmup 0 \
		--search-steps 2
	result lossy 'search | any(.passed)' false
	result lossy loss_free_rate 0
	result lossy confirmed false
}

# ---- the relay ----

dp_ready() { grep -q 'fairlead-dp: ready' "$TMP/dp.log" || ended "$DP"; }

# Lifetimes so short that every session renews all it has while it is watched.
relay_up()
{
	CONFIG=$TMP/fairlead.yaml
	cat >"$CONFIG" <<-END
	dataplane: {workers: [0], hugepages: no, memory-mb: 256, sessions: 1024, peers: 1024,
	  request-rate: 0, socket: $TMP/dp.sock}
	ports:
	  - {name: access, device: "$(memif 0 server access)", addresses: [10.1.0.1/24, "fd00:1::1/64"]}
	  - {name: core, device: "$(memif 1 server core)", addresses: [10.2.0.1/24, "fd00:2::1/64"]}
	listeners: [{address: 10.1.0.1}, {address: "fd00:1::1"}]
	relays: [{address: 10.2.0.1}, {address: "fd00:2::1"}]
	turn: {realm: load.test, allocations-max: 1024, allocations-per-user: 0, lifetime-default: 4,
	  permission-lifetime: 4, channel-lifetime: 4}
	auth: {users-db: $TMP/users.db, nonce-lifetime: 1}
	peers: {allow: [10.0.0.0/8, "fd00::/8"]}
	control: {socket: $TMP/control.sock, state: $TMP/allocations.state, metrics-port: 0}
	END
	start "$TMP/dp.log" "$BUILD/fairlead-dp" --config "$CONFIG"
	DP=$PID
	await 30 dp_ready || fail "fairlead-dp is not ready: $(tail -n 3 "$TMP/dp.log")"
	! ended "$DP" || fail "fairlead-dp ended: $(tail -n 3 "$TMP/dp.log")"
	start "$TMP/cp.log" "$BUILD/fairlead-cp" --config "$CONFIG"
	CP=$PID
	await 15 attached || fail "fairlead-cp is not attached: $(tail -n 3 "$TMP/cp.log")"
	fl user add demo --password-file - --replace >/dev/null <<<fairlead
}

allocations() { fl_json status .allocations.count; }

relay()
{
	local ports v4=(--client 10.1.0.2/24 --peer 10.2.0.2/24 --server 10.1.0.1:3478)
	ports=("$(memif 0 client access)" "$(memif 1 client core)")
	relay_up
	load relay4 "${ports[@]}" -- "${v4[@]}" --sessions 200 --rate 2000 --seconds 5 --renew 2
	carried relay4
	result relay4 setup.challenges 200
	assert_num "relay4: stale nonces" "$(jq .setup.stale "$TMP/relay4.json")" -gt 0
	# The allocations of that run are there still: these take their place.
	load relay5389 "${ports[@]}" -- "${v4[@]}" --sessions 200 --md5 --size 1468 --rate 5000 \
		--seconds 1 --warmup 0 --teardown
	carried relay5389
	load relay6 "${ports[@]}" -- --client fd00:1::2/64 --peer fd00:2::2/64 --server "[fd00:1::1]:3478" \
		--sessions 200 --rate 5000 --seconds 2 --renew 1 --warmup 0 --teardown
	carried relay6
	assert_eq "allocations after teardown" "$(allocations)" 0
	await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
	kill "$CP" "$DP"
}

# ---- coturn ----

coturn_up()
{
	own_namespaces_del
	ip netns add "$NS-relay"
	in_relay ip link set lo up
	in_relay ip link add near type veth peer name far
	in_relay ethtool -K near tx off rx off tso off gso off gro off >/dev/null
	in_relay ethtool -K far tx off rx off tso off gso off gro off >/dev/null
	in_relay ip link set far addrgenmode none up
	in_relay ip addr add 10.9.0.1/24 dev near
	in_relay ip link set near up
	start "$TMP/coturn.log" in_relay turnserver -n -L 10.9.0.1 -E 10.9.0.1 --no-tls --no-dtls --no-cli \
		--lt-cred-mech --user demo:fairlead --realm coturn.test --userdb "$TMP/coturn.db" \
		--pidfile "$TMP/coturn.pid" --log-file stdout --stale-nonce=1 --max-allocate-lifetime 4
	await 10 listens "$NS-relay" 3478 || fail "turnserver does not listen: $(tail -n 3 "$TMP/coturn.log")"
}

coturn()
{
	coturn_up
	load coturn net_af_packet0,iface=far -- --server 10.9.0.1:3478 --client 10.9.0.2/24 \
		--peer 10.9.0.130/24 --sessions 50 --rate 1000 --seconds 4 --renew 2 --teardown
	carried coturn
	result coturn setup.challenges 50
	assert_num "coturn: stale nonces" "$(jq .setup.stale "$TMP/coturn.json")" -gt 0
}

raw_faults
raw_stopped
raw_search
relay
coturn
