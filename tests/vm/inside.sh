#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
#   inside.sh TEST... [NAME=VALUE...]   what driver.sh runs in the guest: binds the NICs to VFIO, as
#                                       fairlead-setup(8) does, and runs tests one after another. The last
#                                       line is "N passed, N failed".
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
for t; do [[ $t != *=* ]] || export "${t?}"; done
export FAIRLEAD_BUILD=${E2E_BUILD:-$ROOT/build}
export VM_ACCESS=0000:01:00.0 VM_CORE=0000:02:00.0
export AWAIT_TIMES=3 # an emulated processor
export FAIRLEAD_NICS="access=$VM_ACCESS core=$VM_CORE"
PASSED=0
FAILED=0

# name_nic MAC NAME: of the kernel's.
name_nic()
{
	local dev
	for dev in /sys/class/net/*; do
		[[ $(cat "$dev/address") != "$1" ]] || ip link set "${dev##*/}" down name "$2"
	done
}

try()
{
	local name=$1 log=/tmp/log-$1 begin=$SECONDS rc=0
	shift
	timeout -k 10 "${VM_SECONDS:-300}" "$@" >"$log" 2>&1 || rc=$?
	if ((rc == 0)); then
		PASSED=$((PASSED + 1))
		echo "ok      $name ($((SECONDS - begin)) s)"
		[[ -z ${VM_NOTES:-} ]] || sed 's/^/        | /' "$log"
	else
		FAILED=$((FAILED + 1))
		echo "FAILED  $name: exit code $rc ($((SECONDS - begin)) s)"
		tail -n "${VM_LINES:-40}" "$log" | sed 's/^/        | /'
	fi
}

one()
{
	case $1 in
	check) try check conf/quickstart.sh --check ;;
	e2e:*) conf/quickstart.sh --detach >/tmp/up.log 2>&1 || cat /tmp/up.log
		try "$1" bash "tests/e2e/${1#*:}_test.sh" ;;
	vm:*) try "$1" bash "tests/vm/${1#*:}_test.sh" ;;
	*) FAILED=$((FAILED + 1)); echo "FAILED  $1: there is no such kind of test" ;;
	esac
}

# Not what a relay outside has there, and takes away again.
mkdir -p /var/lib/fairlead-quickstart && mount -t tmpfs s /var/lib/fairlead-quickstart
modprobe -a virtio_net vfio-pci
echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
BIND='bind %s\n'
[[ -n $(ls /sys/kernel/iommu_groups) ]] || BIND='bind %s uio_pci_generic\n' # there is no IOMMU
printf "$BIND" "$VM_ACCESS" "$VM_CORE" >/run/guest/setup.conf
conf/fairlead-setup.sh --config /run/guest/setup.conf || exit 1
name_nic 02:00:00:00:01:02 client0
name_nic 02:00:00:00:02:02 peer0
# Naps of a tenth of a millisecond are all that an emulated CPU would do, and CPU 1 is the main thread's. The file
# is the guest's own.
sed -i -e 's/^  idle-max-us: .*/  idle-max-us: 1000/' \
	-e "s/^  workers: .*/  workers: [$(echo 0 $(seq 2 "$VM_QUEUES") | tr ' ' ,)]/" conf/fairlead.yaml
for t; do [[ $t == *=* ]] || one "$t"; done
conf/quickstart.sh --down >/dev/null 2>&1
echo "$PASSED passed, $FAILED failed"
((FAILED == 0))
