#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# NICs that cannot be opened are refused by one sentence that says what to do, and nothing half-started stays
# (R73): one that is not there, the kernel's, another process's. And how memory is given to one that can: ordinary
# pages, huge pages; ports for UDP alone, which ask for no offloads; addresses as the IOMMU has them, or physical ones behind none.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# refused WHAT SENTENCE SED...: fairlead-dp with the configuration in force, edited, ends by itself.
refused()
{
	local what=$1 sentence=$2 rc=0 edit
	shift 2
	cp "$TMP/good.yaml" "$TMP/bad.yaml"
	for edit; do sed -i -e "$edit" "$TMP/bad.yaml"; done
	in_relay timeout 60 "$BUILD/fairlead-dp" --config "$TMP/bad.yaml" >"$TMP/bad.log" 2>&1 || rc=$?
	assert "$what: a sentence" grep -qF "$sentence" "$TMP/bad.log"
	assert_num "$what: exit code" $rc -ne 0
	assert_num "$what: exit code (124: it ran on)" $rc -ne 124
	[[ ! -e $TMP/dp.sock ]] || fail "$what: its socket is left"
	note "$what: $(grep -F "$sentence" "$TMP/bad.log" | cut -c 1-200)"
}

# run_setup [--release]: fairlead-setup(8), as $TMP/setup.conf has it. setup LINE...: of another file.
run_setup()
{
	"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" "$@" >"$TMP/setup.log" 2>&1 || fail "$(cat "$TMP/setup.log")"
}
setup() { printf '%s\n' "$@" >"$TMP/setup.conf" && run_setup; }

# relays_with WHAT SED...: the relay with these edits carries traffic.
relays_with()
{
	local what=$1
	shift
	relay_config "$@" >"$TMP/up.log" 2>&1 || not_up "$what"
	start_peer
	relays "$what" 100 -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
	await 10 accounted || fail "$what: a packet is not accounted for: $(fl accounting)"
	kill "${STARTED[-1]}" # or its namespace, and the NIC in it, would stay
	await 10 ended "${STARTED[-1]}" || fail "turnutils_peer does not end"
}

# addresses_are VA|PA: those by which EAL has devices see memory; a start with $EAL_TELLS says which.
EAL_TELLS='s/^  log-levels:.*/  log-levels: ["lib.eal:info"]/'
addresses_are()
{
	grep -qF "EAL: Selected IOVA mode '$1'" "$RUN/fairlead-dp.log" ||
		fail "EAL has not taken addresses of $1: $(grep IOVA "$RUN/fairlead-dp.log")"
	note "$(grep -m 1 'Selected IOVA' "$RUN/fairlead-dp.log")"
}

relay_is_up
sed "s|^  socket: .*dp.sock|  socket: $TMP/dp.sock|" "$CONFIG" >"$TMP/good.yaml"
refused "a second process" "is used by another process"
"$ROOT/conf/quickstart.sh" --down >/dev/null
ip netns add fl-relay
refused "a NIC that is not there" "ports[0].device (access, 0000:00:0f.0): is not on the PCI bus" "s|$VM_ACCESS|0000:00:0f.0|"
setup "bind $VM_ACCESS" "bind $VM_CORE"
[[ $VM_DRIVER == virtio ]] || modprobe "$VM_DRIVER"
run_setup --release
refused "NICs of the kernel" "is the kernel's (driver" 's/nothing/changes/'
setup "bind $VM_ACCESS"
refused "the second is the kernel's" "ports[1].device (core, $VM_CORE): is the kernel's (driver" 's/nothing/changes/'
setup "bind $VM_ACCESS" "bind $VM_CORE"
ip netns del fl-relay

OWN_CONFIG=1
relays_with "huge pages, VFIO" 's/^  hugepages: auto/  hugepages: yes/' "$EAL_TELLS"
addresses_are VA
# Ports that carry UDP alone ask for nothing to send by, so that drivers take their fastest functions. Buffers are freed
# to one pool without a look where the device offers it: vmxnet3, e1000 and e1000e do not in DPDK 22.11.
UDP_ALONE='/^listeners:/,/^relays:/{/^  - address/{N;/\n$/b;/transport: tcp/d;N;/transport: t/d}}'
relays_with "UDP alone" "$UDP_ALONE" 's/^  streams: .*/  streams: 0/'
for port in access core; do
	note "$port: $(port_json $port .info.offloads); $(port_json $port .info.bursts)"
	assert "port $port asks for nothing to send by" grep -qE ', tx none( but fast free)?$' <<<"$(port_json $port .info.offloads)"
done
relays_with "ordinary pages, VFIO" 's/^  hugepages: auto/  hugepages: no/'
"$ROOT/conf/quickstart.sh" --down >/dev/null
modprobe uio_pci_generic
setup "bind $VM_ACCESS uio_pci_generic" "bind $VM_CORE uio_pci_generic"
ip netns add fl-relay
refused "ordinary pages behind no IOMMU" "port access is behind no IOMMU and needs 512 MB of free huge pages" \
	's/^  hugepages: auto/  hugepages: no/'
ip netns del fl-relay
relays_with "huge pages, UIO, physical addresses" 's/^  hugepages: auto/  hugepages: yes/' "$EAL_TELLS"
addresses_are PA
"$ROOT/conf/quickstart.sh" --down >/dev/null
setup "bind $VM_ACCESS" "bind $VM_CORE"
