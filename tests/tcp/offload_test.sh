#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Segmentation and checksums left to the port: a guest's port (virtio-user) sends bursts of up to
# 64 KB, which the back end's stack (vhost) takes as they are; the other way, where the guest takes
# none, segments are cut in software. Every byte arrives, and the number of packets tells who cut.
#
#   agent, net_virtio_user 10.7.0.2 <-- socket --> net_vhost 10.7.0.1, agent
. "$(dirname "$0")/lib.sh"

BYTES=50000000
MEMORY_MB=320
PAGES=/proc/sys/vm/nr_hugepages
HAD=$(cat $PAGES)

free_pages() { sed -n 's/^HugePages_Free: *//p' /proc/meminfo; }
# Called at the end of every test: this one has no namespaces, but pages to give back.
own_namespaces_del() { echo "$HAD" >$PAGES; }

# config ADDRESS DEVICE
config()
{
	cat <<-END
	dataplane: {workers: [$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')], hugepages: yes, memory-mb: $MEMORY_MB, mbufs: 32768}
	ports: [{name: p, device: "$2", addresses: [$1/24]}]
	listeners: [{address: $1}, {address: $1, transport: tcp, port: 3479}]
	relays: [{address: $1}]
	turn: {realm: fairlead.test}
	END
}

# agent NAME ADDRESS DEVICE
agent()
{
	config "$2" "$3" >"$TMP/$1.yaml"
	: >"$TMP/$1.log"
	start "$TMP/$1.log" "$BUILD/tests/tcp/tcp-agent" --config "$TMP/$1.yaml" --socket "$TMP/$1.sock"
	await 20 grep -q ready "$TMP/$1.log" || fail "$1 does not start: $(tail -n 3 "$TMP/$1.log")"
}

# ask NAME REQUEST: its answer.
ask()
{
	python3 - "$TMP/$1.sock" "$2" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(60)
	s.connect(sys.argv[1])
	s.sendall((sys.argv[2] + "\n").encode())
	print(s.makefile().readline().strip())
	END
}

counter() { ask "$1" info | jq ".counters.$2 // 0"; }

# carry FROM TO: bytes arrive; PACKETS is how many packets TO was given for them.
carry()
{
	local before sent came
	before=$(counter "$2" rx)
	ask "$2" "receive 1 $BYTES" >"$TMP/came" &
	sent=$(ask "$1" "send 1 $BYTES 7" | jq -r .sha256)
	wait $!
	came=$(jq -r .sha256 "$TMP/came")
	assert_eq "$1 to $2: bytes" "$(jq .bytes "$TMP/came")" $BYTES
	assert_eq "$1 to $2: hash" "$came" "$sent"
	PACKETS=$(($(counter "$2" rx) - before))
}

need=$((2 * MEMORY_MB / 2 + 16 - $(free_pages)))
((need <= 0)) || echo $((HAD + need)) >$PAGES
agent vhost 10.7.0.1 "net_vhost0,iface=$TMP/v.sock,tso=1"
agent guest 10.7.0.2 "net_virtio_user0,path=$TMP/v.sock,mac=02:00:00:00:07:02"
ask vhost "listen 7" >/dev/null
assert_eq "the connection" "$(ask guest "connect 10.7.0.1 7" | jq .id)" 1
assert_eq "accepted" "$(ask vhost "accept 7" | jq .id)" 1

carry guest vhost
assert_num "packets of $BYTES bytes that the port need not cut" "$PACKETS" -lt $((BYTES / 1448 / 4))
note "$BYTES bytes in $PACKETS packets, $((BYTES / PACKETS)) bytes each"
carry vhost guest
assert_num "packets of $BYTES bytes cut in software" "$PACKETS" -ge $((BYTES / 1448))
for name in vhost guest; do
	assert_eq "$name: drops for their checksum" "$(ask $name info | jq '.drops.tcp_csum // 0')" 0
	assert_eq "$name: packets unaccounted for" "$(ask $name info | jq .difference)" 0
done
note "bursts pass where the port takes them, segments where it does not"
