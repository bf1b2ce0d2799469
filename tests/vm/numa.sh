#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A worker on each of two NUMA nodes of a guest: each has memory of its own node, that of its handshakes and of
# OpenSSL's contexts too, in ordinary pages and in huge
# ones, and where a node has no huge pages the start says which worker is the worse for it.
#
# A NIC in a slot of the second node has its rings there, whoever polls it; the start says so where a worker of the
# other node does, and nothing where one of its own does.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${E2E_BUILD:-$ROOT/build}
NIC=e1000e
NIC_ID=0x10d3

if [[ ${1:-} != --inside ]]; then
	# The test looks at registers of a device that VFIO has.
	exec env GUEST_CPUS=3 GUEST_MB=3072 GUEST_APPEND=iomem=relaxed "$ROOT/tests/vm/guest.sh" \
		-object memory-backend-ram,id=m0,size=1536M -object memory-backend-ram,id=m1,size=1536M \
		-numa node,memdev=m0,cpus=0-1 -numa node,memdev=m1,cpus=2 \
		-device pxb-pcie,id=far,bus_nr=64,numa_node=1 -device pcie-root-port,id=slot-far,bus=far,chassis=64 \
		-netdev hubport,id=wire,hubid=0 -device "$NIC,netdev=wire,bus=slot-far" \
		-- "E2E_BUILD=$BUILD $ROOT/tests/vm/numa.sh --inside"
fi

LOG=/tmp/dp.log
SAID="is on NUMA node"

fail()
{
	printf 'FAILED  %s\n' "$*"
	sed 's/^/        | /' $LOG
	exit 1
}

# pages NODE0 NODE1: huge pages of each, of 2 MB.
pages()
{
	local node
	for node in 0 1; do
		shift $((node > 0))
		echo "$1" >"/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
	done
}

# reserve NODE0 NODE1: more of them, as doc/deploy.md has it for several nodes.
reserve()
{
	local node
	printf 'hugepages 2M %s 0\nhugepages 2M %s 1\n' "$@" >/tmp/setup.conf
	"$ROOT/conf/fairlead-setup.sh" --config /tmp/setup.conf >$LOG 2>&1 || fail "fairlead-setup reserves no pages"
	for node in 0 1; do
		[[ $(<"/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages") == "$1" ]] ||
			fail "fairlead-setup has not reserved $1 pages on node $node"
		shift
	done
}

# runs WHAT KIND [COMMAND...]: until it is ready, and then, after this command, ends it.
runs()
{
	local pid i
	"$BUILD/fairlead-dp" --config /tmp/numa.yaml >$LOG 2>&1 &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		! grep -q ready $LOG || break
		kill -0 $pid 2>/dev/null || fail "$1: it does not start"
		sleep 0.1
	done
	(($# == 2)) || "${@:3}" $pid
	kill $pid
	wait $pid || fail "$1: exit code $?"
	grep -q "memory: .* in $2 pages" $LOG || fail "$1: not in $2 pages"
}

# rings_are NODE PID: where the NIC finds its descriptors, as its registers have it (RDBA, TDBA), and which memory of
# the process that is.
rings_are()
{
	python3 - "$@" "/sys/bus/pci/devices/$DEVICE/resource0" <<-'END' || fail "the NIC's rings are not on node $1"
		import mmap, re, struct, sys
		node, pid, file = sys.argv[1:]
		with open(file, "r+b") as f:
		    registers = mmap.mmap(f.fileno(), 0)
		maps = []
		for line in open(f"/proc/{pid}/numa_maps"):
		    at = int(line.split()[0], 16)
		    maps.append((at, set(re.findall(r" N(\d+)=", line)), line.strip()))
		for name, offset in ("RDBA", 0x2800), ("TDBA", 0x3800):
		    address = struct.unpack_from("<Q", registers, offset)[0]
		    at, nodes, line = max(m for m in maps if m[0] <= address)
		    print(f"        {name} {address:#x}: {line}")
		    if nodes != {node}:
		        sys.exit(1)
	END
}

# configure WORKERS DEVICE
configure()
{
	sed -i -e "s/^  workers: .*/  workers: [$1]/" -e "s|^    device: .*|    device: \"$2\"|" /tmp/numa.yaml
}

cat >/tmp/numa.yaml <<'YAML'
dataplane:
  workers: [0, 2]
  main-cpu: 1
  memory-mb: 640
  socket: /tmp/dp.sock
tls: {connections: 1024, handshakes: 64}
tls-domains: [{name: default}]
certificates: [{chain: /tmp/numa.pem, key: /tmp/numa.key}]
ports:
  - name: wire
    device: "net_null0,no-rx=1"
    addresses: [10.1.0.1/24]
listeners:
  - address: 10.1.0.1
  - {address: 10.1.0.1, port: 5349, transport: tls}
relays:
  - address: 10.1.0.1
    port-min: 50000
turn:
  realm: example.org
auth:
  rest-secrets: [secret]
YAML
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=relay.example.org \
	-keyout /tmp/numa.key -out /tmp/numa.pem 2>/dev/null
[[ $(cat /sys/devices/system/node/online) == 0-1 ]] || { echo "FAILED  no two nodes"; exit 1; }
pages 0 0
runs "ordinary pages" ordinary
! grep "$SAID" $LOG || fail "ordinary pages: memory of another node"
echo "ok      ordinary pages: each worker has its own node's"
reserve 170 170
runs "huge pages" huge
! grep "$SAID" $LOG || fail "huge pages: memory of another node"
echo "ok      huge pages: each worker has its own node's"
pages 340 0
runs "huge pages of one node" huge
grep -q "worker 1 (CPU 2) is on NUMA node 1, and memory of it on node 0" $LOG || fail "one node's: it is not said"
[[ $(grep -c "$SAID" $LOG) == 1 ]] || fail "one node's: more is said"
echo "ok      huge pages of one node: $(grep "$SAID" $LOG)"

DEVICE=$(basename "$(dirname "$(grep -l $NIC_ID /sys/bus/pci/devices/*/device)")")
[[ $(cat "/sys/bus/pci/devices/$DEVICE/numa_node") == 1 ]] || fail "the NIC is not on node 1"
modprobe $NIC
grep -qx 1 /sys/class/net/*/device/numa_node || fail "its interface does not tell its node, as doc/deploy.md has it"
modprobe vfio-pci
echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
echo "bind $DEVICE" >/tmp/setup.conf
"$ROOT/conf/fairlead-setup.sh" --config /tmp/setup.conf >$LOG 2>&1 || fail "the NIC cannot be bound"
pages 170 340
configure 2 "$DEVICE"
runs "worker and NIC on one node" huge rings_are 1
! grep "$SAID" $LOG || fail "worker and NIC on one node: more is said"
echo "ok      a NIC on the node of its worker: its rings are there"
configure 0 "$DEVICE"
runs "worker and NIC on two nodes" huge rings_are 1
grep -q "port wire is on NUMA node 1, and worker 0 (CPU 0), which polls it, on node 0: choose CPUs of node 1" $LOG ||
	fail "worker and NIC on two nodes: it is not said"
echo "ok      a NIC on another node: $(grep "$SAID" $LOG)"
pages 340 0
runs "a NIC's node without huge pages" huge rings_are 0
grep -q "port wire is on NUMA node 1, which has no memory left for its rings: .* give node 1 more huge pages" $LOG ||
	fail "a NIC's node without huge pages: it is not said"
echo "ok      a NIC on a node without huge pages: $(grep 'no memory left' $LOG)"
