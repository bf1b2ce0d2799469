#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Virtual functions as doc/deploy.md has them ("Virtual functions"), on igb (driver.sh igb vm:vf): the PF of core is
# the kernel's, which makes two VFs and says what they may; one of them is the relay's port, and coturn's client
# relays by it over IPv4. Then the PF is a port of the relay, too, by VFIO, which opens the VF only with the PF's token.
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

# shellcheck disable=SC2119 # the usual peer
# carries: clients of both transports by the VF, whose PF then takes it away.
carries()
{
	note "core: $(port_json core '.info | .driver, .mac')"
	start_peer
	relays "UDP" 200 -n 50 -m 4 -c -e "$PEER4" "$SERVER4"
	relays "TCP" 100 -t -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
	relay_is_well
	"$ROOT/conf/quickstart.sh" --down >/dev/null
	echo 0 >"$CORE/sriov_numvfs"
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
carries
ip link set "$dev" down

echo 1 >/sys/module/vfio_pci/parameters/enable_sriov
bound "$VM_CORE" vfio-pci
echo 1 >"$CORE/sriov_numvfs"
vf=$(basename "$(readlink "$CORE/virtfn0")")
bound "$vf" vfio-pci
export FAIRLEAD_NICS="access=$VM_ACCESS core=$vf"
PF="/^ports:/,/^listeners:/s|^  - name: core|  - name: pf\n    device: \"$VM_CORE\"\n    addresses: [10.3.0.1/24]\n\n&|"
! relay_config "$PF" >"$TMP/up.log" 2>&1 || fail "the VF is opened without its PF's token"
grep -q "$vf" "$TMP/up.log" || fail "the start does not say which device is not to be had: $(<"$TMP/up.log")"
note "without a token: $(grep -m 1 "$vf" "$TMP/up.log")"
relay_config "$PF" "s|^  eal: .*|  eal: [--vfio-vf-token=14d63f20-8445-11ea-8900-1f9ce7d5650d]|" >"$TMP/up.log" 2>&1 || not_up
FAULTS=$(dma_faults)
note "pf: $(port_json pf '.info | .driver, .mac')"
carries
