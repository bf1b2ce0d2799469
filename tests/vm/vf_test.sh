#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Virtual functions as doc/deploy.md has them ("Virtual functions"), on igb (driver.sh igb vm:vf): the PF of core is
# the kernel's, which makes two VFs and says what they may; one of them is the relay's port, and coturn's client
# relays by it over IPv4.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $VM_DRIVER == igb ]] || skip "$VM_DRIVER has no VFs"
CORE=/sys/bus/pci/devices/$VM_CORE

# bound DEVICE [DRIVER]: as fairlead-setup does; without a driver it is given back.
bound()
{
	local release=()
	echo "bind $1 ${2:-}" >"$TMP/setup.conf"
	[[ -n ${2:-} ]] || release=(--release)
	"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" "${release[@]}" >"$TMP/setup.log" 2>&1 || fail "$(<"$TMP/setup.log")"
}

grep -qw intel_iommu=on /proc/cmdline || fail "the kernel was not told of the IOMMU"
assert "IOMMU groups" test -n "$(ls /sys/kernel/iommu_groups)"

modprobe igb
bound "$VM_CORE"
dev=$(basename "$CORE"/net/*)
ip link set "$dev" up
echo 2 >"$CORE/sriov_numvfs"
ip link set "$dev" vf 0 mac 02:00:00:00:02:09 spoofchk off trust on
ip -d link show "$dev" >"$TMP/link"
assert "what the PF gives the VF" grep -q 'vf 0 .*02:00:00:00:02:09.*spoof checking off.*trust on' "$TMP/link"
vf=$(basename "$(readlink "$CORE/virtfn0")")
note "$vf: $(cat "$CORE/virtfn0/vendor") $(cat "$CORE/virtfn0/device"), IOMMU group $(basename "$(readlink "$CORE/virtfn0/iommu_group")") of its own"
bound "$vf" vfio-pci
export FAIRLEAD_NICS="access=$VM_ACCESS core=$vf"
relay_is_up
note "core: $(port_json core '.info | .driver, .mac')"
start_peer
relays "UDP" 200 -n 50 -m 4 -c -e "$PEER4" "$SERVER4"
relays "TCP" 100 -t -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
relay_is_well
"$ROOT/conf/quickstart.sh" --down >/dev/null
echo 0 >"$CORE/sriov_numvfs"
ip link set "$dev" down
