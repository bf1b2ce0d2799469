#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A virtual machine with Debian's stock kernel whose root is this machine's; what it writes is kept in its
# memory, and gone with it. /tmp, /run and /var/tmp begin empty. It has PCI devices behind an emulated IOMMU, and
# what the kernel of a container's host may lack: VFIO, netem, ESP, SCTP, bonding. The processor is
# emulated too, so it shows how something behaves, and never how fast it is.
#
#   guest.sh [QEMU ARGUMENT...] -- COMMAND   runs COMMAND in it as root, from the directory where we are, and
#                                            ends as it ends
#   guest.sh --fetch                         only gets the kernel, which is kept in ~/.cache/fairlead-guest, and
#                                            the QEMU that is asked for
#
# Lines that the guest writes to /dev/virtio-ports/monitor are commands of QEMU's monitor, such as
# "set_link acc off".
#
#   GUEST_CPUS (2)  GUEST_MB (3072)  GUEST_SECONDS (300)
#   GUEST_ROOT      another root, whose systemd is process 1: COMMAND is run when it has come up. The tree
#                   is at its place there, too
#   GUEST_DISK      what it writes is kept on a disk of so many megabytes, so COMMAND may boot it again, and is
#                   run once more then
#   GUEST_APPEND    more for the kernel's command line; "mitigations=off intel_iommu=on iommu=pt" is there
#   GUEST_KMODS     its modules have igb_uio, as package dpdk-kmods-dkms would make it
#   GUEST_QEMU      another Debian, such as trixie, whose QEMU it is: of a minimal system in build-machines/
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/fairlead-guest
# What the guest needs before its root is there; all else the kernel asks for itself.
MODULES=(virtio_pci 9pnet_virtio 9p overlay virtio_console ${GUEST_DISK:+virtio_blk ext4})

die()
{
	echo "guest.sh: $*" >&2
	exit 1
}

# kernel_fetch: Debian's kernel is unpacked beside this machine's, and never installed.
kernel_fetch()
{
	local name
	name=$(apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
	[[ -n $name ]] || die "apt knows no linux-image-amd64 (apt-get update)"
	KERNEL=$CACHE/$name
	if [[ ! -d $KERNEL ]]; then
		mkdir -p "$CACHE"
		rm -rf "$CACHE/new"
		mkdir "$CACHE/new"
		(cd "$CACHE/new" && apt-get download -q "$name" >&2 && dpkg -x "$name"_*.deb . && rm "$name"_*.deb) ||
			die "apt-get could not download $name"
		RELEASE=$(ls "$CACHE/new/lib/modules")
		depmod -b "$CACHE/new" "$RELEASE"
		mv "$CACHE/new" "$KERNEL"
	fi
	RELEASE=$(ls "$KERNEL/lib/modules")
}

# kmods_fetch: igb_uio among the guest's modules, made by the commands of its dkms.conf. The kernel's headers lie
# over this machine's /usr meanwhile, in a mount namespace of their own.
kmods_fetch()
{
	local dir=$KERNEL/kmods module=$KERNEL/lib/modules/$RELEASE/updates/dkms/igb_uio.ko headers=linux-headers-$RELEASE parts deb
	[[ -n ${GUEST_KMODS:-} && ! -e $module ]] || return 0
	rm -rf "$dir"
	mkdir -p "$dir"
	mapfile -t parts < <(apt-cache depends "$headers" | awk '/Depends: linux-(headers|kbuild)-/ { print $2 }')
	(cd "$dir" && apt-get download -q dpdk-kmods-dkms "$headers" "${parts[@]}" >log 2>&1) || die "apt-get could not download igb_uio and headers: $(tail -n 3 "$dir/log")"
	for deb in "$dir"/*.deb; do dpkg -x "$deb" "$dir/root"; done
	mv "$dir"/root/usr/src/dpdk-kmods-* "$dir/build"
	unshare --mount bash -c 'mount -t overlay -o "lowerdir=$1/root/usr:/usr" o /usr &&
		make -C "/usr/src/linux-headers-$2" "M=$1/build" MODULE_CFLAGS=-fno-PIE modules' - "$dir" "$RELEASE" >"$dir/log" 2>&1 </dev/null ||
		die "igb_uio is not to be made: $(tail -n 5 "$dir/log")"
	mkdir -p "${module%/*}"
	mv "$dir/build/igb_uio.ko" "$module"
	rm -rf "$dir"
	depmod -b "$KERNEL" "$RELEASE"
}

# qemu_fetch: sets PROGRAM to the words that run QEMU.
qemu_fetch()
{
	local dir=$ROOT/build-machines/qemu-${GUEST_QEMU:-} lib=usr/lib/x86_64-linux-gnu
	PROGRAM=(qemu-system-x86_64)
	[[ -n ${GUEST_QEMU:-} ]] || return 0
	if [[ ! -d $dir ]]; then
		mkdir -p "${dir%/*}"
		rm -rf "$dir.new"
		debootstrap --variant=minbase --include=qemu-system-x86 "$GUEST_QEMU" "$dir.new" >"$dir.log" 2>&1 ||
			die "debootstrap could not make a $GUEST_QEMU with QEMU: $(tail -n 3 "$dir.log")"
		mv "$dir.new" "$dir"
	fi
	# By that system's own loader and libraries, for the guest's root is still this one.
	PROGRAM=(env "QEMU_MODULE_DIR=$dir/$lib/qemu" "$dir/lib64/ld-linux-x86-64.so.2" --library-path "$dir/$lib"
		"$dir/usr/bin/qemu-system-x86_64" -L "$dir/usr/share/qemu" -L "$dir/usr/share/seabios")
}

# initrd DIRECTORY: the first root, which mounts this machine's.
initrd()
{
	local dir=$1 file module
	mkdir -p "$dir"/{bin,proc,sys,dev,modules,host,written,root}
	cp /bin/busybox "$dir/bin/"
	for module in "${MODULES[@]}"; do
		modprobe -d "$KERNEL" -S "$RELEASE" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$1]++' >"$dir/list"
	while read -r file; do
		cp "$file" "$dir/modules/"
		echo "/modules/${file##*/}"
	done <"$dir/list" >"$dir/order"
	cat >"$dir/init" <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc p /proc
$b mount -t sysfs s /sys
$b mount -t devtmpfs d /dev
while read -r m; do $b insmod "$m"; done </order
. /variables
share="trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose"
$b mount -t 9p -o $share host /host
if [ -n "$GUEST_DISK" ]; then
	$b mount -t ext4 /dev/vda /written
else
	$b mount -t tmpfs -o mode=755 t /written
fi
$b mkdir -p /written/upper /written/work
$b mount -t overlay -o lowerdir=/host,upperdir=/written/upper,workdir=/written/work o /root
$b mkdir -p /root/lib/modules
$b mount -t 9p -o $share modules /root/lib/modules
for d in run tmp var/tmp; do $b mount -t tmpfs -o mode=1777 t "/root/$d"; done
# The tree may be below a directory that is now hidden, and is not in another root.
if [ ! -e "/root$GUEST_TREE/tests/vm" ]; then
	$b mkdir -p "/root$GUEST_TREE"
	$b mount -t 9p -o $share tree "/root$GUEST_TREE"
fi
$b mkdir -p /root/run/guest
$b cp /start /command /variables /root/run/guest/
# Process 1 has to change its root itself: what the kernel starts, modprobe, is looked for there.
[ -z "$GUEST_SYSTEMD" ] || {
	$b cp /guest.service /root/etc/systemd/system/
	$b mkdir -p /root/etc/systemd/system/multi-user.target.wants
	$b ln -sf ../guest.service /root/etc/systemd/system/multi-user.target.wants/
	# A login there would hang up whoever writes to the console.
	$b ln -sf /dev/null /root/etc/systemd/system/serial-getty@ttyS0.service
	$b umount /proc /sys
	exec $b switch_root /root /lib/systemd/systemd
}
$b mount -t proc p /root/proc
$b mount -t sysfs s /root/sys
$b mount -t devtmpfs d /root/dev
exec $b switch_root /root /bin/bash /run/guest/start
END
	cat >"$dir/start" <<'END'
mkdir -p /dev/hugepages /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
mount -t hugetlbfs h /dev/hugepages
mount -t devpts p /dev/pts
mount -t tmpfs t /dev/shm
ip link set lo up
exec bash /run/guest/command
END
	cat >"$dir/command" <<'END'
. /run/guest/variables
mkdir -p /dev/virtio-ports
for p in /sys/class/virtio-ports/*; do
	ln -sf "/dev/${p##*/}" "/dev/virtio-ports/$(cat "$p/name")"
done
cd "$GUEST_DIRECTORY"
bash -c "$GUEST_COMMAND" </dev/null
echo "guest: exit $?"
[ ! -d /run/systemd/system ] || exec systemctl poweroff --force --force
/bin/busybox poweroff -f
END
	cat >"$dir/guest.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/bash /run/guest/command
END
	chmod 755 "$dir/init"
	{
		printf 'GUEST_TREE=%q GUEST_SYSTEMD=%q GUEST_DISK=%q\n' "$ROOT" "${GUEST_ROOT:+yes}" "${GUEST_DISK:-}"
		printf 'GUEST_DIRECTORY=%q GUEST_COMMAND=%q\n' "$PWD" "$COMMAND"
		printf 'export PATH=%q HOME=/root\n' /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	} >"$dir/variables"
	(cd "$dir" && find . | cpio -o -H newc --quiet | gzip -1)
}

machine()
{
	local share slot=10 shares=() disk=()
	[[ -z ${GUEST_DISK:-} ]] ||
		disk=(-drive "file=$WORK/disk,if=none,id=disk,format=raw,cache=unsafe" -device "virtio-blk-pci,drive=disk,addr=1c")
	for share in "host=${GUEST_ROOT:-/}" "modules=$KERNEL/lib/modules" "tree=$ROOT"; do
		shares+=(-fsdev "local,id=${share%%=*},path=${share#*=},security_model=none,readonly=on,multidevs=remap"
			-device "virtio-9p-pci,fsdev=${share%%=*},mount_tag=${share%%=*},addr=0x$slot")
		slot=$((slot + 1))
	done
	# The monitor is a socket that QEMU itself connects to a port of the guest.
	timeout "${GUEST_SECONDS:-300}" "${PROGRAM[@]}" -machine q35,kernel-irqchip=off \
		-device intel-iommu,intremap=off -accel tcg,thread=multi -smp "${GUEST_CPUS:-2}" -cpu max \
		-m "${GUEST_MB:-3072}" -display none -serial stdio -no-reboot "${disk[@]}" -nic none \
		-kernel "$KERNEL/boot/vmlinuz-$RELEASE" -initrd "$WORK/initrd" \
		"${shares[@]}" \
		-chardev "socket,id=monitor,path=$WORK/monitor,server=on,wait=off" -mon chardev=monitor \
		-chardev "socket,id=port,path=$WORK/monitor" -device virtio-serial-pci,addr=1d \
		-device virtserialport,chardev=port,name=monitor "${QEMU[@]}" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off intel_iommu=on iommu=pt ${GUEST_ROOT:+systemd.show_status=0 }${GUEST_APPEND:-}" </dev/null
}

QEMU=()
while (($#)) && [[ $1 != -- && $1 != --* ]]; do
	QEMU+=("$1")
	shift
done
case ${1:-} in
--fetch) kernel_fetch && kmods_fetch && qemu_fetch; exit ;;
--) COMMAND=${*:2} ;;
*) sed -n '/^# A virtual/,/^[^#]/s/^# \?//p' "$0" >&2; exit 2 ;;
esac
kernel_fetch
kmods_fetch
qemu_fetch
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
initrd "$WORK/root" >"$WORK/initrd"
if [[ -n ${GUEST_DISK:-} ]]; then
	truncate -s "${GUEST_DISK}M" "$WORK/disk" && mkfs.ext4 -q "$WORK/disk" || die "mkfs.ext4 makes no disk"
fi
while
	machine | sed -u 's/\r//g' | tee "$WORK/out" | sed -u -e '/^guest: exit /d' -e '/reboot: Power down$/d' || true # how it ended is read below
	[[ -n ${GUEST_DISK:-} ]] && ! grep -q '^guest: exit' "$WORK/out" && grep -q 'reboot: Restarting system$' "$WORK/out"
do :; done
grep -q '^guest: exit' "$WORK/out" || die "the guest did not come to an end in ${GUEST_SECONDS:-300} seconds, or broke down"
exit "$(sed -n 's/^guest: exit //p' "$WORK/out" | tail -n 1)"
