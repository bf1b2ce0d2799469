#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Huge pages and PCI devices for fairlead-dp, as /etc/fairlead/setup.conf has them: fairlead-setup(8).
# What is already so is left alone, so it may run at any time.
set -euo pipefail

CONFIG=/etc/fairlead/setup.conf
SYS=${FAIRLEAD_SYS:-/sys} # tests have a tree of their own
DRY=
RELEASE=
LINE=0
FAILED=0

usage()
{
	cat <<-END
	Usage: fairlead-setup [--config FILE] [--dry-run | --release] | --help

	Reserves the huge pages and binds the devices of FILE ($CONFIG).

	  --dry-run  says what would be done
	  --release  gives the devices back to the kernel's drivers; huge pages stay
	END
}

say() { echo "fairlead-setup: $*"; }

# wrong SENTENCE: in this line. The other lines are done all the same.
wrong()
{
	echo "fairlead-setup: $CONFIG:$LINE: $*" >&2
	FAILED=1
	return 1
}

die()
{
	echo "fairlead-setup: $*" >&2
	exit 2
}

# put FILE VALUE: false where the kernel does not take it.
put()
{
	if [[ -n $DRY ]]; then
		say "would write '$2' to $1"
	else
		{ printf '%s\n' "$2" >"$1"; } 2>/dev/null
	fi
}

# ---- huge pages ----

# pages_reserve SIZE COUNT [NODE]: as many there at least; more stay.
pages_reserve()
{
	local kb dir file had
	case ${1:-} in
	2M) kb=2048 ;;
	1G) kb=1048576 ;;
	*) wrong "hugepages: the size is 2M or 1G, not '${1:-}'" || return ;;
	esac
	[[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || wrong "hugepages: the count is a number from 1, not '${2:-}'" || return
	[[ ${3:-0} =~ ^[0-9]{1,3}$ && $# -le 3 ]] || wrong "hugepages: the node is a number, and ends the line" || return
	dir=$SYS/kernel/mm/hugepages
	[[ -z ${3:-} ]] || dir=$SYS/devices/system/node/node$3/hugepages
	[[ -d $dir ]] || wrong "hugepages: there is no NUMA node ${3:-}, or this kernel has no huge pages" || return
	file=$dir/hugepages-${kb}kB/nr_hugepages
	[[ -e $file ]] || wrong "hugepages: this machine has no pages of $1" || return
	had=$(<"$file")
	((had < $2)) || return 0
	put "$file" "$2" || wrong "hugepages: $file cannot be written: be root" || return
	[[ -z $DRY ]] || return 0
	had=$(<"$file")
	((had >= $2)) ||
		wrong "hugepages: the kernel gave $had of $2 pages of $1: memory is short or in pieces; reserve them at boot (hugepagesz=$1 hugepages=$2 on the kernel's command line)" || return
	say "$had huge pages of $1${3:+ on node $3}"
}

# ---- devices ----

driver_of() { basename "$(readlink "$SYS/bus/pci/devices/$1/driver" 2>/dev/null || echo none)"; }

# carrying ADDRESS: says why a network interface of the device may be needed: it has an address, or
# something is made of it that may have one (a bridge, bond, VLAN or macvlan).
carrying()
{
	local dir upper device=$SYS/bus/pci/devices/$1
	for dir in "$device"/net/* "$device"/virtio*/net/*; do
		[[ -e $dir ]] || continue
		if [[ -n $(ip -o addr show dev "${dir##*/}" scope global 2>/dev/null) ]]; then
			echo "${dir##*/}, which has an address: take that away first"
			return
		fi
		for upper in "$dir"/upper_*; do
			[[ -e $upper || -L $upper ]] || continue
			echo "${dir##*/}, which is part of ${upper##*/upper_}: take it out of that first"
			return
		done
	done
	return 1
}

# address_whole ADDRESS: with the domain that lspci leaves out where there is one only.
address_whole()
{
	[[ ${1:-} =~ ^[0-9a-f]{2}: ]] || { echo "${1:-}"; return; }
	echo "0000:$1"
}

# device_check ADDRESS [DRIVER]
device_check()
{
	[[ ${1:-} =~ ^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$ ]] ||
		wrong "bind: a PCI address is written 0000:01:00.0 or 01:00.0, not '${1:-}'" || return
	[[ ${2:-vfio-pci} =~ ^[a-z0-9_-]+$ && $# -le 2 ]] || wrong "bind: '${*:2}' is no driver" || return
	[[ -e $SYS/bus/pci/devices/$1 ]] || wrong "bind: there is no PCI device $1 (lspci -D lists them)" || return
}

# device_rebind ADDRESS OVERRIDE: leaves its driver, and the kernel looks for another. "" stands for any.
device_rebind()
{
	local device=$SYS/bus/pci/devices/$1
	put "$device/driver_override" "$2" || return
	[[ ! -e $device/driver ]] || put "$device/driver/unbind" "$1" || return
	put "$SYS/bus/pci/drivers_probe" "$1"
}

# unsafe: whether VFIO does without an IOMMU. It may not know how: Debian 12's kernel has that left out.
UNSAFE=$SYS/module/vfio/parameters/enable_unsafe_noiommu_mode
unsafe() { [[ $(cat "$UNSAFE" 2>/dev/null) == Y ]]; }
without_iommu()
{
	if [[ -d $SYS/module/vfio && ! -e $UNSAFE ]]; then
		echo "name igb_uio (dpdk-kmods-dkms) or uio_pci_generic behind the address, since this kernel's VFIO cannot do without"
	else
		echo "let VFIO do without (enable_unsafe_noiommu_mode)"
	fi
}

# device_bind ADDRESS [DRIVER]
device_bind()
{
	local why driver=${2:-vfio-pci}
	device_check "$@" || return
	[[ $(driver_of "$1") != "$driver" ]] || return 0
	! why=$(carrying "$1") ||
		wrong "bind: $1 is $why, or this machine may be out of reach" || return
	[[ -n $DRY || -e $SYS/bus/pci/drivers/$driver ]] || modprobe -q "$driver" ||
		wrong "bind: the kernel has no driver $driver" || return
	[[ $driver != vfio-pci || -e $SYS/bus/pci/devices/$1/iommu_group ]] || unsafe ||
		wrong "bind: $1 is behind no IOMMU: switch it on in the firmware and by intel_iommu=on or amd_iommu=on on the kernel's command line, or $(without_iommu)" || return
	device_rebind "$1" "$driver" || wrong "bind: $1 cannot be bound to $driver: be root" || return
	[[ -z $DRY ]] || return 0
	[[ $(driver_of "$1") == "$driver" ]] || wrong "bind: $driver does not take $1: see dmesg" || return
	say "$1 is bound to $driver"
}

# device_release ADDRESS [DRIVER]
device_release()
{
	device_check "$@" || return
	[[ $(driver_of "$1") == "${2:-vfio-pci}" ]] || return 0
	device_rebind "$1" "" || wrong "bind: $1 cannot be released: be root" || return
	[[ -n $DRY ]] || say "$1 is given back, to $(driver_of "$1")"
}

# ---- the file ----

bind() { if [[ -n $RELEASE ]]; then device_release "$@"; else device_bind "$@"; fi; }

# obey WORD...: one line.
obey()
{
	case $1 in
	hugepages) [[ -n $RELEASE ]] || pages_reserve "${@:2}" ;;
	bind) bind "$(address_whole "${2:-}")" "${@:3}" ;;
	*) wrong "'$1' is neither hugepages nor bind" ;;
	esac
}

main()
{
	local line words
	while (($#)); do
		case $1 in
		--help | -h) usage; return ;;
		--dry-run) DRY=1 ;;
		--release) RELEASE=1 ;;
		--config)
			(($# > 1)) || die "--config names a file"
			CONFIG=$2
			shift
			;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	[[ -r $CONFIG ]] || die "$CONFIG cannot be read"
	while IFS= read -r line || [[ -n $line ]]; do
		LINE=$((LINE + 1))
		read -ra words <<<"${line%%#*}"
		((${#words[@]} == 0)) || obey "${words[@]}" || true
	done <"$CONFIG"
	return $FAILED
}

main "$@"
