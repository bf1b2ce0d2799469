# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For tests/vm/*_test.sh, which driver.sh runs in a guest: what tests/e2e has, and the machine itself.
# VM_DRIVER is the NICs' model, VM_MODEL the same with what QEMU is told of it, VM_ACCESS and VM_CORE are their
# PCI addresses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$E2E/uclient.sh"
# shellcheck disable=SC2034 # relays() reads it
RELAYS_LEAST=90 # an emulated NIC loses a frame when the machine that emulates it has too much else to do

# monitor COMMAND: to QEMU. It answers nothing that we could read: await what it does.
monitor() { echo "$*" >/dev/virtio-ports/monitor; }

# port_json NAME FILTER: of "fairlead ports", by jq.
port_json() { fl_json ports ".ports[] | select(.info.name == \"$1\") | $2"; }

# link_is NAME true|false
link_is() { [[ $(port_json "$1" .info.link_up) == "$2" ]]; }

# dma_faults: accesses of a device to memory that is not its own, which the IOMMU refused.
dma_faults() { dmesg | grep -c 'DMAR:.*fault addr' || true; }

# not_up [WHAT]: fails with what quickstart.sh wrote, without its words of taking down what was up, which come last.
# shellcheck disable=SC2120 # tests give it arguments
not_up() { fail "${1:+$1: }$(grep -v -e '^quickstart: \(stopping\|removing\|everything\)' "$TMP/up.log" | tail -n 25)"; }

# relay_is_up: and what the IOMMU refused from here on is its fault. Before it has been started vmxnet3, as
# QEMU has it, reads its memory at 0 when it is told of addresses.
relay_is_up()
{
	"$ROOT/conf/quickstart.sh" --detach >"$TMP/up.log" 2>&1 || not_up
	FAULTS=$(dma_faults)
}

# relay_is_well: what every test here ends with.
relay_is_well()
{
	await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
	assert_eq "accesses that the IOMMU refused" "$(dma_faults)" "$FAULTS"
}
