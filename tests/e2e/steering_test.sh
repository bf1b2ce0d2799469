#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers, on ports with and without queues of their own and none with RSS: clients are spread
# over both, peers' packets arrive at either, nothing is lost, no session is on two workers, clients
# reach each other's relayed addresses across workers, fragments find their way (RFC 8656 sections 12
# and 15), clients over TCP are served alike, and the counters of the hand-over and of R74 add up.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
COMPONENTS=32
TWO='s/^  workers: .*/  workers: [0, 1]/'

per_worker() { fl_json workers ".workers[].counters.$1"; }

# fairlead-cp's list and the workers' own gauges, by worker.
listed() { fl --json sessions --limit 0 | jq '.sessions | [.[].worker] | (map(select(. == 0)) | length), (map(select(. == 1)) | length)'; }

# Each client sends to every other's relayed address, and knows it by its own.
each_to_each()
{
	in_client env PYTHONPATH="$E2E" python3 - <<-END
		import stunlib as s
		clients = [s.Client("$SERVER4") for _ in range(12)]
		at = [c.allocate().address(s.RELAYED) for c in clients]
		for c in clients:
		    assert c.permit("$RELAY4").error() == 0
		for i, a in enumerate(clients):
		    for j, b in enumerate(clients):
		        if i == j:
		            continue
		        text = f"{i} to {j}".encode()
		        a.send(*at[j], text)
		        got = b.receive(5)
		        assert got == (at[i], text), f"{text}: {got}"
		for c in clients:
		    assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
	END
}

# media NAME ARGUMENT...: both ways, without loss; the allocations stay.
media()
{
	load_start "$1" media --legs $COMPONENTS --rate 1000 "${@:2}"
	load "$1" go
	load_more "$1" least 20
	load_clean "$1"
}

# show VARIANT [FAMILY]: the same on every kind of port, and large datagrams of that family. For
# af_packet the kernel puts IPv4 fragments together, to more than it then takes; with queues of its
# own choice fragments of a client reach a worker that the client's flow does not.
show()
{
	local w gauge
	note "$1: $(fl_json ports '.ports[0].info | "\(.driver), \(.rx_queues) queues, \(.steering)"')"
	media "$1"
	mapfile -t gauge < <(per_worker sessions)
	assert_eq "$1: sessions of each worker, and of fairlead-cp's list" "${gauge[*]}" "$(listed | xargs)"
	assert_eq "$1: sessions" $((gauge[0] + gauge[1])) $COMPONENTS
	for w in 0 1; do
		assert_num "$1: sessions of worker $w" "${gauge[w]}" -gt 0
		for dir in to_peer to_client; do
			assert_num "$1: relay_$dir of worker $w" "$(per_worker relay_$dir | sed -n $((w + 1))p)" -gt 0
		done
	done
	load "$1" renew
	[[ -z ${2:-} ]] || media "$1-large" --size 3000 --family "$2"
	media "$1-stream" --tcp
	each_to_each || fail "$1: from client to client"
	assert_num "$1: looped" "$(counter relay_looped)" -ge 132
	assert_num "$1: handed over" "$(counter handover_out)" -gt 0
	await 10 accounted || fail "$1: packets are not accounted for: $(fl --json accounting)"
	assert_eq "$1: taken over and handed over" "$(counter handover_in)" "$(counter handover_out)"
	load "$1" quit
	[[ -z ${2:-} ]] || load "$1-large" quit
	load "$1-stream" quit
	await 10 nothing_left || fail "$1: sessions are left: $(per_worker sessions | xargs)"
}

nothing_left() { [[ $(counter sessions) == 0 && $(fl_json status .allocations.count) == 0 ]]; }

# Worker 1 has no queue: it gets and sends everything by way of worker 0.
relay_config "$TWO" >"$TMP/quickstart"
show one-queue both

# Packets of one flow come by one queue, which the kernel chooses.
relay_config "$TWO" 's/net_af_xdp\(.\),iface=[a-z]*/&,qpairs=2/; s/net_af_xdp/net_af_packet/' >"$TMP/quickstart"
show two-queues

memif() { echo "s|net_af_xdp$1,iface=$2|net_memif$1,role=server,id=0,socket=$RUN/$2.memif,socket-abstract=no|"; }
relay_config "$TWO" "$(memif 0 access)" "$(memif 1 core)" >"$TMP/quickstart"
start "$TMP/wire" in_relay "$BUILD/tests/e2e/wire" 2 --no-huge -m 256 --no-shconf --no-pci --no-telemetry \
	--lcores '0@(0,1)' --file-prefix "wire$$" --log-level '*:warning' \
	--vdev "net_memif0,role=client,id=0,socket=$RUN/access.memif,socket-abstract=no" \
	--vdev net_af_packet0,iface=access \
	--vdev "net_memif1,role=client,id=0,socket=$RUN/core.memif,socket-abstract=no" \
	--vdev net_af_packet1,iface=core
linked() { in_client ping -c 1 -W 1 "$SERVER4" >/dev/null; }
await 20 linked || fail "memif: no link: $(tail -n 3 "$TMP/wire")"
show memif 6
