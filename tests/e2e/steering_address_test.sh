#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers, each with a relay address of each family of its own (relays[].worker): coturn's clients
# over UDP and TCP get ports of the address of the worker that they reached, EVEN-PORT pairs too, and
# relay by them; a new fairlead-cp takes the allocations up under way; TCP allocations of both connect
# to each other (RFC 6062); `fairlead ports` says how peers' packets come and why not by a rule; every
# packet is accounted for, by each worker (R74).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"
CLIENTS=8 # of each run that goes on while fairlead-cp is killed
OWNED=(
	's/^  workers: .*/  workers: [0, 1]/'
	's|^    addresses: \[10.2.0.1/24, fd00:2::1/64|&, 10.2.0.3/24, fd00:2::3/64|'
	's|^    worker: ""|    worker: "0"\n\n  - address: 10.2.0.3\n    port-min: 16384\n    realm: core\n    worker: "1"|'
	's|^  - address: "fd00:2::1"|  - address: "fd00:2::3"\n    port-min: 16384\n    realm: core\n    worker: "1"\n\n&\n    worker: "0"|'
)

# What is there but for its times, in the order of relayed addresses; peers of each by address.
sessions()
{
	fl --json sessions --peers --limit 0 | jq -S '.sessions | map(del(.age_s, .expires_s, .to_peer, .to_client) |
		.permissions[] |= .peer | .channels |= (map(del(.expires_s)) | sort)) | sort_by(.relayed)'
}

# served NUMBER: of allocations that have a permission. coturn's client leaves others over UDP behind.
served() { [[ $(sessions | jq 'map(select(.permissions != [])) | length') == "$1" ]]; }
balanced() { fl --json accounting | jq -e '[.total, .workers[]] | all(.difference == 0)' >/dev/null; }

# from_peer: packets that the peer sent; more_from_peer NUMBER: whether there are so many by now.
from_peer() { in_peer ip -s -j link show peer0 | jq '.[0].stats64.tx.packets'; }
more_from_peer() { (($(from_peer) >= $1)); }

# at_home: each session is on the worker that has its address, and each address has some.
at_home()
{
	sessions >"$TMP/sessions"
	jq -e --argjson home '{"10.2.0.1": 0, "fd00:2::1": 0, "10.2.0.3": 1, "fd00:2::3": 1}' '
		[.[] | .worker as $w | .relayed[] | sub(":[0-9]+$"; "") | gsub("[][]"; "") | [., $w]] |
		all($home[.[0]] == .[1]) and (unique | length == 4)' "$TMP/sessions" >/dev/null ||
		fail "$1: $(jq -c 'map([.relayed, .worker])' "$TMP/sessions")"
}

revive_cp()
{
	local pid sent
	pid=$(cp_pid)
	kill -KILL "$pid"
	await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
	sent=$(from_peer)
	await 20 more_from_peer $((sent + 200)) || fail "without fairlead-cp nothing is relayed"
	start_cp
	await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
}

# show VARIANT WHY: WHY there is no rule.
show()
{
	local variant=$1 why=$2 dir w peer
	await 10 attached || fail "$variant: the control process is not attached"
	assert_eq "$variant: how relayed ports come" \
		"$(fl_json ports '.ports[] | select(.info.name == "core").info.steering | split("; ")[1]')" \
		"relayed ports: hand-over (rte_flow: $why)"
	drops_mark
	start_peer 3480
	peer=$PID
	also relays "$variant-udp" $((CLIENTS * 50)) -c -n 50 -m $CLIENTS -z 100 -e "$PEER4" "$SERVER4"
	also relays "$variant-udp6" $((CLIENTS * 50)) -c -n 50 -m $CLIENTS -z 100 -x -e "$PEER6" "$SERVER6"
	also many "$variant-tcp" $((CLIENTS * 50)) -t -c -n 50 -m $CLIENTS -z 100 -e "$PEER4" "$SERVER4"
	also many "$variant-tcp6" $((CLIENTS * 50)) -t -c -s -n 50 -m $CLIENTS -z 100 -x -e "$PEER6" "$SERVER4"
	await 20 served $((CLIENTS * 4)) || fail "$variant: $(sessions | jq length) allocations"
	at_home "$variant: not on the worker of its address"
	cp "$TMP/sessions" "$TMP/before"
	revive_cp
	at_home "$variant: no longer on the worker of its address"
	diff "$TMP/before" "$TMP/sessions" || fail "$variant: the new fairlead-cp lists other allocations"
	[[ $variant != two-queues ]] || also many "$variant-tcp-to-tcp" 80 -T -n 20 -m 4 "$SERVER4" # pauses for 35 s
	all_end
	relays "$variant-pairs" 160 -n 20 -m 8 -e "$PEER4" "$SERVER4"
	for w in 0 1; do
		for dir in to_peer to_client; do
			assert_num "$variant: relay_$dir of worker $w" \
				"$(fl_json workers ".workers[$w].counters.relay_$dir")" -gt 0
		done
	done
	await 10 balanced || fail "$variant: packets are not accounted for: $(fl --json accounting)"
	assert_eq "$variant: taken over and handed over" "$(counter handover_in)" "$(counter handover_out)"
	assert_eq "$variant: drops that were not expected" \
		"$(drops_except ip_dst nd_other icmp_no_session tcp_closed tcp_port tcp_seq)" ""
	kill "$peer"
	await 10 ended "$peer" || fail "turnutils_peer does not end"
}

relay_config "${OWNED[@]}" >"$TMP/quickstart"
show one-queue "fewer queues than workers"

relay_config "${OWNED[@]}" 's/net_af_xdp\(.\),iface=[a-z]*/&,qpairs=2/; s/net_af_xdp/net_af_packet/' >"$TMP/quickstart"
show two-queues "its driver knows none"
