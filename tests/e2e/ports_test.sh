#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every type of port that needs no hardware: AF_PACKET, AF_XDP, TAP, memif, vhost and virtio-user, with
# and without a VLAN tag, two ports on one device, told apart by theirs, bonds, and VLANs on a bond. Over each, fairlead-dp answers ARP, ND and echo at full MTU and in
# fragments, and relays an independent client's traffic with both families and nothing lost. A port
# that is not there is one sentence.
#
#   fl-ports-client      fl-ports-relay                                   fl-ports-peer
#   10.1.0.2  client0 <-> access                              core <-> peer0  10.2.0.2
#                           |                                  |
#                           +-- AF_PACKET, AF_XDP: fairlead-dp +
#                           +-- cable -- memif, vhost, VLANs: fairlead-dp -- ... -- cable --+
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
NS=fl-ports
CABLE=$BUILD/tests/e2e/cable
CABLES=0
CABLE_EAL=() # further arguments
declare -A CLIENTS

# wire_pair PORT FAR NAMESPACE
wire_pair()
{
	ip link add "$1" netns "$NS-relay" type veth peer name "$2" netns "$3"
	# A checksum or a tag left to a device that is none would not be in the frame.
	in_relay ethtool -K "$1" rx off tx off tso off gso off gro off >/dev/null
	in_ns "$3" ethtool -K "$2" rx off tx off tso off gso off gro off txvlan off >/dev/null
	in_relay ip link set "$1" addrgenmode none up
	in_ns "$3" ip link set "$2" up
}

# host NAMESPACE DEVICE ADDR4 GATEWAY4 ADDR6 GATEWAY6
host()
{
	in_ns "$1" ip addr add "$3" dev "$2"
	in_ns "$1" ip addr add "$5" dev "$2" nodad
	in_ns "$1" ip route add default via "$4"
	in_ns "$1" ip -6 route add default via "$6"
}

namespaces()
{
	local n
	own_namespaces_del
	for n in client relay peer; do
		ip netns add "$NS-$n"
		in_ns "$NS-$n" ip link set lo up
	done
}

hosts()
{
	host "$NS-client" client0 10.1.0.2/24 10.1.0.1 fd00:1::2/64 fd00:1::1
	host "$NS-peer" peer0 10.2.0.2/24 10.2.0.1 fd00:2::2/64 fd00:2::1
	start_peer
}

world()
{
	namespaces
	wire_pair access client0 "$NS-client"
	wire_pair core peer0 "$NS-peer"
	hosts
}

# configure ACCESS CORE [SED...]: $TMP/fairlead.yaml with these devices, small, apart from the
# relay of quickstart.sh and from the huge pages that others count on.
configure()
{
	local from=$RUN/fairlead.yaml expr=()
	for e in "${@:3}"; do expr+=(-e "$e"); done
	CONFIG=$TMP/fairlead.yaml
	sed -e "s|net_af_xdp0,iface=access|$1|" -e "s|net_af_xdp1,iface=core|$2|" \
		-e "s|$OWN_RUN/|$TMP/|; s|$OWN_STATE/|$TMP/|" \
		-e 's/^  memory-mb:.*/  memory-mb: 256/; s/^  sessions:.*/  sessions: 1024/' \
		-e 's/^  hugepages:.*/  hugepages: no/' \
		-e 's/^  allocations-max:.*/  allocations-max: 1024/; s/^  peers:.*/  peers: 1024/' \
		-e 's/^  metrics-port:.*/  metrics-port: 0/' "${expr[@]}" "$from" >"$CONFIG"
}

dp_ready() { grep -q 'fairlead-dp: ready' "$TMP/dp.log" || ended "$DP"; }

# relay_up: fairlead-dp and fairlead-cp with what configure() wrote.
relay_up()
{
	LIBXDP_SKIP_DISPATCHER=1 start "$TMP/dp.log" in_relay "$BUILD/fairlead-dp" --config "$CONFIG"
	DP=$PID
	await 30 dp_ready || fail "fairlead-dp is not ready: $(tail -n 3 "$TMP/dp.log")"
	! ended "$DP" || fail "fairlead-dp ended: $(tail -n 3 "$TMP/dp.log")"
	start "$TMP/cp.log" in_relay "$BUILD/fairlead-cp" --config "$CONFIG"
	CP=$PID
	await 15 attached || fail "fairlead-cp is not attached: $(tail -n 3 "$TMP/cp.log")"
	fl user add demo --password-file - --replace >/dev/null <<<fairlead
}

cable_ready() { grep -q 'cable: ready' "$TMP/cable$CABLES.log" || ended "$CABLE_PID"; }

# cable_up DEVICE DEVICE...: one queue; CABLE_PID. A port's AF_XDP socket is busy for a while after
# its process has ended.
cable_up()
{
	local log try
	for ((try = 0; try < 10; try++)); do
		log=$TMP/cable$((++CABLES)).log
		LIBXDP_SKIP_DISPATCHER=1 start "$log" in_relay "$CABLE" --no-huge -m 128 --no-pci \
			--no-shconf "--file-prefix=cable$$.$CABLES" --lcores=0@0 --no-telemetry \
			"${CABLE_EAL[@]}" -- 1 "$@"
		CABLE_PID=$PID
		await 20 cable_ready || fail "the cable is not ready: $(tail -n 3 "$log")"
		! ended "$CABLE_PID" || { grep -qi busy "$log" && sleep 0.5 && continue; }
		break
	done
	! ended "$CABLE_PID" || fail "the cable ended: $(tail -n 3 "$log")"
}

# end PID...
end()
{
	local pid
	for pid; do
		kill "$pid"
		await 15 ended "$pid" || fail "process $pid does not end"
	done
}

links_up() { [[ $(fl_json ports '[.ports[].info.link_up] | all') == true ]]; }

# pings ADDRESS SIZE [whole]: in fragments where it is long, or never
pings()
{
	in_client ping -q -c 2 -i 0.2 -W 2 -s "$2" ${3:+-M do} "$1" >"$TMP/ping.log" ||
		fail "$KIND: no echo of $2 bytes from $1: $(tail -n 2 "$TMP/ping.log")"
}

# traffic NAME ARGUMENT...: starts 200 messages of coturn's client.
traffic()
{
	uclient "$TMP/uclient-$1.log" -n 50 -m 4 -c "${@:2}" &
	CLIENTS[$1]=$!
}

# came_back NAME: none of them is lost.
came_back()
{
	wait "${CLIENTS[$1]}" || true
	assert_eq "$KIND: $1, messages back" "$(uclient_received "$TMP/uclient-$1.log")" 200
	assert_eq "$KIND: $1, lost" "$(uclient_lost "$TMP/uclient-$1.log")" 0
}

# works: what every port can do.
works()
{
	await 20 links_up || fail "$KIND: links stay down: $(fl --json ports)"
	pings "$SERVER4" 1472 whole
	pings "$SERVER6" 1452 whole
	((${NO_FRAGMENTS4:-})) || pings "$SERVER4" 4000
	pings "$SERVER6" 4000
	traffic channels -e "$PEER4" "$SERVER4"
	traffic full-size -l 1400 -e "$PEER4" "$SERVER4"
	traffic send-ipv6 -s -x -e "$PEER6" "$SERVER6"
	traffic stream -t -l 1400 -e "$PEER4" "$SERVER4"
	came_back channels
	came_back full-size
	came_back send-ipv6
	came_back stream
	await 5 accounted || fail "$KIND: a packet is not accounted for: $(fl accounting)"
	note "$KIND: $(fl_json ports '[.ports[].info | .driver + " (" + .offloads + ")"] | join(", ")')"
}

# works_again: after the far end of a port went and came.
works_again()
{
	await 20 links_up || fail "$KIND: a link stays down: $(fl --json ports)"
	pings "$SERVER4" 1472 whole
	pings "$SERVER6" 4000
}

# refused KEY WANT ACCESS [SED]: one sentence, and the end.
refused()
{
	local rc=0 out
	configure "$3" net_null1 "${@:4}"
	LIBXDP_SKIP_DISPATCHER=1 in_relay timeout 30 "$BUILD/fairlead-dp" --config "$CONFIG" \
		2>"$TMP/err" </dev/null || rc=$?
	out=$(grep '^fairlead-dp: ' "$TMP/err" | grep -v ': memory: ')
	assert_eq "$3: exit code" "$rc" 1
	grep -qF -- "ports[0].$1 (access, $3): $2" <<<"$out" || fail "$3: '$out' does not say '$2'"
	assert_eq "$3: lines said" "$(wc -l <<<"$out")" 1
}

# kernel DRIVER: straight on kernel devices, whose MTU is the relay's to set.
kernel()
{
	KIND=$1
	local NO_FRAGMENTS4=0
	# Its fanout has the kernel put IPv4 fragments together, whatever a frame may hold.
	[[ $1 != af_packet ]] || NO_FRAGMENTS4=1
	world
	in_relay ip link set access mtu 1400
	configure "net_${1}0,iface=access" "net_${1}1,iface=core"
	relay_up
	works
	end "$CP" "$DP"
}

# tap_give PORT FAR NAMESPACE: an interface that the relay has made goes to where its host is.
tap_give()
{
	in_relay ip link set "$1" netns "$3" name "$2"
	in_ns "$3" ip link set "$2" up
}

link_is() { [[ $(fl_json ports '.ports[1].info.link_up') == "$1" ]]; }

# The kernel's interfaces, made by the relay, with all offloads on: a stream of 20 MB that is joined
# crosses in large segments and is what it was.
taps()
{
	local packets
	KIND="TAP"
	namespaces
	configure tap:access tap:core \
		"s/^relays:/  - {address: $SERVER4, port: 7000, transport: tcp, service: bulk}\n&/" \
		"s/^services:.*/&\n  - {name: bulk, backend: $PEER4, port: 7001}/"
	relay_up
	assert "$KIND: another fairlead-dp takes it" refuses_taken
	tap_give access client0 "$NS-client"
	tap_give core peer0 "$NS-peer"
	hosts
	works
	head -c 20000000 /dev/urandom >"$TMP/bulk"
	start "$TMP/bulk.log" in_peer python3 -c "import socket, sys
s = socket.create_server((sys.argv[1], 7001)).accept()[0]
with open(sys.argv[2], 'wb') as f:
    while b := s.recv(1 << 20):
        f.write(b)" "$PEER4" "$TMP/bulk.heard"
	await 10 listens_tcp "$NS-peer" 7001 || fail "$KIND: no back end"
	packets=$(fl_json ports '.ports[0].traffic.total.rx_packets')
	in_client timeout 60 python3 -c "import socket, sys
s = socket.create_connection((sys.argv[1], 7000))
s.sendall(open(sys.argv[2], 'rb').read())
s.shutdown(socket.SHUT_WR)
s.recv(1)" "$SERVER4" "$TMP/bulk" || fail "$KIND: the stream does not get through"
	await 20 ended "$PID" || fail "$KIND: the back end still waits"
	assert "$KIND: the stream is what it was" cmp -s "$TMP/bulk" "$TMP/bulk.heard"
	packets=$(($(fl_json ports '.ports[0].traffic.total.rx_packets') - packets))
	assert_num "$KIND: frames of it" "$packets" -lt 5000
	in_ns "$NS-peer" ip link set peer0 down
	await 20 link_is false || fail "$KIND: a link that is down is not told"
	in_ns "$NS-peer" ip link set peer0 up
	await 20 link_is true || fail "$KIND: nor that it is up again"
	end "$CP" "$DP"
	assert "$KIND: the interface goes with it" no_link
}

# What a second fairlead-dp says of the same interfaces.
refuses_taken()
{
	sed "s|dp.sock|second.sock|" "$CONFIG" >"$TMP/second.yaml"
	in_relay timeout 30 "$BUILD/fairlead-dp" --config "$TMP/second.yaml" >"$TMP/second" 2>&1 </dev/null && return 1
	grep -q "ports\[0\].device (access, tap:access): is used by another fairlead-dp (pid $DP)" "$TMP/second"
}

no_link() { ! in_ns "$NS-client" ip link show client0 >"$TMP/link" 2>&1; }

# trunk PORT FAR: a wire between the cable, which tags, and the relay.
trunk()
{
	in_relay ip link add "$1" type veth peer name "$2"
	in_relay ip link set "$1" addrgenmode none up
	in_relay ip link set "$2" addrgenmode none up
}

# vlan DRIVER: a tag on each port, put on and taken off by the cable.
vlan()
{
	KIND="VLANs on $1"
	local NO_FRAGMENTS4=0
	[[ $1 != af_packet ]] || NO_FRAGMENTS4=1
	world
	trunk trunk0 far0
	trunk trunk1 far1
	configure "net_${1}0,iface=trunk0" "net_${1}1,iface=trunk1" \
		's/^    vlan: 0/    vlan: 100/' '/^ports:/,/^listeners:/s/^  - name: core/&\n    vlan: 200/'
	relay_up
	cable_up 100:net_af_xdp0,iface=far0 net_af_xdp1,iface=access \
		200:net_af_xdp2,iface=far1 net_af_xdp3,iface=core
	works
	end "$CP" "$DP" "$CABLE_PID"
}

# shared VLAN DRIVER: both ports on one device, access with or without a tag.
shared()
{
	local access=${1%:*} driver=${1#*:}
	KIND="ports of VLANs $access and 200 on one device, $driver"
	world
	trunk trunk0 far0
	configure "net_${driver}0,iface=trunk0" "net_${driver}0,iface=trunk0" \
		"s/^    vlan: 0/    vlan: $access/" '/^ports:/,/^listeners:/s/^  - name: core/&\n    vlan: 200/'
	relay_up
	cable_up "$access:net_af_xdp0,iface=far0" net_af_xdp1,iface=access \
		200:net_af_xdp0,iface=far0 net_af_xdp2,iface=core
	works
	assert_eq "$KIND: whose device the second is" "$(fl_json ports '.ports[1].info.device_of')" 0
	assert_num "$KIND: packets of the second" "$(fl_json ports '.ports[1].traffic.total.rx_packets')" -gt 300
	end "$CP" "$DP" "$CABLE_PID"
}

# memif with the relay as server at one port, whose client may come and go, and as client at the
# other.
memif()
{
	local access=id=1,socket-abstract=no,socket=$TMP/access.sock
	local core=id=2,socket-abstract=no,socket=$TMP/core.sock first
	local far=("net_memif0,role=client,$access" "net_af_xdp0,iface=access")
	KIND="memif"
	world
	configure "net_memif0,role=server,$access" "net_memif1,role=client,$core"
	cable_up "net_memif1,role=server,$core" net_af_xdp1,iface=core
	first=$CABLE_PID
	relay_up
	cable_up "${far[@]}"
	works
	end "$CABLE_PID"
	cable_up "${far[@]}"
	works_again
	end "$CP" "$DP" "$CABLE_PID" "$first"
}

# The relay as the back end of a guest at one port, and as a guest itself at the other.
vhost()
{
	local first
	local far=("net_virtio_user0,path=$TMP/access.sock,mac=02:00:00:00:01:02"
		"net_af_xdp0,iface=access")
	KIND="vhost and virtio-user"
	world
	configure "net_vhost0,iface=$TMP/access.sock" \
		"net_virtio_user0,path=$TMP/core.sock,server=1,mac=02:00:00:00:02:01"
	cable_up "net_vhost0,iface=$TMP/core.sock,client=1" net_af_xdp1,iface=core
	first=$CABLE_PID
	relay_up
	cable_up "${far[@]}"
	works
	end "$CABLE_PID"
	cable_up "${far[@]}"
	works_again
	end "$CP" "$DP" "$CABLE_PID" "$first"
}

members() { fl_json ports '.ports[0].info.members'; }

# bonded MODE MEMBER MEMBER [SED]: the access port is two devices, and the core port is CORE.
bonded()
{
	configure net_bonding0 "${CORE:-net_af_xdp1,iface=core}" "s/^    bond: none/    bond: $1/" \
		"s|^    members: .*|    members: ['$2', '$3']|" "${@:4}"
	relay_up
}

# A guest's device, whose link follows its back end, which is there when the relay starts.
guest() { echo "net_virtio_user$1,path=$TMP/member$1.sock,server=1,mac=02:00:00:00:01:0$1"; }
back_end() { echo "net_vhost$1,iface=$TMP/member$1.sock,client=1"; }

members_are() { [[ $(fl_json ports '.ports[0].info.members') == "$1; $2" ]]; }

# Both members have a far end, of which one leads to clients; then only the other one has.
bond_active_backup()
{
	local first
	KIND="active-backup"
	world
	cable_up "$(back_end 0)" net_af_xdp0,iface=access
	first=$CABLE_PID
	cable_up "$(back_end 1)" net_null0
	bonded active-backup "$(guest 0)" "$(guest 1)"
	works
	await 10 members_are "net_virtio_user0 up, active" "net_virtio_user1 up, idle" || fail "$KIND: one is not active: $(members)"
	end "$first" "$CABLE_PID"
	cable_up "$(back_end 1)" net_af_xdp0,iface=access
	works_again
	await 10 members_are "net_virtio_user0 down, idle" "net_virtio_user1 up, active" || fail "$KIND: the other is not active: $(members)"
	end "$CP" "$DP" "$CABLE_PID"
}

# A bond at both ends, which agree by LACP, and go on to: the driver complains where it is not called
# every 100 ms. lacp DEVICE... [-- SED...]: devices of the cable, and of the relay's configuration.
lacp()
{
	local name=slave both=("net_af_packet0 link not told, active" "net_af_packet1 link not told, active") NO_FRAGMENTS4=1 ends=()
	! pkg-config --atleast-version=23.11 libdpdk || name=member
	CABLE_EAL=("--vdev=net_af_packet0,iface=far0" "--vdev=net_af_packet1,iface=far1"
		"--vdev=net_bonding0,mode=4,$name=net_af_packet0,$name=net_af_packet1")
	while (($#)) && [[ $1 != -- ]]; do
		ends+=("$1")
		shift
	done
	world
	trunk member0 far0
	trunk member1 far1
	cable_up "${ends[@]}"
	CABLE_EAL=()
	bonded lacp net_af_packet0,iface=member0 net_af_packet1,iface=member1 \
		's/^  log-levels:.*/  log-levels: ["*bond*:debug"]/' "${@:2}"
	await 30 members_are "${both[@]}" || fail "$KIND: $(fl_json ports '.ports[0].info.members')"
	works
	assert "$KIND: both are active" members_are "${both[@]}"
	assert_eq "$KIND: members that tell no link" "$(grep -c "members.*its driver does not tell when its link is lost" "$TMP/dp.log")" 2
	grep -q "distributing started" "$TMP/dp.log" || fail "$KIND: the driver logs nothing"
	assert_eq "$KIND: complaints" "$(grep -c "must be invoked" "$TMP/dp.log")" 0
}

bond_lacp()
{
	KIND="LACP"
	lacp net_bonding0 net_af_xdp0,iface=access
	end "$CP" "$DP" "$CABLE_PID"
}

# Both ports are VLANs of one bond, each with its addresses, gateway and realm: a context joins the two realms.
bond_vlans()
{
	local CORE=net_bonding0 context
	KIND="VLANs 100 and 200 on a bond by LACP"
	lacp 100:net_bonding0 net_af_xdp0,iface=access 200:net_bonding0 net_af_xdp1,iface=core -- \
		's/^    vlan: 0/    vlan: 100/' '/^ports:/,/^listeners:/s/^  - name: core/&\n    vlan: 200/'
	assert_eq "$KIND: whose device the second is" "$(fl_json ports '.ports[1].info.device_of')" 0
	context=$(fl --json context add --a transport=udp,realm=access,latch=on --b "transport=udp,realm=core,remote=$PEER4:4000")
	start "$TMP/remote" in_peer python3 -uc "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$PEER4', 4000))
print(*s.recvfrom(100))"
	await 10 listens "$NS-peer" 4000 || fail "$KIND: no remote"
	in_client python3 -c "import socket, sys
host, port = sys.argv[1].split(':')
assert host.startswith('10.1.0.'), host
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'across', (host, int(port)))" \
		"$(jq -r '.terminations[0].local' <<<"$context")"
	await 10 grep -q across "$TMP/remote" || fail "$KIND: nothing comes through the context: $(fl context show "$(jq .context <<<"$context")")"
	assert_eq "$KIND: it comes from" "$(sed 's/.*(.\(.*\)., \([0-9]*\))$/\1:\2/' "$TMP/remote")" "$(jq -r '.terminations[1].local' <<<"$context")"
	end "$CP" "$DP" "$CABLE_PID"
}

# Frames longer than a buffer: the device has to chain them.
jumbo()
{
	KIND="virtio-user with an MTU of 9000"
	world
	configure "net_virtio_user0,path=$TMP/access.sock" net_null1 's/^    mtu: 1500/    mtu: 9000/'
	cable_up "net_vhost0,iface=$TMP/access.sock" net_null0
	relay_up
	assert_eq "$KIND: mtu" "$(fl_json ports '.ports[0].info.mtu')" 9000
	end "$CP" "$DP" "$CABLE_PID"
}

missing()
{
	world
	refused device "no driver of DPDK has such a name" net_nosuch0
	refused device "is not on the PCI bus" 0000:fe:1f.7
	refused device "there is no interface nosuch in this network namespace" net_af_packet0,iface=nosuch
	refused device "cannot be opened" "net_virtio_user0,path=$TMP/nosuch"
	refused mtu "is more than the device carries" net_af_xdp0,iface=access \
		's/^    mtu: 1500/    mtu: 1779/'
}

(($#)) || set -- kernel:af_packet kernel:af_xdp taps vlan:af_packet vlan:af_xdp \
	shared:100:af_xdp shared:0:af_xdp memif vhost bond_active_backup bond_lacp bond_vlans jumbo missing
for kind; do
	"${kind%%:*}" "${kind#*:}"
done
