# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tests/e2e/load.py from a test. Several may run, each under a name. Beside lib.sh, whose variables it sets.
# shellcheck disable=SC2034
declare -A LOAD_IN LOAD_OUT

# load_start NAME ARGUMENT...: returns once it runs.
load_start()
{
	local name=$1 in out
	shift
	mkfifo "$TMP/$name.in" "$TMP/$name.out"
	python3 "$ROOT/tests/e2e/load.py" "$@" <"$TMP/$name.in" >"$TMP/$name.out" 2>"$TMP/$name.log" &
	STARTED+=($!)
	exec {in}>"$TMP/$name.in" {out}<"$TMP/$name.out"
	LOAD_IN[$name]=$in LOAD_OUT[$name]=$out
	load_answer "$name" "load.py $*" 60
}

# load_answer NAME WHAT SECONDS: the next line, into REPLY.
load_answer()
{
	read -r -t "$3" -u "${LOAD_OUT[$1]}" REPLY ||
		fail "$1: no answer to $2: $(tail -n 3 "$TMP/$1.log")"
	[[ $REPLY != *'"failed"'* ]] || fail "$1: $(jq -r .failed <<<"$REPLY")"
}

# load NAME COMMAND [KEY]: its answer, or a member of it, in REPLY.
load()
{
	echo "$2" >&"${LOAD_IN[$1]}"
	load_answer "$1" "$2" 60
	[[ -z ${3:-} ]] || REPLY=$(jq -c ".$3" <<<"$REPLY")
}

# load_ended NAME NUMBER: whether so many of its connections have come to their end; for await.
load_ended()
{
	load "$1" ended ends
	((REPLY == $2))
}

# load_reaches NAME KEY NUMBER: for await.
load_reaches()
{
	load "$1" count "$2"
	((REPLY >= $3))
}

# load_more NAME KEY NUMBER: waits until its count has grown by that.
load_more()
{
	load "$1" count "$2"
	await 20 load_reaches "$1" "$2" $((REPLY + $3)) || fail "$1: $2 stands still: $REPLY"
}

# load_clean NAME: what was under way since the last pause has come, once, to the right place.
load_clean()
{
	local key answer
	load "$1" pause
	answer=$REPLY
	for key in lost twice wrong; do
		assert_num "$1: $key of $(jq .sent <<<"$answer") packets" "$(jq ".$key" <<<"$answer")" -eq 0
	done
	assert_num "$1: packets of the flow that got least" "$(jq .least <<<"$answer")" -gt 0
	note "$1: $(jq .sent <<<"$answer") packets, none lost"
}

# offered: what the hosts' kernels gave to the wires of access and core, or could not, since they
# started.
offered()
{
	local ns_dev sum=0 n
	for ns_dev in fl-client/client0 fl-peer/peer0; do
		n=$(in_ns "${ns_dev%/*}" ip -s -j link show "${ns_dev#*/}" | jq '.[0].stats64.tx | .packets + .dropped')
		sum=$((sum + n))
	done
	echo "$sum"
}

# unheard: how many of them did not reach the relay, but for a constant; unheard_since NUMBER: how
# many more since it said that, which were lost on the way. To be asked while nothing flows, since the
# counters are read one after the other; a straggler of the first time makes it less than none. A flood
# has a wire of its own (flood_config), so these are packets of who is honest.
unheard()
{
	local heard
	heard=$(fl_json ports '[.ports[] | select(.info.name == "access" or .info.name == "core") | .traffic.total.rx_packets] | add')
	echo $(($(offered) - heard))
}
unheard_since()
{
	local n=$(($(unheard) - $1))
	echo $((n > 0 ? n : 0))
}

# ---- who floods has a wire of its own ----

FLOOD4=10.3.0.1 FLOOD6=fd00:3::1 # listeners for UDP and TCP on 3478 and, IPv4, for TLS on 5349

# flood_config SED...: relay_config with one port more, flood, whose far end is flood0 in fl-client.
# So what a full wire loses of the flood is told from what the relay loses of media.
flood_config()
{
	local ns
	far_end_right || exit 1
	OWN_CONFIG=1
	"$ROOT/conf/quickstart.sh" --down
	FAR_END=0
	for ns in fl-client fl-relay fl-peer; do
		ip netns add "$ns"
		in_ns "$ns" ip link set lo up
	done
	ip link add flood netns fl-relay type veth peer name flood0 netns fl-client
	for ns in "in_relay flood" "in_client flood0"; do
		${ns% *} ethtool -K "${ns#* }" rx off tx off tso off gso off gro off >/dev/null
	done
	in_relay ip link set flood addrgenmode none up
	in_client ip link set flood0 up
	in_client ip addr add 10.3.0.2/24 dev flood0
	in_client ip addr add fd00:3::2/64 dev flood0 nodad
	RELAY_STAYS_DOWN=1 relay_config \
		's|^    addresses: \[10.2.0.1/24, fd00:2::1/64\]|&\n\n  - name: flood\n    device: "net_af_xdp2,iface=flood"\n    addresses: [10.3.0.1/24, fd00:3::1/64]\n    gateways: [10.3.0.2]|' \
		's|^listeners:|&\n  - address: 10.3.0.1\n  - address: "fd00:3::1"\n  - address: 10.3.0.1\n    transport: tcp\n  - address: 10.3.0.1\n    port: 5349\n    transport: tls|' \
		"$@"
}

# Every reason to drop a packet but those that a flood of requests, garbage or SYNs gives.
media_drops() { drops | grep -vE '^(punt_full|punt_rate|binding_rate|icmp_.*|stun_.*|no_session|chandata_bad|no_channel|send_bad|ip_dst|eth_.*|arp_.*|nd_.*|tcp_.*) '; }

# media_spared NAME MISSED: media is paused, its answer in REPLY: nothing of it was lost in the relay.
# It lost no more than did not reach the relay, nor one in ten; MISSED is unheard() of the beginning,
# $TMP/media_drops what media_drops said then.
media_spared()
{
	local sent lost missed
	sent=$(jq .sent <<<"$REPLY") lost=$(jq .lost <<<"$REPLY")
	missed=$(unheard_since "$2")
	note "$1: media lost $lost of $sent, of which $missed never reached the relay"
	assert_num "$1: media lost in the relay" "$lost" -le "$missed"
	assert_num "$1: media lost at all, in tenths" $((10 * lost)) -le "$sent"
	assert_num "$1: media that came twice or wrong" "$(jq '.twice + .wrong' <<<"$REPLY")" -eq 0
	media_drops | diff "$TMP/media_drops" - >"$TMP/media_drops.diff" ||
		fail "$1: dropped in the dataplane: $(cat "$TMP/media_drops.diff")"
}
