#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead-setup on a /sys of the test's own: huge pages are reserved where there are too few and no
# others are touched; devices change their driver by the kernel's files, in their order; what cannot be
# is told with its line, and the other lines are done. setup_test.sh PROGRAM
set -euo pipefail
PROGRAM=$1
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
export FAIRLEAD_SYS=$TMP/sys
PAGES=$TMP/sys/kernel/mm/hugepages/hugepages-2048kB
PCI=$TMP/sys/bus/pci

fail()
{
	echo "setup: $*" >&2
	exit 1
}

# device ADDRESS DRIVER [NO-IOMMU]
device()
{
	mkdir -p "$PCI/devices/$1" "$PCI/drivers/$2"
	touch "$PCI/devices/$1/driver_override" "$PCI/drivers/$2/unbind"
	ln -sfn "$PCI/drivers/$2" "$PCI/devices/$1/driver"
	[[ -n ${3:-} ]] || mkdir -p "$PCI/devices/$1/iommu_group"
}

fresh()
{
	rm -rf "$TMP/sys"
	mkdir -p "$PAGES" "$TMP/sys/devices/system/node/node1/hugepages/hugepages-2048kB" "$PCI/drivers/vfio-pci"
	echo 10 >"$PAGES/nr_hugepages"
	echo 0 >"$TMP/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
	: >"$PCI/drivers_probe"
	device 0000:01:00.0 ixgbe
}

# run WANTED CONFIG OPTION...: exits so; what it says is in $TMP/said.
run()
{
	local rc=0
	printf '%b' "$2" >"$TMP/setup.conf"
	bash "$PROGRAM" --config "$TMP/setup.conf" "${@:3}" >"$TMP/said" 2>&1 || rc=$?
	[[ $rc == "$1" ]] || fail "exit code $rc, not $1, with '$2' ${*:3}: $(<"$TMP/said")"
}

holds() { [[ $(<"$1") == "$2" ]] || fail "$1 holds '$(<"$1")', not '$2'"; }
said() { grep -qF -- "$1" "$TMP/said" || fail "it says '$(<"$TMP/said")', not '$1'"; }

# ---- huge pages ----

fresh
run 0 '# nothing\n\n   # at all'
run 0 'hugepages 2M 512'
holds "$PAGES/nr_hugepages" 512
run 0 'hugepages 2M 5'
holds "$PAGES/nr_hugepages" 512
run 0 'hugepages 2M 64 1 # a comment'
holds "$TMP/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages" 64
run 0 'hugepages 2M 1024' --dry-run
holds "$PAGES/nr_hugepages" 512
said "would write '1024' to $PAGES/nr_hugepages"
run 0 'hugepages 2M 1024' --release
holds "$PAGES/nr_hugepages" 512
for bad in 'hugepages' 'hugepages 4K 5' 'hugepages 2M' 'hugepages 2M 0' 'hugepages 2M -5' 'hugepages 2M 99999999' \
	'hugepages 2M 5 x' 'hugepages 2M 5 1 1' 'hugepages 2M 5 7' 'hugepages 1G 1'; do
	run 1 "\n$bad\nhugepages 2M 600"
	said "setup.conf:2: hugepages: "
done
holds "$PAGES/nr_hugepages" 600

# ---- devices ----

# A device that has this driver already needs no file of the kernel's.
fresh
device 0000:02:00.0 vfio-pci
run 0 'bind 0000:02:00.0'
holds "$PCI/drivers_probe" ""
# Nobody binds it here, so the program must see that it is not.
run 1 'bind 0000:01:00.0'
holds "$PCI/devices/0000:01:00.0/driver_override" vfio-pci
holds "$PCI/drivers/ixgbe/unbind" 0000:01:00.0
holds "$PCI/drivers_probe" 0000:01:00.0
said "setup.conf:1: bind: vfio-pci does not take 0000:01:00.0"
fresh
run 1 'bind 01:00.0' # as lspci prints it
holds "$PCI/drivers_probe" 0000:01:00.0
fresh
run 0 'bind 0000:01:00.0' --dry-run
holds "$PCI/drivers_probe" ""
run 0 'bind 0000:01:00.0' --release
holds "$PCI/drivers_probe" ""
device 0000:01:00.0 vfio-pci
run 0 'bind 0000:01:00.0' --release
holds "$PCI/drivers/vfio-pci/unbind" 0000:01:00.0
holds "$PCI/drivers_probe" 0000:01:00.0
fresh
device 0000:03:00.0 ixgbe none
run 1 'bind 0000:03:00.0'
said "is behind no IOMMU"
said "enable_unsafe_noiommu_mode"
mkdir -p "$TMP/sys/module/vfio"
run 1 'bind 0000:03:00.0'
said "or name igb_uio (dpdk-kmods-dkms) or uio_pci_generic behind the address, since this kernel's VFIO cannot do without"
mkdir -p "$TMP/sys/module/vfio/parameters"
echo Y >"$TMP/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
run 1 'bind 0000:03:00.0' # that the kernel does not do
said "vfio-pci does not take 0000:03:00.0"
holds "$PCI/drivers_probe" 0000:03:00.0
fresh
for bad in bind 'bind 1:00.0' 'bind vmbus:x' 'bind ../../x' 'bind 0000:09:00.0' 'bind 0000:01:00.0 ../x' 'bind 0000:01:00.0 a b'; do
	run 1 "$bad"
	said "setup.conf:1: bind: "
done
holds "$PCI/drivers_probe" ""

# Hyper-V's bus: the same files of the kernel's, and no IOMMU.
UUID=635a7ae3-091e-4410-ae59-667c4f8c04ee
VMBUS=$TMP/sys/bus/vmbus
fresh
mkdir -p "$VMBUS/devices/$UUID" "$VMBUS/drivers/hv_netvsc" "$VMBUS/drivers/uio_hv_generic"
: >"$VMBUS/drivers_probe"
ln -sfn "$VMBUS/drivers/hv_netvsc" "$VMBUS/devices/$UUID/driver"
run 1 "bind vmbus:$UUID" # again nobody binds it
holds "$VMBUS/devices/$UUID/driver_override" uio_hv_generic
holds "$VMBUS/drivers/hv_netvsc/unbind" $UUID
holds "$VMBUS/drivers_probe" $UUID
said "setup.conf:1: bind: uio_hv_generic does not take $UUID"
holds "$PCI/drivers_probe" ""
ln -sfn "$VMBUS/drivers/uio_hv_generic" "$VMBUS/devices/$UUID/driver"
run 0 "bind vmbus:$UUID"
run 0 "bind vmbus:$UUID" --release
holds "$VMBUS/devices/$UUID/driver_override" ""
holds "$VMBUS/drivers/uio_hv_generic/unbind" $UUID
ln -sfn "$VMBUS/drivers/hv_netvsc" "$VMBUS/devices/$UUID/driver"
mkdir -p "$VMBUS/devices/$UUID/net/nosuch9/upper_br0"
run 1 "bind vmbus:$UUID"
said "$UUID is nosuch9, which is part of br0"
for bad in vmbus: vmbus:x "vmbus:../$UUID" "vmbus:$UUID ../x" "vmbus:${UUID/6/7}" "vmbus:${UUID^^}" "$UUID"; do
	run 1 "bind $bad"
	said "setup.conf:1: bind: "
done

# A network interface by which somebody may be here: this machine's own that has an address.
carrying=$(ip -o addr show scope global 2>/dev/null | awk '{ print $2; exit }')
if [[ -n $carrying ]]; then
	mkdir -p "$PCI/devices/0000:01:00.0/net/$carrying"
	run 1 'bind 0000:01:00.0'
	said "0000:01:00.0 is $carrying, which has an address"
	holds "$PCI/drivers_probe" ""
fi

# One that has none, but is part of a bridge or under a VLAN; virtio's are a level deeper.
for net in net virtio3/net; do
	fresh
	mkdir -p "$PCI/devices/0000:01:00.0/$net/nosuch9/upper_br0"
	run 1 'bind 0000:01:00.0'
	said "0000:01:00.0 is nosuch9, which is part of br0"
	holds "$PCI/drivers_probe" ""
done

run 1 'bnid 0000:01:00.0'
said "'bnid' is neither hugepages nor bind"
rc=0
bash "$PROGRAM" --config "$TMP/none" >"$TMP/said" 2>&1 || rc=$?
[[ $rc == 2 ]] || fail "exit code $rc without a file"
rc=0
bash "$PROGRAM" --nosuch >"$TMP/said" 2>&1 || rc=$?
[[ $rc == 2 ]] || fail "exit code $rc with an unknown option"
