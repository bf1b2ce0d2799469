#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests with the relay on PCI NICs, in a guest (guest.sh):
#
#   fl-client            fl-relay                fl-peer        namespaces of the guest
#     client0              access   core           peer0
#        |                    |       |               |         NICs: virtio, DRIVER, DRIVER, virtio
#       tap ---- bridge ---- tap     tap -- bridge - tap        here, in a namespace of its own
#
#   driver.sh DRIVER [TEST...]   DRIVER is e1000, e1000e, igb, virtio or vmxnet3. A TEST is "check"
#                                (conf/quickstart.sh --check), e2e:NAME (tests/e2e/NAME_test.sh) or vm:NAME
#                                (tests/vm/NAME_test.sh), or "e2e", those of e2e.sh. Without: what tests/run.sh runs.
#
#                                vm:bare is for itself, since the guest is booted for it.
#
#   driver.sh DRIVER --fetch     only gets what that needs (guest.sh)
#
#   GUEST_ROOT=ROOT driver.sh DRIVER service
#                                the package that is installed in another root, with systemd: service_check.sh
#
# VM_SECOND (DRIVER): the other member of vm:bond: a model, or af_packet or af_xdp upon a NIC that is the kernel's.
# VM_QUEUES (1): pairs of queues of each NIC, where its model has several, and as many workers. VM_NOTES=1: what
# tests that passed said is shown, too. VM_TESTS="NAME...": of "e2e" only these. In the
# monitor the NICs are nic-access and nic-core, in slots slot-access and slot-core; their links, access and
# core; the far ends, client0 and peer0.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
QUEUES=${VM_QUEUES:-1}
SUITE=(vm:relay)

if [[ ${1:-} != --apart ]]; then
	case ${1:-} in
	e1000 | e1000e | igb | virtio | vmxnet3) ;;
	*) sed -n '/^# Tests/,/^[^#]/s/^# \?//p' "$0" >&2; exit 2 ;;
	esac
	# Debian 13's QEMU is the first that has it.
	[[ $1 != igb ]] || qemu-system-x86_64 -device igb,help 2>/dev/null | grep 'igb options' >/dev/null || export GUEST_QEMU=trixie
	[[ " $* " != *" vm:bare "* ]] || export GUEST_KMODS=1
	"$ROOT/tests/vm/guest.sh" --fetch
	[[ ${2:-} != --fetch ]] || exit 0
	exec unshare --net "$0" --apart "$@"
fi
DRIVER=$2
shift 2
# What breaks is not the driver's alone: in the run that everybody waits for each test has one, by turns.
LONG=(vm:link vm:outage vm:start)
case $DRIVER in
e1000e)
	SUITE+=(vm:link vm:bond) # of other members: tests/run.sh --long
	LONG=(vm:outage vm:start vm:vlan)
	;;
vmxnet3)
	SUITE+=(vm:start vm:vlan)
	LONG=(vm:link vm:outage)
	;;
virtio)
	SUITE+=(vm:outage vm:access_esp)
	LONG=(vm:link vm:start vm:vlan)
	;;
igb)
	((QUEUES == 1)) || SUITE+=(vm:owner vm:steer) # the only one that takes a rule; and its RSS key can be set
	;;
esac
(($#)) || set -- "${SUITE[@]}" ${VM_LONG:+"${LONG[@]}"}
if [[ $* == e2e ]]; then
	read -ra asked <<<"${VM_TESTS:-}"
	names=$("$ROOT/tests/vm/e2e.sh" "$ROOT" "${asked[@]}")
	mapfile -t names <<<"$names"
	set -- "${names[@]/#/e2e:}"
fi

# wire PORT FAR: two taps on one bridge.
wire()
{
	local dev many=()
	[[ $MODEL != *mq=on* ]] || many=(multi_queue)
	ip link add "wire-$1" type bridge mcast_snooping 0
	ip link set "wire-$1" addrgenmode none up
	ip tuntap add "$1" mode tap vnet_hdr "${many[@]}"
	ip tuntap add "$2" mode tap vnet_hdr
	for dev in "$1" "$2"; do
		# What QEMU has no time for waits there, and is not lost, however much comes at once.
		ip link set "$dev" addrgenmode none txqueuelen 10000 master "wire-$1" up
		ip link set "$dev" type bridge_slave group_fwd_mask 4 # LACP passes
	done
}

# nic NAME SLOT MAC MODEL[,PROPERTY...]: what QEMU is told of one. It is behind a port of its own, where it can
# be unplugged and reset.
nic()
{
	local queues=1
	[[ $4 != *mq=on* ]] || queues=$QUEUES
	NICS+=(-device "pcie-root-port,id=slot-$1,chassis=$2,addr=$2"
		-netdev "tap,id=$1,ifname=$1,script=no,downscript=no$( ((queues == 1)) || echo ",queues=$queues")"
		-device "${4%%,*},id=nic-$1,netdev=$1,mac=$3,bus=slot-$1${4#"${4%%,*}"}")
}

MODEL=$DRIVER
if [[ $DRIVER == virtio ]]; then
	# Behind the IOMMU, as other devices are; QEMU lets a virtio device pass it by unless told so.
	MODEL=virtio-net-pci,disable-legacy=on,iommu_platform=on
	((QUEUES == 1)) || MODEL+=,mq=on,rss=on,hash=on,vectors=$((2 * QUEUES + 2))
fi
wire access client0
wire core peer0
NICS=()
# The firmware numbers the buses behind the slots in their order.
nic access 3 02:00:00:00:01:01 "$MODEL"
nic core 4 02:00:00:00:02:01 "$MODEL"
nic client0 5 02:00:00:00:01:02 virtio-net-pci
nic peer0 6 02:00:00:00:02:02 virtio-net-pci
if [[ " $* " == *" vm:bond "* ]]; then # a second way from the client to the relay
	wire access2 client2
	case ${VM_SECOND:-$DRIVER} in
	"$DRIVER") SECOND=$MODEL ;;
	af_*) SECOND=virtio-net-pci ;;
	*) SECOND=$VM_SECOND ;;
	esac
	nic access2 7 02:00:00:00:01:03 "$SECOND"
	nic client2 8 02:00:00:00:01:04 virtio-net-pci
fi
cd "$ROOT"
export GUEST_CPUS=$((QUEUES + 1))
if [[ " $* " == *" vm:bare "* ]]; then # no IOMMU, and what doc/deploy.md has on the kernel's command line
	export GUEST_CPUS=3 GUEST_MB=5120
	export GUEST_APPEND="intel_iommu=off isolcpus=2 nohz_full=2 rcu_nocbs=2 irqaffinity=0-1 hugepagesz=1G hugepages=1"
fi
if [[ $1 == service ]]; then
	[[ -n ${GUEST_ROOT:-} ]] || { echo "driver.sh: service: GUEST_ROOT names no root" >&2; exit 2; }
	exec "$ROOT/tests/vm/guest.sh" "${NICS[@]}" -- "modprobe virtio_net
		VM_EARLIER=${VM_EARLIER:-} VM_DEB=${VM_DEB:-} VM_LATER=${VM_LATER:-} tests/vm/service_check.sh"
fi
for name in E2E_BUILD VM_LINES VM_NOTES VM_SECOND VM_SECONDS; do
	[[ -z ${!name:-} ]] || set -- "$@" "$name=${!name}"
done
"$ROOT/tests/vm/guest.sh" "${NICS[@]}" -- "VM_DRIVER=$DRIVER VM_MODEL=$MODEL VM_QUEUES=$QUEUES tests/vm/inside.sh $*"
