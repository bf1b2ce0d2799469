#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Huge pages and devices for fairlead-dp, as /etc/fairlead/setup.conf has them: fairlead-setup(8).
# What is already so is left alone, so it may run at any time.
set -euo pipefail

CONFIG=/etc/fairlead/setup.conf
SYS=${FAIRLEAD_SYS:-/sys} # tests have a tree of their own
DRY=
RELEASE=
# Of the line at hand: the device, by its name below /sys/bus/BUS/devices, and the driver it is to have.
BUS=
DEVICE=
DRIVER=
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

dir_of_device() { echo "$SYS/bus/$BUS/devices/$DEVICE"; }
driver_now() { basename "$(readlink "$(dir_of_device)/driver" 2>/dev/null || echo none)"; }

# device_carries: says why a network interface of the device may be needed: it has an address, or
# something is made of it that may have one (a bridge, bond, VLAN or macvlan).
device_carries()
{
	local dir upper device
	device=$(dir_of_device)
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

# device_read ADDRESS [DRIVER]: sets BUS, DEVICE and DRIVER.
device_read()
{
	local list
	if [[ ${1:-} == vmbus:* ]]; then
		BUS=vmbus DEVICE=${1#vmbus:} DRIVER=${2:-uio_hv_generic} list="ls $SYS/bus/vmbus/devices"
		[[ $DEVICE =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] ||
			wrong "bind: behind vmbus: stands a UUID, as 'ls $SYS/bus/vmbus/devices' prints it, not '$DEVICE'" || return
	else
		BUS=pci DEVICE=${1:-} DRIVER=${2:-vfio-pci} list="lspci -D"
		[[ ! $DEVICE =~ ^[0-9a-f]{2}: ]] || DEVICE=0000:$DEVICE # lspci leaves out a domain that is the only one
		[[ $DEVICE =~ ^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$ ]] ||
			wrong "bind: a PCI address is written 0000:01:00.0 or 01:00.0, not '$DEVICE'" || return
	fi
	[[ $DRIVER =~ ^[a-z0-9_-]+$ && $# -le 2 ]] || wrong "bind: '${*:2}' is no driver" || return
	[[ -e $(dir_of_device) ]] || wrong "bind: there is no device $DEVICE on the $BUS bus ($list lists them)" || return
}

# device_rebind OVERRIDE: leaves its driver, and the kernel looks for another. "" stands for any.
device_rebind()
{
	local device
	device=$(dir_of_device)
	put "$device/driver_override" "$1" || return
	[[ ! -e $device/driver ]] || put "$device/driver/unbind" "$DEVICE" || return
	put "$SYS/bus/$BUS/drivers_probe" "$DEVICE"
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

device_bind()
{
	local why
	[[ $(driver_now) != "$DRIVER" ]] || return 0
	! why=$(device_carries) ||
		wrong "bind: $DEVICE is $why, or this machine may be out of reach" || return
	[[ -n $DRY || -e $SYS/bus/$BUS/drivers/$DRIVER ]] || modprobe -q "$DRIVER" ||
		wrong "bind: the kernel has no driver $DRIVER" || return
	[[ $DRIVER != vfio-pci || -e $(dir_of_device)/iommu_group ]] || unsafe ||
		wrong "bind: $DEVICE is behind no IOMMU: switch it on in the firmware and by intel_iommu=on or amd_iommu=on on the kernel's command line, or $(without_iommu)" || return
	device_rebind "$DRIVER" || wrong "bind: $DEVICE cannot be bound to $DRIVER: be root" || return
	[[ -z $DRY ]] || return 0
	[[ $(driver_now) == "$DRIVER" ]] || wrong "bind: $DRIVER does not take $DEVICE: see dmesg" || return
	say "$DEVICE is bound to $DRIVER"
}

device_release()
{
	[[ $(driver_now) == "$DRIVER" ]] || return 0
	device_rebind "" || wrong "bind: $DEVICE cannot be released: be root" || return
	[[ -n $DRY ]] || say "$DEVICE is given back, to $(driver_now)"
}

# ---- the file ----

bind()
{
	device_read "$@" || return
	if [[ -n $RELEASE ]]; then device_release; else device_bind; fi
}

# obey WORD...: one line.
obey()
{
	case $1 in
	hugepages) [[ -n $RELEASE ]] || pages_reserve "${@:2}" ;;
	bind) bind "${@:2}" ;;
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
