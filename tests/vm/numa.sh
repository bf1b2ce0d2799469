#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A worker on each of two NUMA nodes of a guest: each has memory of its own node, in ordinary pages and in huge
# ones, and where a node has no huge pages the start says which worker is the worse for it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${E2E_BUILD:-$ROOT/build}

if [[ ${1:-} != --inside ]]; then
	exec env GUEST_CPUS=3 GUEST_MB=3072 "$ROOT/tests/vm/guest.sh" \
		-object memory-backend-ram,id=m0,size=1536M -object memory-backend-ram,id=m1,size=1536M \
		-numa node,memdev=m0,cpus=0-1 -numa node,memdev=m1,cpus=2 \
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

# runs WHAT KIND: until it is ready, and then ends it.
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
	kill $pid
	wait $pid || fail "$1: exit code $?"
	grep -q "memory: .* in $2 pages" $LOG || fail "$1: not in $2 pages"
}

cat >/tmp/numa.yaml <<'YAML'
dataplane:
  workers: [0, 2]
  main-cpu: 1
  memory-mb: 640
  socket: /tmp/dp.sock
ports:
  - name: wire
    device: "net_null0,no-rx=1"
    addresses: [10.1.0.1/24]
listeners:
  - address: 10.1.0.1
relays:
  - address: 10.1.0.1
    port-min: 50000
turn:
  realm: example.org
auth:
  rest-secrets: [secret]
YAML
[[ $(cat /sys/devices/system/node/online) == 0-1 ]] || { echo "FAILED  no two nodes"; exit 1; }
pages 0 0
runs "ordinary pages" ordinary
! grep "$SAID" $LOG || fail "ordinary pages: memory of another node"
echo "ok      ordinary pages: each worker has its own node's"
pages 170 170
runs "huge pages" huge
! grep "$SAID" $LOG || fail "huge pages: memory of another node"
echo "ok      huge pages: each worker has its own node's"
pages 340 0
runs "huge pages of one node" huge
grep -q "worker 1 (CPU 2) is on NUMA node 1, and memory of it on node 0" $LOG || fail "one node's: it is not said"
[[ $(grep -c "$SAID" $LOG) == 1 ]] || fail "one node's: more is said"
echo "ok      huge pages of one node: $(grep "$SAID" $LOG)"
