#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What doc/deploy.md has on the kernel's command line, and a machine without an IOMMU: the worker has a CPU that the
# scheduler leaves alone (isolcpus, nohz_full), memory is one page of 1 GB reserved at boot, and UIO has the NICs, by
# physical addresses: uio_pci_generic, then igb_uio. Debian's VFIO cannot do without an IOMMU, and fairlead-setup says
# what can. driver.sh boots the guest so.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

LARGE=/sys/kernel/mm/hugepages/hugepages-1048576kB

assert_eq "CPUs left alone by the scheduler" "$(cat /sys/devices/system/cpu/isolated)" 2
assert_eq "CPUs without a tick" "$(cat /sys/devices/system/cpu/nohz_full)" 2
assert_eq "CPUs that a process begins with" "$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)" 0-1
# Where doc/deploy.md says that CPUs, cores and nodes are listed: each CPU has its line.
lscpu --extended=CPU,CORE,NODE >"$TMP/lscpu" || fail "lscpu does not run as doc/deploy.md has it"
assert_eq "CPUs that lscpu lists" "$(awk 'NR > 1 { print $1 }' "$TMP/lscpu" | xargs)" "0 1 2"
assert_eq "free pages of 1 GB" "$(cat $LARGE/free_hugepages)" 1
assert_eq "IOMMU groups" "$(ls /sys/kernel/iommu_groups)" ""
echo "bind $VM_ACCESS" >"$TMP/setup.conf"
! "$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" >"$TMP/setup.log" 2>&1 || fail "VFIO is said to do without an IOMMU"
assert "fairlead-setup says what does" grep -q "is behind no IOMMU: .* or name igb_uio .* or uio_pci_generic" "$TMP/setup.log"

cpus_of() { grep -h Cpus_allowed_list /proc/"$1"/task/*/status | sort -u | sed 's/.*\t//' | xargs; }

# carries DRIVER: with the NICs bound to it.
carries()
{
	for device in "$VM_ACCESS" "$VM_CORE"; do
		assert_eq "the driver of $device" "$(basename "$(readlink "/sys/bus/pci/devices/$device/driver")")" "$1"
	done
	relay_config 's/^  workers: .*/  workers: [2]/' 's/^  hugepages: auto/  hugepages: yes/' \
		>"$TMP/up.log" 2>&1 || not_up
	assert "it says in which pages its memory is" grep -q 'memory: .* in huge pages' "$RUN/fairlead-dp.log"
	assert_eq "free pages of 1 GB while it runs" "$(cat $LARGE/free_hugepages)" 0
	assert "a thread on the CPU that is isolated" grep -qw 2 <<<"$(cpus_of "$(dp_pid)")"
	assert_eq "CPUs of fairlead-cp" "$(cpus_of "$(cp_pid)")" 0-1
	start_peer
	relays "UDP" 100 -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
	relays "TCP" 100 -t -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
	for port in access core; do note "$port: $(port_json $port .info.driver), $(port_json $port .info.offloads)"; done
	await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
	"$ROOT/conf/quickstart.sh" --down >/dev/null
}

# Pages of the kernel's default size are not to be had, so quickstart.sh reserves none.
echo 0 >/proc/sys/vm/nr_hugepages
mount --bind /dev/null /proc/sys/vm/nr_hugepages
carries uio_pci_generic
printf 'bind %s igb_uio\n' "$VM_ACCESS" "$VM_CORE" >"$TMP/setup.conf"
"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" >"$TMP/setup.log" 2>&1 || fail "fairlead-setup: $(<"$TMP/setup.log")"
carries igb_uio
umount /proc/sys/vm/nr_hugepages
